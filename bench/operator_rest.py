"""An operator among many finished runs: how it starts, what it takes at rest, how fast a single run gets its Job."""

import asyncio
import time
from dataclasses import dataclass, field

import operator_load as load
import operator_made as made
import operator_process as process
from operator_load import Apis
from operator_made import Named
from operator_seen import watched
from operator_server import Running, Server

from rostersync.api.api_server import path

_PATIENCE = 300.0  # seconds


@dataclass
class Rest:
    """Seconds, CPU seconds and bytes."""

    ready: float = 0.0  # from the start to /readyz
    job: float = 0.0  # from the start to the Job of a run that was made right before
    start: float = 0.0  # CPU of the start, until it rests
    peak: int = 0
    resident: int = 0
    idle: float = 0.0  # share of one core
    singles: list[float] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


async def fill(apis: Apis, server: Server, running: Running, connections: int, finished: int) -> Named:
    """A namespace with so much in it, which an operator has seen once."""
    names = Named(await load.namespace(apis, "rest"), connections)
    views = await load.connections(apis, names)
    await load.finished(apis, names, views, finished)
    await running.start()
    await running.rest(finished)
    await running.stop()
    await server.rest()
    return names


async def rest(
    apis: Apis, server: Server, running: Running, names: Named, finished: int, idle: float, singles: int
) -> Rest:
    """Start the operator again, leave it alone, then make single runs. It runs on afterwards."""
    got = Rest()
    of = names.connections()
    first = made.run(names.namespace, "first", of[0])
    async with watched(apis.admin, names.namespace, ["first"]) as seen:
        run = await apis.admin.send("POST", path("syncruns", names.namespace), first)
        begun = time.perf_counter()
        got.ready = await running.start()
        got.job = await seen.all(_PATIENCE) - begun
    await apis.admin.send("DELETE", path("syncruns", names.namespace, run["metadata"]["name"]))
    await running.rest(finished)
    await server.rest()
    got.start, got.peak, got.resident = running.cpu(), process.peak(running.pid), process.resident(running.pid)
    before = running.cpu()
    await asyncio.sleep(idle)
    got.idle = (running.cpu() - before) / idle
    for i in range(singles):
        got.singles.append(await _single(apis, names, f"single-{i:03d}", of[(i + 1) % len(of)]))
    got.complaints = running.complaints()
    return got


async def _single(apis: Apis, names: Named, name: str, connection: str) -> float:
    async with watched(apis.admin, names.namespace, [name]) as seen:
        begun = time.perf_counter()
        await apis.admin.send("POST", path("syncruns", names.namespace), made.run(names.namespace, name, connection))
        await seen.all(_PATIENCE)
        return seen.jobs[name] - begun
