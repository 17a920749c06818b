"""The two halves of a run in this process: plan (reads source and store) and apply (writes the store).

Each writes its report at every stage. What goes wrong ends up in the report, and in `error` for whoever asked.
"""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from rostersync.api.v1alpha1.connection import Connection
from rostersync.api.v1alpha1.defaults import district
from rostersync.api.v1alpha1.times import parse_duration
from rostersync.attempts import APPLY
from rostersync.disks import is_full, naming
from rostersync.errors import Permanent, RostersyncError, StoreBusy, Unsure
from rostersync.instants import parse_instant
from rostersync.lifecycle.outcomes import succeeded_message, succeeded_reason
from rostersync.lifecycle.steps import StartApply, StartPlan
from rostersync.local import files, interruption
from rostersync.local.failures import told
from rostersync.local.manifests import Manifests
from rostersync.local.progress import Progress, log
from rostersync.local.reports import ApplyReportFile, PlanReportFile, apply_work
from rostersync.local.state import State
from rostersync.local.workspace import Workspace, artifact_key, stored_connection
from rostersync.model import ApplyReport, PlanReport

if TYPE_CHECKING:
    from rostersync.sources.network import Network
    from rostersync.stores.port import StoreWriter

T = TypeVar("T")

BUSY_TRIES, BUSY_WAIT = 20, 0.5  # a reader or another connection's apply is soon done; seconds


class LocalHalves:
    """Both halves over a state folder. `manifests` are None where a run goes on that was planned before."""

    def __init__(
        self, state: State, progress: Progress, *, manifests: Manifests | None = None,
        env: Mapping[str, str] | None = None, report: Path | None = None, memory_limit: int | None = None,
        threads: int | None = None, network: "Network | None" = None,
    ) -> None:  # fmt: skip
        self.state, self.progress, self.manifests, self.env = state, progress, manifests, env or {}
        self.copy, self.memory_limit, self.threads = report, memory_limit, threads
        self.network = network
        self.error: RostersyncError | None = None
        self.written: PlanReportFile | ApplyReportFile | None = None

    def report(self) -> str | None:
        """The newest report as JSON; None when neither half was started."""
        return self.written.text() if self.written else None

    def say_standing(self, run: dict[str, Any]) -> None:
        """The report of an apply that was not begun: the last one's, or why there is none."""
        name, status = run["metadata"]["name"], run.get("status") or {}
        last = apply_work(self.state.folder(name), alive=False)
        report = ApplyReportFile(self.state.folder(name), 0, 0, name, self.copy)
        report.path = None  # nothing was tried: only the copy is written
        report.report = (last and last.report) or ApplyReport(
            name, "verify", (status.get("plan") or {}).get("digest"), status.get("revision"),
            error={"reason": succeeded_reason(status), "message": succeeded_message(status)},
        )  # fmt: skip
        report.write()
        self.written = report

    def plan(self, run: dict[str, Any], step: StartPlan) -> None:
        """Read the source (or take the staged extract again) and freeze a plan."""
        name = run["metadata"]["name"]
        self.written = report = PlanReportFile(self.state.folder(name), step.number, name, self.copy)
        self.error, work = None, Workspace(self.state, name, None)
        try:
            with naming(artifacts=work.folder):
                work.artifacts.clear(name)
                report.write()
                connection = self._connection(work.folder)
                work = self._workspace(name, connection)
                report.done(self._plan(run, connection, work, report, step.again))
        except Exception as error:  # noqa: BLE001  (whatever it is, the report must say that there is no plan)
            self._interrupted(report)
            if step.again and is_full(error):
                self._no_room(error, report, work)  # the plan before this one may have been approved
            self._fail(error, report, work)
        except BaseException:
            self._left(report)  # SIGTERM, Ctrl-C
            raise
        finally:
            work.close()

    def apply(self, run: dict[str, Any], step: StartApply, of_plan: int) -> None:
        """Write the plan to the store in one transaction.

        Raises StoreBusy when others keep it in use, DiskFull and Unsure; then it is as if it had not been begun, or lost.
        """
        name = run["metadata"]["name"]
        folder = self.state.folder(name)
        self.written = report = ApplyReportFile(folder, step.number, of_plan, name, self.copy)
        report.report.digest = step.digest
        self.error, work = None, Workspace(self.state, name, None)
        try:
            with naming(artifacts=folder):
                report.write()
            connection = stored_connection(folder)
            work = self._workspace(name, connection)
            with interruption.held():
                self._apply(connection, work, report, step)
            self._expire(connection, work)
        except StoreBusy:
            report.forget()
            raise
        except Unsure as error:
            told(error, report.report.stage, work.errors)
            raise  # the report stays as it is: the next command looks into the store
        except Exception as error:  # noqa: BLE001  (as above)
            self._interrupted(report)
            if is_full(error):
                self._no_room(error, report, work)
            self._fail(error, report, work)
        except BaseException:
            self._left(report)
            raise
        finally:
            work.close()

    def _plan(
        self, run: dict[str, Any], connection: Connection, work: Workspace, report: PlanReportFile, again: bool
    ) -> PlanReport:
        from rostersync.stores.registry import open_store
        from rostersync.sync.pipeline import PlanInputs, plan

        with naming(**work.places):
            if again:
                extract, client = work.open("extract"), _client_of(work.open("plan"))
            else:
                extract = work.making("extract")
                client = self._extract(connection, extract, report)
            inputs = PlanInputs(
                connection=connection, run=work.run, extract=extract, out=work.making("plan"), scratch=work.place,
                reader=open_store(self.state.store).reader(),
                as_of=parse_instant(run["metadata"]["creationTimestamp"]), client_id_hash=client,
                memory_limit=self.memory_limit, threads=self.threads, store_folder=self.state.store.parent,
            )  # fmt: skip
            made = _when_free(lambda: plan(inputs, self.progress, report.stage))
            work.keep("plan")
            if not again:
                work.keep("extract")
        return made

    def _apply(self, connection: Connection, work: Workspace, report: ApplyReportFile, step: StartApply) -> None:
        from rostersync.plan.apply import apply, read_manifest
        from rostersync.plan.verify import verify_digest
        from rostersync.stores.port import Consent

        consent, given = None, step.consent
        if given:
            uid = given.approval_uid or None
            consent = Consent(
                given.decided_by, given.digest, given.reason, uid, given.four_eyes_enforced, given.previous_connection
            )

        def mark(stage: str) -> None:
            if stage == "commit":
                interruption.hold()
            report.stage(stage)
            self.progress(APPLY.name, stage, 0, None)

        plan = work.open("plan")
        with naming(**work.places):
            manifest = read_manifest(plan)
            self._check_held(work.run, manifest, consent is not None)
            verify_digest(plan, manifest, work.place, self.memory_limit, self.threads)
        writer = self._writer(work.run)
        made = _when_free(
            lambda: apply(
                plan, writer, consent, digest=step.digest, mark=mark, trouble=lambda e: self._later(e, "closed", work)
            )
        )
        try:
            report.done(made)
        except OSError as error:
            self._later(error, "done", work)

    def _writer(self, run: str) -> "StoreWriter":
        from rostersync.stores.registry import open_store

        return open_store(
            self.state.store,
            scratch=self.state.store_scratch(run),
            memory_limit=self.memory_limit,
            threads=self.threads,
        ).writer()

    def _later(self, error: Exception, stage: str, work: Workspace) -> None:
        """Say what failed after the commit: the plan is applied, and the next command mends it."""
        said = told(error, stage, work.errors)
        log("warning", stage=stage, reason=said.reason, message=f"The plan is applied. What failed after that: {said}")

    def _check_held(self, run: str, manifest: dict[str, Any], agreed: bool) -> None:
        """A plan that was held when it was made is held still, whatever its folder says now."""
        status = (self.state.find(run) or {}).get("status") or {}
        if status.get("holdsTotal") and not manifest["holdsTotal"] and not agreed:
            raise Permanent(
                f"The plan of run {run} was held when it was made, and nobody has approved it; nothing was applied. "
                "Look at it with `rostersync show` and `rostersync diff`, then approve or reject it.",
                reason="ApprovalRequired",
            )

    def _expire(self, connection: Connection, work: Workspace) -> None:
        """Remove former values that are older than the connection keeps them. What fails is done the next time."""
        kept = parse_duration(connection.spec.history.records.maxAge)
        try:
            self._writer(work.run).expire(district(connection), kept, datetime.now(UTC))
        except Exception as error:  # noqa: BLE001  (the plan is applied; retention is no reason to say otherwise)
            interruption.check()
            self._later(error, "expire", work)

    def _interrupted(self, report: PlanReportFile | ApplyReportFile) -> None:
        """Whether an error is a signal's doing: then it is no failure of the half."""
        try:
            interruption.check()
        except BaseException:
            self._left(report)
            raise

    def _left(self, report: PlanReportFile | ApplyReportFile) -> None:
        """Say how far it came."""
        with suppress(OSError):
            report.write()

    def _no_room(self, error: Exception, report: PlanReportFile | ApplyReportFile, work: Workspace) -> NoReturn:
        """A full disk: the try is taken back, so that the same can be done when there is room."""
        said = told(error, report.report.stage, work.errors)
        report.forget()
        with suppress(OSError):
            report.tell(said)
        raise said from None

    def _fail(self, error: Exception, report: PlanReportFile | ApplyReportFile, work: Workspace) -> None:
        self.error = told(error, report.report.stage, work.errors)
        if self.error is not error:
            self.error.__cause__ = error
        try:
            report.failed(self.error)
        except OSError:
            raise self.error from None  # whoever drives the run must not take the try for one that was never made

    def _workspace(self, run: str, connection: Connection) -> Workspace:
        secrets = self.manifests.secrets if self.manifests else {}
        return Workspace(self.state, run, artifact_key(connection, secrets, self.env))

    def _connection(self, folder: Path) -> Connection:
        """The connection that the run is planned with, kept so that the run can go on without its manifests."""
        if self.manifests is None:
            return stored_connection(folder)
        connection = self.manifests.connection
        data = connection.model_dump(mode="json", by_alias=True, exclude_unset=True)
        files.write_object(folder / "connection.json", data)
        return connection

    def _extract(self, connection: Connection, extract: Path, report: PlanReportFile) -> str:
        """Pull every collection; returns what tells this client from another."""
        if self.manifests is None:
            raise Permanent("A new plan reads the source: run `rostersync run -f …`.", reason="NoManifests")
        from rostersync.local import engine

        report.stage("extract")
        source, client = engine.open_source(self.manifests, self.env, self.network)
        try:
            engine.stage_extract(source, connection, extract, self.progress)
        finally:
            source.close()
        return client


def _when_free(work: Callable[[], T]) -> T:
    """What `work` returns, once no other process has the store. Raises StoreBusy when it stays in use."""
    for _ in range(BUSY_TRIES - 1):
        try:
            return work()
        except StoreBusy:
            time.sleep(BUSY_WAIT)
    return work()


def _client_of(plan: Path) -> str:
    """What told the client of an earlier plan from others."""
    return str(json.loads((plan / "manifest.json").read_text())["memory"].get("clientIDHash", ""))
