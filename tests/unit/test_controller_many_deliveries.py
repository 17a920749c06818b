"""A thousand deliveries that wait at once, fail, and are tried again: none is lost, none runs twice, and slots are kept."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from rostersync.controller.cluster.cache import JOBS, PODS, RUNS
from rostersync.controller.options import NUMBER_LABEL, RUN_LABEL, STAGE_LABEL
from support.example_delivery import HOST_KEY, registered
from support.operated import Scene
from support.remembering import CONNECTIONS

COUNT, NAMESPACES = 1_000, 100
FEED = {
    "name": "feed",
    "oneRosterCSV": {},
    "sftp": {"host": "receiver", "secretRef": {"name": "feed"}, "hostKey": HOST_KEY},
}
NOW = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)


class Clock:
    """A time that is set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def scene(monkeypatch):
    with registered():
        made = Scene(monkeypatch)
        made.process.shared.clock = Clock()
        yield made


def of(number):
    return f"team-{number % NAMESPACES:03}", f"district-{number:04}"


def waiting(scene):
    """A thousand connections, each with a run that only delivers."""
    for number in range(COUNT):
        namespace, name = of(number)
        scene.connect(name, namespace, deliveries=[FEED])
        spec = {"connectionRef": {"name": name}, "mode": "Deliver"}
        body = {"apiVersion": "rostersync.dev/v1alpha1", "kind": "SyncRun", "spec": spec}
        scene.api.put_in(RUNS, namespace, f"{name}-out", body)


def finish(scene, job, report, kind, code):
    """A Job's pod ends with a report, and the Job with it."""
    meta, namespace = job["metadata"], job["metadata"]["namespace"]
    state = {"exitCode": code, "message": json.dumps(report), "finishedAt": "2026-11-26T02:01:00Z"}
    status = {"phase": "Succeeded" if code == 0 else "Failed"}
    status["containerStatuses"] = [{"name": "sync", "state": {"terminated": state}}]
    owners = [{"kind": "Job", "name": meta["name"], "uid": meta["uid"], "controller": True}]
    about = {"labels": {RUN_LABEL: meta["labels"][RUN_LABEL]}, "ownerReferences": owners}
    scene.api.put_in(PODS, namespace, f"{meta['name']}-pod", {"metadata": about, "status": status})
    at = scene.process.shared.clock().strftime("%Y-%m-%dT%H:%M:%SZ")
    ended = [{"type": kind, "status": "True", "lastTransitionTime": at}]
    scene.api.change(JOBS, namespace, meta["name"], status={"startTime": at, "conditions": ended})


def of_deliveries(scene):
    return [j for j in scene.of(JOBS) if j["metadata"]["labels"][STAGE_LABEL] == "deliver"]


def play(scene, outcome, connections=False):
    """Let every Job that delivers end in the same way. Returns (run's UID, number) of each, as they were made."""
    made, most = [], 0
    while True:
        scene.work(connections=connections)
        live = [j for j in of_deliveries(scene) if not (j.get("status") or {}).get("conditions")]
        if not live:
            return made, most
        most = max(most, len(live))
        for job in live:
            marks = job["metadata"]["labels"]
            made.append((marks[RUN_LABEL], marks[NUMBER_LABEL]))
            run = next(r for r in scene.of(RUNS) if r["metadata"]["uid"] == marks[RUN_LABEL])
            finish(scene, job, *outcome(run["metadata"]["name"]))


def failed(run):
    error = {"reason": "LoginRefused", "message": "The receiver refused the login."}
    said = {"run": run, "stage": "send", "deliveries": [{"name": "feed", "error": error}], "error": error}
    return said, "Failed", 1


def arrived(run):
    told = {"name": "feed", "where": "a folder", "revision": 7, "bundles": 1, "files": 1, "bytes": 9}
    return (
        {"run": run, "stage": "done", "revision": 7, "deliveries": [told | {"at": "2026-11-26T02:00:00Z"}]},
        "Complete",
        0,
    )


def test_a_thousand_that_wait_fail_and_are_tried_again(scene):
    waiting(scene)

    first, most = play(scene, failed)
    assert len(first) == len(set(first)) == COUNT
    assert {number for _, number in first} == {"1"}
    assert most == scene.process.shared.options.runs
    assert "Next try: 2026-11-26T02:01Z" in scene.reason("district-0000-out", "team-000")

    scene.process.shared.clock.now += timedelta(minutes=2)
    scene.process.sweep.queue_all()
    second, most = play(scene, arrived)
    assert len(second) == len(set(second)) == COUNT
    assert {number for _, number in second} == {"2"}
    assert most == scene.process.shared.options.runs
    assert {scene.reason(f"{name}-out", namespace) for namespace, name in map(of, range(COUNT))} == {"Delivered"}
    assert of_deliveries(scene) == scene.of(JOBS)
    assert scene.process.shared.delivered[("team-000", "district-0000", "sent")] == 1
    assert len(scene.looks) <= 20 * COUNT  # two Jobs each, from their creation to their end


def test_a_run_that_waits_to_try_again_goes_on_once_another_one_has_delivered(scene):
    scene.connect("springfield", "rosters", deliveries=[FEED])

    def wanted(name):
        spec = {"connectionRef": {"name": "springfield"}, "mode": "Deliver"}
        body = {"apiVersion": "rostersync.dev/v1alpha1", "kind": "SyncRun", "spec": spec}
        scene.api.put_in(RUNS, "rosters", name, body)

    wanted("first")
    play(scene, failed, connections=True)
    assert "Next try: 2026-11-26T02:01Z" in scene.reason("first", "rosters")

    wanted("second")
    assert [uid for uid, _ in play(scene, arrived)[0]] == [
        scene.api.objects[f"rosters/{RUNS}/second"]["metadata"]["uid"]
    ]
    assert "Next try" in scene.reason("first", "rosters")

    told = scene.api.told  # a watch brings nothing new of what the operator itself has written
    scene.api.told = lambda kind, sort, obj: None if kind == CONNECTIONS else told(kind, sort, obj)
    scene.process.shared.queue.add((CONNECTIONS, "rosters", "springfield"))  # whose status tells of the second one
    assert len(play(scene, arrived, connections=True)[0]) == 1, "no clock was set, so the first one keeps no pause"
    assert scene.reason("first", "rosters") == "Delivered"
