"""Clearing up after runs that have ended."""

from collections.abc import Sequence

from rostersync import durable
from rostersync.artifacts import Artifacts
from rostersync.attempts import PURGE
from rostersync.jobs import belonging
from rostersync.jobs.halves import reported
from rostersync.jobs.mount import Pod
from rostersync.jobs.watch import Watch
from rostersync.local.progress import log
from rostersync.local.reports import CheckReportFile
from rostersync.local.state import State
from rostersync.model import CheckReport

Named = tuple[str, str | None]  # name, and the UID that it must have


def purge(pod: Pod, ended: Sequence[Named], removed: Sequence[Named], watch: Watch) -> None:
    """Drop what `ended` runs needed until they were final, and everything of `removed` ones. What is gone is fine."""
    state = pod.state
    report = CheckReportFile(pod.report)
    watch.report = lambda: report
    with reported(watch):
        report.stage(PURGE.name)
        for name, uid in ended:
            if _is(state, name, uid):
                belonging.finish(state, name)
                log("info", stage="purge", what=name)
        for name, uid in removed:
            if _is(state, name, uid):
                Artifacts(state.artifacts).remove(name)
                log("info", stage="purge", what=name, removed=True)
        durable.clear(state.artifacts)  # what killed processes left half removed
        report.done(CheckReport("done"))


def _is(state: State, name: str, uid: str | None) -> bool:
    """Whether the folder is of that run and not of a later one of its name."""
    return uid is None or belonging.uid_of(state, name) in (None, uid)
