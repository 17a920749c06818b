"""Where the artifacts of a connection's runs are between two Jobs, and a run's folder while a Job works on it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from rostersync.artifacts.folder import Artifacts
from rostersync.execution import ownership, purge
from rostersync.execution.layout import Layout
from rostersync.execution.purge import History, Named


class Home(Protocol):
    """A volume, or a bucket. Runs are identified by their UID. All but `checkpoint` raise RostersyncError."""

    def begin(self, run: str, uid: str, *, again: bool) -> None:
        """Give the run's folder to this Job, to plan there. What an earlier run of that name left is removed first.

        `again`: the run's extract and plan must be in the folder, else only what is left of its reading.
        """
        ...

    def open(self, run: str, uid: str) -> None:
        """Give the run's folder to this Job, with the plan in it. Raises Permanent when it is another run's, or gone."""
        ...

    def checkpoint(self, run: str) -> None:
        """Some of the source was read. If it can be kept for a retry, it is."""
        ...

    def keep(self, run: str) -> None:
        """Let the run's artifacts be what is in its folder: all of it, or what was there before."""
        ...

    def keep_read(self, run: str) -> None:
        """The same after a failure, without the plan, which may be half made."""
        ...

    def keep_reports(self, run: str) -> None:
        """The same of what is neither extract nor plan."""
        ...

    def finish(self, run: str) -> None:
        """Remove what a run only needs until it is final."""
        ...

    def prune(self, run: str, history: History) -> None:
        """Make room before a run is planned. What fails is logged."""
        ...

    def purge(self, ended: Sequence[Named], removed: Sequence[Named]) -> None:
        """Remove what `ended` runs needed until they were final, and everything of `removed` runs. Idempotent."""
        ...

    def forget(self, ids: Sequence[str], key: str | None, scratch: Path) -> list[str]:
        """Remove every run that names one of `ids`, or cannot be searched, and all error texts. Returns these runs."""
        ...


class Volume:
    """A volume, on which the folders simply stay."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def begin(self, run: str, uid: str, *, again: bool) -> None:
        """As above."""
        ownership.take(self._layout, run, uid)

    def open(self, run: str, uid: str) -> None:
        """As above."""
        ownership.check(self._layout, run, uid)

    def checkpoint(self, run: str) -> None:
        """As above."""

    def keep(self, run: str) -> None:
        """As above."""

    def keep_read(self, run: str) -> None:
        """As above."""

    def keep_reports(self, run: str) -> None:
        """As above."""

    def finish(self, run: str) -> None:
        """As above."""
        ownership.finish(self._layout, run)

    def prune(self, run: str, history: History) -> None:
        """As above."""
        purge.prune(self._layout, run, history)

    def purge(self, ended: Sequence[Named], removed: Sequence[Named]) -> None:
        """As above."""
        purge.purge(self._layout, ended, removed)

    def forget(self, ids: Sequence[str], key: str | None, scratch: Path) -> list[str]:
        """As above."""
        return Artifacts(self._layout.artifacts, key).forget(ids, scratch)
