"""Thousands of runs of one connection: what they cost, and that nobody else waits for them."""

import asyncio

import pytest

from rostersync.controller.cluster.cache import JOBS, RUNS
from rostersync.controller.cluster.client import ApiError
from rostersync.controller.cluster.queue import ASIDE
from support.operated import Scene
from support.remembering import CONNECTIONS


@pytest.fixture
def scene(monkeypatch):
    return Scene(monkeypatch)


@pytest.mark.parametrize("count", [1_000, 10_000])
def test_runs_that_wait_behind_another_cost_one_write_and_three_looks_each(scene, count):
    scene.connect("springfield", suspend=True)
    for number in range(count):
        scene.run(f"r{number:05}", "springfield")
        if number % 100 == 0:
            scene.work(50)
    scene.work()
    scene.api.change(CONNECTIONS, "rosters", "springfield")
    scene.process.sweep.queue_all()
    scene.work()

    assert len(scene.looks) <= 3 * count + 300  # it is made, the echo of the write, a sweep
    assert scene.visits <= 2 * count
    assert scene.api.writes["PATCH", "syncruns/status"] == count
    assert scene.reason("r00000") == "FocusConnection springfield is suspended (spec.suspend)."
    assert scene.reason("r00001").startswith("Waiting for its turn: runs of FocusConnection springfield that were made")


def test_the_end_of_one_is_the_turn_of_the_next_and_of_no_other(scene):
    scene.connect("springfield", suspend=True)
    for number in range(300):
        scene.run(f"r{number:05}", "springfield")
    scene.work()
    scene.looks.clear()

    scene.cancel("r00000")
    scene.work()

    assert scene.reason("r00000") == "Cancelled"
    assert set(scene.looks) == {"r00000", "r00001"}
    assert scene.reason("r00001") == "FocusConnection springfield is suspended (spec.suspend)."

    scene.looks.clear()
    scene.api.take_out(RUNS, "rosters", "r00001")
    scene.work()
    assert scene.reason("r00002") == "FocusConnection springfield is suspended (spec.suspend)."


def test_a_run_that_waits_behind_others_can_be_cancelled_and_ends_with_its_connection(scene):
    connection = scene.connect("springfield", suspend=True)
    for number in range(20):
        scene.run(f"r{number:05}", "springfield")
    scene.work()

    scene.cancel("r00007")
    scene.work(1)
    assert scene.reason("r00007") == "Cancelled"

    scene.api.take_out(CONNECTIONS, "rosters", "springfield")
    asyncio.run(scene.process.connections.deleted(connection))
    scene.work()
    assert {scene.reason(f"r{number:05}") for number in range(20)} == {"Cancelled"}


@pytest.mark.parametrize("namespace", ["rosters", "others"])
def test_a_run_of_another_connection_starts_as_if_they_were_not_there(scene, namespace):
    scene.connect("springfield", suspend=True)
    scene.connect("shelbyville", namespace)
    for number in range(2_000):
        scene.run(f"r{number:05}", "springfield")
    scene.run("mine", "shelbyville", namespace)
    scene.work(5)

    assert scene.looks.index("mine") <= 3, "in front of all that wait behind another"
    assert scene.api.writes["POST", JOBS] == 1


def test_few_workers_are_at_what_can_wait(scene):
    scene.connect("springfield", suspend=True)
    for number in range(100):
        scene.run(f"r{number:05}", "springfield")

    async def taken():
        found = []
        while True:
            try:
                async with asyncio.timeout(0.05):
                    found.append(await scene.process.shared.queue.get())
            except TimeoutError:
                return [key for key in found if key[2] not in ("springfield", "r00000")]

    assert len(asyncio.run(taken())) == ASIDE


def test_a_plan_is_told_of_no_run_that_has_not_begun(scene):
    scene.connect("springfield")
    for number in range(3_000):
        scene.run(f"r{number:05}", "springfield")
    scene.work()

    (job,) = [o for key, o in scene.api.objects.items() if f"/{JOBS}/" in key]
    args = job["spec"]["template"]["spec"]["containers"][0]["args"]
    assert [a for a in args if a.startswith("--known")] == ["--known=r00000"]


@pytest.fixture
def small(monkeypatch):
    """A scene with three slots, of which a namespace may have two."""
    return Scene(monkeypatch, runs=3, runs_per_namespace=2)


def jobs(scene):
    return [key.split("/")[0] for key in scene.api.objects if f"/{JOBS}/" in key and "-plan-" in key]


def end_job(scene, namespace):
    name = next(k.split("/")[2] for k in scene.api.objects if k.startswith(f"{namespace}/{JOBS}/"))
    scene.api.take_out(JOBS, namespace, name)


def test_a_slot_goes_to_the_namespace_that_has_the_fewest(small):
    for number in range(10):
        small.connect(f"c{number}", "greedy")
        small.run(f"r{number}", f"c{number}", "greedy")
    small.connect("c", "second")
    small.run("r", "c", "second")
    small.work()
    assert sorted(jobs(small)) == ["greedy", "greedy", "second"]

    small.connect("c", "modest")
    small.run("r", "c", "modest")
    small.work()
    assert small.reason("r", "modest") == "Waiting for its turn: 3 Jobs are at work, of at most 3."

    end_job(small, "greedy")
    small.connect("late", "greedy")
    small.run("late", "late", "greedy")
    small.work()
    assert sorted(jobs(small)) == ["greedy", "modest", "second"]

    small.cancel("r", "second")
    small.work()
    assert sorted(jobs(small)) == ["greedy", "greedy", "modest"], "who is alone has all that there is"


def test_a_slot_that_is_not_needed_goes_on_to_the_next(small):
    for name in ("a", "b", "c", "d", "e"):
        small.connect("c", name)
        small.run("r", "c", name)
    small.work()
    assert jobs(small) == ["a", "b", "c"]

    quota = ApiError(403, "Forbidden", "exceeded quota")
    small.api.refuse = lambda kind, job: quota if kind == JOBS and job["metadata"]["namespace"] == "d" else None
    small.cancel("r", "a")
    small.work()

    assert jobs(small) == ["b", "c", "e"]
