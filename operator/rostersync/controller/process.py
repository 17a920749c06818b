"""The operator's process: logs in, watches, lists, and works the queue while it leads."""

import asyncio
import contextlib
import logging
import os
import time

import kopf
import uvloop

from rostersync.api.kinds import is_connection
from rostersync.api.v1alpha1 import GROUP, VERSION
from rostersync.controller.act import Actor
from rostersync.controller.cluster.cache import JOBS, PODS, RUNS, Cache, Key, Object
from rostersync.controller.cluster.client import ApiError, Cluster
from rostersync.controller.cluster.events import Events
from rostersync.controller.cluster.login import Login
from rostersync.controller.cluster.queue import Queue
from rostersync.controller.cluster.slim import slim
from rostersync.controller.connections.policy_check import Guards
from rostersync.controller.connections.reconcile import Connections
from rostersync.controller.ending import Ending
from rostersync.controller.keeper import Keeper
from rostersync.controller.metrics import Metrics
from rostersync.controller.options import RUN_LABEL, Options
from rostersync.controller.resync import OPEN, Sweep
from rostersync.controller.router import Router, watched
from rostersync.controller.runs.reconcile import Runs
from rostersync.controller.runs.slots import Slots
from rostersync.controller.shared import Shared

log = logging.getLogger(__name__)

_WORKERS = 16  # more gain nothing, since the API server is the bottleneck
_DRAIN = 10.0  # seconds for work in progress when the process is asked to end
_PAUSE = 0.5  # seconds
_GUARD = 30.0  # seconds between two reads of the policies
_OF_OTHERS = {JOBS: ("batch", "v1"), PODS: ("", "v1")}  # group and version of watched kinds that are not our own


class Process:
    """One operator."""

    def __init__(self, options: Options, cluster: Cluster) -> None:
        store: Cache = Cache(slim)
        self.options = options
        self.shared = Shared(
            options,
            cluster,
            store,
            Queue[Key](lambda key: key[1]),  # namespaces take turns
            Guards(cluster),
            Slots(store, options),
            Events(cluster, options.identity),
        )
        self.runs = Runs(self.shared, Actor(self.shared))
        self.connections = Connections(self.shared, self.runs)
        self.router = Router(self.shared, self.connections)
        self.sweep = Sweep(self.shared, self.router)
        self.metrics = Metrics(self.shared)
        self.leading, self.told_to_end = asyncio.Event(), asyncio.Event()
        self._stopping = False

    def wrong(self) -> str:
        """What is wrong with the watches. Empty while they are alive."""
        return f"the watch of {', '.join(sorted(self.sweep.dead))} is dead" if self.sweep.dead else ""

    def ready(self) -> str:
        """What is still missing. Empty when it leads, or stands by with everything listed."""
        return "" if self.sweep.done.is_set() else "the first lists are not complete"

    async def run(self, login: Login, keeper: Keeper) -> None:
        """Work until asked to end. Raises when a watch or a worker dies, so that the process ends too."""
        watches = asyncio.create_task(self._watch(login), name="watches")
        others = [
            asyncio.create_task(work, name=name)
            for name, work in (
                ("end", self.told_to_end.wait()),
                ("events", self.shared.events.run()),
                ("keeper", keeper.run(self.leading)),
                ("work", self._work()),
            )
        ]
        try:
            done, _ = await asyncio.wait([watches, *others], return_when=asyncio.FIRST_COMPLETED)
            self._stopping = True
            await self._drain()
            for task in done:
                task.result()
        finally:
            for task in [watches, *others]:
                task.cancel()
            await asyncio.gather(watches, *others, return_exceptions=True)

    async def _watch(self, login: Login) -> None:
        """Run kopf's watches until SIGTERM."""
        registry = kopf.OperatorRegistry()
        settings = kopf.OperatorSettings()
        settings.posting.enabled = False
        settings.scanning.disabled = True
        settings.watching.server_timeout = 600
        settings.watching.connect_timeout = 10
        settings.networking.error_backoffs = [0.2, 0.5, 1, 2, *[5] * 20]
        settings.queueing.idle_timeout = 1.0
        settings.persistence.diffbase_storage = _NoDiffs()
        for plural in (JOBS, PODS):
            settings.watching.label_selectors[*_OF_OTHERS[plural], plural] = RUN_LABEL
        if await self._selects():
            settings.watching.field_selectors[GROUP, VERSION, RUNS] = OPEN
        session = login.session()

        @kopf.on.login(registry=registry)
        async def log_in(**_: object) -> kopf.AiohttpSession:
            return kopf.AiohttpSession(aiohttp_session=session, server=login.server)

        for plural in watched():
            self._observe(registry, *_OF_OTHERS.get(plural, (GROUP, VERSION)), plural)
        everywhere = not self.options.namespaces
        await kopf.operator(
            registry=registry,
            settings=settings,
            standalone=True,
            clusterwide=everywhere,
            namespaces=() if everywhere else self.options.namespaces,
        )

    def _observe(self, registry: kopf.OperatorRegistry, group: str, version: str, plural: str) -> None:
        @kopf.on.event(group, version, plural, id=f"see-{plural}", registry=registry)
        async def see(event: kopf.RawEvent, **_: object) -> None:
            if plural == RUNS and event["type"] == "DELETED":
                await self.router.left(plain(event["object"]))
            else:
                self.router.event(plural, event["type"], plain(event["object"]))

    async def _selects(self) -> bool:
        """Whether runs can be watched by their outcome. Until the server answers, the listing reports what is wrong."""
        while True:
            try:
                return await self.sweep.selects()
            except ApiError:
                await asyncio.sleep(_PAUSE)

    async def _work(self) -> None:
        """List everything, wait to lead, list again if that took a while (another may have led until now), and work."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.leading.wait(), _PAUSE)
        led = self.leading.is_set()
        await self._listed()
        await self.leading.wait()
        self.metrics.leader.labels(self.options.lease_name).set(1)
        log.info("Leading")
        if not led:
            await self._listed()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.sweep.run())
            group.create_task(self._guard())
            for _ in range(_WORKERS):
                group.create_task(self._worker())

    async def _listed(self) -> None:
        pause = 0.5
        while True:
            try:
                await self.sweep.once()
            except ApiError as error:
                log.warning("Listing failed: %s", error.advice)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 10)
            else:
                return

    async def _worker(self) -> None:
        queue = self.shared.queue
        while True:
            key = await queue.get()
            if self._stopping:
                queue.done(key)
                return
            begun, result = time.monotonic(), "success"
            try:
                await self._reconcile(key)
            except ApiError as error:
                result = "error"
                level = logging.DEBUG if queue.failures(key) == 0 else logging.WARNING
                log.log(level, "%s %s/%s: %s", *key, error.advice)
            except Exception:
                result = "error"
                log.exception("%s %s/%s", *key)
            queue.done(key, result == "success")
            self.metrics.reconciles.labels(key[0], result).inc()
            self.metrics.seconds.labels(key[0]).observe(time.monotonic() - begun)

    async def _reconcile(self, key: Key) -> None:
        kind, namespace, name = key
        if kind == RUNS:
            await self.runs.reconcile(namespace, name)
        elif not self.shared.listed or not is_connection(kind):
            return  # it is queued again when the ended runs are known
        elif name:
            await self.connections.reconcile(key)
        else:
            gone = self.router.gone[kind]
            while gone:
                await self.connections.deleted(gone[0])
                gone.pop(0)

    async def _guard(self) -> None:
        """Read the policies periodically, even while nothing is decided, since any of them may come or go."""
        self.shared.guards.changed = self.sweep.queue_all
        while True:
            try:
                await self.shared.guards.look(fresh=True)
            except ApiError as error:
                log.warning("The policies could not be read: %s %s", error.status, error.reason)
            await asyncio.sleep(_GUARD)

    async def _drain(self) -> None:
        """Let work in progress finish. Every write is whole, but a run is easier to read after a whole step."""
        until = time.monotonic() + _DRAIN
        while self.shared.queue.working and time.monotonic() < until:
            await asyncio.sleep(0.05)


class _NoDiffs(kopf.DiffBaseStorage):
    """Saves kopf from copying every object to compute differences that nobody uses."""

    def build(self, **_: object) -> kopf.BodyEssence:
        """Nothing."""
        return kopf.BodyEssence({})

    def fetch(self, **_: object) -> None:
        """Nothing."""

    def store(self, **_: object) -> None:
        """Store nothing, so that no object gets an annotation."""


def plain(obj: object) -> Object:
    """kopf's object as a dictionary."""
    return dict(obj)  # type: ignore[call-overload,no-any-return]


async def operate(options: Options, login: Login, ending: Ending) -> None:
    """Run an operator until it is told to end."""
    async with login.session() as session:
        process = Process(options, Cluster(session, login.server))
        keeper = Keeper(options, login, process.wrong, process.ready, process.metrics)
        loop = asyncio.get_running_loop()
        ending.watch(lambda: loop.call_soon_threadsafe(process.told_to_end.set), keeper.end)
        await process.run(login, keeper)


def main(options: Options, login: Login) -> None:
    """Run an operator as a process. Whatever ends it unexpectedly makes it exit with 1."""
    ending = Ending()
    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    try:
        runner.run(operate(options, login, ending))
    except KeyboardInterrupt:
        pass
    except BaseException:
        runner.close()
        raise
    logging.shutdown()
    os._exit(0)  # all work has ended; this does not wait for threads of libraries or kopf's generators
