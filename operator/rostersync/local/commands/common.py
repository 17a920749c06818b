"""What the commands share: options, the state folder, the lock, and how results are shown."""

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rostersync.api.kinds import Ref
    from rostersync.lifecycle.observed import Connection
    from rostersync.local.manifests import Manifests
    from rostersync.local.state import State
    from rostersync.render.details import Details

F = TypeVar("F", bound=Callable[..., Any])


def manifests_option(function: F) -> F:
    """-f PATH, as often as needed."""
    return click.option(
        "-f", "--filename", "paths", multiple=True, required=True, metavar="PATH",
        type=click.Path(path_type=Path),
        help="A manifest, or a folder of them: the FocusConnection, and what it refers to. May be given several times.",
    )(function)  # fmt: skip


def state_option(function: F) -> F:
    """--state DIR as a State."""
    return click.option(
        "--state", "state", default=".rostersync", show_default=True, envvar="ROSTERSYNC_STATE", metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path), callback=_state,
        help="Where store, artifacts, runs and approvals are kept.",
    )(function)  # fmt: skip


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
        "--report", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
        help="Also write the report there, as JSON of at most 4,096 bytes, at every stage.",
    )(function)  # fmt: skip


def decision_options(function: F) -> F:
    """--reason, --by, --digest."""
    for option in (
        click.option("--digest", metavar="SHA256", help="Only if the plan still has this digest (sha256:…)."),
        click.option("--by", metavar="NAME", help="Who decides; default the user of this machine."),
        click.option("--reason", required=True, metavar="TEXT", help="Why; recorded with the decision."),
    ):
        function = option(function)
    return function


def user() -> str:
    """Who runs this command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid-{os.getuid()}"


@contextmanager
def afterwards() -> Iterator[None]:
    """What is done once a run stands as it stands: a full disk does not change how it ended, and the next run does it."""
    from rostersync.disks import is_full

    try:
        yield
    except Exception as error:
        if not is_full(error):
            raise
        note(f"Clearing up was left to the next run, since a disk is full ({type(error).__name__}).")


def known_connection(state: "State", ref: "Ref") -> "Connection":
    """What is known of a connection without its manifest: that of its newest run, else the defaults."""
    from rostersync.errors import Permanent
    from rostersync.execution.workspace import stored_connection
    from rostersync.lifecycle.configured import connection_of
    from rostersync.lifecycle.observed import Connection

    for run in state.runs(ref.key):
        with suppress(Permanent):
            return connection_of(stored_connection(state.layout.folder(run["metadata"]["name"])))
    return Connection(ref)


def settled(state: "State", key: str | None = None) -> None:
    """Bring statuses up to date (expired, superseded, killed), of one connection or all; busy ones are left alone."""
    from rostersync.api.kinds import Ref
    from rostersync.errors import StoreBusy
    from rostersync.local.drive import Driver

    open_ = [r["spec"]["connectionRef"] for r in state.runs() if not (r.get("status") or {}).get("outcome")]
    for connection in sorted({ref for ref in map(Ref.of, open_) if key in (None, ref.key)}):
        with suppress(StoreBusy), state.lock(connection.key):
            Driver(state, known_connection(state, connection), None).settle_others()


@contextmanager
def opened_plan(state: "State", name: str | None) -> Iterator[Path]:
    """The plan folder of a run (the newest without a name), readable. Raises Permanent when there is none."""
    from rostersync.errors import Permanent
    from rostersync.execution.inputs import artifact_key
    from rostersync.execution.workspace import Workspace, stored_connection
    from rostersync.lifecycle.outcomes import succeeded_reason

    run = state.latest(name)
    found = run["metadata"]["name"]
    if not (state.layout.folder(found) / "plan").is_dir():
        stands = succeeded_reason(run.get("status") or {}) or "new"
        raise Permanent(f"Run {found} has no plan: it is {stands}.", reason="NoPlan")
    work = Workspace(state.layout, found, artifact_key(stored_connection(state.layout.folder(found)), {}, os.environ))
    try:
        yield work.open("plan")
    finally:
        work.close()


def details_of(state: "State", name: str) -> "Details":
    """What a run's plan has beside its counts; nothing where there is no plan, or none that can be opened here."""
    from rostersync.errors import RostersyncError
    from rostersync.render import details

    with suppress(RostersyncError), opened_plan(state, name) as plan:
        return details.read(plan)
    return details.Details()


def show_run(state: "State", run: dict[str, Any], output: str) -> None:
    """Print a run: briefly for people, or as the SyncRun object."""
    from rostersync.render import objects, tables
    from rostersync.render.run import brief

    if output == "table":
        brief(tables.console(), run, details=details_of(state, run["metadata"]["name"]))
    else:
        click.echo(objects.dump(run, output), nl=False)


def read_manifests(paths: tuple[Path, ...]) -> "Manifests":
    """The manifests in files and folders; says which documents of a folder are somebody else's."""
    from rostersync.local import manifests

    loaded = manifests.load(paths, os.environ)
    for sentence in loaded.skipped:
        note(sentence)
    return loaded


def note(text: str) -> None:
    """A remark on standard error: text for a terminal, a JSON line elsewhere."""
    from rostersync.execution.progress import log

    if sys.stderr.isatty():
        click.echo(text, err=True)
    else:
        log("info", message=text)


def _state(_: click.Context, __: click.Parameter, value: Path) -> "State":
    from rostersync.local.state import State

    os.umask(0o077)  # whatever a library makes in there is for this user only
    return State(value)
