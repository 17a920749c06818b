"""Approvals that are forged, edited, deleted, or decided while the operator is away: none is invented, each counts once."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from support.cluster.alone import Alone, LonelyScene, alone
from support.cluster.operator import Operator
from support.cluster.product import install_product, wait_for_policies
from support.cluster.scene import Object, succeeded

_CREATE = "syncapproval-create.rostersync.dev"
_OTHER = "0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f"


@pytest.fixture(scope="module")
def stage() -> Iterator[Alone]:
    with alone("faults-approvals") as started:
        yield started


@pytest.fixture
def scene(stage: Alone) -> Iterator[LonelyScene]:
    with stage.scene() as scene:
        yield scene


@pytest.fixture
def operator(scene: LonelyScene) -> Iterator[Operator]:
    """One that tests stop and start again, as the same."""
    with scene.operator("--identity", "one") as started:
        yield started


def test_an_approval_that_was_edited_re_owned_or_deleted_is_not_applied_by(
    scene: LonelyScene, operator: Operator
) -> None:
    scene.connect(previewDataUpload=True)
    scene.run("one")
    first = scene.held("one")
    name = first["metadata"]["name"]
    owner = {**first["metadata"]["ownerReferences"][0], "name": "other", "uid": _OTHER}
    assert "planDigest is immutable" in _edit(scene, name, spec={"planDigest": f"sha256:{'0' * 64}"})
    assert "runRef is immutable" in _edit(scene, name, spec={"runRef": {"name": "one", "uid": _OTHER}})
    assert "ownerReferences and finalizers" in _edit(scene, name, metadata={"ownerReferences": [owner]})

    scene.kubectl("delete", "syncapproval", name)
    second = scene.wait(lambda: _pending(scene) and scene.held("one"), "another approval")
    assert second["metadata"]["uid"] != first["metadata"]["uid"]

    scene.kubelet.hold.add("apply")
    try:
        scene.decide(second, "Approved")
        scene.stands("one", "Applying")
        assert "is a record" in scene.kubectl("delete", "syncapproval", second["metadata"]["name"], code=1)
    finally:
        scene.kubelet.hold.discard("apply")
    scene.ended("one", "Applied")
    assert [(r.run, r.approval_uid) for r in scene.revisions()] == [("one", second["metadata"]["uid"])]


def test_a_forged_approval_is_refused_and_counts_for_nothing_where_the_policy_is_gone(
    scene: LonelyScene, operator: Operator
) -> None:
    scene.connect(previewDataUpload=True)
    scene.run("one")
    real = scene.held("one")
    forged = {k: real[k] for k in ("apiVersion", "kind", "spec")} | {"metadata": {"name": "forged"}}
    forged["metadata"] |= {k: real["metadata"][k] for k in ("namespace", "ownerReferences")}
    told = scene.kubectl("create", "-f", "-", input=json.dumps(forged), code=1)
    assert "the operator makes a SyncApproval when a run is held" in told

    scene.plane.kubectl("delete", "validatingadmissionpolicybinding", _CREATE, check=True)
    scene.wait(
        lambda: "/forged created" in scene.kubectl("create", "-f", "-", input=json.dumps(forged), code=None),
        "a forgery",
    )
    assert "only while status.state is Pending" in scene.decide({"metadata": {"name": "forged"}}, "Approved")
    scene.decide(real, "Approved")
    _closed(scene, real, "Superseded")  # decided while anybody could have made it
    assert "revision" not in scene.get("syncrun", "one")["status"]
    assert not scene.jobs("one", "apply")

    install_product(scene.plane)
    wait_for_policies(scene.plane)
    again = scene.wait(lambda: _pending(scene), "another approval")[0]
    scene.decide(again, "Approved")
    scene.ended("one", "Applied")
    assert [(r.run, r.approval_uid) for r in scene.revisions()] == [("one", again["metadata"]["uid"])]
    states = {a["metadata"]["name"]: (a.get("status") or {}).get("state", "") for a in scene.list("syncapprovals")}
    assert states.pop("forged") in ("", "Superseded")
    assert sorted(states.values()) == ["Approved", "Superseded"]


def test_a_decision_made_while_the_operator_was_away_counts_when_it_is_found_in_time(
    scene: LonelyScene, operator: Operator
) -> None:
    scene.connect(previewDataUpload=True)
    scene.run("one")
    approval = scene.held("one")
    operator.kill()
    assert "patched" in scene.decide(approval, "Approved")
    operator.start()
    run = scene.ended("one", "Applied")
    assert run["status"]["approval"]["state"] == "Approved"
    assert [(r.run, r.approval_uid) for r in scene.revisions()] == [("one", approval["metadata"]["uid"])]


def test_a_decision_that_is_found_after_its_end_does_not_count(scene: LonelyScene, operator: Operator) -> None:
    for name in ("early", "late"):
        scene.connect(name, previewDataUpload=True, approval={"expiresAfter": "1m"})
        scene.run(name, name)
    approvals = {name: scene.held(name) for name in ("early", "late")}
    operator.kill()
    assert "patched" in scene.decide(approvals["early"], "Approved")
    end = max(datetime.fromisoformat(a["spec"]["expiresAt"]) for a in approvals.values())
    scene.wait(lambda: datetime.now(UTC) > end, "the end of the approvals")
    assert "patched" in scene.decide(approvals["late"], "Approved")
    operator.start()
    for name, approval in approvals.items():
        run = scene.ended(name, "Expired")
        assert run["status"]["approval"]["state"] == "Expired", succeeded(run)
        assert _closed(scene, approval, "Expired")["spec"]["decision"] == "Approved"
        assert scene.jobs(name, "apply") == []
        assert scene.applied(name) == []


def _edit(scene: LonelyScene, name: str, **change: Object) -> str:
    """What the cluster's administrator is told who edits an approval."""
    return scene.kubectl("patch", "syncapproval", name, "--type=merge", "-p", json.dumps(change), code=1)


def _pending(scene: LonelyScene) -> list[Object]:
    return [a for a in scene.list("syncapprovals") if (a.get("status") or {}).get("state") == "Pending"]


def _closed(scene: LonelyScene, approval: Object, state: str) -> Object:
    name = approval["metadata"]["name"]
    return scene.until("syncapproval", name, lambda a: a["status"]["state"] == state)
