"""Jobs and pods as an API server has them, and what a look at them finds: in every way that they can end."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from rostersync.controller.cluster.cache import JOBS, PODS, Cache, Object
from rostersync.controller.runs.attempts import JobSeen
from rostersync.controller.runs.lookups import Lookups
from rostersync.controller.runs.reports import Reports

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


def stamp(seconds: float) -> str:
    """The time so many seconds ago."""
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def job(
    end: str | None = None,
    reason: str = "",
    *,
    stage: str = "plan",
    number: int = 1,
    ago: int = 60,
    made: int = 300,
    of_plan: int | None = None,
    suspend: bool = False,
) -> Object:
    """A Job that was made `made` seconds ago and came to its end `ago` seconds ago."""
    marks = {"rostersync.dev/job": stage, "rostersync.dev/number": str(number), "rostersync.dev/run": "run-uid"}
    marks |= {"rostersync.dev/of-plan": str(of_plan)} if of_plan else {}
    over = {"type": end, "status": "True", "reason": reason, "lastTransitionTime": stamp(ago)}
    return {
        "metadata": {
            "name": f"r-{stage}-{number}",
            "namespace": "rosters",
            "uid": f"{stage}{number}",
            "resourceVersion": "5",
            "creationTimestamp": stamp(made),
            "labels": marks,
            "ownerReferences": [{"uid": "run-uid", "controller": True}],
        },
        "spec": {"suspend": suspend},
        "status": {"startTime": stamp(made), "conditions": [{"type": "SuccessCriteriaMet", "status": "True"}, over]}
        if end
        else {"startTime": stamp(made)},
    }


def pod(
    name: str = "p1",
    code: int | None = None,
    text: str = "",
    reason: str = "Error",
    *,
    waiting: dict[str, str] | None = None,
    disrupted: bool = False,
    ago: int = 60,
    of: str = "plan1",
    phase: str = "",
) -> Object:
    """A pod that ended with an exit code, or waits, or runs."""
    ended = {"terminated": {"exitCode": code, "reason": reason, "message": text, "finishedAt": stamp(ago)}}
    state: Object = ended if code is not None else {"waiting": waiting} if waiting else {"running": {}}
    phase = phase or ("Pending" if waiting else "Running" if code is None else "Failed" if code else "Succeeded")
    return {
        "metadata": {
            "name": name,
            "namespace": "rosters",
            "uid": name,
            "resourceVersion": "6",
            "creationTimestamp": stamp(290),
            "ownerReferences": [{"uid": of, "controller": True}],
            "labels": {"rostersync.dev/run": "run-uid"},
        },
        "status": {
            "phase": phase,
            "containerStatuses": [{"name": "sync", "state": state}],
            "conditions": [{"type": "DisruptionTarget", "status": "True"}] if disrupted else [],
        },
    }


def unstarted(name: str = "p1") -> Object:
    """A pod whose container was never made."""
    made = pod(name)
    return made | {"status": {"phase": "Pending", "containerStatuses": [], "conditions": []}}


@dataclass
class Scene:
    """What there is: a Job, pods that are still there, pods whose end the watch showed, and events about them."""

    job: Object
    pods: list[Object] = field(default_factory=list)
    shown: list[Object] = field(default_factory=list)
    events: list[Object] = field(default_factory=list)


def looked(scene: Scene) -> JobSeen:
    """The Job as a look at it finds it."""
    reports, store = Reports(), Cache()
    for one in (*scene.shown, *scene.pods):
        reports.note(one)
    for one in scene.pods:
        store.put(PODS, one)
    store.put(JOBS, scene.job)

    async def listed(kind: str, namespace: str, **query: str) -> tuple[list[Object], int]:
        assert kind == PODS
        return scene.pods, 9

    async def about(objects: list[Object]) -> list[Object]:
        return [e for e in scene.events if e["about"] in {o["metadata"]["uid"] for o in objects}]

    shared: Any = SimpleNamespace(
        store=store,
        reports=reports,
        cluster=SimpleNamespace(list=listed),
        events=SimpleNamespace(of=about),
        queue=SimpleNamespace(add_after=lambda *_: None),
        key_of=lambda job: ("syncruns", "rosters", "r"),
    )
    return asyncio.run(Lookups(shared).job_seen(scene.job, NOW))
