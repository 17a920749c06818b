"""What the parts of the controller share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rostersync.controller.cluster import ApiError, Cluster, path
from rostersync.controller.events import Events
from rostersync.controller.guards import Guards
from rostersync.controller.options import Options
from rostersync.controller.queue import Queue
from rostersync.controller.reports import Reports
from rostersync.controller.slots import Slots
from rostersync.controller.store import CONNECTIONS, RUNS, Key, Object, Store, owner
from rostersync.controller.view import Views
from rostersync.lifecycle.names import label_value

HEAD_START = 0.5  # seconds, between the end of a run's Job and the look of those that waited for it


def now_utc() -> datetime:
    """The clock: whole seconds, as the API writes times."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class Shared:
    """One process's view of one cluster.

    `holdups`: UID of a connection -> why its runs must wait; `listed`: runs that have ended are in the store, too.
    """

    options: Options
    cluster: Cluster
    store: Store
    queue: Queue[Key]
    guards: Guards
    slots: Slots
    events: Events
    views: Views = field(default_factory=Views)
    reports: Reports = field(default_factory=Reports)
    waiting: dict[Key, tuple[str, str]] = field(default_factory=dict)  # queued runs -> (namespace, district)
    holdups: dict[str, str] = field(default_factory=dict)
    listed: bool = False
    clock: Callable[[], datetime] = now_utc

    async def current(self, run: Object) -> Object | None:
        """A run as the API server has it; None when it is gone, whoever has its name now. Raises ApiError."""
        meta = run["metadata"]
        try:
            found = await self.cluster.get(path(RUNS, meta["namespace"], meta["name"]))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return found if found["metadata"]["uid"] == meta["uid"] else None

    def key_of(self, child: Object) -> Key:
        """The run or connection that a Job belongs to; a key of nothing when its owner is not known."""
        namespace, uid = child["metadata"]["namespace"], owner(child)
        for kind in (RUNS, CONNECTIONS):
            for found in self.store.related(kind, f"uid/{uid}"):
                return (kind, namespace, found["metadata"]["name"])
        return (RUNS, namespace, "")

    def wake(self, namespace: str, district_label: str) -> None:
        """A slot is free: those that waited for that store, and as many others as may start, look again.

        The run whose Job has ended goes on first: it may have a plan to apply before others change the store.
        """
        first = [k for k, (n, d) in self.waiting.items() if n == namespace and label_value(d) == district_label]
        others = [k for k in self.waiting if k not in set(first)][: self.options.runs]
        for key in first:
            self.queue.add_after(key, HEAD_START)
        for key in others:
            self.queue.add(key)
