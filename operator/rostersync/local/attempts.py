"""Attempts of a local run, in this process, with reports in the run's folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rostersync.errors import RostersyncError
from rostersync.execution.execution import Engine, Execution
from rostersync.execution.inputs import Inputs
from rostersync.execution.progress import Progress
from rostersync.execution.report_files import ApplyReportFile, DeliverReportFile, PlanReportFile, apply_work
from rostersync.instants import parse_instant
from rostersync.lifecycle.outcomes import succeeded_message, succeeded_reason
from rostersync.lifecycle.steps import StartApply, StartDeliver, StartPlan
from rostersync.local.manifest_files import store_secrets
from rostersync.local.state import State
from rostersync.model import ApplyReport


class LocalAttempts:
    """Plan and apply over a state folder. `inputs` is None when a planned run continues.

    `report`: a file that gets a copy of each report. `error`: why the newest attempt failed.
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
    ) -> None:
        self.state, self.copy = state, report
        secrets = store_secrets(env or {})
        self.execution = Execution(state.layout, progress, inputs, env or {}, engine or Engine(), store_secrets=secrets)
        self.error: RostersyncError | None = None
        self.written: PlanReportFile | ApplyReportFile | DeliverReportFile | None = None

    @property
    def can_deliver(self) -> bool:
        """Whether the Secrets of deliveries are at hand."""
        return self.execution.inputs is not None

    def report(self) -> str | None:
        """The newest report as JSON. None when there was no attempt."""
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
        """Read the source, or use the staged extract again, and freeze a plan."""
        from rostersync.execution.plan import plan

        name, as_of = run["metadata"]["name"], parse_instant(run["metadata"]["creationTimestamp"])
        self.written = report = PlanReportFile(self.state.layout.folder(name), step.number, name, self.copy)
        self.error = None
        self.error = plan(self.execution, name, report, as_of, again=step.again)

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
        """Deliver the newest revision."""
        from rostersync.execution.deliver import deliver

        name = run["metadata"]["name"]
        self.written = report = DeliverReportFile(self.state.layout.folder(name), step.number, name, self.copy)
        self.error = None
        self.error = deliver(self.execution, name, report)
