"""The two halves of a run in this process: plan (reads source and store) and apply (writes the store).

Each writes its report at every stage. What goes wrong ends up in the report, and in `error` for whoever asked.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rostersync.api.v1alpha1.defaults import district
from rostersync.api.v1alpha1.focusconnection import FocusConnection
from rostersync.api.v1alpha1.times import parse_duration
from rostersync.errors import Permanent, RostersyncError, StoreBusy
from rostersync.instants import parse_instant
from rostersync.lifecycle.outcomes import succeeded_message, succeeded_reason
from rostersync.lifecycle.steps import StartApply, StartPlan
from rostersync.local import files
from rostersync.local.failures import told
from rostersync.local.manifests import Manifests
from rostersync.local.progress import Progress
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
        report.write()
        self.error, work = None, Workspace(self.state, name, None)
        try:
            connection = self._connection(work.folder)
            work = self._workspace(name, connection)
            report.done(self._plan(run, connection, work, report, step.again))
        except Exception as error:  # noqa: BLE001  (whatever it is, the report must say that there is no plan)
            self._fail(error, report, work)
        except BaseException:
            report.write()  # SIGTERM, Ctrl-C: say how far it came
            raise
        finally:
            work.close()

    def apply(self, run: dict[str, Any], step: StartApply, of_plan: int) -> None:
        """Write the plan to the store in one transaction. Raises StoreBusy when others keep it in use."""
        name = run["metadata"]["name"]
        folder = self.state.folder(name)
        self.written = report = ApplyReportFile(folder, step.number, of_plan, name, self.copy)
        report.report.digest = step.digest
        report.write()
        self.error, work = None, Workspace(self.state, name, None)
        try:
            connection = stored_connection(folder)
            work = self._workspace(name, connection)
            self._apply(connection, work, report, step)
        except StoreBusy:
            report.forget()
            raise
        except Exception as error:  # noqa: BLE001  (as above)
            self._fail(error, report, work)
        except BaseException:
            report.write()
            raise
        finally:
            work.close()

    def _plan(
        self, run: dict[str, Any], connection: FocusConnection, work: Workspace, report: PlanReportFile, again: bool
    ) -> PlanReport:
        from rostersync.stores.embedded import EmbeddedStore
        from rostersync.sync.pipeline import PlanInputs, plan

        if again:
            extract, client = work.open("extract"), _client_of(work.open("plan"))
        else:
            extract = work.making("extract")
            client = self._extract(connection, extract, report)
        inputs = PlanInputs(
            connection=connection, run=work.run, extract=extract, out=work.making("plan"), scratch=work.scratch,
            reader=EmbeddedStore(self.state.store).reader(),
            as_of=parse_instant(run["metadata"]["creationTimestamp"]), client_id_hash=client,
            memory_limit=self.memory_limit, threads=self.threads, store_folder=self.state.store.parent,
        )  # fmt: skip
        made = _when_free(lambda: plan(inputs, self.progress, report.stage))
        work.keep("plan")
        if not again:
            work.keep("extract")
        return made

    def _apply(self, connection: FocusConnection, work: Workspace, report: ApplyReportFile, step: StartApply) -> None:
        from rostersync.stores.embedded import EmbeddedStore
        from rostersync.stores.port import Consent
        from rostersync.sync.apply import apply, read_manifest
        from rostersync.sync.verify import verify_digest

        consent, given = None, step.consent
        if given:
            uid = given.approval_uid or None
            consent = Consent(
                given.decided_by, given.digest, given.reason, uid, given.four_eyes_enforced, given.previous_connection
            )

        def mark(stage: str) -> None:
            report.stage(stage)
            self.progress("apply", stage, 0, None)

        spilled = self.state.store_scratch(work.run)
        store = EmbeddedStore(self.state.store, scratch=spilled, memory_limit=self.memory_limit, threads=self.threads)
        plan = work.open("plan")
        manifest = read_manifest(plan)
        self._check_held(work.run, manifest, consent is not None)
        verify_digest(plan, manifest, work.scratch, self.memory_limit, self.threads)
        report.done(_when_free(lambda: apply(plan, store.writer(), consent, digest=step.digest, mark=mark)))
        self._expire(store.writer(), connection, work)

    def _check_held(self, run: str, manifest: dict[str, Any], agreed: bool) -> None:
        """A plan that was held when it was made is held still, whatever its folder says now."""
        status = (self.state.find(run) or {}).get("status") or {}
        if status.get("holdsTotal") and not manifest["holdsTotal"] and not agreed:
            raise Permanent(
                f"The plan of run {run} was held when it was made, and nobody has approved it; nothing was applied. "
                "Look at it with `rostersync show` and `rostersync diff`, then approve or reject it.",
                reason="ApprovalRequired",
            )

    def _expire(self, writer: "StoreWriter", connection: FocusConnection, work: Workspace) -> None:
        """Remove former values that are older than the connection keeps them. What fails is done the next time."""
        try:
            writer.expire(
                district(connection), parse_duration(connection.spec.history.records.maxAge), datetime.now(UTC)
            )
        except Exception as error:  # noqa: BLE001  (the plan is applied; retention is no reason to say otherwise)
            told(error, "expire", work.errors)

    def _fail(self, error: Exception, report: PlanReportFile | ApplyReportFile, work: Workspace) -> None:
        self.error = told(error, report.report.stage, work.errors)
        if self.error is not error:
            self.error.__cause__ = error
        report.failed(self.error)

    def _workspace(self, run: str, connection: FocusConnection) -> Workspace:
        secrets = self.manifests.secrets if self.manifests else {}
        return Workspace(self.state, run, artifact_key(connection, secrets, self.env))

    def _connection(self, folder: Path) -> FocusConnection:
        """The connection that the run is planned with, kept so that the run can go on without its manifests."""
        if self.manifests is None:
            return stored_connection(folder)
        connection = self.manifests.connection
        data = connection.model_dump(mode="json", by_alias=True, exclude_unset=True)
        files.write_object(folder / "connection.json", data)
        return connection

    def _extract(self, connection: FocusConnection, extract: Path, report: PlanReportFile) -> str:
        """Pull every collection; returns what tells this client from another."""
        if self.manifests is None:
            raise Permanent("A new plan reads the source: run `rostersync run -f …`.", reason="NoManifests")
        from rostersync.local import engine

        report.stage("extract")
        source, client_id = engine.open_source(self.manifests, self.env, self.network)
        try:
            engine.stage_extract(source, connection, extract, self.progress)
        finally:
            source.close()
        return hashlib.sha256(client_id.encode()).hexdigest()


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
