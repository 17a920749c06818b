"""The reports of a run's two halves, one file a try, among its artifacts. They hold counts and codes only."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from rostersync import durable
from rostersync.errors import RostersyncError
from rostersync.execution import json_files
from rostersync.lifecycle.observed import Work, WorkState
from rostersync.model import ApplyReport, CheckReport, DeliverReport, PlanReport
from rostersync.plan.report import (
    apply_from_json,
    apply_to_json,
    check_to_json,
    deliver_from_json,
    deliver_to_json,
    plan_from_json,
    plan_to_json,
)

LAST_STAGE = "done"
_SPOILED = (ValueError, KeyError, TypeError)  # a power cut can leave less than was written: that report is lost


R = TypeVar("R", PlanReport, ApplyReport, DeliverReport, CheckReport)


class _ReportFile(Generic[R]):
    """The report of one try of a half, rewritten at each stage; also to the copy, when one is asked for.

    `kept` is false where nothing is tried that could be looked at later, and until `keep` is called: only the copy is
    written.
    """

    report: R

    def __init__(
        self, path: Path | None, report: R, to_json: Callable[[R], str], copy: Path | None, kept: bool = True
    ) -> None:
        self.path, self.copy = path if kept else None, copy
        self._own_path = path
        self.report = report
        self._to_json: Callable[[R], str] = to_json

    def keep(self) -> None:
        """From now on, write among the run's artifacts, too."""
        self.path = self._own_path

    def text(self) -> str:
        """The report as it is now, as JSON of at most 4,096 bytes."""
        return self._to_json(self.report)

    def write(self, *, lasting: bool = False) -> None:
        """Write the report as it is now."""
        text = self.text()
        if self.copy:  # first: it can be written when the other cannot
            json_files.overwrite(self.copy, text)
        if self.path:
            durable.write(self.path, text, lasting=lasting)

    @property
    def at(self) -> str:
        """The stage that has begun."""
        return self.report.stage

    def stage(self, name: str) -> None:
        """Say that a stage has begun. No work ends because there is no room to say so."""
        if name != self.report.stage:
            self.report.stage = name
            with suppress(OSError):
                self.write()

    def done(self, report: R) -> None:
        """Write what the half came to."""
        self.report = report
        self.report.stage = LAST_STAGE
        self.write(lasting=True)

    def failed(self, error: RostersyncError) -> None:
        """Write why the half failed; the stage stays the one that did."""
        self.report.error = {"reason": error.reason, "message": str(error)}
        self.write(lasting=True)

    def tell(self, error: RostersyncError) -> None:
        """Say why the half failed in the copy alone."""
        self.report.error = {"reason": error.reason, "message": str(error)}
        if self.copy:
            json_files.overwrite(self.copy, self.text())

    def forget(self) -> None:
        """Take the try back, as if it had not begun."""
        if self.path:
            self.path.unlink(missing_ok=True)


class PlanReportFile(_ReportFile[PlanReport]):
    """The report of one try of the plan half."""

    def __init__(self, folder: Path, number: int, run: str, copy: Path | None = None, *, kept: bool = True) -> None:
        super().__init__(_plan_path(folder, number), PlanReport(run, "start"), plan_to_json, copy, kept)


class ApplyReportFile(_ReportFile[ApplyReport]):
    """The report of one try of the apply half."""

    def __init__(
        self, folder: Path, number: int, of_plan: int, run: str, copy: Path | None = None, *, kept: bool = True
    ) -> None:
        super().__init__(_apply_path(folder, number, of_plan), ApplyReport(run, "verify"), apply_to_json, copy, kept)


class DeliverReportFile(_ReportFile[DeliverReport]):
    """The report of one try to deliver."""

    def __init__(self, folder: Path, number: int, run: str, copy: Path | None = None, *, kept: bool = True) -> None:
        path = folder / "reports" / f"deliver-{number}.json"
        super().__init__(path, DeliverReport(run, "start"), deliver_to_json, copy, kept)


class CheckReportFile(_ReportFile[CheckReport]):
    """The report of one Test Connection, which nobody looks at twice."""

    def __init__(self, copy: Path) -> None:
        super().__init__(None, CheckReport("start"), check_to_json, copy)


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
    state = _state(report.stage, report.error, alive)
    return Work(number=number, of_plan=of_plan, report=report, ended_at=_written(path), **state)


def deliver_work(folder: Path, alive: bool) -> Work[DeliverReport] | None:
    """The newest try to deliver."""
    path = max(folder.glob("reports/deliver-*.json"), key=_numbers, default=None)
    if path is None:
        return None
    number = _numbers(path)[0]
    try:
        report = deliver_from_json(path.read_text(encoding="utf-8"))
    except _SPOILED:
        return Work(WorkState.LOST, number)
    state = _state(report.stage, report.error, alive)
    return Work(number=number, report=report, ended_at=_written(path), **state)


def _written(path: Path) -> datetime:
    return datetime.fromtimestamp(int(path.stat().st_mtime), UTC)


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
