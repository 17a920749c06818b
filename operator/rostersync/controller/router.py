"""Turns watch events into keys to reconcile."""

import asyncio
from collections import defaultdict

from rostersync.api.kinds import Ref, connections, is_connection
from rostersync.controller import turns
from rostersync.controller.cluster.cache import (
    APPROVALS,
    JOBS,
    PODS,
    RUNS,
    Object,
    begun,
    connection_key,
    finished,
    labels,
    over,
    owner,
    place,
    place_of,
    version,
)
from rostersync.controller.cluster.client import ApiError
from rostersync.controller.connections.reconcile import Connections
from rostersync.controller.connections.sources import of_district
from rostersync.controller.options import RUN_LABEL
from rostersync.controller.shared import Shared

_ASKING = 8  # runs read at a time, since thousands may be deleted at once


def watched() -> tuple[str, ...]:
    """Every kind that is watched, connections first."""
    return (*(kind.plural for kind in connections()), RUNS, APPROVALS, JOBS, PODS)


class Router:
    """Stores watch events and queues the keys they concern. `watched`: the newest version that each watch has shown."""

    def __init__(self, shared: Shared, connections: Connections) -> None:
        self.shared, self.connections = shared, connections
        self.watched: dict[str, int] = dict.fromkeys(watched(), 0)
        self.gone: dict[str, list[Object]] = defaultdict(
            list
        )  # by kind: deleted connections that still need cleaning up
        self._asking = asyncio.Semaphore(_ASKING)
        self.relisted = asyncio.Event()  # a watch began with a list, so it does not tell what was deleted before

    def event(self, kind: str, sort: str | None, obj: Object) -> None:
        """Handle one event of a watch. Objects of the first list have no `sort`."""
        self.watched[kind] = max(self.watched[kind], version(obj))
        if sort is None:
            self.relisted.set()
        self._take(kind, sort, obj)

    def _take(self, kind: str, sort: str | None, obj: Object) -> None:
        if kind in (JOBS, PODS) and RUN_LABEL not in labels(obj):
            sort = "DELETED"  # it lost its label, so it no longer belongs to us
        if sort == "DELETED":
            if kind == PODS:
                self.shared.reports.note(obj)
            if self.shared.store.remove(kind, obj) or kind == PODS:
                self.route(kind, obj, deleted=True)
        elif self.shared.store.put(kind, obj):
            self.route(kind, obj)

    async def left(self, run: Object) -> None:
        """A run left its watch, which shows only runs that have not ended."""
        self.watched[RUNS] = max(self.watched[RUNS], version(run))
        await self.missed(run)

    async def missed(self, run: Object) -> None:
        """A run is missing among those that have not ended. It has ended, or it is gone."""
        meta, store = run["metadata"], self.shared.store
        known = store.get(RUNS, meta["namespace"], meta["name"])
        if known and known["metadata"]["uid"] == meta["uid"] and over(known) and version(known) >= version(run):
            return  # this process ended it
        try:
            async with self._asking:
                current = await self.shared.current(run)
        except ApiError:
            self.relisted.set()
            return
        self._take(RUNS, "MODIFIED" if current else "DELETED", current or run)

    def route(self, kind: str, obj: Object, *, deleted: bool = False) -> None:
        """Queue the keys that a change of an object concerns."""
        shared, meta = self.shared, obj["metadata"]
        namespace, name = meta["namespace"], meta["name"]
        if is_connection(kind):
            # One that goes releases its source to the next, and those of a district have to agree.
            for other in map(Ref.to, of_district(shared.store, obj)):
                shared.queue.add((other.plural, namespace, other.name))
            if deleted:
                self.gone[kind].append(obj)
                shared.queue.add((kind, "", ""))
                return
            shared.queue.add((kind, namespace, name))
            shared.tell(place(namespace, Ref.to(obj)))
        elif kind == RUNS:
            shared.queue_run(obj)
            if deleted or over(obj) or begun(obj):
                shared.tell(place_of(obj), besides=meta["uid"])
            connection = connection_key(obj)
            if shared.store.get(*connection) is not None:
                shared.queue.add_at_leisure(connection)  # it reports on many runs at once
        elif kind == APPROVALS:
            shared.queue.add((RUNS, namespace, str(obj["spec"]["runRef"]["name"])))
        elif kind == JOBS:
            shared.queue.add(shared.key_of(obj))
            if deleted or finished(JOBS, obj):
                shared.keep_turn(obj)
                shared.wake(namespace, turns.of_labels(labels(obj)))
        elif kind == PODS:
            shared.reports.note(obj)
            ended = deleted or finished(PODS, obj)
            for job in shared.store.related(JOBS, f"uid/{owner(obj)}"):
                shared.queue.add(shared.key_of(job))
                if ended:
                    shared.keep_turn(job)
            if ended:
                shared.wake(namespace, turns.of_labels(labels(obj)))
