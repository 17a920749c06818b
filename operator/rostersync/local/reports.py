"""The reports of a run's two halves, one file a try, among its artifacts. They hold counts and codes only."""

from pathlib import Path
from typing import Any

from rostersync.errors import RostersyncError
from rostersync.lifecycle.observed import Work, WorkState
from rostersync.local import files
from rostersync.model import ApplyReport, PlanReport
from rostersync.sync.report import apply_from_json, apply_to_json, plan_from_json, plan_to_json

LAST_STAGE = "done"
_SPOILED = (ValueError, KeyError, TypeError)  # a power cut can leave less than was written: that report is lost


class PlanReportFile:
    """The report of one try of the plan half, rewritten at each stage; also to `copy`, when one is asked for."""

    def __init__(self, folder: Path, number: int, run: str, copy: Path | None = None) -> None:
        self.paths = [_plan_path(folder, number), *([copy] if copy else [])]
        self.report = PlanReport(run, "start")

    def text(self) -> str:
        """The report as it is now, as JSON of at most 4,096 bytes."""
        return plan_to_json(self.report)

    def write(self, *, durable: bool = False) -> None:
        """Write the report as it is now."""
        text = self.text()
        for path in self.paths:
            files.write(path, text, durable=durable)

    def stage(self, name: str) -> None:
        """Say that a stage has begun."""
        if name != self.report.stage:
            self.report.stage = name
            self.write()

    def done(self, report: PlanReport) -> None:
        """Write what the plan came to."""
        self.report = report
        self.report.stage = LAST_STAGE
        self.write(durable=True)

    def forget(self) -> None:
        """Take the try back, as if it had not begun."""
        self.paths[0].unlink(missing_ok=True)

    def failed(self, error: RostersyncError) -> None:
        """Write why there is no plan; the stage stays the one that failed."""
        self.report.error = {"reason": error.reason, "message": str(error)}
        self.write(durable=True)


class ApplyReportFile:
    """The report of one try of the apply half."""

    def __init__(self, folder: Path, number: int, of_plan: int, run: str, copy: Path | None = None) -> None:
        self.paths = [_apply_path(folder, number, of_plan), *([copy] if copy else [])]
        self.report = ApplyReport(run, "verify")

    def text(self) -> str:
        """The report as it is now, as JSON of at most 4,096 bytes."""
        return apply_to_json(self.report)

    def write(self, *, durable: bool = False) -> None:
        """Write the report as it is now."""
        text = self.text()
        for path in self.paths:
            files.write(path, text, durable=durable)

    def stage(self, name: str) -> None:
        """Say that a stage has begun."""
        if name != self.report.stage:
            self.report.stage = name
            self.write()

    def done(self, report: ApplyReport) -> None:
        """Write what the apply came to."""
        self.report = report
        self.report.stage = LAST_STAGE
        self.write(durable=True)

    def failed(self, error: RostersyncError) -> None:
        """Write why nothing was applied."""
        self.report.error = {"reason": error.reason, "message": str(error)}
        self.write(durable=True)

    def forget(self) -> None:
        """Take the try back, as if it had not begun: another process was in the way and nothing was written."""
        self.paths[0].unlink(missing_ok=True)


def plan_work(folder: Path, alive: bool) -> Work[PlanReport] | None:
    """The newest try of the plan half. `alive`: whether the process that may be working on it is."""
    path = max(folder.glob("reports/plan-*.json"), key=_numbers, default=None)
    if path is None:
        return None
    number = _numbers(path)[0]
    try:
        report = plan_from_json(path.read_text(encoding="utf-8"))
    except _SPOILED:
        return Work(WorkState.LOST, number)
    return Work(number=number, report=report, **_state(report.stage, report.error, alive))


def apply_work(folder: Path, alive: bool) -> Work[ApplyReport] | None:
    """The newest try of the apply half."""
    path = max(folder.glob("reports/apply-*.json"), key=_numbers, default=None)
    if path is None:
        return None
    number, of_plan = _numbers(path)
    try:
        report = apply_from_json(path.read_text(encoding="utf-8"))
    except _SPOILED:
        return Work(WorkState.LOST, number, of_plan=of_plan)
    return Work(number=number, of_plan=of_plan, report=report, **_state(report.stage, report.error, alive))


def _state(stage: str, error: dict[str, str] | None, alive: bool) -> dict[str, Any]:
    if error:
        return {"state": WorkState.FAILED, "reason": error["reason"], "message": error["message"]}
    if stage == LAST_STAGE:
        return {"state": WorkState.SUCCEEDED}
    return {"state": WorkState.RUNNING if alive else WorkState.LOST}


def _plan_path(folder: Path, number: int) -> Path:
    return folder / "reports" / f"plan-{number}.json"


def _apply_path(folder: Path, number: int, of_plan: int) -> Path:
    return folder / "reports" / f"apply-{number}-{of_plan}.json"


def _numbers(path: Path) -> tuple[int, ...]:
    return tuple(int(n) for n in path.stem.split("-")[1:])
