"""Options of the command line that commands and Jobs share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
DEBUG = "rostersync.debug"


def debug_option(function: F) -> F:
    """--debug: print where in the program an error came from."""

    def keep(context: click.Context, _: click.Parameter, value: bool) -> None:
        context.meta[DEBUG] = context.meta.get(DEBUG, False) or value

    return click.option(
        "--debug",
        is_flag=True,
        expose_value=False,
        callback=keep,
        help="On failure, print files, lines and functions (never values).",
    )(function)


def schools_option(function: F) -> F:
    """--school ID, several times: limit a run to some schools."""
    return _schools("ID", "its id in the store; a run that is given a name says which id that is")(function)


def named_schools_option(function: F) -> F:
    """--school SCHOOL, where a plan knows names."""
    return _schools("SCHOOL", "its name, or its id in the store or in the source")(function)


def _schools(metavar: str, what: str) -> Callable[[F], F]:

    def checked(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
        from pydantic import TypeAdapter, ValidationError

        from rostersync.api.v1alpha1.syncrun import LimitedTo

        try:
            return TypeAdapter(LimitedTo).validate_python(tuple(dict.fromkeys(given)))
        except ValidationError as error:
            raise click.BadParameter(error.errors(include_input=False)[0]["msg"], context, parameter) from None

    return click.option(
        "--school",
        "schools",
        multiple=True,
        callback=checked,
        metavar=metavar,
        help=f"Only this school ({what}), and what its changes need; may be given several times.",
    )


def engine_options(function: F) -> F:
    """--memory and --threads."""
    threads = click.option(
        "--threads", type=click.IntRange(min=1), metavar="N", help="Threads of the engine; default all cores."
    )
    memory = click.option(
        "--memory",
        metavar="MIB",
        type=click.IntRange(min=64),
        help="Memory for the engine, in MiB; default 70 % of what is free beside Python.",
    )
    return memory(threads(function))


def bytes_of(mib: int | None) -> int | None:
    """MiB in bytes."""
    return None if mib is None else mib * 1024 * 1024
