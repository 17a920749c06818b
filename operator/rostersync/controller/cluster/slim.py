"""What is worth keeping of an object in memory. There can be thousands of runs that have ended."""

from typing import Any, TypedDict

import msgspec

from rostersync.controller.cluster.cache import JOBS, PODS, RUNS, Object, over


def slim(kind: str, obj: Object) -> Object:
    """An object without managedFields. A finished run keeps only what history and siblings read."""
    meta = {k: v for k, v in obj["metadata"].items() if k != "managedFields"}
    if kind == RUNS and over(obj):
        status = obj["status"]
        kept = {k: status[k] for k in _Ended.__annotations__ if k in status}
        kept.pop("conditions", None)
        plan = {k: v for k, v in (kept.pop("plan", None) or {}).items() if k in _Plan.__annotations__}
        if status["outcome"] == "Failed":  # the outcome of the others says it all
            why = [c for c in status.get("conditions") or () if c.get("type") == "Succeeded"]
            kept["conditions"] = [{k: c[k] for k in _Condition.__annotations__ if k in c} for c in why]
        return {"metadata": meta, "spec": obj["spec"], "status": kept | ({"plan": plan} if plan else {})}
    if kind == PODS:
        spec = {"nodeName": (obj.get("spec") or {}).get("nodeName")}
        return {"metadata": meta, "spec": spec, "status": obj.get("status") or {}}
    if kind == JOBS:
        return {"metadata": meta, "status": obj.get("status") or {}, "spec": {k: obj["spec"].get(k) for k in _OF_JOB}}
    return {**obj, "metadata": meta}


_OF_JOB = ("suspend", "ttlSecondsAfterFinished")


class _Meta(TypedDict, total=False):
    name: Any
    namespace: Any
    uid: Any
    resourceVersion: Any
    creationTimestamp: Any
    labels: Any
    annotations: Any


class _Plan(TypedDict, total=False):
    digest: Any
    noChanges: Any
    baseRevision: Any
    asOf: Any


class _Condition(TypedDict, total=False):
    type: Any
    status: Any
    reason: Any


class _Ended(TypedDict, total=False):
    outcome: Any
    completionTime: Any
    revision: Any
    schools: Any
    deliveries: Any
    connectionUID: Any
    plan: _Plan
    conditions: list[_Condition]


class _Run(TypedDict):
    metadata: _Meta
    spec: Any
    status: _Ended


class _Page(TypedDict):
    metadata: Any
    items: list[_Run]


_PAGE: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_Page)


def ended_runs(page: bytes) -> Object:
    """A page of the list of ended runs, as `slim` leaves them. Nine tenths of it are never parsed into objects."""
    found: Object = _PAGE.decode(page)
    return found
