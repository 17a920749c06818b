"""The state that the parts of the controller share."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rostersync.api.api_server import path
from rostersync.api.kinds import connections
from rostersync.controller import turns
from rostersync.controller.cluster.cache import RUNS, Cache, Key, Object, attempt_of, labels, owner
from rostersync.controller.cluster.client import ApiError, Cluster
from rostersync.controller.cluster.events import Events
from rostersync.controller.cluster.queue import Queue
from rostersync.controller.connections.policy_check import Guards
from rostersync.controller.options import Options
from rostersync.controller.runs import line
from rostersync.controller.runs.reports import Reports
from rostersync.controller.runs.slots import Slots
from rostersync.controller.view import Views


def now_utc() -> datetime:
    """The current time in whole seconds, as the API writes times."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class Shared:
    """One process's view of one cluster.

    `holdups`: UID of a connection -> why its runs must wait. `listed`: the ended runs are in the cache, too.
    `troubled`: keys of connections with a Job whose pod does not start, perhaps because its volume is missing.
    """

    options: Options
    cluster: Cluster
    store: Cache
    queue: Queue[Key]
    guards: Guards
    slots: Slots
    events: Events
    views: Views = field(default_factory=Views)
    reports: Reports = field(default_factory=Reports)
    holdups: dict[str, str] = field(default_factory=dict)
    troubled: set[Key] = field(default_factory=set)
    delivered: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # namespace, connection, sent | failed
    listed: bool = False
    clock: Callable[[], datetime] = now_utc

    async def current(self, run: Object) -> Object | None:
        """A run as the API server has it. None when it is gone, even if another has its name now. Raises ApiError."""
        meta = run["metadata"]
        try:
            found = await self.cluster.get(path(RUNS, meta["namespace"], meta["name"]))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return found if found["metadata"]["uid"] == meta["uid"] else None

    def key_of(self, child: Object) -> Key:
        """The run or connection that a Job belongs to. A key that finds nothing when the owner is unknown."""
        namespace, uid = child["metadata"]["namespace"], owner(child)
        for kind in (RUNS, *(kind.plural for kind in connections())):
            for found in self.store.related(kind, f"uid/{uid}"):
                return (kind, namespace, found["metadata"]["name"])
        return (RUNS, namespace, "")

    def keep_turn(self, child: Object) -> None:
        """A Job or its pod has ended. If it takes turns, its run keeps the store until the run is reconciled."""
        kind, namespace, name = key = self.key_of(child)
        attempt = attempt_of(child)
        if self.listed and kind == RUNS and name and attempt and attempt.keeps_turn:
            self.slots.keep_turn(key, owner(child), namespace, turns.of_labels(labels(child)))

    def end_turn(self, key: Key, turn: object) -> None:
        """The run with this turn was reconciled. Queue the runs that wait for its store."""
        store = self.slots.end_turn(key, turn)
        for other in self.slots.waiting.of_store(*store) if store else ():
            self.queue.add(other)

    def wake(self, namespace: str, turn: str) -> None:
        """A Job has ended. Queue the runs that wait for its store, and as many others as may start."""
        if not self.slots.turn_kept(namespace, turn):
            for key in self.slots.waiting.of_store(namespace, turn):
                self.queue.add(key)
        self.wake_next()

    def wake_next(self) -> None:
        """Queue as many runs that wait for a slot as there are slots."""
        for key in self.slots.next():
            self.queue.add(key)

    def tell(self, where: str, besides: str = "") -> None:
        """Something about a connection (`place`) or one of its runs has changed. Queue the runs that this may affect.

        `besides`: UID of the run that knows already.
        """
        for run in line.concerned(self.store, where):
            if run["metadata"]["uid"] != besides:
                self.queue.add((RUNS, run["metadata"]["namespace"], run["metadata"]["name"]))

    def queue_run(self, run: Object) -> None:
        """Queue a run. If it waits behind others it stands aside, unless it is to end."""
        meta = run["metadata"]
        aside = line.behind(self.store, run) and not run["spec"].get("cancel")
        self.queue.add((RUNS, meta["namespace"], meta["name"]), aside)
