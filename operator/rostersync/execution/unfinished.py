"""How an attempt ends that does not come to its end: interrupted, without room, failed."""

from contextlib import suppress
from typing import NoReturn

from rostersync.errors import RostersyncError
from rostersync.execution import interruption
from rostersync.execution.failures import told
from rostersync.execution.report_files import ApplyReportFile, DeliverReportFile, PlanReportFile
from rostersync.execution.workspace import Workspace

Report = PlanReportFile | ApplyReportFile | DeliverReportFile


def check_interrupted(report: Report) -> None:
    """Raise what a signal has asked for if the error is its doing: then the attempt has not failed."""
    try:
        interruption.check()
    except BaseException:
        left(report)
        raise


def left(report: Report) -> None:
    """Say how far it came."""
    with suppress(OSError):
        report.write()


def no_room(error: Exception, report: Report, work: Workspace) -> NoReturn:
    """A disk is full: take the try back, so that the same can be done when there is room."""
    said = told(error, report.report.stage, work.errors)
    report.forget()
    with suppress(OSError):
        report.tell(said)
    raise said from None


def failed(error: Exception, report: Report, work: Workspace) -> RostersyncError:
    """Write the error into the report; returns it as people are told it."""
    said = told(error, report.report.stage, work.errors)
    if said is not error:
        said.__cause__ = error
    try:
        report.failed(said)
    except OSError:
        raise said from None  # whoever drives the run must not take the try for one that was never made
    return said
