"""Attempts of a local run, in this process, with reports in the run's folder."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from rostersync.errors import Permanent, RostersyncError
from rostersync.execution.execution import Engine, Execution
from rostersync.execution.inputs import Inputs
from rostersync.execution.progress import Progress
from rostersync.execution.report_files import ApplyReportFile, DeliverReportFile, PlanReportFile, apply_work
from rostersync.execution.workspace import stored_connection
from rostersync.instants import parse_instant
from rostersync.lifecycle.outcomes import succeeded_message, succeeded_reason
from rostersync.lifecycle.steps import StartApply, StartDeliver, StartPlan
from rostersync.local.manifest_files import BY_ENVIRONMENT, store_secrets
from rostersync.local.state import State
from rostersync.local.targets import outside
from rostersync.model import ApplyReport
from rostersync.plan.origin import restored_by
from rostersync.stores.registry import placement_of


class LocalAttempts:
    """Plan and apply over a state folder. `inputs` is None when a planned run continues.

    `report`: a file that gets a copy of each report. `everything`: deliveries send all of the newest roster, whatever
    receivers have. `error`: why the newest attempt failed.
    """

    def __init__(
        self,
        state: State,
        progress: Progress,
        *,
        inputs: Inputs | None = None,
        env: Mapping[str, str] | None = None,
        report: Path | None = None,
        engine: Engine | None = None,
        everything: bool = False,
    ) -> None:
        self.state, self.everything = state, everything
        self.copy = None if report is None else outside(state, report, "--report")
        secrets = store_secrets(env or {})
        self.execution = Execution(
            state.layout,
            progress,
            inputs,
            env or {},
            engine or Engine(),
            store_secrets=secrets,
            remedy=BY_ENVIRONMENT,
        )
        self.error: RostersyncError | None = None
        self.written: PlanReportFile | ApplyReportFile | None = None

    def can_deliver(self, run: str) -> bool:
        """Whether the store can be opened, whose Secrets are never kept in the state folder.

        Secrets of deliveries are not kept either. A delivery whose Secret is missing fails alone.
        """
        if self.execution.inputs is not None:
            return True
        with suppress(Permanent):
            connection = stored_connection(self.state.layout.folder(run))
            given, placement = self.execution.store_secrets.keys(), placement_of(connection)
            either = (placement.reader_secrets, placement.writer_secrets)
            return any({s.name for s in each} <= given for each in either)
        return False

    def report(self) -> str | None:
        """The newest report of a plan or an apply as JSON. None when there was no such attempt."""
        return self.written.text() if self.written else None

    def say_standing(self, run: dict[str, Any]) -> None:
        """Write the report of an apply that was not started: the last apply's, or why there is none."""
        name, status = run["metadata"]["name"], run.get("status") or {}
        folder = self.state.layout.folder(name)
        last = apply_work(folder, alive=False)
        report = ApplyReportFile(folder, 0, 0, name, self.copy, kept=False)
        report.report = (last and last.report) or ApplyReport(
            name,
            "verify",
            (status.get("plan") or {}).get("digest"),
            status.get("revision"),
            error={"reason": succeeded_reason(status), "message": succeeded_message(status)},
        )
        report.write()
        self.written = report

    def plan(self, run: dict[str, Any], step: StartPlan) -> None:
        """Read the source, use the staged extract again, or take back what a run changed, and freeze a plan."""
        from rostersync.execution.plan import plan

        name, as_of = run["metadata"]["name"], parse_instant(run["metadata"]["creationTimestamp"])
        self.written = report = PlanReportFile(self.state.layout.folder(name), step.number, name, self.copy)
        self.error = None
        schools, restored = tuple(run["spec"].get("schools", ())), restored_by(run["spec"])
        self.error = plan(self.execution, name, report, as_of, restored=restored, schools=schools, again=step.again)

    def apply(self, run: dict[str, Any], step: StartApply, of_plan: int) -> None:
        """Write the plan to the store in one transaction. Raises as execution.apply does."""
        from rostersync.execution.apply import apply

        name = run["metadata"]["name"]
        folder = self.state.layout.folder(name)
        self.written = report = ApplyReportFile(folder, step.number, of_plan, name, self.copy)
        self.error = None
        known = (self.state.find(name) or {}).get("status") or {}
        self.error = apply(
            self.execution, name, report, step.digest, step.consent, known_held=bool(known.get("holdsTotal"))
        )

    def deliver(self, run: dict[str, Any], step: StartDeliver) -> None:
        """Deliver the newest revision. The report of the apply before it stays the one of the command."""
        from rostersync.execution.deliver import deliver

        name = run["metadata"]["name"]
        report = DeliverReportFile(self.state.layout.folder(name), step.number, name)
        self.error = None
        execution = self.execution
        if execution.inputs is None:
            connection = stored_connection(self.state.layout.folder(name))
            execution = replace(execution, inputs=Inputs(connection, execution.store_secrets, remedy=BY_ENVIRONMENT))
        deliveries = execution.inputs.connection.spec.deliveries if execution.inputs else ()
        everything = [delivery.name for delivery in deliveries] if self.everything else ()
        self.error = deliver(execution, name, report, everything=everything)
