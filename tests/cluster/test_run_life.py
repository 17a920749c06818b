"""A run's life on a real API server: how it is planned, held, decided, applied, and what a person reads of it."""

import json
import re
import shlex

from support.cluster.kubelet import Kubelet
from support.cluster.scene import Scene, condition, succeeded
from support.kstatus import computed


def _people(scene: Scene) -> None:
    """alice asks, bob may approve."""
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "approvers", "namespace": scene.namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "rostersync-approver"},
        "subjects": [{"kind": "User", "name": "bob", "apiGroup": "rbac.authorization.k8s.io"}],
    }
    scene.cluster.apply(binding)


def test_a_district_is_imported_held_approved_and_applied(scene: Scene) -> None:
    _people(scene)
    scene.connect()
    scene.run("first")
    first = scene.ended("first", "Applied")
    assert first["status"]["totals"]["created"] > 100
    assert first["status"]["revision"] == 1
    assert condition(first, "Planned")[0] == condition(first, "Approved")[0] == condition(first, "Applied")[0] == "True"
    assert condition(first, "Reconciling") == ("", "", "")

    scene.run("again")
    assert scene.ended("again", "NoChanges")["status"]["totals"]["created"] == 0

    scene.simulator.add_event("mass-leave:30")
    scene.run("bad-day")
    approval = scene.held("bad-day")
    bad = scene.get("syncrun", "bad-day")
    assert succeeded(bad)[0] == "Unknown"
    assert condition(bad, "Reconciling")[1] == "AwaitingApproval"
    assert computed([first, bad, approval]) == ["Current", "InProgress", "InProgress"]
    assert "completionTime" not in bad["status"]
    assert {h["reason"] for h in bad["status"]["holds"]} >= {"Threshold"}
    assert all(h["message"] for h in bad["status"]["holds"])
    assert approval["spec"]["planDigest"] == bad["status"]["plan"]["digest"]

    # the message holds the very command that approves it
    command = re.search(r"`kubectl ([^`]+)`", succeeded(bad)[2])
    assert command, succeeded(bad)
    words = shlex.split(command[1].replace("WHY", "end of term"))
    done = scene.cluster.kubectl(*words, user="bob")
    assert done.returncode == 0, done.stderr

    bad = scene.ended("bad-day", "Applied")
    assert bad["status"]["revision"] == 2
    assert bad["status"]["approval"]["decidedBy"] == "bob"
    assert condition(bad, "Approved") == ("True", "Approved", "By bob: end of term.")
    assert scene.get("syncapproval", approval["metadata"]["name"])["status"]["state"] == "Approved"


def test_a_rejected_run_ends_and_the_store_stays(scene: Scene) -> None:
    _people(scene)
    scene.connect(previewDataUpload=True)
    scene.run("first")
    scene.decide(scene.held("first"), "Rejected", user="bob", reason="not yet")
    run = scene.ended("first", "Rejected")
    assert succeeded(run) == ("False", "Rejected", "Rejected by bob: not yet.")
    assert condition(run, "Stalled") == ("", "", "")
    assert "revision" not in run["status"]


def test_a_dry_run_says_what_would_be_held_and_asks_nobody(scene: Scene) -> None:
    scene.connect(previewDataUpload=True)
    scene.run("dry", mode="DryRun")
    run = scene.ended("dry", "DryRun")
    assert "would be held for 1 reason" in succeeded(run)[2]
    assert scene.list("syncapprovals") == []


def test_the_same_plan_as_a_held_one_waits_with_it_and_other_data_supersede_it(scene: Scene) -> None:
    scene.connect(previewDataUpload=True)
    scene.run("one")
    approval = scene.held("one")
    scene.run("two")
    two = scene.ended("two", "SameAsHeld")
    assert two["status"]["sameAs"] == "one"
    assert approval["metadata"]["name"] in succeeded(two)[2]
    assert scene.get("syncapproval", approval["metadata"]["name"])["status"]["state"] == "Pending"

    scene.simulator.add_event("mass-leave:10")
    scene.run("three")
    scene.held("three")
    one = scene.ended("one", "Superseded")
    assert one["status"]["supersededBy"] == "three"
    assert scene.get("syncapproval", approval["metadata"]["name"])["status"]["state"] == "Superseded"


def test_an_approval_of_a_superseded_plan_is_refused(scene: Scene) -> None:
    _people(scene)
    scene.connect(previewDataUpload=True)
    scene.run("one")
    approval = scene.held("one")
    scene.simulator.add_event("mass-leave:10")
    scene.run("two")
    scene.ended("one", "Superseded")
    assert "only while status.state is Pending" in scene.decide(approval, "Approved", user="bob")


def test_nobody_decides_in_time(scene: Scene) -> None:
    scene.connect(previewDataUpload=True, approval={"expiresAfter": "1m"})
    scene.run("slow")
    approval = scene.held("slow")
    run = scene.ended("slow", "Expired")
    assert "Nobody decided before" in succeeded(run)[2]
    assert scene.get("syncapproval", approval["metadata"]["name"])["status"]["state"] == "Expired"


def test_a_cancelled_run_ends_and_its_job_goes(scene: Scene, kubelet: Kubelet) -> None:
    kubelet.hold.add("plan")
    try:
        scene.connect()
        scene.run("late")
        scene.stands("late", "Planning")
        scene.kubectl("patch", "syncrun", "late", "--type=merge", "-p", json.dumps({"spec": {"cancel": True}}))
        run = scene.ended("late", "Cancelled")
    finally:
        kubelet.hold.discard("plan")
    assert condition(run, "Cancelled")[0] == "True"
    scene.wait(lambda: not [j for j in scene.list("jobs") if "-plan-" in j["metadata"]["name"]], "end of the Job")


def test_a_second_run_of_a_connection_waits_for_the_first(scene: Scene, kubelet: Kubelet) -> None:
    kubelet.hold.add("plan")
    try:
        scene.connect()
        scene.run("one")
        scene.stands("one", "Planning")
        scene.run("two")
        two = scene.stands("two", "Queued")
        assert "Waiting for its turn" in succeeded(two)[2]
    finally:
        kubelet.hold.discard("plan")
    scene.ended("one", "Applied")
    scene.ended("two", "NoChanges")


def test_a_run_of_a_suspended_connection_waits_until_it_is_no_more(scene: Scene) -> None:
    scene.connect(suspend=True)
    scene.run("one")
    assert "is suspended" in succeeded(scene.stands("one", "Queued"))[2]
    scene.connect(suspend=False)
    scene.ended("one", "Applied")


def test_a_run_before_its_connection_waits_for_it(scene: Scene) -> None:
    scene.run("one")
    assert "is not there yet" in succeeded(scene.stands("one", "Queued"))[2]
    scene.connect()
    scene.ended("one", "Applied")


def test_runs_of_a_connection_that_is_deleted_are_cancelled(scene: Scene) -> None:
    scene.connect(previewDataUpload=True)
    scene.run("held")
    approval = scene.held("held")
    scene.kubectl("delete", "focusconnection", "springfield")
    run = scene.ended("held", "Cancelled")
    assert "its connection was deleted" in succeeded(run)[2]
    assert scene.get("syncapproval", approval["metadata"]["name"])["status"]["state"] == "Superseded"


def test_a_connection_made_again_does_not_take_over_a_held_run(scene: Scene) -> None:
    scene.connect(previewDataUpload=True)
    scene.run("held")
    scene.held("held")
    scene.kubectl("delete", "focusconnection", "springfield")
    scene.connect()
    scene.ended("held", "Cancelled")


def test_a_finished_job_is_removed_after_its_report_is_recorded(scene: Scene) -> None:
    scene.connect()
    scene.run("one")
    scene.ended("one", "Applied")
    mine = [j for j in scene.list("jobs") if j["metadata"]["name"].startswith("one-")]
    assert len(mine) == 2

    def to_go() -> bool:
        jobs = [scene.get("job", j["metadata"]["name"]) for j in mine]
        return all(not j or j["spec"].get("ttlSecondsAfterFinished") == 300 for j in jobs)

    scene.wait(to_go, "a time to live of both Jobs")
