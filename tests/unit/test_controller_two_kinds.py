"""Two connections of one name and different kinds share nothing on the control plane but their namespace."""

import asyncio
from datetime import timedelta

import pytest

from rostersync.controller.cluster.cache import RUNS
from rostersync.controller.connections.sources import taken
from support.example_kind import registered
from support.operated import Scene
from support.remembering import CONNECTIONS

EXAMPLES = "exampleconnections"


@pytest.fixture
def scene(monkeypatch):
    with registered():
        yield Scene(monkeypatch)


def connect_both(scene, **spec):
    """A connection of each kind, both called springfield."""
    return (
        scene.connect("springfield", **spec),
        scene.connect("springfield", kind="ExampleConnection", district="lakeside", **spec),
    )


def settle(scene, kind):
    """Look at the connection of that kind, its runs that have ended known."""
    scene.process.shared.listed = True
    asyncio.run(scene.process._reconcile((kind, "rosters", "springfield")))


def queued(scene):
    """The keys that want to be looked at, which want it no more."""
    queue, keys = scene.process.shared.queue, set()
    while len(queue):
        key = asyncio.run(queue.get())
        queue.done(key)
        keys.add(key)
    return keys


def ended(scene, name, kind, outcome="Applied", **status):
    scene.run(name, "springfield", kind=kind)
    done = {"outcome": outcome, "completionTime": "2026-11-26T02:30:00Z", **status}
    return scene.api.change(RUNS, "rosters", name, status=done)


def test_a_run_looks_at_the_connection_of_the_kind_that_it_names(scene):
    connect_both(scene)
    scene.api.change(EXAMPLES, "rosters", "springfield", spec={**scene.of(EXAMPLES)[0]["spec"], "suspend": True})
    scene.run("one", "springfield", kind="ExampleConnection")
    scene.work()
    assert scene.reason("one") == "ExampleConnection springfield is suspended (spec.suspend)."


def test_neither_waits_behind_runs_of_the_other(scene):
    connect_both(scene, suspend=True)
    scene.run("focus", "springfield")
    scene.run("example", "springfield", kind="ExampleConnection")
    scene.run("example-2", "springfield", kind="ExampleConnection")
    scene.work()
    assert scene.reason("focus") == "FocusConnection springfield is suspended (spec.suspend)."
    assert scene.reason("example") == "ExampleConnection springfield is suspended (spec.suspend)."
    assert scene.reason("example-2").startswith("Waiting for its turn: runs of ExampleConnection springfield that")


def test_what_happens_to_one_moves_no_run_of_the_other(scene):
    connect_both(scene, suspend=True)
    scene.run("focus", "springfield")
    scene.run("example", "springfield", kind="ExampleConnection")
    scene.work()
    scene.looks.clear()
    scene.api.change(EXAMPLES, "rosters", "springfield")
    scene.work()
    assert set(scene.looks) == {"example"}


def test_the_status_of_each_tells_of_its_own_runs(scene):
    connect_both(scene)
    ended(scene, "focus", "FocusConnection", revision=1)
    ended(scene, "example", "ExampleConnection", outcome="NoChanges")
    for kind, run in ((CONNECTIONS, "focus"), (EXAMPLES, "example")):
        settle(scene, kind)
        assert scene.of(kind)[0]["status"]["lastRun"]["name"] == run


def test_with_one_that_is_deleted_end_its_own_runs_alone(scene):
    connect_both(scene, suspend=True)
    scene.run("focus", "springfield")
    scene.run("example", "springfield", kind="ExampleConnection")
    scene.work()
    scene.api.take_out(EXAMPLES, "rosters", "springfield")
    asyncio.run(scene.process._reconcile((EXAMPLES, "", "")))
    scene.work()
    assert scene.reason("example") == "Cancelled"
    assert scene.reason("focus") == "FocusConnection springfield is suspended (spec.suspend)."


def test_a_run_is_an_orphan_though_another_kind_has_the_name(scene):
    scene.connect("springfield")
    longer = scene.process.shared.clock() - timedelta(days=2)
    scene.run("example", "springfield", kind="ExampleConnection")
    scene.api.change(
        RUNS,
        "rosters",
        "example",
        metadata={"labels": {"rostersync.dev/trigger": "Schedule"}},
        status={"outcome": "Applied", "completionTime": longer.isoformat()},
    )
    asyncio.run(scene.process.sweep.orphans())
    assert scene.of(RUNS) == []


def test_a_run_that_one_asks_for_names_its_kind(scene):
    connect_both(scene)
    meta = {"annotations": {"rostersync.dev/requestedAt": "now"}}
    for kind in (CONNECTIONS, EXAMPLES):
        scene.api.change(kind, "rosters", "springfield", metadata=meta)
        settle(scene, kind)
    assert sorted(run["spec"]["connectionRef"]["kind"] for run in scene.of(RUNS)) == [
        "ExampleConnection",
        "FocusConnection",
    ]


def test_one_source_of_a_district_belongs_to_one_connection_of_whatever_kind(scene):
    """The sourceID of another kind begins with its prefix, and of two of one age and name the kind decides."""
    example = scene.connect("springfield", kind="ExampleConnection")
    apart = scene.connect("springfield")
    store = scene.process.shared.store
    assert taken(store, apart) is taken(store, example) is None

    same = scene.connect("springfield", sourceID="ex-springfield")
    assert taken(store, example) is None
    assert taken(store, same)[1].startswith(
        "ExampleConnection springfield is older and has district springfield, sourceID ex-springfield already."
    )


def test_when_one_gives_its_source_free_the_other_kind_is_looked_at(scene):
    scene.connect("springfield", kind="ExampleConnection")
    scene.connect("springfield", sourceID="ex-springfield")
    scene.work()
    scene.api.take_out(EXAMPLES, "rosters", "springfield")
    assert (CONNECTIONS, "rosters", "springfield") in queued(scene)


def test_events_are_about_the_object_of_its_kind(scene):
    _, example = connect_both(scene)
    scene.process.shared.events.warn(example, EXAMPLES, "StartMissed", "A start was missed.")
    about = scene.process.shared.events._queue.get_nowait()["involvedObject"]
    assert (about["kind"], about["uid"]) == ("ExampleConnection", example["metadata"]["uid"])


def test_metrics_tell_them_apart(scene):
    connect_both(scene)
    settle(scene, EXAMPLES)
    text = scene.process.metrics.text().decode()
    for name in ("springfield", "exampleconnection/springfield"):
        assert f'rostersync_connection_ready{{connection="{name}",namespace="rosters"}}' in text


def test_all_kinds_are_listed_watched_and_swept(scene):
    connect_both(scene)
    assert {CONNECTIONS, EXAMPLES} <= set(scene.process.router.watched)
    scene.work()
    scene.process.sweep.queue_all()
    assert {(CONNECTIONS, "rosters", "springfield"), (EXAMPLES, "rosters", "springfield")} <= queued(scene)
