"""How an attempt ends early: interrupted, out of disk space, or failed."""

from contextlib import suppress
from typing import NoReturn

from rostersync.errors import RostersyncError
from rostersync.execution import interruption
from rostersync.execution.failures import told
from rostersync.execution.report_files import ApplyReportFile, DeliverReportFile, PlanReportFile
from rostersync.execution.workspace import Workspace

Report = PlanReportFile | ApplyReportFile | DeliverReportFile


def check_interrupted(report: Report) -> None:
    """Raise Terminated or KeyboardInterrupt if a signal caused the error: then the attempt has not failed."""
    try:
        interruption.check()
    except BaseException:
        left(report)
        raise


def left(report: Report) -> None:
    """Write how far the attempt got."""
    with suppress(OSError):
        report.write()


def no_room(error: Exception, report: Report, work: Workspace) -> NoReturn:
    """Remove the report after a disk was full, so that the same attempt can run when there is space."""
    said = told(error, report.report.stage, work.errors)
    report.forget()
    with suppress(OSError):
        report.tell(said)
    raise said from None


def failed(error: Exception, report: Report, work: Workspace) -> RostersyncError:
    """Write the error into the report. Returns the error that people are told."""
    said = told(error, report.report.stage, work.errors)
    if said is not error:
        said.__cause__ = error
    try:
        report.failed(said)
    except OSError:
        raise said from None  # without a report, the run would look as if there had been no such attempt
    return said
