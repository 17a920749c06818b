"""What the operator itself refuses when the API server let it pass: policies removed, decisions forged."""

import json
import uuid
from collections.abc import Iterator

import pytest

from support.cluster.kubelet import Kubelet
from support.cluster.operator import Operator
from support.cluster.plane import ControlPlane
from support.cluster.processes import own_folder
from support.cluster.product import install_product, wait_for_policies
from support.cluster.scene import Scene, condition, succeeded
from support.simulated import simulated

DECISION = "syncapproval-decision.rostersync.dev"


@pytest.fixture(scope="module")
def lawless() -> Iterator[ControlPlane]:
    """A control plane of this file's own, whose policies come and go."""
    with own_folder("lawless") as folder, ControlPlane(folder) as plane:
        install_product(plane)
        with Kubelet(plane, folder / "kubelet"), Operator(plane, folder / "operator"):
            yield plane


@pytest.fixture
def scene(lawless: ControlPlane) -> Iterator[Scene]:
    name = f"test-{uuid.uuid4().hex[:8]}"
    lawless.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    with simulated(60) as simulator:
        scene = Scene(lawless, name, simulator)
        scene.prepare()
        yield scene
        scene.close()


@pytest.fixture
def removed(lawless: ControlPlane) -> Iterator[None]:
    """Without the policy that guards decisions."""
    lawless.kubectl("delete", "validatingadmissionpolicybinding", DECISION, check=True)
    yield
    install_product(lawless)
    wait_for_policies(lawless)


def test_without_policies_a_held_run_asks_nobody_and_says_why(scene: Scene, removed: None) -> None:
    scene.connect(previewDataUpload=True)
    scene.until(
        "focusconnection", "springfield", lambda c: condition(c, "PoliciesInstalled")[1] == "PoliciesMissing", 90
    )
    scene.run("one")
    said = scene.until("syncrun", "one", lambda r: DECISION in succeeded(r)[2])
    assert succeeded(said)[1] == "AwaitingApproval"
    assert "policies.enabled" in succeeded(said)[2]
    assert scene.list("syncapprovals") == []


def test_a_decision_made_while_the_policy_was_away_does_not_count(scene: Scene, lawless: ControlPlane) -> None:
    scene.connect(previewDataUpload=True)
    scene.run("one")
    approval = scene.held("one")
    lawless.kubectl("delete", "validatingadmissionpolicybinding", DECISION, check=True)
    patch = json.dumps({"spec": {"decision": "Approved", "decidedBy": "mallory", "reason": "mine"}})
    name = approval["metadata"]["name"]

    def decided() -> bool:
        done = lawless.kubectl("-n", scene.namespace, "patch", "syncapproval", name, "--type=merge", "-p", patch)
        return done.returncode == 0

    scene.wait(decided, "a decision by whoever came")
    install_product(lawless)
    scene.until("syncapproval", name, lambda a: a["status"]["state"] == "Superseded")
    later = scene.wait(
        lambda: [a for a in scene.list("syncapprovals") if (a.get("status") or {}).get("state") == "Pending"],
        "another approval",
    )
    assert later[0]["metadata"]["name"] != name
    assert "revision" not in scene.get("syncrun", "one")["status"]
    events = scene.kubectl("get", "events", "--field-selector", "reason=DecisionRefused", "-o", "json")
    assert "does not count" in json.loads(events)["items"][0]["message"]


def test_four_eyes_without_stamping_are_said_to_be_impossible(scene: Scene, lawless: ControlPlane) -> None:
    lawless.kubectl("delete", "mutatingadmissionpolicybinding", "syncrun-stamp.rostersync.dev", check=True)
    try:
        scene.connect(approval={"requireDistinctApprover": True})
        found = scene.until("focusconnection", "springfield", lambda c: condition(c, "Ready")[0] == "False")
        assert condition(found, "Ready")[1] == "FourEyesNeedsStamping"
    finally:
        install_product(lawless)
    scene.until("focusconnection", "springfield", lambda c: condition(c, "Ready")[1] != "FourEyesNeedsStamping")
