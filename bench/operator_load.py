"""Namespaces full of connections and finished runs, made while no operator runs, and taken away again."""

import uuid
from dataclasses import dataclass

import operator_made as made
from operator_api import Api, each, until
from operator_made import Named, Object

from rostersync.api.api_server import path
from rostersync.controller.view import View


@dataclass(frozen=True)
class Apis:
    """The administrator, and the operator's own service account."""

    admin: Api
    operator: Api


async def namespace(apis: Apis, purpose: str) -> str:
    """A fresh namespace with the Jobs' service account."""
    name = f"bench-{purpose}-{uuid.uuid4().hex[:6]}"
    await apis.admin.send(
        "POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    )
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "rostersync-jobs"}}
    await apis.admin.send("POST", f"/api/v1/namespaces/{name}/serviceaccounts", account)
    return name


async def remove(apis: Apis, name: str) -> None:
    """Delete a namespace, and wait until no run, Job or pod of it is left.

    Jobs go first: pods that no node has wait for their Job, which a namespace keeps until its pods are gone.
    """
    kinds = ("jobs", "pods", "syncruns")
    for kind in kinds:
        await apis.admin.send("DELETE", path(kind, name), {"propagationPolicy": "Background"})

    async def gone() -> bool:
        return not any([await apis.admin.items(kind, name, limit="1") for kind in kinds])

    await until(gone, 300, f"the end of all runs in namespace {name}", 0.5)
    await apis.admin.send("DELETE", f"/api/v1/namespaces/{name}")


async def connections(apis: Apis, names: Named, *deliveries: Object) -> dict[str, View]:
    """Connections that are verified and have their claims: the operator finds nothing to do for them."""
    out: dict[str, View] = {}

    async def make(name: str) -> None:
        where = path("focusconnections", names.namespace)
        obj = await apis.admin.send("POST", where, made.connection(names.namespace, name, deliveries))
        seen = out[name] = made.view_of(obj)
        for claim in made.claims_of(seen):
            await apis.operator.send("POST", path("persistentvolumeclaims", names.namespace), claim)
        await apis.operator.apply_status("focusconnections", obj, made.verified(seen))

    await each(names.connections(), make)
    return out


async def finished(apis: Apis, names: Named, views: dict[str, View], count: int) -> None:
    """So many applied runs, spread evenly over the connections."""
    of = names.connections()

    async def make(number: int) -> None:
        name = of[number % len(of)]
        body = made.run(names.namespace, f"{name}-{number:05d}", name)
        obj: Object = await apis.admin.send("POST", path("syncruns", names.namespace), body)
        await apis.operator.apply_status("syncruns", obj, made.applied(obj, views[name], number))

    await each(range(count), make)
