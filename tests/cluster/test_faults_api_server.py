"""The API server killed and restarted, etcd compacted under watches, and objects that change while nobody looks."""

import json
import signal
from collections.abc import Iterator

import pytest

from support.cluster.alone import Alone, LonelyScene, Undying, alone, catching
from support.cluster.operator import ACCOUNT, Operator
from support.cluster.pods import pods_of
from support.cluster.product import NAMESPACE
from support.cluster.proxy import Blow, Proxy
from support.cluster.scene import succeeded


@pytest.fixture(scope="module")
def stage() -> Iterator[Alone]:
    with alone("faults-api") as started:
        yield started


@pytest.fixture
def scene(stage: Alone) -> Iterator[LonelyScene]:
    with stage.scene() as scene:
        yield scene


@pytest.fixture
def operator(scene: LonelyScene) -> Iterator[Operator]:
    """An operator that is started again, as by a kubelet, where it leaves because the API server is away too long."""
    operator = scene.operator("--identity", "one")
    with Undying(operator):
        scene.wait(lambda: operator.process, "an operator")
        yield operator


def test_a_run_outlives_the_api_server_in_both_of_its_halves(scene: LonelyScene, operator: Operator) -> None:
    scene.connect()
    with catching(scene.kubelet, "one", "plan") as plan, catching(scene.kubelet, "one", "apply") as apply:
        scene.run("one")
        for half in (plan, apply):
            process = half.wait(scene)
            scene.plane.kill_apiserver()
            half.go_on()
            assert process.wait() == 0
            scene.plane.start_apiserver()
    _applied_once(scene, "one")
    assert scene.applied() == ["one"]


def test_a_run_outlives_a_history_that_is_compacted_under_its_watches(scene: LonelyScene, operator: Operator) -> None:
    scene.connect()
    with catching(scene.kubelet, "one", "plan") as plan:
        scene.run("one")
        plan.wait(scene)
        _forget_history(scene)
    _applied_once(scene, "one")
    scene.run("two")
    scene.ended("two", "NoChanges")
    assert scene.applied() == ["one"]


def test_a_run_of_the_same_name_made_unseen_is_another_run(scene: LonelyScene, operator: Operator) -> None:
    scene.connect(previewDataUpload=True)
    scene.run("one")
    before = scene.held("one")
    _signal(operator, signal.SIGSTOP)
    scene.kubectl("delete", "syncrun", "one")
    scene.wait(lambda: not scene.get("syncapproval", before["metadata"]["name"]), "end of the approval")
    _forget_history(scene)
    again = json.dumps(
        {
            "apiVersion": "rostersync.dev/v1alpha1",
            "kind": "SyncRun",
            "metadata": {"name": "one"},
            "spec": {"connectionRef": {"name": "springfield"}},
        }
    )
    # an API server that has just started does not know every kind yet
    scene.wait(lambda: "/one created" in scene.kubectl("create", "-f", "-", input=again, code=None), "a run")
    _signal(operator, signal.SIGCONT)
    after = scene.held("one")
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert after["spec"]["runRef"]["uid"] == scene.get("syncrun", "one")["metadata"]["uid"]
    scene.decide(after, "Approved")
    _applied_once(scene, "one")
    assert [(r.run, r.approval_uid) for r in scene.revisions()] == [("one", after["metadata"]["uid"])]


def test_what_was_deleted_unseen_is_not_taken_for_there(stage: Alone, scene: LonelyScene) -> None:
    account = stage.plane.service_account_kubeconfig(NAMESPACE, ACCOUNT)
    with (
        Proxy(account, lambda *_: Blow.NONE, lambda: None) as proxy,
        scene.operator(kubeconfig=proxy.kubeconfig),
    ):
        scene.connect()
        scene.connect("shelbyville", previewDataUpload=True)
        scene.run("held", "shelbyville")
        approval = scene.held("held")
        with catching(scene.kubelet, "one", "plan") as plan:
            scene.run("one")
            plan.wait(scene)
            scene.stands("one", "Planning")
            with proxy.blind():
                (job,) = scene.jobs("one", "plan")
                scene.kubectl("delete", "focusconnection", "shelbyville")
                scene.kubectl("delete", "job", job["metadata"]["name"])
                plan.go_on()
                selector = "rostersync.dev/job=plan,rostersync.dev/connection=springfield"
                scene.wait(lambda: not pods_of(scene.plane, scene.namespace, selector), "end of the pod")
        held = scene.ended("held", "Cancelled")
        assert "its connection was deleted" in succeeded(held)[2]
        assert scene.get("syncapproval", approval["metadata"]["name"])["status"]["state"] == "Superseded"
        run = scene.ended("one", "Applied")
        assert {j["type"]: j["attempts"] for j in run["status"]["jobs"]} == {"Plan": 2, "Apply": 1}
    assert scene.applied() == ["one"]


def _forget_history(scene: LonelyScene) -> None:
    """Every watch that was open must list anew: what it has not seen is gone."""
    scene.plane.kill_apiserver()
    scene.plane.compact()
    scene.plane.start_apiserver()


def _signal(operator: Operator, number: int) -> None:
    assert operator.process is not None
    operator.process.send_signal(number)


def _applied_once(scene: LonelyScene, run: str) -> None:
    ended = scene.ended(run, "Applied")
    assert {j["type"]: j["attempts"] for j in ended["status"]["jobs"]} == {"Plan": 1, "Apply": 1}
    assert [len(scene.jobs(run, half)) for half in ("plan", "apply")] == [1, 1]
