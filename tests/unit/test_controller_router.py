"""A run that leaves its watch has ended or is gone: what the store believes afterwards, whatever came first."""

import asyncio
from types import SimpleNamespace

import pytest

from rostersync.controller.cluster.cache import JOBS, PODS, RUNS, Cache
from rostersync.controller.cluster.client import ApiError
from rostersync.controller.cluster.slim import slim
from rostersync.controller.options import Options
from rostersync.controller.router import Router
from rostersync.controller.runs.slots import Slots
from rostersync.controller.shared import Shared


def run(version, uid="u1", outcome=None):
    meta = {"namespace": "rosters", "name": "monday", "uid": uid, "resourceVersion": str(version)}
    status = {"outcome": outcome} if outcome else {"stage": "extract"}
    return {"metadata": meta, "spec": {"connectionRef": {"name": "springfield"}}, "status": status}


class Answers:
    """An API server that has one run, none (404), or cannot say (0)."""

    def __init__(self, answer):
        self.answer, self.asked = answer, 0

    async def get(self, where):
        self.asked += 1
        if isinstance(self.answer, int):
            raise ApiError(self.answer, "", "")
        return self.answer


def router_of(known, answer):
    store = Cache(slim)
    if known:
        store.put(RUNS, known)
    queued = []
    queue = SimpleNamespace(
        add=lambda key, aside=False: queued.append(key), add_after=lambda key, _: queued.append(key)
    )
    options = Options("rostersync:test")
    shared = Shared(options, Answers(answer), store, queue, None, Slots(store, options), None)
    return Router(shared, None), queued


OPEN, DONE, LEFT = run(5), run(7, outcome="Applied"), run(7)
CASES = {  # what is known, what the server says, whether it is there afterwards, with which outcome, requests
    "this process ended it": (DONE, 404, "Applied", 0),
    "another process ended it": (OPEN, DONE, "Applied", 1),
    "it was deleted": (OPEN, 404, None, 1),
    "it was ended, and deleted at once": (run(6, outcome="Applied"), 404, None, 1),
    "it was deleted, and another of its name made": (OPEN, run(9, uid="u2"), None, 1),
    "nobody ever saw it": (None, DONE, "Applied", 1),
}


@pytest.mark.parametrize(("known", "answer", "outcome", "requests"), CASES.values(), ids=CASES)
def test_a_run_that_leaves_its_watch(known, answer, outcome, requests):
    router, _ = router_of(known, answer)

    asyncio.run(router.left(LEFT))

    found = router.shared.store.get(RUNS, "rosters", "monday")
    assert (found and found["status"].get("outcome")) == outcome
    assert router.shared.cluster.asked == requests
    assert router.watched[RUNS] == 7  # the watch is alive


def test_what_cannot_be_asked_is_listed_again():
    router, queued = router_of(OPEN, 0)

    asyncio.run(router.left(LEFT))

    assert router.relisted.is_set()
    assert router.shared.store.get(RUNS, "rosters", "monday")["status"] == {"stage": "extract"}
    assert queued == []


@pytest.mark.parametrize("kind", [JOBS, PODS])
def test_a_job_or_pod_that_lost_its_label_is_nothing_of_ours_any_more(kind):
    router, _ = router_of(None, 0)
    marks = {"rostersync.dev/run": "u1", "rostersync.dev/job": "plan", "rostersync.dev/district": "springfield"}
    meta = {"namespace": "rosters", "name": "j", "uid": "j1", "labels": marks, "resourceVersion": "5"}
    obj = {"metadata": meta, "spec": {}, "status": {}}
    router.event(kind, "ADDED", obj)
    assert router.shared.store.get(kind, "rosters", "j")
    assert router.shared.slots.refusal("rosters", "springfield", "other").for_store

    bare = {**obj, "metadata": {**meta, "labels": {}, "resourceVersion": "6"}}
    router.event(kind, "MODIFIED", bare)

    assert router.shared.store.get(kind, "rosters", "j") is None
    assert not router.shared.slots.refusal("rosters", "springfield", "other")
