"""The operator killed by SIGKILL between any two of its writes, and started again at once: nothing twice, nothing lost."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.cluster.alone import Alone, LonelyScene, Undying, alone, catching
from support.cluster.operator import ACCOUNT
from support.cluster.product import NAMESPACE
from support.cluster.proxy import Blow, Proxy

_STRIDE = 5  # a story is struck at every fifth write, so that five stories are struck at every one


@pytest.fixture(scope="module")
def stage() -> Iterator[Alone]:
    with alone("faults-operator") as started:
        yield started


def test_an_operator_killed_at_any_of_its_writes_applies_once_and_loses_nothing(stage: Alone) -> None:
    account = stage.plane.service_account_kubeconfig(NAMESPACE, ACCOUNT)
    with ThreadPoolExecutor(_STRIDE) as pool:
        told = [pool.submit(_story, stage, account, first) for first in range(_STRIDE)]
    struck = [set(story.result()) for story in told]
    fewest = min(max(numbers) for numbers in struck)
    assert set(range(1, fewest + 1)) <= set().union(*struck)
    assert fewest > 20, "a story takes at least so many writes"


def test_an_apply_ends_though_its_connection_went_while_no_operator_looked(stage: Alone) -> None:
    with stage.scene() as scene, scene.operator("--identity", "one") as operator:
        scene.connect()
        with catching(scene.kubelet, "one", "apply") as caught:
            scene.run("one")
            caught.wait(scene)
            operator.kill()
            scene.kubectl("delete", "focusconnection", "springfield")
            operator.start()
            scene.stands("one", "Applying")
        scene.ended("one", "Applied")
        assert scene.applied() == ["one"]


def _story(stage: Alone, account: Path, first: int) -> list[int]:
    """Tell it; returns at which writes the operator was killed."""

    def choose(number: int, _method: str, _path: str) -> Blow:
        if number % _STRIDE != first:
            return Blow.NONE
        return Blow.BEFORE if number // _STRIDE % 2 else Blow.AFTER

    def strike() -> None:
        undying.strike()

    with stage.scene() as scene, Proxy(account, choose, strike) as proxy:
        # A container that is started again has the name of before, and so its Lease.
        undying = Undying(scene.operator("--identity", "one", kubeconfig=proxy.kubeconfig, wait=False))
        with undying:
            try:
                _tell(scene)
            except AssertionError as error:
                struck = [f"{n} {b.name} {m} {p}" for n, (b, m, p) in enumerate(proxy.writes, 1)]
                raise AssertionError(f"{error}\nstory {first}, writes:\n" + "\n".join(struck)) from error
        return [number for number, (blow, _, _) in enumerate(proxy.writes, 1) if blow is not Blow.NONE]


def _tell(scene: LonelyScene) -> None:
    scene.connect()
    scene.run("first")
    scene.ended("first", "Applied")
    scene.simulator.add_event("mass-leave:30")
    scene.run("held")
    scene.decide(scene.held("held"), "Approved")
    scene.ended("held", "Applied")
    scene.wait(lambda: _at_rest(scene), "rest")

    (approval,) = scene.list("syncapprovals")
    assert [(r.run, r.approval_uid) for r in scene.revisions()] == [
        ("first", None),
        ("held", approval["metadata"]["uid"]),
    ]
    runs = {name: scene.get("syncrun", name) for name in ("first", "held")}
    assert [run["status"]["revision"] for run in runs.values()] == [1, 2]
    assert approval["spec"]["planDigest"] == runs["held"]["status"]["plan"]["digest"]
    assert approval["status"]["state"] == "Approved"
    for name, run in runs.items():
        assert {j["type"]: j["attempts"] for j in run["status"]["jobs"]} == {"Plan": 1, "Apply": 1}
        assert [len(scene.jobs(name, half)) for half in ("plan", "apply")] == [1, 1]
    checks = [j for j in scene.list("jobs") if j["metadata"]["labels"]["rostersync.dev/job"] == "check"]
    assert len(checks) == 1


def _at_rest(scene: LonelyScene) -> bool:
    """Whether nothing is left to do: the connection knows how it ended, and every Job will go."""
    status = scene.get("focusconnection", "springfield").get("status") or {}
    known = status.get("lastRun", {}).get("name") == "held" and not status["heldRuns"] and "activeRun" not in status
    return known and all(j["spec"].get("ttlSecondsAfterFinished") == 300 for j in scene.list("jobs"))
