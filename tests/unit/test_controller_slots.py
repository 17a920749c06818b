"""Who may start a Job now: one for each store, and not too many in a namespace and in all."""

import asyncio
from types import SimpleNamespace

import pytest

from rostersync.controller.cluster.cache import JOBS, PODS, RUNS, Cache
from rostersync.controller.cluster.client import ApiError
from rostersync.controller.cluster.queue import Queue
from rostersync.controller.options import Options
from rostersync.controller.router import Router
from rostersync.controller.runs.lookups import Facts
from rostersync.controller.runs.reconcile import Runs
from rostersync.controller.runs.slots import Refusal, Slots
from rostersync.controller.shared import Shared
from rostersync.lifecycle.steps import Wait

LONG = "d" * 90  # more than a label's value holds


def made(kind, uid, namespace="a", district="springfield", stage="plan", over=False):
    marks = {"rostersync.dev/district": district, "rostersync.dev/job": stage, "rostersync.dev/run": "u1"}
    status = {"phase": "Succeeded" if over else "Running"}
    if kind == JOBS:
        status = {"conditions": [{"type": "Complete", "status": "True"}] if over else []}
    meta = {"namespace": namespace, "name": uid, "uid": uid, "resourceVersion": "1", "labels": marks}
    return kind, {"metadata": meta, "spec": {}, "status": status}


def slots(*objects, **limits):
    store = Cache()
    for kind, obj in objects:
        store.put(kind, obj)
    return Slots(store, Options("rostersync:test", **limits))


TURN = "Waiting for its turn: "
BUSY = f"{TURN}another Job works on the store of district springfield."
TABLE = {
    "nothing is at work": ([], ""),
    "a plan of the same store": ([made(JOBS, "1")], BUSY),
    "an apply of the same store": ([made(JOBS, "1", stage="apply")], BUSY),
    "a Job of the same store that is over": ([made(JOBS, "1", over=True)], ""),
    "its pod has the volume still": ([made(JOBS, "1", over=True), made(PODS, "2")], BUSY),
    "its pod is over too": ([made(JOBS, "1", over=True), made(PODS, "2", over=True)], ""),
    "a purge of the same store, which may take away what a plan of it makes": ([made(JOBS, "1", stage="purge")], BUSY),
    "Test Connection touches no store": ([made(JOBS, "1", stage="check")], ""),
    "another store": ([made(JOBS, "1", district="shelbyville")], ""),
    "a store of that name in another namespace": ([made(JOBS, "1", namespace="b")], ""),
    "as many as a namespace may have": (
        [made(JOBS, str(n), district=f"d{n}") for n in range(2)],
        f"{TURN}2 Jobs are at work in this namespace, of at most 2.",
    ),
    "as many as there may be in all": (
        [made(JOBS, str(n), f"n{n}") for n in range(3)],
        f"{TURN}3 Jobs are at work, of at most 3.",
    ),
    "one fewer": ([made(JOBS, str(n), f"n{n}") for n in range(2)], ""),
    "those that are over do not count": ([made(JOBS, str(n), f"n{n}", over=True) for n in range(3)], ""),
}


@pytest.mark.parametrize(("objects", "expected"), TABLE.values(), ids=TABLE)
def test_refusal(objects, expected):
    assert slots(*objects, runs=3, runs_per_namespace=2).refusal("a", "springfield", "r").text == expected


def test_a_promised_store_is_taken_for_others_and_free_for_its_own_run():
    table = slots()

    release = table.promise("r", "a", "springfield")

    assert table.refusal("a", "springfield", "other").text == BUSY
    assert table.refusal("a", "springfield", "r").text == ""
    assert table.refusal("b", "springfield", "other").text == ""
    release()
    assert table.refusal("a", "springfield", "other").text == ""
    release()  # twice is once


@pytest.mark.parametrize("limits", [{"runs": 2}, {"runs_per_namespace": 2}], ids=["in all", "in the namespace"])
def test_promises_count(limits):
    table = slots(made(JOBS, "1", district="d1"), **limits)
    release = table.promise("r", "a", "d2")

    assert "2 Jobs are at work" in table.refusal("a", "d3", "other").text

    release()
    assert table.refusal("a", "d3", "other").text == ""


def test_districts_whose_names_are_longer_than_a_label_are_told_apart():
    from rostersync.lifecycle.names import label_value

    table = slots(made(JOBS, "1", district=label_value(LONG + "x")))

    assert table.refusal("a", LONG + "x", "r").text != ""
    assert table.refusal("a", LONG + "y", "r").text == ""


@pytest.fixture
def shared():
    """What the parts share, with a plan of run `one` that has ended and three runs that wait."""
    run = {"metadata": {"namespace": "a", "name": "one", "uid": "u1", "resourceVersion": "1"}}
    run["spec"] = {"connectionRef": {"name": "c"}}
    store = Cache()
    store.put(RUNS, run)
    options = Options("rostersync:test")
    shared = Shared(options, None, store, Queue(), None, Slots(store, options), None, listed=True)
    for name, where in (("two", ("a", "springfield")), ("far", ("b", "springfield")), ("other", ("a", "shelbyville"))):
        for_store = where == ("a", "springfield")
        shared.slots.waiting.add((RUNS, where[0], name), *where, for_store)
    return shared


def job(stage, run="u1"):
    _, made_ = made(JOBS, "j", stage=stage, over=True)
    made_["metadata"]["ownerReferences"] = [{"uid": run, "controller": True}]
    return made_


ONE, TWO, FAR, OTHER = (RUNS, "a", "one"), (RUNS, "a", "two"), (RUNS, "b", "far"), (RUNS, "a", "other")


def queued(shared):
    lane = shared.queue._waiting
    return [lane.pop() for _ in range(len(lane))]


def test_a_run_whose_plan_has_ended_goes_on_before_those_that_waited_for_it(shared):
    shared.keep_turn(job("plan"))
    shared.wake("a", "springfield")

    assert queued(shared) == [FAR, OTHER]
    assert shared.slots.refusal("a", "springfield", "u2").text == BUSY
    assert shared.slots.refusal("a", "springfield", "u1").text == ""
    assert shared.slots.refusal("b", "springfield", "u3").text == ""

    shared.end_turn(ONE, shared.slots.turn(ONE))

    assert queued(shared) == [TWO]
    assert shared.slots.refusal("a", "springfield", "u2").text == ""


@pytest.mark.parametrize("ended", ["its Job", "its pod"])
def test_the_end_of_a_plan_is_seen_as_its_runs_turn(shared, ended):
    plan, (_, pod) = job("plan"), made(PODS, "p", over=True)
    pod["metadata"]["ownerReferences"] = [{"uid": "j", "controller": True}]
    router = Router(shared, None)
    if ended == "its pod":
        plan["status"] = {}  # the Job is told of it later
        router.event(JOBS, "ADDED", plan)
        assert shared.slots.turn(ONE) is None

    router.event(*((PODS, "MODIFIED", pod) if ended == "its pod" else (JOBS, "MODIFIED", plan)))

    assert shared.slots.turn(ONE) is not None
    assert TWO not in queued(shared)


def test_who_has_to_wait_waits_before_that_is_written(shared, monkeypatch):
    class Written:
        async def write_run(self, run, status):
            assert ONE in shared.slots.waiting.of_store("a", "springfield")
            raise ApiError(404, "NotFound", "it was deleted meanwhile")

    monkeypatch.setattr("rostersync.controller.runs.reconcile.statuses.of", lambda *_: {"stage": "other"})
    settled = Runs(shared, Written())._settle(
        ONE,
        shared.store.get(*ONE),
        None,
        Wait("Queued", BUSY, turn=True),
        Refusal(BUSY, for_store=True),
        SimpleNamespace(turn="springfield"),
        Facts((), frozenset(), None),
    )
    asyncio.run(settled)

    assert ONE in shared.slots.waiting.of_store("a", "springfield")


def test_a_turn_that_began_during_a_look_outlasts_it(shared):
    before = shared.slots.turn(ONE)
    shared.keep_turn(job("plan"))
    first = shared.slots.turn(ONE)
    shared.keep_turn(job("plan"))

    for looked in (before, first):
        shared.end_turn(ONE, looked)
        assert (queued(shared), shared.slots.refusal("a", "springfield", "u2").text) == ([], BUSY)

    shared.end_turn(ONE, shared.slots.turn(ONE))
    assert queued(shared) == [TWO]


@pytest.mark.parametrize(
    "ended", [job("apply"), job("check"), job("plan", run="nobody")], ids=["apply", "check", "orphan"]
)
def test_what_has_nothing_to_apply_keeps_no_turn(shared, ended):
    shared.keep_turn(ended)
    shared.wake("a", "springfield")

    assert queued(shared) == [TWO, FAR, OTHER]
    assert shared.slots.refusal("a", "springfield", "u2").text == ""


def test_who_may_not_apply_yet_keeps_no_turn(shared):
    shared.listed = False  # or stands by, where nobody looks, for months

    shared.keep_turn(job("plan"))

    assert shared.slots.turn(ONE) is None


def test_a_turn_outlasts_a_few_failures(shared, monkeypatch):
    async def fails(self, key):
        raise ApiError(409, "Conflict", "somebody else wrote it")

    async def succeeds(self, key):
        pass

    runs = Runs(shared, None)
    monkeypatch.setattr(Runs, "_go_on", fails)
    for tries in range(4):
        shared.keep_turn(job("plan"))
        with pytest.raises(ApiError):
            asyncio.run(runs.reconcile("a", "one"))
        shared.queue.done(ONE, ok=False)
        assert shared.slots.refusal("a", "springfield", "u2").text == (BUSY if tries < 3 else "")

    shared.keep_turn(job("plan"))
    monkeypatch.setattr(Runs, "_go_on", succeeds)
    asyncio.run(runs.reconcile("a", "one"))

    assert shared.slots.refusal("a", "springfield", "u2").text == ""
    assert queued(shared) == [TWO]
