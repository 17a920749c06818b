"""Who asked for a run is known, and a run does not pass for one of the operator's."""

from collections.abc import Iterator

import pytest

from support.cluster.plane import ControlPlane
from support.everybody import RUN_UID, People, made, refused, run, unstamped

TRIGGER = "rostersync.dev/trigger"


@pytest.fixture
def people(plane: ControlPlane, namespace: str) -> Iterator[People]:
    with People(plane, namespace) as everybody:
        yield everybody


def requester(people: People, name: str = "monday") -> str:
    return str(people.admin.get("SyncRun", name)["spec"]["requestedBy"])


def test_a_run_says_who_made_it_whatever_the_manifest_says(people: People) -> None:
    made(people.alice.create(run("plain")))
    made(people.alice.create(run("forged", requestedBy="bob")))
    made(people.robot.create(run("robots", requestedBy="bob")))
    made(people.admin.create(run("admins", requestedBy="bob")))
    said = [requester(people, name) for name in ("plain", "forged", "robots", "admins")]
    assert said == ["alice", "alice", f"system:serviceaccount:{people.namespace}:robot", "admin"]


def test_the_operator_says_for_whom_it_made_a_run(people: People) -> None:
    made(
        people.operator.create(
            run(requestedBy="alice") | {"metadata": {"name": "monday", "labels": {TRIGGER: "Request"}}}
        )
    )
    assert requester(people) == "alice"


def test_applying_a_manifest_again_changes_no_requester(people: People) -> None:
    """Neither one that names nobody nor one that names somebody else, by either way to apply."""
    made(people.alice.apply(run("git"), "argocd-controller"))
    made(people.erin.apply(run("git"), "argocd-controller"))
    made(people.alice.apply(run("git", requestedBy="bob"), "argocd-controller"))
    made(people.alice.apply(run("git"), "argocd-controller"))
    made(people.alice.patch("SyncRun", "git", {"spec": {"requestedBy": None}}))
    assert requester(people, "git") == "alice"
    assert people.admin.get("SyncRun", "git")["metadata"]["generation"] == 1


def test_only_the_operator_marks_a_run_as_its_own(people: People) -> None:
    """History removes what has the mark, and nobody else's."""
    labelled = run() | {"metadata": {"name": "monday", "labels": {TRIGGER: "Schedule"}}}
    assert "marks the runs that the operator made" in refused(people.alice.create(labelled))
    made(people.alice.create(run()))
    mark = {"metadata": {"labels": {TRIGGER: "Schedule"}}}
    assert "marks the runs that the operator made" in refused(people.alice.patch("SyncRun", "monday", mark))
    assert "marks the runs that the operator made" in refused(people.admin.patch("SyncRun", "monday", mark))
    made(people.operator.create(labelled | {"metadata": labelled["metadata"] | {"name": "tuesday"}}))
    off = {"metadata": {"labels": {TRIGGER: None}}}
    assert "marks the runs that the operator made" in refused(people.alice.patch("SyncRun", "tuesday", off))
    made(people.alice.patch("SyncRun", "tuesday", {"metadata": {"labels": {"mine": "yes"}}}))


def test_who_may_not_delete_a_run_cannot_have_it_collected(people: People) -> None:
    made(people.alice.create(run()))
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": RUN_UID}
    change = {"metadata": {"ownerReferences": [owner]}}
    assert "you may not delete this one" in refused(people.carol.patch("SyncRun", "monday", change))
    made(people.carol.patch("SyncRun", "monday", {"spec": {"cancel": True}}))
    made(people.alice.patch("SyncRun", "monday", change))  # alice may delete it anyway


def test_nobody_but_the_operator_says_how_a_run_stands(people: People) -> None:
    made(people.alice.create(run()))
    forged = {"status": {"outcome": "Applied"}}
    assert "cannot patch" in refused(people.alice.patch("SyncRun", "monday", forged, "status"))
    assert "the status of a SyncRun is the operator's" in refused(
        people.admin.patch("SyncRun", "monday", forged, "status")
    )
    made(people.operator.patch("SyncRun", "monday", {"status": {"outcome": "Failed"}}, "status"))


def test_what_a_run_is_for_cannot_be_changed(people: People) -> None:
    made(people.alice.create(run(mode="DryRun")))
    for change in ({"mode": "Import"}, {"connectionRef": {"name": "shelbyville"}}, {"reason": "other"}):
        assert "is immutable" in refused(people.alice.patch("SyncRun", "monday", {"spec": change}))
    made(people.alice.patch("SyncRun", "monday", {"spec": {"cancel": True}}))
    assert "cannot be undone" in refused(people.alice.patch("SyncRun", "monday", {"spec": {"cancel": False}}))


def test_without_the_stamp_nobody_names_another(people: People, plane: ControlPlane) -> None:
    def stamped() -> bool:
        return "requestedBy" in made(people.alice.create(run("probe"), dry_run=True))["spec"]

    with unstamped(plane, "syncrun-stamp.rostersync.dev", stamped):
        told = refused(people.alice.create(run("forged", requestedBy="bob")))
        assert 'spec.requestedBy is "bob", but you are "alice" (kubectl auth whoami)' in told
        made(people.alice.create(run("honest", requestedBy="alice")))
        assert "requestedBy" not in made(people.alice.create(run("silent")))["spec"]
