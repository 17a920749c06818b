"""Full lists beside the watches: before the first decision, and every few minutes after it.

A list corrects what a watch lost. And what a list shows and a watch still has not shown a while later says that the
watch is dead: then the process is not alive, whatever else it does.
"""

import asyncio
import logging
import time
from contextlib import suppress
from datetime import timedelta
from functools import partial

from rostersync.controller.cluster import ApiError
from rostersync.controller.connections import old_run
from rostersync.controller.options import RUN_LABEL
from rostersync.controller.router import WATCHED, Router
from rostersync.controller.shared import Shared
from rostersync.controller.store import CONNECTIONS, JOBS, PODS, RUNS, over, slim, version

log = logging.getLogger(__name__)

EVERY = 300.0  # seconds between two sweeps
_DEBOUNCE = 2.0
_ECHO = 60.0  # seconds that a watch may be behind a list
_ORPHANS = timedelta(days=1)  # how long runs of a connection that is gone are kept


class Sweep:
    """Lists everything, over and over."""

    def __init__(self, shared: Shared, router: Router) -> None:
        self.shared, self.router = shared, router
        self.done = asyncio.Event()
        self.dead: dict[str, float] = {}  # kind -> monotonic time since when its watch is known to be dead

    async def once(self) -> None:
        """List every kind, correct the store, and queue whatever is not at rest. Raises ApiError."""
        shown: dict[str, int] = {}
        for kind in WATCHED:
            shown[kind] = 0
            found, at = [], 0
            for namespace in self.shared.options.namespaces or ("",):
                query = {"labelSelector": RUN_LABEL} if kind in (JOBS, PODS) else {}
                some, rv = await self.shared.cluster.list(kind, namespace, partial(slim, kind), **query)
                found += some
                at = min(at, rv) if at else rv
            shown[kind] = max((version(o) for o in found if kind != RUNS or not over(o)), default=0)
            for obj in self.shared.store.replace(kind, found, at):
                current = self.shared.store.get(kind, obj["metadata"]["namespace"], obj["metadata"]["name"])
                self.router.route(kind, obj, deleted=current is None)
        self.queue_all()
        self.forget()
        self.done.set()
        self._listen(shown)

    def forget(self) -> None:
        """What pods said whose Jobs are gone, and connections that are gone and that no open run was made for."""
        shared, store = self.shared, self.shared.store
        shared.reports.keep({str(job["metadata"]["uid"]) for job in store.all(JOBS)})
        needed = {str((run.get("status") or {}).get("connectionUID")) for run in store.related(RUNS, "open")}
        shared.views.keep({str(obj["metadata"]["uid"]) for obj in store.all(CONNECTIONS)} | needed)

    def queue_all(self) -> None:
        """Look at everything that is not at rest."""
        store, queue = self.shared.store, self.shared.queue
        for run in store.related(RUNS, "open"):  # first: somebody waits for them
            queue.add((RUNS, run["metadata"]["namespace"], run["metadata"]["name"]))
        for obj in store.all(CONNECTIONS):
            queue.add((CONNECTIONS, obj["metadata"]["namespace"], obj["metadata"]["name"]))
        for job in store.all(JOBS):
            queue.add(self.shared.key_of(job))

    def _listen(self, shown: dict[str, int]) -> None:
        """Look in a while whether the watches have shown what the lists did."""

        def look() -> None:
            for kind, newest in shown.items():
                if self.router.watched[kind] < newest:
                    log.error("The watch of %s is behind what a list showed a minute ago", kind)
                    self.dead.setdefault(kind, time.monotonic())
                else:
                    self.dead.pop(kind, None)

        asyncio.get_running_loop().call_later(_ECHO, look)

    async def orphans(self) -> None:
        """Remove runs of the operator's making whose connection is gone since a day."""
        store, now = self.shared.store, self.shared.clock()
        for run in list(store.all(RUNS)):
            status, name = run.get("status") or {}, run["spec"]["connectionRef"]["name"]
            if not status.get("outcome") or store.get(CONNECTIONS, run["metadata"]["namespace"], name):
                continue
            old = old_run(run)
            if old.made_by_operator and now - old.ended_at > _ORPHANS:
                await self.shared.cluster.delete(RUNS, run)

    async def run(self) -> None:
        """Sweep until cancelled; what fails is done the next time."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY):
                    await self.router.relisted.wait()
                await asyncio.sleep(_DEBOUNCE)  # the watches of all kinds begin anew together
            self.router.relisted.clear()
            try:
                await self.once()
                await self.orphans()
            except ApiError as error:
                log.warning("A sweep failed: %s %s", error.status, error.reason)
