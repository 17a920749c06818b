"""What a connection says of its store: that it is where reports said, that it is its own, that it has a volume."""

import logging

import pytest

from rostersync.controller.cluster.cache import RUNS
from rostersync.controller.cluster.slim import slim
from rostersync.controller.connections.claims import why_unbound
from support.operated import Scene
from support.remembering import CONNECTIONS

PLAN = {"digest": "sha256:1", "noChanges": False, "baseRevision": 12, "asOf": "2026-11-26T03:00:00Z", "x": 1}


@pytest.fixture
def scene(monkeypatch):
    return Scene(monkeypatch)


def ended(scene, name, outcome, reason, at, **status):
    scene.run(name, "springfield")
    condition = {"type": "Succeeded", "status": "False", "reason": reason, "message": "m"}
    whole = {"outcome": outcome, "completionTime": at, "conditions": [condition, {"type": "Stalled"}], **status}
    scene.api.change(RUNS, "rosters", name, status=whole)


def looked(scene):
    scene.process.connections._memory.clear()
    scene.process.router.route(CONNECTIONS, scene.of(CONNECTIONS)[0])
    scene.work(connections=True)


def test_a_revision_that_the_next_plan_does_not_find_is_told_once(scene, caplog):
    caplog.set_level(logging.INFO)
    scene.connect("springfield")
    ended(scene, "forged", "Applied", "Applied", "2026-11-26T02:30:00Z", revision=4711)
    ended(scene, "next", "NoChanges", "NoChanges", "2026-11-26T03:30:00Z", plan=PLAN)
    looked(scene)

    state, reason, text = scene.condition(CONNECTIONS, "springfield", "StoreConfirmed")
    assert (state, reason) == ("False", "RevisionNotFound")
    assert "Run forged reported revision 4711" in text
    assert "run next found the store at revision 12" in text
    assert [r for r, _ in scene.events()].count("RevisionNotFound") == 1

    looked(scene)
    assert "RevisionNotFound" not in dict(scene.events())


def test_a_store_of_another_source_makes_a_connection_not_ready(scene):
    scene.connect("springfield")
    ended(scene, "first", "Failed", "StoreHasOtherSource", "2026-11-26T02:30:00Z")
    looked(scene)
    assert scene.condition(CONNECTIONS, "springfield", "Ready")[:2] == ("False", "StoreHasOtherSource")


def test_of_a_run_that_failed_the_reason_is_kept_and_of_others_nothing_more():
    status = {
        "outcome": "Failed",
        "conditions": [{"type": "Succeeded", "status": "False", "reason": "R", "message": "long"}],
    }
    meta = {"name": "r"}
    kept = slim(RUNS, {"metadata": meta, "spec": {}, "status": status})["status"]
    assert kept == {"outcome": "Failed", "conditions": [{"type": "Succeeded", "status": "False", "reason": "R"}]}
    assert slim(RUNS, {"metadata": meta, "spec": {}, "status": {**status, "outcome": "Applied"}})["status"] == {
        "outcome": "Applied"
    }


def event(reason, at, uid="u"):
    return {
        "reason": reason,
        "lastTimestamp": at,
        "message": "no volume of that class.",
        "involvedObject": {"uid": uid},
    }


CLAIM = {"metadata": {"name": "c", "uid": "u"}, "status": {"phase": "Pending"}}
WAITS = event("WaitForFirstConsumer", "2026-11-26T02:00:02Z")
UNBOUND = {
    "nothing is said yet": (CLAIM, [], ""),
    "it waits for its first pod": (CLAIM, [event("ProvisioningFailed", "2026-11-26T02:00:01Z"), WAITS], ""),
    "nobody provides it": (
        CLAIM,
        [event("FailedBinding", "2026-11-26T02:00:01Z")],
        "gets no volume: no volume of that class.",
    ),
    "who provides it fails": (CLAIM, [WAITS, event("ProvisioningFailed", "2026-11-26T02:00:09Z")], "gets no volume"),
    "an event of another claim": (CLAIM, [event("FailedBinding", "2026-11-26T02:00:01Z", "v")], ""),
    "its volume is gone": ({**CLAIM, "status": {"phase": "Lost"}}, [], "has lost its volume"),
}


@pytest.mark.parametrize(("claim", "events", "text"), UNBOUND.values(), ids=UNBOUND)
def test_why_a_claim_has_no_volume(claim, events, text):
    assert (text in why_unbound(claim, events)) if text else why_unbound(claim, events) == ""


def test_a_claim_that_gets_no_volume_is_said_when_a_job_does_not_start(scene):
    scene.connect("springfield")
    scene.run("monday", "springfield")
    scene.work(connections=True)
    claim = scene.of("persistentvolumeclaims")[0]
    name = claim["metadata"]["name"]
    scene.api.change("persistentvolumeclaims", "rosters", name, status={"phase": "Pending"})
    about = {"involvedObject": {"uid": claim["metadata"]["uid"], "name": name}}
    said = {"reason": "FailedBinding", "message": "no storage class is set", "lastTimestamp": "2026-11-26T02:00:00Z"}
    scene.api.put_in("events", "rosters", "e", {**about, **said, "type": "Normal"})
    scene.process.shared.troubled.add((CONNECTIONS, "rosters", "springfield"))  # as by a pod that has no node
    scene.process.connections._memory[scene.of(CONNECTIONS)[0]["metadata"]["uid"]].claims_at -= 20
    scene.process.router.route(CONNECTIONS, scene.of(CONNECTIONS)[0])
    scene.work(connections=True)

    assert scene.condition(CONNECTIONS, "springfield", "Ready")[:2] == ("False", "ClaimNotBound")
    assert scene.process.shared.holdups == {}, "a pod may be what it waits for"
