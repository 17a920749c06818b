"""Two operators: without an election between them, and as leader and follower of one Lease."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rostersync.controller.cluster.election import LEASE
from support.cluster.alone import Alone, LonelyScene, alone, catching
from support.cluster.operator import ACCOUNT, Operator
from support.cluster.product import NAMESPACE
from support.cluster.proxy import Blow, Proxy
from support.cluster.scene import Object


@pytest.fixture(scope="module")
def stage() -> Iterator[Alone]:
    with alone("faults-two") as started:
        yield started


@pytest.fixture
def scene(stage: Alone) -> Iterator[LonelyScene]:
    with stage.scene() as scene:
        yield scene


def test_two_operators_without_an_election_apply_nothing_twice_and_lose_nothing(scene: LonelyScene) -> None:
    others = ("shelbyville", "ogdenville")
    with scene.operator("--lease-name", "one"), scene.operator("--lease-name", "two"):
        for name in ("springfield", *others):
            scene.connect(name)
        scene.run("first")
        for name in others:
            scene.run(f"first-{name}", name)
        for run in ("first", *(f"first-{name}" for name in others)):
            _applied_once(scene, run)
        scene.simulator.add_event("mass-leave:30")
        scene.run("held")
        scene.decide(scene.held("held"), "Approved")
        held = _applied_once(scene, "held")
    (approval,) = scene.list("syncapprovals")
    assert approval["status"]["state"] == "Approved"
    assert held["status"]["revision"] == 2
    assert scene.applied() == ["first", "held"]
    for name in others:
        assert scene.applied(name) == [f"first-{name}"]


def test_a_leader_that_stood_still_leaves_by_itself_and_does_no_harm(scene: LonelyScene) -> None:
    with _leader(scene) as one, scene.operator("--identity", "two") as two:
        scene.connect()
        with catching(scene.kubelet, "one", "plan") as caught:
            scene.run("one")
            caught.wait(scene)
            scene.stands("one", "Planning")
            _signal(one, signal.SIGSTOP)
        scene.wait(lambda: _holder(scene) == "two", "another leader")
        _applied_once(scene, "one")
        _signal(one, signal.SIGCONT)
        assert one.process is not None
        assert one.process.wait(60) == 1
        assert two.process is not None
        assert two.process.poll() is None
        assert _holder(scene) == "two"
        scene.run("two")
        scene.ended("two", "NoChanges")
        _applied_once(scene, "one")
    assert scene.applied() == ["one"]


def test_a_leader_that_is_told_to_end_hands_over_before_its_lease_runs_out(scene: LonelyScene) -> None:
    with _leader(scene) as one, scene.operator("--identity", "two"):
        scene.connect()
        with catching(scene.kubelet, "one", "plan") as caught:
            scene.run("one")
            caught.wait(scene)
            scene.stands("one", "Planning")
            assert one.stop() == 0
            ended = time.monotonic()
            scene.wait(lambda: _holder(scene) == "two", "another leader")
            assert time.monotonic() - ended < LEASE
        _applied_once(scene, "one")
    assert scene.applied() == ["one"]


def test_a_late_write_of_a_leader_of_before_does_not_undo_how_a_run_ended(stage: Alone, scene: LonelyScene) -> None:
    with _late(stage, scene, "PATCH", "/syncruns/one/status") as (one, proxy), scene.operator("--identity", "two"):
        scene.connect()
        scene.run("one")
        scene.wait(lambda: _holder(scene) == "two", "another leader")
        _applied_once(scene, "one")
        proxy.release.set()
        assert proxy.arrived.wait(60)
        _signal(one, signal.SIGCONT)
        assert one.process is not None
        assert one.process.wait(60) == 1
        time.sleep(1)  # what arrived late has an effect, if it has one
        _applied_once(scene, "one")
    assert scene.applied() == ["one"]


def test_a_leader_of_before_asks_for_no_approval_of_what_is_decided(stage: Alone, scene: LonelyScene) -> None:
    with _late(stage, scene, "POST", "/syncapprovals") as (one, proxy), scene.operator("--identity", "two"):
        scene.connect(previewDataUpload=True)
        scene.run("one")
        scene.wait(lambda: _holder(scene) == "two", "another leader")
        approval = scene.held("one")
        scene.decide(approval, "Approved")
        _applied_once(scene, "one")
        proxy.release.set()
        assert proxy.arrived.wait(60)
        _signal(one, signal.SIGCONT)
        assert one.process is not None
        assert one.process.wait(60) == 1
        _applied_once(scene, "one")
        found = [(a["metadata"]["name"], (a.get("status") or {}).get("state")) for a in scene.list("syncapprovals")]
        assert found == [(approval["metadata"]["name"], "Approved")]
    assert scene.applied() == ["one"]


@contextmanager
def _leader(scene: LonelyScene, kubeconfig: Path | None = None) -> Iterator[Operator]:
    """The operator `one`, which leads when the block begins."""
    with scene.operator("--identity", "one", kubeconfig=kubeconfig) as one:
        scene.wait(lambda: _holder(scene) == "one", "a leader")
        yield one


@contextmanager
def _late(stage: Alone, scene: LonelyScene, method: str, path: str) -> Iterator[tuple[Operator, Proxy]]:
    """The leader `one`, which stands still once it has sent a certain write; that arrives when the proxy releases it."""
    sent: list[int] = []

    def choose(number: int, its_method: str, its_path: str) -> Blow:
        if sent or its_method != method or not its_path.endswith(path):
            return Blow.NONE
        sent.append(number)
        return Blow.LATE

    account = stage.plane.service_account_kubeconfig(NAMESPACE, ACCOUNT)
    with Proxy(account, choose, lambda: _signal(one, signal.SIGSTOP)) as proxy:
        with _leader(scene, proxy.kubeconfig) as one:
            yield one, proxy
        proxy.release.set()


def _holder(scene: LonelyScene) -> str:
    return str(scene.get("lease", "rostersync-operator").get("spec", {}).get("holderIdentity", ""))


def _signal(operator: Operator, number: int) -> None:
    assert operator.process is not None
    operator.process.send_signal(number)


def _applied_once(scene: LonelyScene, run: str) -> Object:
    """The run, which was applied by one Job of each half."""
    ended = scene.ended(run, "Applied")
    assert {j["type"]: j["attempts"] for j in ended["status"]["jobs"]} == {"Plan": 1, "Apply": 1}
    assert [len(scene.jobs(run, half)) for half in ("plan", "apply")] == [1, 1]
    return ended
