"""Jobs that are refused, names that are taken, pods that are strangers: each is said where a person looks."""

import asyncio
import logging
from datetime import timedelta

import pytest

from rostersync.controller.act import NAMES_TAKEN
from rostersync.controller.cluster.cache import JOBS, PODS, RUNS
from rostersync.controller.cluster.client import ApiError
from rostersync.controller.jobs import renamed
from rostersync.controller.options import RUN_LABEL, STAGE_LABEL
from rostersync.lifecycle.names import job_name
from support.operated import Scene
from support.remembering import CONNECTIONS

FORBIDDEN = ApiError(403, "Forbidden", "the service account is not one of those allowed")


@pytest.fixture
def scene(monkeypatch):
    return Scene(monkeypatch)


def jobs_of(scene, stage):
    return [j for j in scene.of(JOBS) if j["metadata"].get("labels", {}).get(STAGE_LABEL) == stage]


def test_a_test_connection_that_is_refused_is_said_and_stops_nothing_else(scene):
    scene.api.refuse = lambda kind, _: FORBIDDEN if kind == JOBS else None
    scene.connect("springfield", runOn=["SpecChange"])

    scene.work(connections=True)

    state, reason, text = scene.condition(CONNECTIONS, "springfield", "Ready")
    assert (state, reason) == ("False", "JobRefused")
    assert "the service account is not one of those allowed" in text
    assert [r["spec"]["reason"] for r in scene.of(RUNS)] == ["the connection's spec changed"]
    assert "JobRefused" in dict(scene.events())

    scene.api.refuse = lambda kind, _: None
    scene.process.connections.checks._tries.clear()  # as after the pause
    scene.process.router.route(CONNECTIONS, scene.of(CONNECTIONS)[0])
    scene.work(connections=True)
    assert len(jobs_of(scene, "check")) == 1


def test_an_error_that_may_pass_is_no_refusal(scene):
    scene.api.refuse = lambda kind, _: ApiError(503, "Unavailable", "later") if kind == JOBS else None
    scene.connect("springfield")
    scene.work(connections=True)
    assert scene.condition(CONNECTIONS, "springfield", "Ready")[1] != "JobRefused"


def foreign(scene, name):
    scene.api.put_in(JOBS, "rosters", name, {"spec": {}, "kind": "Job"})


def test_a_name_that_is_taken_is_left_to_who_has_it(scene, caplog):
    caplog.set_level(logging.INFO)
    scene.connect("springfield")
    run = scene.run("monday", "springfield")
    name = job_name("monday", "plan", 1, run["metadata"]["uid"])
    foreign(scene, name)

    scene.work()

    (made,) = jobs_of(scene, "plan")
    assert made["metadata"]["name"] == renamed({"metadata": {"name": name}}, 1)["metadata"]["name"] != name
    assert made["metadata"]["name"].startswith("monday-plan-1-")
    assert scene.reason("monday").startswith("Reading the source")
    assert ("JobNameTaken" in dict(scene.events())) is True
    assert any(f"Job rosters/{made['metadata']['name']} was created: plan" in line for line in caplog.messages)

    scene.process.shared.store.remove(JOBS, made)  # an operator that does not know it any more
    scene.process.shared.queue.add((RUNS, "rosters", "monday"))
    scene.work()
    assert len(jobs_of(scene, "plan")) == 1


def test_when_all_names_are_taken_the_run_says_so_until_they_are_free(scene):
    scene.connect("springfield")
    run = scene.run("monday", "springfield")
    name = job_name("monday", "plan", 1, run["metadata"]["uid"])
    names = [renamed({"metadata": {"name": name}}, n)["metadata"]["name"] for n in range(8)]
    for taken in names:
        foreign(scene, taken)
    scene.work()
    assert NAMES_TAKEN in scene.reason("monday")
    assert "delete these" in scene.reason("monday")

    scene.api.take_out(JOBS, "rosters", names[3])
    scene.process.shared.queue.add((RUNS, "rosters", "monday"))
    scene.work()
    assert scene.reason("monday").startswith("Reading the source")


def test_a_stranger_among_the_pods_of_a_job_is_not_read_and_is_told_of(scene):
    scene.connect("springfield")
    run = scene.run("monday", "springfield")
    scene.work()
    (job,) = jobs_of(scene, "plan")
    meta = {
        "labels": {"batch.kubernetes.io/controller-uid": job["metadata"]["uid"]},
        "ownerReferences": [{"uid": job["metadata"]["uid"], "controller": True, "kind": "Job"}],
    }
    ended = {"terminated": {"exitCode": 0, "message": '{"run":"monday"}', "finishedAt": "2026-11-26T02:00:00Z"}}
    status = {"phase": "Succeeded", "containerStatuses": [{"name": "sync", "state": ended}]}
    scene.api.put_in(PODS, "rosters", "stranger", {"metadata": meta, "status": status})
    scene.api.change(
        JOBS, "rosters", job["metadata"]["name"], status={"conditions": [{"type": "Complete", "status": "True"}]}
    )
    scene.work()

    assert scene.process.shared.reports.of(job) == []
    assert "StrangePod" in dict(scene.events())
    assert scene.reason("monday").startswith("Reading the source"), "its own report may still come"
    assert run["metadata"]["uid"] == job["metadata"]["labels"][RUN_LABEL]


@pytest.mark.parametrize(("started", "looks"), [(False, 8), (True, 2)], ids=["waits", "runs"])
def test_a_pod_that_does_not_start_is_asked_for_several_times_in_the_first_minute(scene, started, looks):
    scene.connect("springfield")
    scene.run("monday", "springfield")
    scene.work()
    shared, (job,) = scene.process.shared, jobs_of(scene, "plan")
    pods = [{"status": {"containerStatuses": [{"name": "sync", "state": {"running": {}}}]}}] if started else []
    for pod in pods:
        owner = {"uid": job["metadata"]["uid"], "controller": True}
        pod["metadata"] = {"labels": {RUN_LABEL: job["metadata"]["labels"][RUN_LABEL]}, "ownerReferences": [owner]}
        scene.api.put_in(PODS, "rosters", "p", pod)
    made = shared.clock()
    scene.api.change(JOBS, "rosters", job["metadata"]["name"], metadata={"creationTimestamp": made.isoformat()})
    at, count = 0.0, 0
    put_off = []
    shared.queue.add_after = lambda key, seconds, aside=False: put_off.append(seconds)
    while at < 60:
        shared.clock = lambda at=at: made + timedelta(seconds=int(at))
        put_off.clear()
        asyncio.run(scene.process.runs.reconcile("rosters", "monday"))
        at += min(put_off)
        count += 1
    assert count == looks
