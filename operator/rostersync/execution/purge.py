"""Removes artifacts: of runs that have ended, of deleted runs, and of finished runs over the history limits."""

from collections.abc import Sequence
from dataclasses import dataclass

from rostersync import durable
from rostersync.artifacts.folder import Artifacts, FinishedRun
from rostersync.errors import RostersyncError
from rostersync.execution import ownership
from rostersync.execution.layout import Layout
from rostersync.execution.progress import log

Named = tuple[str, str | None]  # name, and the UID that it must have


@dataclass(frozen=True)
class History:
    """Finished runs of the connection (name, whether it succeeded), oldest first, and how many keep their artifacts.

    `known` names all runs that still exist. The artifacts of others are removed. If it is empty, none are.
    """

    finished: Sequence[tuple[str, bool]]
    successful: int
    failed: int
    known: Sequence[str] = ()


def purge(layout: Layout, ended: Sequence[Named], removed: Sequence[Named]) -> None:
    """Remove what `ended` runs needed until they were final, and everything of `removed` runs. Idempotent."""
    for name, uid in ended:
        if _is(layout, name, uid):
            ownership.finish(layout, name)
            log("info", stage="purge", what=name)
    for name, uid in removed:
        if _is(layout, name, uid):
            Artifacts(layout.artifacts).remove(name)
            log("info", stage="purge", what=name, removed=True)
    durable.clear(layout.artifacts)  # what killed processes had removed in part


def prune(layout: Layout, run: str, history: History) -> None:
    """Make room before `run` is planned: remove artifacts over the limits and of runs that no longer exist."""
    try:
        finished = [FinishedRun(name, good) for name, good in history.finished if name != run]
        artifacts = Artifacts(layout.artifacts)
        gone = artifacts.purge(finished, history.successful, history.failed)
        unknown = set(artifacts.runs()) - {*history.known, run} if history.known else set()
        for name in sorted(unknown):
            artifacts.remove(name)
        gone += sorted(unknown)
    except (OSError, RostersyncError) as error:
        log(
            "warning",
            stage="purge",
            message="Artifacts of earlier runs could not be removed.",
            kind=type(error).__name__,
        )
    else:
        for name in gone:
            log("info", stage="purge", what=name)


def _is(layout: Layout, name: str, uid: str | None) -> bool:
    """Whether the folder belongs to that run, not to a later one of its name."""
    return uid is None or ownership.uid_of(layout, name) in (None, uid)
