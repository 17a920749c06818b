"""From a person's decision to the apply Job."""

import asyncio
import time

import operator_load as load
import operator_made as made
from operator_api import Object, each, until
from operator_load import Apis
from operator_made import Named
from operator_seen import watched

from rostersync.api.api_server import path
from support.cluster.access import Cluster
from support.cluster.pods import finish_pod, pods_of

_PATIENCE = 300.0  # seconds


async def prepare(apis: Apis, count: int) -> Named:
    """So many connections for the runs that will be held; no operator may run."""
    names = Named(await load.namespace(apis, "held"), count)
    await load.connections(apis, names)
    return names


async def approve(apis: Apis, cluster: Cluster, names: Named) -> list[float]:
    """Hold a run of each connection, approve them one after the other; seconds from each decision to its apply Job."""
    where = path("syncruns", names.namespace)
    await each(names.runs("held"), lambda one: apis.admin.send("POST", where, made.run(names.namespace, *one)))
    await _finish(apis, cluster, names)
    pending = await _held(apis, names)
    out = []
    for approval in pending:
        run = approval["spec"]["runRef"]["name"]
        async with watched(apis.admin, names.namespace, [run], "apply") as seen:
            begun = time.perf_counter()
            await apis.admin.send(
                "PATCH",
                path("syncapprovals", names.namespace, approval["metadata"]["name"]),
                {"spec": {"decision": "Approved", "reason": "As agreed."}},
                "application/merge-patch+json",
            )
            await seen.all(_PATIENCE)
            out.append(seen.jobs[run] - begun)
    return out


async def _finish(apis: Apis, cluster: Cluster, names: Named) -> None:
    """Every plan Job's pod ends with a report of holds."""
    pods: list[Object] = []

    async def there() -> bool:
        pods[:] = await asyncio.to_thread(pods_of, cluster, names.namespace, "rostersync.dev/job=plan")
        return len(pods) >= names.count

    await until(there, _PATIENCE, "the pods of the plan Jobs")
    for number, pod in enumerate(pods):
        owner = pod["metadata"]["labels"]["rostersync.dev/connection"]
        await asyncio.to_thread(finish_pod, cluster, pod, 0, made.held_report(f"held-{owner}", number))


async def _held(apis: Apis, names: Named) -> list[Object]:
    """The pending approvals, once every run waits for its own."""

    async def waiting() -> bool:
        runs = await apis.admin.items("syncruns", names.namespace)
        states = [((run.get("status") or {}).get("approval") or {}).get("state") for run in runs]
        return states == ["Pending"] * names.count

    await until(waiting, _PATIENCE, "the approvals of held runs")
    return await apis.admin.items("syncapprovals", names.namespace)
