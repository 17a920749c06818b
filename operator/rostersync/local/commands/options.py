"""Options that commands share, and the manifests that -f names."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rostersync.local.manifest_files import Manifests
    from rostersync.local.state import State

F = TypeVar("F", bound=Callable[..., Any])
STATE = "rostersync.state"  # the state folder, in the meta of a command that has one
TABLE_LIMIT = 100  # records in a table, so that a terminal is not flooded; csv and json have all


def manifests_option(function: F) -> F:
    """-f PATH, as often as needed."""
    about = "A manifest, or a folder of them: the connection, and what it refers to. May be given several times."
    return _manifests(about, required=True)(function)


def bucket_option(function: F) -> F:
    """-f PATH, for what a cluster keeps in a bucket."""
    about = (
        "The connection of a cluster whose artifacts are in a bucket, and its Secrets, as manifests: what is kept there is "
        "searched, too."
    )
    return _manifests(about, required=False)(function)


def _manifests(about: str, *, required: bool) -> Callable[[F], F]:
    return click.option(
        "-f",
        "--filename",
        "paths",
        multiple=True,
        required=required,
        metavar="PATH",
        type=click.Path(path_type=Path),
        help=about,
    )


def state_option(function: F) -> F:
    """--state DIR as a State."""
    return click.option(
        "--state",
        "state",
        default=".rostersync",
        show_default=True,
        envvar="ROSTERSYNC_STATE",
        metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path),
        callback=_state,
        help="Where store, artifacts, runs and approvals are kept.",
    )(function)


def volume_option(function: F) -> F:
    """--volume CLAIM=FOLDER, as often as needed."""
    return click.option(
        "--volume",
        "volumes",
        multiple=True,
        metavar="CLAIM=FOLDER",
        callback=_volumes,
        help="Where the volume of a delivery's existingClaim is; default volumes/CLAIM below --state.",
    )(function)


def output_option(*forms: str) -> Callable[[F], F]:
    """--output, one of `forms`; the first is the default."""
    return click.option(
        "-o", "--output", type=click.Choice(forms), default=forms[0], show_default=True, help="How to print the result."
    )


def quiet_option(function: F) -> F:
    """--quiet: no progress."""
    return click.option("-q", "--quiet", is_flag=True, help="No progress.")(function)


def report_option(function: F) -> F:
    """--report FILE."""
    return click.option(
        "--report",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Also write the report there, as JSON of at most 4,096 bytes, at every stage.",
    )(function)


def decision_options(function: F) -> F:
    """--reason, --by, --digest."""
    for option in (
        click.option("--digest", metavar="SHA256", help="Only if the plan still has this digest (sha256:…)."),
        click.option("--by", metavar="NAME", help="Who decides; default the user of this machine."),
        click.option("--reason", required=True, metavar="TEXT", help="Why; recorded with the decision."),
    ):
        function = option(function)
    return function


def limit_option(function: F) -> F:
    """--limit N."""
    return click.option(
        "--limit", type=click.IntRange(min=0), help=f"Records to show, 0 for all; default {TABLE_LIMIT} in a table."
    )(function)


def table_limit(limit: int | None) -> int | None:
    """How many records a table shows."""
    return TABLE_LIMIT if limit is None else limit or None


def read_manifests(paths: tuple[Path, ...]) -> "Manifests":
    """The manifests in files and folders. Notes which documents of a folder are skipped."""
    from rostersync.local import manifest_files
    from rostersync.local.notes import note

    loaded = manifest_files.load(paths, os.environ)
    for sentence in loaded.skipped:
        note(sentence)
    return loaded


def _volumes(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for value in values:
        claim, _equals, folder = value.partition("=")
        if not claim or not folder:
            raise click.BadParameter(f"{value} is not CLAIM=FOLDER.")
        if not Path(folder).is_dir():
            raise click.BadParameter(f"There is no folder {folder} for volume claim {claim}; make it first.")
        found[claim] = Path(folder).resolve()
    return found


def words(given: tuple[str, ...], known: list[str], option: str) -> tuple[str, ...]:
    """The given words in the API's spelling, whatever their case."""
    spelled = {k.casefold(): k for k in known}
    for word in given:
        if word.casefold() not in spelled:
            raise click.UsageError(f"{option} {word} is none of {', '.join(known)}.")
    return tuple(spelled[w.casefold()] for w in given)


def _state(ctx: click.Context, _: click.Parameter, value: Path) -> "State":
    from rostersync.local.state import State

    os.umask(0o077)  # files that libraries create in there are for this user only
    ctx.meta[STATE] = value
    return State(value)
