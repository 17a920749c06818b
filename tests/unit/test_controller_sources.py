"""A source belongs to one connection of a namespace, the oldest: what another one of it may do, and when it may more."""

import asyncio
import itertools
from datetime import datetime
from types import SimpleNamespace

import pytest

from rostersync.controller.cluster.cache import RUNS, Cache
from rostersync.controller.connections.sources import taken
from rostersync.controller.options import Options
from rostersync.controller.process import Process
from rostersync.controller.runs.lookups import Facts
from rostersync.controller.runs.observe import observed
from rostersync.lifecycle.decide import next_step
from rostersync.lifecycle.outcomes import Outcome
from rostersync.lifecycle.steps import Finish, StartPlan
from support.remembering import CONNECTIONS

NOW = datetime.fromisoformat("2026-11-24T02:00:00+00:00")
SPEC = {
    "termsOfUse": {"accepted": True},
    "deliveryConfig": {"serviceURL": "https://focus.example/oneroster", "credentialsSecretRef": {"name": "focus"}},
}


def connection(name, at=0, namespace="rosters", **spec):
    """One that was made `at` seconds after midnight."""
    meta = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{namespace}-{name}",
        "generation": 1,
        "resourceVersion": str(at + 1),
        "creationTimestamp": f"2026-11-24T00:00:{at:02}Z",
    }
    return {"apiVersion": "rostersync.dev/v1alpha1", "kind": "FocusConnection", "metadata": meta, "spec": SPEC | spec}


FIRST = connection("simulated")
SAME = {"district": "simulated", "sourceID": "simulated"}
LATER = connection("carls-own", 5, **SAME)
CASES = {  # another connection beside FIRST, and whether it may not have its source
    "the same names, said": (LATER, True),
    "the same names in another namespace": (connection("carls-own", 5, "elsewhere", **SAME), False),
    "another source of the district": (connection("carls-own", 5, district="simulated"), False),
    "the same source of another district": (connection("carls-own", 5, sourceID="simulated"), False),
    "of the same second the name says": (connection("zoe", 0, **SAME), True),
    "suspended": (connection("carls-own", 5, suspend=True, **SAME), True),
}


def store_of(*connections):
    store = Cache()
    for obj in connections:
        store.put(CONNECTIONS, obj)
    return store


@pytest.mark.parametrize(("other", "is_taken"), CASES.values(), ids=CASES)
def test_a_source_belongs_to_the_oldest_connection_of_its_namespace(other, is_taken):
    for order in itertools.permutations([FIRST, other]):  # as after a restart, whichever is seen first
        store = store_of(*order)
        assert taken(store, FIRST) is None
        assert (taken(store, other) is not None) == is_taken


def test_one_that_was_made_wrong_keeps_its_source():
    wrong = connection("simulated", entities=["Nothing"])
    assert taken(store_of(wrong, LATER), LATER)[0] == "SourceTaken"


def test_who_is_older_is_named_with_what_is_taken():
    reason, message = taken(store_of(FIRST, LATER), LATER)
    assert reason == "SourceTaken"
    for part in ("FocusConnection simulated is older", "district simulated", "sourceID simulated", "Delete one"):
        assert part in message


def test_of_three_the_second_follows_when_the_first_is_deleted():
    third = connection("third", 9, **SAME)
    store = store_of(third, FIRST, LATER)
    assert taken(store, LATER)
    store.remove(CONNECTIONS, FIRST)
    assert taken(store, LATER) is None
    assert "carls-own" in taken(store, third)[1]


def operator(*connections):
    made = Process(Options(image="rostersync:test"), None)
    made.shared.clock = lambda: NOW
    for obj in connections:
        made.shared.store.put(CONNECTIONS, obj)
    return made


def seen_of(made, name, **status):
    meta = {"name": "monday", "namespace": "rosters", "uid": "u1", "creationTimestamp": "2026-11-24T01:00:00Z"}
    run = {"metadata": meta, "spec": {"connectionRef": {"name": name}}, "status": status}
    made.shared.store.put(RUNS, run)
    return observed(made.shared, run, Facts((), frozenset(), None))


def test_a_run_of_a_taken_source_fails_before_it_reads_anything():
    step = next_step(seen_of(operator(FIRST, LATER), "carls-own")[0])
    assert isinstance(step, Finish)
    assert (step.outcome, step.reason) == (Outcome.FAILED, "SourceTaken")
    assert next_step(seen_of(operator(FIRST, LATER), "simulated")[0]) == StartPlan(1)
    assert next_step(seen_of(operator(LATER), "carls-own")[0]) == StartPlan(1)


def test_a_plan_from_before_of_a_taken_source_is_not_applied():
    seen, _, refusal = seen_of(operator(FIRST, LATER), "carls-own")
    assert not seen.may_apply
    assert "is older" in refusal.text


def test_who_follows_is_looked_at_when_the_owner_comes_or_goes():
    made = operator(LATER)
    added = []
    made.shared.queue = SimpleNamespace(add=lambda key, aside=False: added.append(key))
    made.router.event(CONNECTIONS, "ADDED", FIRST)
    assert (CONNECTIONS, "rosters", "carls-own") in added
    added.clear()
    made.router.event(CONNECTIONS, "DELETED", FIRST)
    assert (CONNECTIONS, "rosters", "carls-own") in added


def test_one_that_goes_leaves_no_job_on_the_store_of_another():
    made = operator(FIRST, LATER)
    seen_of(made, "carls-own", outcome="Failed")
    made.shared.store.remove(CONNECTIONS, LATER)
    created = []

    async def create(kind, namespace, obj):
        created.append((kind, namespace, obj["metadata"]))

    made.shared.cluster = SimpleNamespace(create=create)
    asyncio.run(made.connections.deleted(LATER))

    assert created == []


def test_a_taken_source_makes_no_claim_no_test_and_no_run_and_says_so():
    made = operator(FIRST, connection("carls-own", 5, runOn=["SpecChange"], **SAME))
    written = []

    async def guard():
        return SimpleNamespace(stamping=True, missing=())

    async def apply_status(kind, obj, status):
        written.append(status)
        return obj

    # every other request fails the test: there is no cluster
    made.shared.guards.look = guard
    made.shared.cluster = SimpleNamespace(apply_status=apply_status)
    asyncio.run(made.connections.reconcile((CONNECTIONS, "rosters", "carls-own")))
    ready = next(c for c in written[0]["conditions"] if c["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "SourceTaken")
