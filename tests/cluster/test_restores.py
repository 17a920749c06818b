"""Restores on a cluster: planned without the SIS's Secret, always held, applied once approved, and refused early."""

from pathlib import Path

from support.cluster.plane import ControlPlane
from support.cluster.scene import Scene, condition, succeeded
from support.people import people_of
from support.played import Operator


def _lost(scene: Scene) -> int:
    """A run that deleted a third of the students, approved by an administrator. Returns how many records it deleted."""
    scene.connect()
    scene.run("first")
    scene.ended("first", "Applied")
    scene.simulator.add_event("mass-leave:30")
    scene.run("bad-day")
    scene.decide(scene.held("bad-day"), "Approved", reason="by mistake")
    return int(scene.ended("bad-day", "Applied")["status"]["totals"]["deleted"])


def test_a_run_is_taken_back_without_the_sis(scene: Scene) -> None:
    deleted = _lost(scene)
    scene.simulator.stop()
    scene.kubectl("delete", "secret", "focus-credentials")

    scene.run("back", mode="Restore", restoreOf="bad-day", reason="the export was wrong")

    approval = scene.held("back")
    run = scene.get("syncrun", "back")
    assert {h["reason"] for h in run["status"]["holds"]} == {"Restore"}
    assert {c["cause"] for c in run["status"]["causes"]} == {"Restored"}
    assert run["status"]["totals"]["created"] == deleted
    assert approval["spec"]["planDigest"] == run["status"]["plan"]["digest"]
    [job] = [j for j in scene.list("jobs") if j["metadata"]["name"].startswith("back-plan")]
    volumes = {v["name"] for v in job["spec"]["template"]["spec"]["volumes"]}
    assert volumes == {"connection", "store", "artifacts", "scratch", "tmp"}
    scene.decide(approval, "Approved", reason="yesterday's roster")
    run = scene.ended("back", "Applied")
    assert run["status"]["revision"] == 3
    assert condition(run, "Approved")[0] == "True"

    scene.run("twice", mode="Restore", restoreOf="bad-day")
    scene.ended("twice", "NoChanges")


def test_two_restores_of_one_run_have_one_approval_if_they_are_the_same_and_else_one_each(scene: Scene) -> None:
    deleted = _lost(scene)
    scene.run("back", mode="Restore", restoreOf="bad-day")
    approval = scene.held("back")

    scene.run("same", mode="Restore", restoreOf="bad-day")

    assert scene.ended("same", "SameAsHeld")["status"]["sameAs"] == "back"
    scene.run("people", mode="Restore", restoreOf="bad-day", entities=["Student", "Contact"])
    scene.decide(scene.held("people"), "Approved", reason="the students first")
    people = scene.ended("people", "Applied")["status"]["totals"]["created"]
    assert 0 < people < deleted
    assert not scene.get("syncrun", "back")["status"].get("outcome")

    scene.decide(approval, "Approved", reason="all of it")  # of a plan that can no longer be applied

    scene.until("syncapproval", approval["metadata"]["name"], lambda a: a["status"]["state"] == "Superseded")
    rest = scene.held("back")
    assert rest["spec"]["planDigest"] != approval["spec"]["planDigest"]
    assert scene.get("syncrun", "back")["status"]["totals"]["created"] == deleted - people
    scene.decide(rest, "Approved", reason="and the rest")
    assert scene.ended("back", "Applied")["status"]["revision"] == 4


def test_a_restore_of_what_did_not_apply_or_is_another_connections_is_refused_at_once(scene: Scene) -> None:
    scene.connect(previewDataUpload=True)
    scene.run("first")
    scene.decide(scene.held("first"), "Rejected", reason="not yet")
    scene.ended("first", "Rejected")

    scene.run("back", mode="Restore", restoreOf="first")
    back = scene.ended("back", "Failed")
    assert succeeded(back)[1:] == (
        "NotApplied",
        "SyncRun first is Rejected: it changed nothing, so there is nothing to restore.",
    )
    assert "jobs" not in back["status"]

    scene.run("unknown", mode="Restore", restoreOf="never-was")
    unknown = scene.ended("unknown", "Failed")
    assert succeeded(unknown)[1] == "NotApplied"
    assert "Run never-was changed nothing in the roster of district springfield" in succeeded(unknown)[2]

    scene.connect("shelbyville")
    scene.run("elsewhere", "shelbyville", mode="Restore", restoreOf="first")
    assert succeeded(scene.ended("elsewhere", "Failed"))[1] == "OtherConnection"

    refused = scene.kubectl("create", "-f", "-", input=_nothing_named(scene), code=1)
    assert "restoreOf goes with mode Restore, and it needs it" in refused


def _nothing_named(scene: Scene) -> str:
    spec = '{"connectionRef":{"name":"springfield"},"mode":"Restore"}'
    return f'{{"apiVersion":"rostersync.dev/v1alpha1","kind":"SyncRun","metadata":{{"name":"n"}},"spec":{spec}}}'


def test_kubectl_roster_makes_the_run(plane: ControlPlane, namespace: str, tmp_path: Path) -> None:
    with Operator(plane, namespace) as operator, people_of(plane, namespace, tmp_path) as people:
        operator.connection()
        operator.run("first")

        said = people["alice"].types("restore", "first", "--only-entity", "student", "--reason", "lost", "--no-wait")

        assert "is requested" in said.stdout
        name = said.stdout.split()[1]
        spec = operator.get("SyncRun", name)["spec"]
        assert spec == {
            "connectionRef": spec["connectionRef"],
            "mode": "Restore",
            "restoreOf": "first",
            "entities": ["Student"],
            "reason": "lost",
            "requestedBy": "alice",
        }
        assert (
            "none of District, School" in people["alice"].types("restore", "first", "--only-entity", "x", code=2).stderr
        )
        assert "first" in people["alice"].types("restore", "never-was", code=1).stderr
