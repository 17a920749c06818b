"""The reports of attempts: one file for each try, among the run's artifacts. They hold counts and codes only."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from rostersync import durable
from rostersync.errors import RostersyncError
from rostersync.execution import json_files
from rostersync.lifecycle.observed import Work, WorkState
from rostersync.model import ApplyReport, CheckReport, PlanReport
from rostersync.plan.report import (
    apply_from_json,
    apply_to_json,
    check_to_json,
    deliver_from_json,
    deliver_to_json,
    plan_from_json,
    plan_to_json,
)
from rostersync.sent import DeliverReport

LAST_STAGE = "done"
HAND_IN_STAGE = "keep"  # what was made goes to where artifacts live, if that is not on this machine
# A power cut can truncate a report, which is then lost.
_SPOILED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


R = TypeVar("R", PlanReport, ApplyReport, DeliverReport, CheckReport)


class _ReportFile(Generic[R]):
    """The report of one try, rewritten at each stage, together with its `copy`.

    With `kept=False` only the copy is written, until `keep` is called.
    """

    report: R
    hand_in: Callable[[], None] | None = None

    def __init__(
        self, path: Path | None, report: R, to_json: Callable[[R], str], copy: Path | None, kept: bool = True
    ) -> None:
        self.path, self.copy = path if kept else None, copy
        self._own_path = path
        self.report = report
        self._to_json: Callable[[R], str] = to_json

    def keep(self) -> None:
        """Also write the report among the run's artifacts from now on."""
        self.path = self._own_path

    def text(self) -> str:
        """The report as it is now, as JSON of at most 4,096 bytes."""
        return self._to_json(self.report)

    def write(self, *, lasting: bool = False) -> None:
        """Write the report as it is now."""
        text = self.text()
        if self.copy:  # first, since it can be written even when the artifacts' disk is full
            json_files.overwrite(self.copy, text)
        if self.path:
            durable.write(self.path, text, lasting=lasting)

    @property
    def at(self) -> str:
        """The stage that has begun."""
        return self.report.stage

    def stage(self, name: str) -> None:
        """Record that a stage has begun. A full disk does not end the work here."""
        if name != self.report.stage:
            self.report.stage = name
            with suppress(OSError):
                self.write()

    def done(self, report: R) -> None:
        """Write the final report. `hand_in` comes first, if there is one: the copy says done only once it has succeeded."""
        self.report = report
        self.report.stage = LAST_STAGE
        if self.hand_in:
            if self.path:
                durable.write(self.path, self.text(), lasting=True)
            self.report.stage = HAND_IN_STAGE
            self.hand_in()
            self.report.stage = LAST_STAGE
        self.write(lasting=True)

    def failed(self, error: RostersyncError) -> None:
        """Write why the attempt failed. The stage stays the one that failed."""
        self.report.error = {"reason": error.reason, "message": str(error)}
        self.write(lasting=True)

    def tell(self, error: RostersyncError) -> None:
        """Write only into the copy why the attempt failed."""
        self.report.error = {"reason": error.reason, "message": str(error)}
        if self.copy:
            json_files.overwrite(self.copy, self.text())

    def forget(self) -> None:
        """Remove the report, as if the try had not begun."""
        if self.path:
            self.path.unlink(missing_ok=True)


class PlanReportFile(_ReportFile[PlanReport]):
    """The report of one try to plan."""

    def __init__(self, folder: Path, number: int, run: str, copy: Path | None = None, *, kept: bool = True) -> None:
        super().__init__(_plan_path(folder, number), PlanReport(run, "start"), plan_to_json, copy, kept)


class ApplyReportFile(_ReportFile[ApplyReport]):
    """The report of one try to apply."""

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
    """The report of one Test Connection. It is not kept."""

    def __init__(self, copy: Path) -> None:
        super().__init__(None, CheckReport("start"), check_to_json, copy)


def plan_work(folder: Path, alive: bool) -> Work[PlanReport] | None:
    """The newest try to plan. `alive`: whether a process may still be working on it."""
    path = max(folder.glob("reports/plan-*.json"), key=_numbers, default=None)
    if path is None:
        return None
    number = _numbers(path)[0]
    try:
        report = plan_from_json(durable.read_text(path))
    except _SPOILED:
        return Work(WorkState.LOST, number)
    return Work(number=number, report=report, **_state(report.stage, report.error, alive))


def apply_work(folder: Path, alive: bool) -> Work[ApplyReport] | None:
    """The newest try to apply."""
    path = max(folder.glob("reports/apply-*.json"), key=_numbers, default=None)
    if path is None:
        return None
    number, of_plan = _numbers(path)
    try:
        report = apply_from_json(durable.read_text(path))
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
        report = deliver_from_json(durable.read_text(path))
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
