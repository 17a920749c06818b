"""Thousands of open runs of one connection, and whether the runs of others start as fast as without them."""

import time
from dataclasses import dataclass, field

import operator_load as load
import operator_made as made
import operator_process as process
from operator_api import each
from operator_load import Apis
from operator_made import Named
from operator_seen import watched
from operator_server import Running, Server

from rostersync.api.api_server import path

_PATIENCE = 900.0  # seconds


@dataclass
class Crowd:
    """`alone`, `beside`: seconds from a run to its Job, without the crowd and while it is being made."""

    count: int = 0
    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    settled: float = 0.0  # seconds from the last of the crowd until the operator rests
    cpu: float = 0.0  # CPU seconds of the operator for all of it
    peak: int = 0
    statuses: int = 0  # writes of statuses of runs
    complaints: list[str] = field(default_factory=list)


async def crowd(apis: Apis, server: Server, running: Running, count: int, others: int) -> Crowd:
    """Runs of `others` connections, first alone, then beside `count` runs of one that is suspended."""
    got = Crowd(count)
    names = Named(await load.namespace(apis, "crowd"), 2 * others)  # each has one run: its Job is never done here
    await load.connections(apis, names)
    body = made.connection(names.namespace, "crowded")
    body["spec"]["suspend"] = True
    await apis.admin.send("POST", path("focusconnections", names.namespace), body)
    await running.start()
    await running.rest()
    await server.rest()
    runs = names.runs()
    got.alone = await _runs(apis, names, runs[:others])
    await running.rest()
    await server.rest()
    begun, before = running.cpu(), await apis.admin.counted()

    async def one(number: int) -> None:
        run = made.run(names.namespace, f"crowd-{number:05d}", "crowded")
        await apis.admin.send("POST", path("syncruns", names.namespace), run)

    await each(range(count), one)
    ended = time.perf_counter()
    got.beside = await _runs(apis, names, runs[others:])
    await running.rest(count + 2 * others)
    got.settled, got.cpu = time.perf_counter() - ended, running.cpu() - begun
    counted = await apis.admin.counted() - before
    got.statuses = counted["APPLY", "syncruns/status"] + counted["PATCH", "syncruns/status"]
    got.peak, got.complaints = process.peak(running.pid), running.complaints()
    await running.stop()
    await load.remove(apis, names.namespace)
    return got


async def _runs(apis: Apis, names: Named, runs: list[tuple[str, str]]) -> list[float]:
    """Make runs, one after the other: seconds until each had its Job."""
    found = []
    for name, connection in runs:
        async with watched(apis.admin, names.namespace, [name]) as seen:
            begun = time.perf_counter()
            body = made.run(names.namespace, name, connection)
            await apis.admin.send("POST", path("syncruns", names.namespace), body)
            await seen.all(_PATIENCE)
            found.append(seen.jobs[name] - begun)
    return found
