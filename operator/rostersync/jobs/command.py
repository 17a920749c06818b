"""What the pods of Jobs run: one command for each attempt. Commands import what they need when they run.

It has more lines than other files, since each command lists its options one by one.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from rostersync.errors import BaseMoved, RostersyncError
from rostersync.execution import options
from rostersync.execution.failures import PERMANENT_EXIT, attempt_exit, frames, is_permanent, told
from rostersync.jobs.job_options import (
    REPORT,
    deadline_option,
    finished_runs,
    loopback_option,
    network,
    place_options,
    run_options,
    time,
)
from rostersync.jobs.watch import Watch

if TYPE_CHECKING:
    from rostersync.jobs.mount import Pod

EXITS = "Exit codes: 0 done, a plan also when held; 42 fails until something is changed; 1 may go through later; 143 SIGTERM."


@dataclass(frozen=True)
class Place:
    """The paths of the pod's files: a Pod that costs no imports."""

    root: Path
    report: Path

    def pod(self) -> "Pod":
        """The pod."""
        from rostersync.jobs.mount import Pod

        return Pod(self.root, self.report)


class Jobs(click.Group):
    """The commands. Each ends the process itself, so that threads waiting for a server do not keep it alive."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Its errors become one line and an exit code."""
        try:
            super().invoke(ctx)
        except RostersyncError as error:
            _say(ctx, error, error)
            leave(code_of(error))
        except (click.ClickException, click.exceptions.Exit, click.Abort, KeyboardInterrupt):
            raise
        except Exception as error:  # noqa: BLE001  (its text may hold records and must not reach the log)
            said = told(error, str(ctx.invoked_subcommand), None)
            _say(ctx, said, error)
            leave(code_of(said))
        leave(0)


def code_of(error: RostersyncError) -> int:
    """The exit code of a failure. A store that has moved needs a new plan, so a retry of the Job would be useless."""
    return PERMANENT_EXIT if isinstance(error, BaseMoved) else attempt_exit(is_permanent(error))


def leave(code: int) -> NoReturn:
    """Flush the streams and end the process now."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = code or 1
    os._exit(code)


def _say(ctx: click.Context, said: RostersyncError, error: BaseException) -> None:
    from rostersync.execution.progress import log

    log("error", reason=said.reason, message=str(said))
    if ctx.meta.get(options.DEBUG):
        click.echo(frames(error), err=True)


@click.group(cls=Jobs, no_args_is_help=True)
@options.debug_option
def job() -> None:
    """What Kubernetes Jobs run: the attempts of a run, Test Connection, and cleaning up, from a pod's mounts.

    The operator creates these Jobs. The connection, Secrets, the CA bundle, the store and the artifacts are read
    where the operator mounts them; the API server is not contacted. Progress goes to standard error as JSON lines.
    """
    os.umask(0o077)  # files that libraries create are for this user only


@job.command(epilog=EXITS)
@run_options
@click.option("--created", required=True, callback=time, metavar="TIME", help="When the run was made: the plan's now.")
@click.option("--again", is_flag=True, help="The store has moved: plan from the staged extract.")
@deadline_option
@click.option(
    "--finished",
    multiple=True,
    callback=finished_runs,
    metavar="NAME=ok|failed",
    help="A finished run of the connection, oldest first; over the limits, its artifacts are removed first.",
)
@click.option(
    "--keep-successful",
    required=True,
    type=click.IntRange(min=0),
    metavar="N",
    help="How many of them keep theirs (spec.history.runs).",
)
@click.option(
    "--keep-failed", required=True, type=click.IntRange(min=0), metavar="N", help="How many of the failed ones do."
)
@click.option(
    "--known", multiple=True, metavar="NAME", help="A run that still exists; artifacts of all others are removed."
)
@loopback_option
@click.option("--school", "schools", multiple=True, metavar="ID", help="A school that the plan is limited to.")
@click.option("--restore-of", "restored", metavar="RUN", help="Plan to take back what this run changed.")
@click.option("--entity", "entities", multiple=True, metavar="ENTITY", help="An entity that this is limited to.")
@click.option("--dry-run", "dry", is_flag=True, help="Nothing will be applied: keep the plan, but not the extract.")
@place_options
@options.engine_options
def plan(
    run: str,
    uid: str,
    number: int,
    created: str,
    again: bool,
    deadline: int | None,
    finished: list[tuple[str, bool]],
    keep_successful: int,
    keep_failed: int,
    known: tuple[str, ...],
    loopback: bool,
    schools: tuple[str, ...],
    restored: str | None,
    entities: tuple[str, ...],
    dry: bool,
    report: Path | None,
    root: Path,
    memory: int | None,
    threads: int | None,
) -> None:
    """Read the source and freeze a plan. The store is only read."""
    place = _begin(root, report)
    watch = _watch(deadline, place.root / "scratch" / run)
    from rostersync.execution.execution import Engine
    from rostersync.execution.purge import History
    from rostersync.jobs import attempts
    from rostersync.model import Entity
    from rostersync.plan.origin import Restored

    history = History(finished, keep_successful, keep_failed, known)
    engine = Engine(options.bytes_of(memory), threads)
    of = attempts.Run(run, uid, number)
    given = (place.pod(), of, created, history, watch, _progress(), engine)
    back = Restored(restored, tuple(map(Entity, entities)), schools) if restored else None
    attempts.plan(*given, restored=back, schools=schools, again=again, dry=dry, network=network(loopback))


@job.command(epilog=EXITS)
@run_options
@click.option("--of-plan", required=True, type=click.IntRange(min=1), metavar="P", help="The number of the plan.")
@click.option("--plan", "digest", required=True, metavar="DIGEST", help="The plan's digest (sha256:…).")
@click.option("--approved-by", metavar="NAME", help="Who approved a plan with holds.")
@click.option("--approval", default="", metavar="NAME", help="The SyncApproval with that decision.")
@click.option("--approval-uid", default="", metavar="UID", help="Its UID.")
@click.option("--reason", default="", metavar="TEXT", help="Why it was approved.")
@click.option(
    "--previous-connection", default="", metavar="NAME", help="Another connection that the decision is also for."
)
@click.option("--four-eyes", is_flag=True, help="It is proved that the decider is none of the requesters.")
@deadline_option
@loopback_option
@place_options
@options.engine_options
def apply(
    run: str,
    uid: str,
    number: int,
    of_plan: int,
    digest: str,
    approved_by: str | None,
    approval: str,
    approval_uid: str,
    reason: str,
    previous_connection: str,
    four_eyes: bool,
    deadline: int | None,
    loopback: bool,
    report: Path | None,
    root: Path,
    memory: int | None,
    threads: int | None,
) -> None:
    """Write a plan to the store, once, in one transaction. A plan with holds needs an approval."""
    place = _begin(root, report)
    watch = _watch(deadline, place.root / "scratch" / run)
    from rostersync.execution.execution import Engine
    from rostersync.jobs import attempts
    from rostersync.model import Consent

    consent = None
    if approved_by:
        consent = Consent(approved_by, digest, reason, approval_uid or None, four_eyes, previous_connection, approval)
    engine = Engine(options.bytes_of(memory), threads)
    of = attempts.Run(run, uid, number)
    attempts.apply(place.pod(), of, of_plan, digest, consent, watch, _progress(), engine, network(loopback))


@job.command(epilog=EXITS)
@run_options
@deadline_option
@loopback_option
@click.option(
    "--everything",
    multiple=True,
    metavar="NAME",
    help="A delivery that gets all of the roster, whatever its receiver has.",
)
@place_options
@options.engine_options
def deliver(
    run: str,
    uid: str,
    number: int,
    deadline: int | None,
    loopback: bool,
    everything: tuple[str, ...],
    report: Path | None,
    root: Path,
    memory: int | None,
    threads: int | None,
) -> None:
    """Deliver the applied roster to where the connection says, and settle the store's outbox."""
    place = _begin(root, report)
    watch = _watch(deadline, place.root / "scratch" / run)
    from rostersync.execution.execution import Engine
    from rostersync.jobs import attempts

    engine = Engine(options.bytes_of(memory), threads)
    given = (place.pod(), attempts.Run(run, uid, number), watch, _progress(), engine)
    attempts.deliver(*given, everything=everything, network=network(loopback))


@job.command(epilog=EXITS)
@deadline_option
@loopback_option
@place_options
def check(deadline: int | None, loopback: bool, report: Path | None, root: Path) -> None:
    """Test Connection: does the source answer, and what does Schools Mapping make of its schools?

    Prints all schools and the attributes that the source fills as JSON; the report has numbers and some ids.
    """
    place = _begin(root, report)
    watch = _watch(deadline, place.root / "scratch" / "check")
    from rostersync.jobs import attempts
    from rostersync.render.objects import dump

    click.echo(dump(attempts.check(place.pod(), watch, network(loopback)).as_dict(), "json"), nl=False)


@job.command(epilog=EXITS)
@click.option(
    "--run",
    "ended",
    multiple=True,
    metavar="NAME[=UID]",
    help="A run that has ended: what was only needed until then is removed. With UID, only if it is that run.",
)
@click.option(
    "--remove", "removed", multiple=True, metavar="NAME[=UID]", help="A run whose artifacts are removed altogether."
)
@deadline_option
@loopback_option
@place_options
def purge(
    ended: tuple[str, ...],
    removed: tuple[str, ...],
    deadline: int | None,
    loopback: bool,
    report: Path | None,
    root: Path,
) -> None:
    """Remove artifacts of runs that have ended. Those that are already gone are fine."""
    place = _begin(root, report)
    watch = _watch(deadline, place.root / "scratch" / "purge")
    from rostersync.jobs import attempts

    both = [_named(r) for r in ended], [_named(r) for r in removed]
    attempts.purge(place.pod(), *both, watch, network(loopback))


def _begin(root: Path, report: Path | None) -> Place:
    return Place(root, report or root / REPORT)


def _watch(deadline: int | None, scratch: Path) -> Watch:
    watch = Watch(deadline, scratch)
    watch.begin()
    return watch


def _progress() -> Any:
    from rostersync.execution.progress import Lines

    return Lines()


def _named(text: str) -> tuple[str, str | None]:
    name, _, uid = text.partition("=")
    return name, uid or None
