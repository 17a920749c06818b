"""The two halves of a run as Jobs: what is mounted, whose folder it is, the engine, and what is left behind."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from rostersync.api.v1alpha1.connection import Connection
from rostersync.api.v1alpha1.support import not_yet_supported, terms_accepted
from rostersync.artifacts import Artifacts, FinishedRun
from rostersync.attempts import APPLY
from rostersync.errors import NotYetSupported, Permanent, RostersyncError
from rostersync.jobs import belonging
from rostersync.jobs.mount import Pod
from rostersync.jobs.watch import Watch
from rostersync.lifecycle.steps import Consent, StartApply, StartPlan
from rostersync.local.failures import told
from rostersync.local.halves import LocalHalves
from rostersync.local.manifests import Manifests
from rostersync.local.progress import Progress, log
from rostersync.local.reports import ApplyReportFile, PlanReportFile
from rostersync.local.workspace import stored_connection
from rostersync.sources.network import Network


@dataclass(frozen=True)
class Engine:
    """What the engine may take; None: what the container has."""

    memory_limit: int | None = None
    threads: int | None = None


@dataclass(frozen=True)
class Run:
    """The run that a Job works for. `number` counts the tries of its half."""

    name: str
    uid: str
    number: int


@dataclass(frozen=True)
class History:
    """Finished runs of the connection (name, whether it succeeded), oldest first, and how many keep their artifacts.

    `known` has the names of all runs that there still are; artifacts of others go. Empty: nothing is known, all stay.
    """

    finished: Sequence[tuple[str, bool]]
    successful: int
    failed: int
    known: Sequence[str] = ()


def plan(
    pod: Pod, run: Run, created: str, history: History, watch: Watch, progress: Progress, engine: Engine, *,
    again: bool = False, dry: bool = False, network: Network | None = None,
) -> None:  # fmt: skip
    """Make a plan; `again`: from the extract that is staged, with the connection it was staged with. Raises its error.

    `dry`: nothing will be applied. Then, and when nothing changes, what is needed only until a run is final goes at once.
    """
    state = pod.state
    report = PlanReportFile(state.folder(run.name), run.number, run.name, pod.report)
    report.path = None  # the folder may be another run's yet
    watch.report = lambda: report
    with reported(watch):
        report.write()
        belonging.take(state, run.name, run.uid)
        _prune(pod, run, history)
        manifests = _again(pod, run) if again else _anew(pod, run)
        halves = LocalHalves(
            state, progress, manifests=manifests, report=pod.report, memory_limit=engine.memory_limit,
            threads=engine.threads, network=network or Network(guarded=True),
        )  # fmt: skip
        watch.report = lambda: halves.written or report
        halves.plan({"metadata": {"name": run.name, "creationTimestamp": created}}, StartPlan(run.number, again))
    if halves.error:
        raise halves.error
    made = halves.written.report if halves.written else None
    if dry or getattr(made, "no_changes", False):
        with suppress(OSError):  # it is removed with the run
            belonging.finish(state, run.name)


def apply(
    pod: Pod, run: Run, of_plan: int, digest: str, consent: Consent | None, watch: Watch, progress: Progress,
    engine: Engine,
) -> None:  # fmt: skip
    """Apply a plan, once, and drop what only plans need. Raises its error."""
    state = pod.state
    report = ApplyReportFile(state.folder(run.name), run.number, of_plan, run.name, pod.report)
    report.path = None  # as above
    report.report.digest = digest

    def seen(stage: str, what: str, done: int, total: int | None) -> None:
        if (stage, what) == (APPLY.name, "commit"):
            watch.lift()
        progress(stage, what, done, total)

    watch.report = lambda: report
    with reported(watch):
        report.write()
        belonging.check(state, run.name, run.uid)
        manifests = pod.to_keep(stored_connection(state.folder(run.name)))
        halves = LocalHalves(
            state, seen, manifests=manifests, report=pod.report, memory_limit=engine.memory_limit,
            threads=engine.threads,
        )  # fmt: skip
        watch.report = lambda: halves.written or report
        halves.apply({"metadata": {"name": run.name}}, StartApply(digest, consent, run.number), of_plan)
    if halves.error:
        raise halves.error
    with suppress(OSError):  # the plan is applied; what stays is removed with the run
        belonging.finish(state, run.name)


@contextmanager
def reported(watch: Watch) -> Iterator[None]:
    """What is raised is said in the pod's report, too: that of the half, or what there is before it begins."""
    try:
        yield
    except Exception as error:
        report = watch.report()
        said = told(error, report.at if report else "start", None)
        if report:
            report.tell(said)
        if said is error:
            raise
        raise said from error


def _prune(pod: Pod, run: Run, history: History) -> None:
    try:
        finished = [FinishedRun(name, good) for name, good in history.finished if name != run.name]
        artifacts = Artifacts(pod.state.artifacts)
        gone = artifacts.purge(finished, history.successful, history.failed)
        unknown = set(artifacts.runs()) - {*history.known, run.name} if history.known else set()
        for name in sorted(unknown):
            artifacts.remove(name)
        gone += sorted(unknown)
    except (OSError, RostersyncError) as error:
        log(
            "warning",
            stage="purge",
            message="Artifacts of earlier runs could not be removed.",
            kind=type(error).__name__,
        )
    else:
        for name in gone:
            log("info", stage="purge", what=name)


def _anew(pod: Pod, run: Run) -> Manifests:
    connection = pod.connection()
    if not terms_accepted(connection):
        raise Permanent(
            "The terms of use are not accepted: set spec.termsOfUse.accepted: true in the "
            f"{connection.kind} (which also accepts the privacy policy); nothing was read.",
            reason="TermsNotAccepted",
        )
    if later := not_yet_supported(connection):
        raise NotYetSupported(f"{', '.join(later)}: not supported in this version; leave it out.")
    if _reads_elsewhere(pod, run, connection):
        Artifacts(pod.state.artifacts).drop(run.name, "extract")
    return pod.to_read(connection)


def _again(pod: Pod, run: Run) -> Manifests:
    """The store moved: the same extract by the same rules, whatever has become of the connection since."""
    return pod.to_keep(stored_connection(pod.state.folder(run.name)))


def _reads_elsewhere(pod: Pod, run: Run, connection: Connection) -> bool:
    """Whether an earlier try of the run read another service, or in another way: what it staged cannot be gone on with."""
    try:
        before = stored_connection(pod.state.folder(run.name))
    except Permanent:
        return True
    return before.spec.deliveryConfig != connection.spec.deliveryConfig
