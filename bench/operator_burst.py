"""Many SyncRuns at once: by a bare client that makes the Jobs and writes the statuses itself, and by the operator."""

import asyncio
import time
from dataclasses import dataclass, field

import operator_load as load
import operator_made as made
import operator_process as process
from operator_api import each
from operator_load import Apis
from operator_made import Named
from operator_seen import Seen, watched
from operator_server import Running, Server

from rostersync.api.api_server import path

_PATIENCE = 900.0  # seconds


@dataclass(frozen=True)
class Burst:
    """One round of one of them. `client` is the CPU of who made Jobs and statuses, as is `server` of the control plane."""

    seconds: float
    client: float
    server: float
    latencies: list[float] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)  # of writes, from the beginning until `after`
    duplicates: int = 0
    lost: int = 0
    peak: int = 0
    after: dict[str, float] = field(default_factory=dict)  # what it took while nothing happened afterwards
    complaints: list[str] = field(default_factory=list)


async def floor(apis: Apis, server: Server, count: int) -> Burst:
    """The bare client: for each run a SyncRun, a Job and a status, one after the other; many runs at a time."""
    names = Named(await load.namespace(apis, "floor"), count)
    views = {name: made.view_of(made.connection(names.namespace, name)) for name in names.connections()}
    await server.rest()
    async with watched(apis.admin, names.namespace, dict(names.runs())) as seen:

        async def make(wanted: tuple[str, str]) -> None:
            run = await _send(apis, names, seen, wanted)
            job = await apis.operator.send(
                "POST",
                path("jobs", names.namespace),
                made.plan_job(run, views[wanted[1]]),
                fieldManager="rostersync-operator",
            )
            await apis.operator.apply_status("syncruns", run, made.planning(run, views[wanted[1]], job))

        client, taken, begun = time.process_time(), server.cpu(), time.perf_counter()
        await each(names.runs(), make)
        ended = await seen.all(_PATIENCE)
        burst = Burst(ended - begun, time.process_time() - client, server.cpu() - taken)
    await load.remove(apis, names.namespace)
    return burst


async def operator(
    apis: Apis, server: Server, running: Running, count: int, pause: float, *, deliver: bool = False
) -> Burst:
    """The operator: the same runs, made by the same client. `pause`: seconds that are looked at after the burst.
    `deliver`: runs that only deliver, each of a connection with a delivery."""
    names = Named(await load.namespace(apis, "operator"), count)
    await load.connections(apis, names, *([made.RECEIVER] if deliver else []))
    stage, mode = ("deliver", "Deliver") if deliver else ("plan", "")
    await running.start()
    await running.rest()
    await server.rest()
    async with watched(apis.admin, names.namespace, dict(names.runs()), stage) as seen:
        before, sent = await apis.admin.counted(), await running.requests()
        client, taken, begun = running.cpu(), server.cpu(), time.perf_counter()
        await each(names.runs(), lambda wanted: _send(apis, names, seen, wanted, mode))
        ended = await seen.all(_PATIENCE)
        spent = running.cpu() - client, server.cpu() - taken
        await asyncio.sleep(pause)
        later = running.cpu() - client - spent[0], server.cpu() - taken - spent[1]
        counted, asked = await apis.admin.counted() - before, await running.requests() - sent
    jobs = await apis.admin.items("jobs", names.namespace)
    owners = [job["metadata"]["ownerReferences"][0]["uid"] for job in jobs]
    runs = await apis.admin.items("syncruns", names.namespace)
    served = {run["metadata"]["uid"] for run in runs if (run.get("status") or {}).get("conditions")} & set(owners)
    own = sum(n for (method, _), n in asked.items() if method in ("POST", "PATCH", "DELETE"))
    burst = Burst(
        ended - begun,
        *spent,
        seen.latencies(),
        {
            "jobs": counted["POST", "jobs"],
            "statuses": counted["APPLY", "syncruns/status"] + counted["PATCH", "syncruns/status"],
            "connections": counted["APPLY", "focusconnections/status"] + counted["PATCH", "focusconnections/status"],
            "all": own,
            "failed": sum(n for (_, code), n in asked.items() if not code.startswith("2")),
        },
        len(owners) - len(set(owners)),
        count - len(served),
        process.peak(running.pid),
        {
            "seconds": pause,
            "client": later[0],
            "server": later[1],
            "reads": sum(n for (method, _), n in asked.items() if method == "GET"),
        },
        running.complaints(),
    )
    await running.stop()
    if not deliver:  # else it is the only one, and its control plane ends with it
        await load.remove(apis, names.namespace)
    return burst


async def _send(apis: Apis, names: Named, seen: Seen, wanted: tuple[str, str], mode: str = "") -> made.Object:
    name, connection = wanted
    seen.sent[name] = time.perf_counter()
    body = made.run(names.namespace, name, connection, mode)
    return await apis.admin.send("POST", path("syncruns", names.namespace), body)
