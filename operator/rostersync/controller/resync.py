"""Lists beside the watches: before the first decision, and every few minutes afterwards.

A list corrects what a watch lost. If a watch still lags behind a list a while later, the watch is dead, and the process
reports that it is not alive. Ended runs, of which there are thousands, are listed last and rarely. No watch shows them,
and only history reads them.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

from rostersync.api.api_server import path
from rostersync.api.kinds import is_connection
from rostersync.controller.cluster.cache import JOBS, PODS, RUNS, Object, connection_key, over, version
from rostersync.controller.cluster.client import ApiError
from rostersync.controller.cluster.slim import ended_runs, slim
from rostersync.controller.connections.reconcile import old_run
from rostersync.controller.options import RUN_LABEL
from rostersync.controller.router import Router, watched
from rostersync.controller.shared import Shared

log = logging.getLogger(__name__)

OPEN, ENDED = "status.outcome=", "status.outcome!="  # field selectors of runs
EVERY = 300.0  # seconds between two sweeps
_FIRST = 10.0  # seconds until the second, which finds what was deleted between the first and the start of the watches
_RARELY = 3  # sweeps between two lists of ended runs
_AGAIN = 1.0  # seconds until a failed list that is needed is retried
_DEBOUNCE = 2.0
_ECHO = 60.0  # seconds that a watch may lag behind a list
_ORPHANS = timedelta(days=1)  # how long runs are kept after their connection is gone


class Sweep:
    """Lists everything periodically."""

    def __init__(self, shared: Shared, router: Router) -> None:
        self.shared, self.router = shared, router
        self.done = asyncio.Event()
        self.dead: dict[str, float] = {}  # kind -> monotonic time since when its watch is known to be dead
        self._selects: bool | None = None

    async def selects(self) -> bool:
        """Whether the server can list runs by their outcome, as Kubernetes does from 1.31 on.

        That matters, since thousands of runs have ended and few are open. Raises ApiError when the server does not say.
        """
        if self._selects is None:
            where = path(RUNS, self.shared.options.namespaces[0] if self.shared.options.namespaces else "")
            try:
                await self.shared.cluster.get(where, limit="1", fieldSelector=OPEN)
                self._selects = True
            except ApiError as error:
                if error.status != 400:
                    raise
                self._selects = False
        return self._selects

    async def once(self, everything: bool = True) -> None:
        """List every kind, but only the open runs, and correct the cache. Raises ApiError.

        Queues what differed, or `everything` that is not final.
        """
        shown: dict[str, int] = {}
        for kind in watched():
            some = kind == RUNS and await self.selects()
            query = {"fieldSelector": OPEN} if some else {"labelSelector": RUN_LABEL} if kind in (JOBS, PODS) else {}
            found, at = await self._list(kind, partial(slim, kind), **query)
            shown[kind] = max((version(o) for o in found if kind != RUNS or not over(o)), default=0)
            self._correct(kind, found, at, _never if some else _always)
            if some:
                listed = {o["metadata"]["uid"] for o in found}
                for run in self.shared.store.related(RUNS, "open"):
                    if run["metadata"]["uid"] not in listed and version(run) <= at:
                        await self.router.missed(run)
        if everything:
            self.queue_all()
        self.forget()
        self.done.set()
        self._listen(shown)

    async def ended(self) -> None:
        """List the ended runs, and queue what depends on them. Raises ApiError."""
        if await self.selects():
            found, at = await self._list(RUNS, read=ended_runs, fieldSelector=ENDED)
            self._correct(RUNS, found, at, over)
        self.shared.listed = True
        self.queue_all()

    async def _list(self, kind: str, *how: Any, **query: Any) -> tuple[list[Object], int]:
        """All objects of a kind in the watched namespaces, and a resourceVersion that they are at least as new as."""
        found, at = [], 0
        for namespace in self.shared.options.namespaces or ("",):
            some, rv = await self.shared.cluster.list(kind, namespace, *how, **query)
            found += some
            at = min(at, rv) if at else rv
        return found, at

    def _correct(self, kind: str, found: list[Object], at: int, among: Callable[[Object], bool]) -> None:
        for obj in self.shared.store.replace(kind, found, at, among):
            current = self.shared.store.get(kind, obj["metadata"]["namespace"], obj["metadata"]["name"])
            self.router.route(kind, obj, deleted=current is None)

    def forget(self) -> None:
        """Forget reports of pods whose Jobs are gone, and views of connections that are gone and have no open run."""
        shared, store = self.shared, self.shared.store
        shared.reports.keep({str(job["metadata"]["uid"]) for job in store.all(JOBS)})
        needed = {str((run.get("status") or {}).get("connectionUID")) for run in store.related(RUNS, "open")}
        shared.views.keep({str(obj["metadata"]["uid"]) for _, obj in store.connections()} | needed)

    def queue_all(self) -> None:
        """Queue everything that is not final."""
        store, queue = self.shared.store, self.shared.queue
        for run in store.related(RUNS, "open"):  # first, since somebody waits for them
            self.shared.queue_run(run)
        for kind, gone in self.router.gone.items():
            if gone:
                queue.add((kind, "", ""))
        for kind, obj in store.connections():
            queue.add((kind, obj["metadata"]["namespace"], obj["metadata"]["name"]))
        for job in store.all(JOBS):
            queue.add(self.shared.key_of(job))

    def _listen(self, shown: dict[str, int]) -> None:
        """Check in a while whether the watches have shown what the lists did."""

        def look() -> None:
            for kind, newest in shown.items():
                if self.router.watched[kind] < newest:
                    log.error("The watch of %s is behind what a list showed a minute ago", kind)
                    self.dead.setdefault(kind, time.monotonic())
                else:
                    self.dead.pop(kind, None)

        asyncio.get_running_loop().call_later(_ECHO, look)

    async def orphans(self) -> None:
        """Delete runs that the operator created and whose connection has been gone for a day.

        Runs of a kind that only another version knows are left to that version.
        """
        store, now = self.shared.store, self.shared.clock()
        for run in list(store.all(RUNS)):
            kind, namespace, name = connection_key(run)
            if not over(run) or not is_connection(kind) or store.get(kind, namespace, name):
                continue
            old = old_run(run)
            if old.made_by_operator and now - old.ended_at > _ORPHANS:
                await self.shared.cluster.delete(RUNS, run)

    async def run(self) -> None:
        """List the ended runs, then sweep until cancelled. What fails is done by the next sweep."""
        number = 0
        while True:
            try:
                if number:
                    await self.once(everything=number > 1)
                if number % _RARELY == 0:
                    await self.ended()
                await self.orphans()
            except ApiError as error:
                log.warning("A sweep failed: %s", error.advice)
            number += self.shared.listed
            with suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN if number == 0 else _FIRST if number == 1 else EVERY):
                    await self.router.relisted.wait()
                await asyncio.sleep(_DEBOUNCE)  # the watches of all kinds restart together
            self.router.relisted.clear()


def _always(_: Object) -> bool:
    return True


def _never(_: Object) -> bool:
    return False
