"""The store ends in the true state, in whatever order it is told of it, and finds children by their owner."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostersync.controller.cluster.cache import (
    APPROVALS,
    JOBS,
    PODS,
    RUNS,
    Cache,
    age,
    finished,
    job_condition,
    owner,
    relations,
)
from rostersync.controller.cluster.slim import slim
from support.remembering import CONNECTIONS

NS = "rosters"


def thing(name="a", uid="u1", rv=1, **more):
    meta = {"namespace": NS, "name": name, "uid": uid, "resourceVersion": str(rv), "creationTimestamp": "2026"}
    return {"metadata": meta | more.pop("metadata", {}), "spec": {}} | more


def run(name="a", uid="u1", rv=1, connection="c", outcome=None, **more):
    status = {"outcome": outcome} if outcome else {}
    return thing(name, uid, rv, spec={"connectionRef": {"name": connection}}, status=status, **more)


def job(name="j", uid="j1", rv=1, of="u1", done=None, district="springfield"):
    references = [{"uid": "stranger"}, {"uid": of, "controller": True}]
    meta = {
        "ownerReferences": references,
        "labels": {"rostersync.dev/district": district, "rostersync.dev/job": "plan"},
    }
    conditions = [{"type": done, "status": "True"}] if done else []
    return thing(name, uid, rv, metadata=meta, status={"conditions": conditions})


def names(found):
    return [o["metadata"]["name"] for o in found]


def version_of(store, name="a", kind=RUNS):
    found = store.get(kind, NS, name)
    return (found["metadata"]["uid"], int(found["metadata"]["resourceVersion"])) if found else None


ORDERS = {
    "what is new is taken": (["put u1 1"], ("u1", 1), True),
    "newer wins": (["put u1 1", "put u1 2"], ("u1", 2), True),
    "older is left out": (["put u1 2", "put u1 1"], ("u1", 2), False),
    "the echo of a write is nothing new": (["put u1 2", "put u1 2"], ("u1", 2), False),
    "versions are numbers": (["put u1 9", "put u1 10"], ("u1", 10), True),
    "deleted is deleted": (["put u1 1", "del u1 2"], None, True),
    "deleted stays deleted": (["put u1 1", "del u1 3", "put u1 2"], None, False),
    "deleted before it was seen stays deleted": (["del u1 3", "put u1 2"], None, False),
    "deleted twice": (["put u1 1", "del u1 2", "del u1 2"], None, False),
    "made again under its name": (["put u1 1", "del u1 2", "put u2 3"], ("u2", 3), True),
    "made again, and the deletion comes late": (["put u1 1", "put u2 3", "del u1 2"], ("u2", 3), False),
    "made again, and the old one is heard of once more": (["put u2 3", "put u1 1"], ("u2", 3), False),
}


@pytest.mark.parametrize(("told", "expected", "new"), ORDERS.values(), ids=ORDERS)
def test_the_newest_wins_and_the_deleted_stays_deleted(told, expected, new):
    store = Cache()

    for line in told:
        what, uid, rv = line.split()
        took = (store.put if what == "put" else store.remove)(RUNS, run(uid=uid, rv=int(rv)))

    assert version_of(store) == expected
    assert took == new
    assert store.count(RUNS) == (expected is not None)
    assert names(store.related(RUNS, "uid/u1")) == (["a"] if expected and expected[0] == "u1" else [])


@st.composite
def histories(draw):
    """What happened to a few names: for each, lives under UIDs of their own, with versions that only grow."""
    events, rv = [], 0
    alive = {}
    for step in range(draw(st.integers(1, 14))):
        rv += draw(st.integers(1, 3))
        name = draw(st.sampled_from("ab"))
        uid = alive.get(name)
        if uid and draw(st.booleans()):
            events.append(("del", run(name, uid, rv)))
            del alive[name]
            continue
        uid = alive.setdefault(name, f"u{step}")
        outcome = draw(st.sampled_from([None, None, "Applied"]))
        events.append(("put", run(name, uid, rv, connection=draw(st.sampled_from("cd")), outcome=outcome)))
    return events


def true_state(events):
    state = {}
    for what, obj in events:
        if what == "put":
            state[obj["metadata"]["name"]] = obj
        else:
            state.pop(obj["metadata"]["name"], None)
    return state


def assert_is(store, state):
    assert {o["metadata"]["name"]: o for o in store.all(RUNS)} == state
    known = {r for o in state.values() for r in relations(RUNS, o)}
    for relation in known | {"open", *(f"open/{NS}/{c}" for c in "cd"), *(f"connection/{NS}/{c}" for c in "cd")}:
        mine = [o for o in state.values() if relation in set(relations(RUNS, o))]
        assert store.related(RUNS, relation) == sorted(mine, key=age)
        assert store.size(RUNS, relation) == len(mine)


@given(histories(), st.data())
def test_in_any_interleaving_of_watches_and_answers_the_end_is_the_truth(events, data):
    """Two watches show everything, each in order; answers to own writes come whenever they come."""
    answers = [e for e in events if e[0] == "put" and data.draw(st.booleans())]
    lanes = [list(events), list(events), *([a] for a in answers)]
    store = Cache()

    while lanes:
        lane = data.draw(st.sampled_from(range(len(lanes))))
        what, obj = lanes[lane].pop(0)
        (store.put if what == "put" else store.remove)(RUNS, obj)
        lanes = [rest for rest in lanes if rest]

    assert_is(store, true_state(events))


@given(histories(), st.data())
def test_a_list_mends_what_a_watch_lost(events, data):
    """Of what happened some is never shown; then a list is made at one moment, and the watch shows all after it."""
    listed = data.draw(st.integers(0, len(events)))
    at = int(events[listed - 1][1]["metadata"]["resourceVersion"]) if listed else 0
    store = Cache()
    for what, obj in events[:listed]:
        if data.draw(st.booleans()):
            (store.put if what == "put" else store.remove)(RUNS, obj)
    early = data.draw(st.integers(listed, len(events)))  # the watch is ahead of the list
    for what, obj in events[listed:early]:
        (store.put if what == "put" else store.remove)(RUNS, obj)

    store.replace(RUNS, list(true_state(events[:listed]).values()), at)
    for what, obj in events[early:]:
        (store.put if what == "put" else store.remove)(RUNS, obj)

    assert_is(store, true_state(events))


def test_a_list_says_what_differed():
    store = Cache()
    for obj in (run("same", "u1", 1), run("older", "u2", 2), run("gone", "u3", 3), run("later", "u4", 9)):
        store.put(RUNS, obj)
    newer, made = run("older", "u2", 5), run("new", "u5", 6)

    differed = store.replace(RUNS, [run("same", "u1", 1), newer, made], 7)

    assert names(differed) == ["older", "new", "gone"]
    assert names(store.all(RUNS)) == ["same", "older", "later", "new"]


def test_a_list_of_some_says_nothing_of_others():
    store = Cache()
    for obj in (run("open", "u1", 1), run("ended", "u2", 2), run("later", "u3", 9)):
        store.put(RUNS, obj)

    differed = store.replace(RUNS, [], 7, lambda obj: obj["metadata"]["name"] != "open")

    assert names(differed) == ["ended"]
    assert names(store.all(RUNS)) == ["open", "later"]


def test_a_list_of_one_kind_leaves_others_alone():
    store = Cache()
    store.put(RUNS, run())
    store.put(JOBS, job())

    store.replace(RUNS, [], 5)

    assert (store.count(RUNS), store.count(JOBS)) == (0, 1)


def test_children_are_found_by_the_owner_that_controls_them():
    store = Cache()
    store.put(JOBS, job("one", "j1", of="u1"))
    store.put(JOBS, job("two", "j2", of="u2"))
    store.put(PODS, job("one", "p1", of="j1"))

    assert names(store.related(JOBS, "owner/u1")) == ["one"]
    assert names(store.related(PODS, "owner/j1")) == ["one"]
    assert store.related(JOBS, "owner/stranger") == []
    assert owner(run()) == ""


def test_relations_follow_what_an_object_is_now():
    store = Cache()
    store.put(RUNS, run(rv=1))
    assert names(store.related(RUNS, f"open/{NS}/c")) == ["a"]

    store.put(RUNS, run(rv=2, outcome="Applied"))

    assert store.related(RUNS, f"open/{NS}/c") == []
    assert store.related(RUNS, "open") == []
    assert names(store.related(RUNS, f"connection/{NS}/c")) == ["a"]


@pytest.mark.parametrize(("done", "live"), [(None, 1), ("Complete", 0), ("Failed", 0), ("SuccessCriteriaMet", 1)])
def test_a_job_is_its_district_s_until_it_is_over(done, live):
    store = Cache()
    store.put(JOBS, job(rv=1))

    store.put(JOBS, job(rv=2, done=done))

    for relation in (f"turn/{NS}/springfield", f"live/{NS}", "live"):
        assert store.size(JOBS, relation) == live
    assert names(store.related(JOBS, "owner/u1")) == ["j"]


@pytest.mark.parametrize(
    ("phase", "over"), [("Pending", False), ("Running", False), ("Succeeded", True), ("Failed", True)]
)
def test_a_pod_is_over_by_its_phase(phase, over):
    assert finished(PODS, thing(status={"phase": phase})) == over


def test_a_condition_that_is_false_ends_nothing():
    assert job_condition(thing(status={"conditions": [{"type": "Failed", "status": "False"}]})) is None


def test_approvals_are_found_by_the_uid_of_their_run():
    store = Cache()
    spec = {"runRef": {"name": "a", "uid": "u1"}, "connectionRef": {"name": "c"}}
    store.put(APPROVALS, thing("x", "x1", spec=spec))

    assert names(store.related(APPROVALS, "run/u1")) == ["x"]
    assert store.related(APPROVALS, "run/u2") == []


def test_related_objects_come_oldest_first_and_of_one_second_by_name():
    store = Cache()
    for name, made in (("b", "2026-01-02"), ("c", "2026-01-01"), ("a", "2026-01-02")):
        store.put(RUNS, run(name, name, metadata={"creationTimestamp": made}))

    assert names(store.related(RUNS, f"connection/{NS}/c")) == ["c", "a", "b"]


def test_what_nobody_looks_at_is_not_kept():
    store = Cache(slim)
    whole = run(outcome="Applied", metadata={"managedFields": [1]})
    whole["status"] |= {"holds": [1], "plan": {"digest": "d", "baseRevision": 3}, "completionTime": "t", "revision": 4}
    store.put(RUNS, whole)
    store.put(
        CONNECTIONS,
        thing("c", "c1", metadata={"managedFields": [1]}, apiVersion="v", kind="FocusConnection", status={"x": 1}),
    )
    store.put(JOBS, job() | {"spec": {"suspend": True, "template": {"spec": {}}}})
    store.put(PODS, job(uid="p1") | {"spec": {"containers": [1], "nodeName": "n"}})

    kept = store.get(RUNS, NS, "a")
    plan = {"digest": "d", "baseRevision": 3}
    assert kept["status"] == {"outcome": "Applied", "completionTime": "t", "revision": 4, "plan": plan}
    assert "managedFields" not in kept["metadata"]
    assert store.get(CONNECTIONS, NS, "c")["status"] == {"x": 1}
    assert store.get(JOBS, NS, "j")["spec"] == {"suspend": True, "ttlSecondsAfterFinished": None}
    assert store.get(PODS, NS, "j")["spec"] == {"nodeName": "n"}
