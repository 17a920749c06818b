"""Options that commands of Jobs share."""

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from rostersync.execution import options

REPORT = "dev/termination-log"


def together(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several options as one decorator, in this order."""

    def decorate(function: Any) -> Any:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def time(_: click.Context, __: click.Parameter, value: str) -> str:
    """A time with its zone, as it stands."""
    try:
        zoned = datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        zoned = False
    if not zoned:
        raise click.BadParameter("must be a time with zone, as in 2026-11-24T02:07:09Z")
    return value


def finished_runs(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> list[tuple[str, bool]]:
    """Names of runs, and whether each succeeded."""
    found = [re.fullmatch(r"(.+)=(ok|failed)", text) for text in value]
    if not all(found):
        raise click.BadParameter("must be NAME=ok or NAME=failed")
    return [(match[1], match[2] == "ok") for match in found if match]


place_options = together(
    click.option(
        "--report",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help=f"Where the report is written, in place, at every stage; default /{REPORT}.",
    ),
    click.option(
        "--root",
        default="/",
        hidden=True,
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Where the pod's files are, to try a command without a pod.",
    ),
    options.debug_option,
)
deadline_option = click.option(
    "--deadline",
    type=click.IntRange(min=1),
    metavar="SECONDS",
    help="Give up after this time, and say so in the report (exit code 42). Default: never.",
)
loopback_option = click.option(
    "--allow-loopback",
    "loopback",
    is_flag=True,
    help="Allow loopback addresses, for trials; otherwise they are refused like the machine's other addresses.",
)
run_options = together(
    click.option("--run", required=True, metavar="NAME", help="Name of the SyncRun."),
    click.option("--uid", required=True, metavar="UID", help="UID of the SyncRun."),
    click.option(
        "--number",
        required=True,
        type=click.IntRange(min=1),
        metavar="N",
        help="The number of the try, counted from 1.",
    ),
)


def network(loopback: bool) -> Any:
    """What a Job may contact."""
    from rostersync.sources.network import Network

    return Network(guarded=True, loopback=loopback)
