"""Attempts in a pod: inputs from its mounts, a folder that belongs to the run, and the report that the pod leaves."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from rostersync.api.v1alpha1.connection import Connection
from rostersync.api.v1alpha1.support import not_yet_supported, refusal, terms_accepted
from rostersync.artifacts.folder import Artifacts
from rostersync.attempts import APPLY, PURGE
from rostersync.errors import NotYetSupported, Permanent, RostersyncError
from rostersync.execution.execution import Engine, Execution
from rostersync.execution.failures import told
from rostersync.execution.inputs import Inputs
from rostersync.execution.progress import Progress
from rostersync.execution.purge import History, Named
from rostersync.execution.report_files import ApplyReportFile, CheckReportFile, DeliverReportFile, PlanReportFile
from rostersync.execution.supported import supported
from rostersync.execution.workspace import stored_connection
from rostersync.instants import parse_instant
from rostersync.jobs.mount import Pod
from rostersync.jobs.watch import Watch
from rostersync.model import CheckReport, Consent
from rostersync.plan.origin import Restored
from rostersync.sources.network import Network

if TYPE_CHECKING:
    from rostersync.execution.check import Found


@dataclass(frozen=True)
class Run:
    """The run that a Job works for. `number` is the number of the attempt."""

    name: str
    uid: str
    number: int


def plan(
    pod: Pod,
    run: Run,
    created: str,
    history: History,
    watch: Watch,
    progress: Progress,
    engine: Engine,
    *,
    restored: Restored | None = None,
    schools: tuple[str, ...] = (),
    again: bool = False,
    dry: bool = False,
    network: Network | None = None,
) -> None:
    """Make a plan, of some `schools` or of all. `again`: from the staged extract, with the connection of that extract. Raises its error.

    `dry`: nothing will be applied. In that case, and when nothing changes, files that only an apply needs are removed
    at once.
    """
    from rostersync.execution.plan import plan as execute

    layout, guarded = pod.layout, network or Network(guarded=True)
    # The folder may still belong to another run, so the report is not kept there yet.
    report = PlanReportFile(layout.folder(run.name), run.number, run.name, pod.report, kept=False)
    with reported(watch, report):
        report.write()
        home = pod.home(pod.connection(), guarded)
        home.begin(run.name, run.uid, again=again)
        home.prune(run.name, history)
        first = _inputs_of_store if restored else _inputs
        inputs = (_inputs_again if again else first)(pod, run)
        report.keep()
        report.hand_in = partial(home.keep, run.name)
        checkpoint = partial(home.checkpoint, run.name)
        execution = Execution(layout, progress, inputs, engine=engine, network=guarded, checkpoint=checkpoint)
        error = execute(
            execution, run.name, report, parse_instant(created), restored=restored, schools=schools, again=again
        )
    if error:
        with suppress(RostersyncError, OSError):  # what is raised says why the attempt failed
            home.keep_read(run.name)
        raise error
    if dry or report.report.no_changes:
        with suppress(RostersyncError, OSError):  # what is left is removed with the run
            home.finish(run.name)


def apply(
    pod: Pod,
    run: Run,
    of_plan: int,
    digest: str,
    consent: Consent | None,
    watch: Watch,
    progress: Progress,
    engine: Engine,
    network: Network | None = None,
) -> None:
    """Apply a plan, once, and remove what only an apply needs. Raises its error."""
    from rostersync.execution.apply import apply as execute

    layout = pod.layout
    report = ApplyReportFile(layout.folder(run.name), run.number, of_plan, run.name, pod.report, kept=False)  # as above
    report.report.digest = digest

    def seen(stage: str, what: str, done: int, total: int | None) -> None:
        if (stage, what) == (APPLY.name, "commit"):
            watch.lift()
        progress(stage, what, done, total)

    with reported(watch, report):
        report.write()
        guarded = network or Network(guarded=True)
        connection = pod.connection()
        home = pod.home(connection, guarded)
        home.open(run.name, run.uid)
        inputs = pod.to_apply(connection)
        report.keep()
        execution = Execution(layout, seen, inputs, engine=engine, network=guarded)
        error = execute(execution, run.name, report, digest, consent)
    with suppress(RostersyncError, OSError):  # what the attempt came to is said already
        home.keep_reports(run.name)
    if error:
        raise error
    with suppress(RostersyncError, OSError):  # the plan is applied; what is left is removed with the run
        home.finish(run.name)


def deliver(
    pod: Pod,
    run: Run,
    watch: Watch,
    progress: Progress,
    engine: Engine,
    *,
    everything: Sequence[str] = (),
    network: Network | None = None,
) -> None:
    """Deliver the newest revision. `everything`: names of deliveries that get all of it. Raises its error."""
    from rostersync.execution.deliver import deliver as execute

    layout = pod.layout
    report = DeliverReportFile(layout.folder(run.name), run.number, run.name, pod.report, kept=False)
    with reported(watch, report):
        report.write()
        connection = pod.connection()
        _check_supported(connection)
        inputs, guarded = pod.to_deliver(connection), network or Network(guarded=True)
        execution = Execution(layout, progress, inputs, engine=engine, network=guarded)
        error = execute(execution, run.name, report, everything=everything)
    if error:
        raise error


def check(pod: Pod, watch: Watch, network: Network) -> "Found":
    """Test the connection, write the report and return everything found. Raises its error."""
    from rostersync.execution.check import check as execute

    report = CheckReportFile(pod.report)
    with reported(watch, report):
        report.write()
        connection = pod.connection()
        _check_supported(connection)
        inputs = pod.to_check(connection)
        given = {**inputs.secrets, **pod.store_secrets(connection), **pod.delivery_secrets(connection)}
        given |= pod.artifacts_secret(connection)
        return execute(replace(inputs, secrets=given), report, network, pod.layout)


def purge(
    pod: Pod, ended: Sequence[Named], removed: Sequence[Named], watch: Watch, network: Network | None = None
) -> None:
    """Remove artifacts of runs that have ended or were deleted."""
    report = CheckReportFile(pod.report)
    with reported(watch, report):
        report.stage(PURGE.name)
        pod.home(pod.connection(), network or Network(guarded=True)).purge(ended, removed)
        report.done(CheckReport("done"))


@contextmanager
def reported(
    watch: Watch, report: PlanReportFile | ApplyReportFile | DeliverReportFile | CheckReportFile
) -> Iterator[None]:
    """Write into the pod's report what is raised in this block. The watch uses it, too, when the deadline passes."""
    watch.report = lambda: report
    try:
        yield
    except Exception as error:
        said = told(error, report.at, None)
        report.tell(said)
        if said is error:
            raise
        raise said from error


def _inputs_of_store(pod: Pod, _: Run) -> Inputs:
    """What a restore needs: the store and the key of artifacts, and nothing of the SIS."""
    return pod.to_plan_again(_accepted(pod))


def _accepted(pod: Pod) -> Connection:
    """The connection, if a run of it may be planned."""
    connection = pod.connection()
    if not terms_accepted(connection):
        raise Permanent(
            "The terms of use are not accepted: set spec.termsOfUse.accepted: true in the "
            f"{connection.kind} (which also accepts the privacy policy); nothing was read.",
            reason="TermsNotAccepted",
        )
    _check_supported(connection)
    return connection


def _inputs(pod: Pod, run: Run) -> Inputs:
    connection = _accepted(pod)
    if _reads_elsewhere(pod, run, connection):
        Artifacts(pod.layout.artifacts).drop(run.name, "extract")
    return pod.to_plan(connection)


def _check_supported(connection: Connection) -> None:
    if later := not_yet_supported(connection, supported()):
        raise NotYetSupported(refusal(later))


def _inputs_again(pod: Pod, run: Run) -> Inputs:
    """The same extract and the same connection, because the store moved, even if the connection has changed since."""
    return pod.to_plan_again(stored_connection(pod.layout.folder(run.name)))


def _reads_elsewhere(pod: Pod, run: Run, connection: Connection) -> bool:
    """Whether an earlier attempt read another service, or in another way. Then its extract cannot be resumed."""
    try:
        before = stored_connection(pod.layout.folder(run.name))
    except Permanent:
        return True
    return before.spec.deliveryConfig != connection.spec.deliveryConfig
