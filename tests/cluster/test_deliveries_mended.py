"""A delivery that fails is tried again without a pause once something was mended. Pauses are so long that no test waits for one."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from support.cluster.kubelet import Kubelet
from support.cluster.operator import Operator
from support.cluster.plane import ControlPlane
from support.cluster.scene import Object, Scene, condition, succeeded
from support.example_delivery import SECRET, delivery, received

MODULE = "support.example_delivery"


@pytest.fixture(scope="module")
def kubelet(plane: ControlPlane) -> Iterator[Kubelet]:
    with Kubelet(plane, plane.folder / "mended-kubelet", f"{MODULE}:register") as started:
        yield started


@pytest.fixture(scope="module")
def operator(plane: ControlPlane, kubelet: Kubelet) -> Iterator[Operator]:
    with (
        patch.dict(os.environ, {"EXAMPLE_PAUSE": "3000"}),
        Operator(plane, plane.folder / "mended-operator", program=MODULE) as made,
    ):
        yield made


@pytest.fixture
def places(scene: Scene, tmp_path: Path) -> tuple[Path, Path]:
    """Two folders, the first of which takes nothing, and a run that has tried to deliver to both."""
    scene.cluster.apply(scene.secret("feed", **SECRET))
    first, second = tmp_path / "first", tmp_path / "second"
    connect(scene, delivery(first), delivery(second, "second"))
    scene.until("focusconnection", "springfield", lambda c: condition(c, "DeliveriesVerified")[0] == "True")
    (first / "told").write_text("fail")
    scene.run("one")
    scene.until("syncrun", "one", waits)
    return first, second


def connect(scene: Scene, *deliveries: dict[str, Any], **spec: Any) -> None:
    scene.connect(deliveries=list(deliveries), **spec)


def waits(run: Object) -> bool:
    return condition(run, "Delivered")[0] == "False" and "Next try: " in succeeded(run)[2]


def check(scene: Scene, mark: str) -> None:
    scene.kubectl("annotate", "focusconnection", "springfield", f"rostersync.dev/checkRequestedAt={mark}")


def test_a_test_that_succeeds_brings_the_next_try_forward_also_after_a_restart(
    scene: Scene, operator: Operator, places: tuple[Path, Path]
) -> None:
    said = succeeded(scene.get("syncrun", "one"))[2]
    assert "Tried once, at " in said
    assert f"To try at once: `kubectl roster -n {scene.namespace} deliver springfield`." in said
    failing = scene.until("focusconnection", "springfield", lambda c: condition(c, "Delivered")[0] == "False")
    assert condition(failing, "Delivered")[1:] == ("LoginRefused", "feed: The receiver refused the login.")
    assert condition(failing, "DeliveriesVerified")[0] == "True"

    operator.stop()
    (places[0] / "told").unlink()
    with patch.dict(os.environ, {"EXAMPLE_PAUSE": "3000"}):
        operator.start()
    check(scene, "mended")
    scene.ended("one", "Applied")

    assert (received(places[0]), received(places[1])) == ([1], [1])
    scene.until("focusconnection", "springfield", lambda c: condition(c, "Delivered")[0] == "True")


def test_a_secret_that_is_there_now_is_found_by_a_test(scene: Scene, operator: Operator, tmp_path: Path) -> None:
    connect(scene, delivery(tmp_path / "feed", reference="later"))
    scene.run("one")
    scene.until("syncrun", "one", waits)
    scene.cluster.apply(scene.secret("later", **SECRET))
    check(scene, "given")

    scene.ended("one", "Applied")
    assert received(tmp_path / "feed") == [1]


def test_what_another_run_has_delivered_is_not_waited_for(scene: Scene, places: tuple[Path, Path]) -> None:
    (places[0] / "told").unlink()
    scene.run("two", mode="Deliver")

    assert scene.ended("two", "Delivered")
    scene.ended("one", "Applied")
    assert (received(places[0]), received(places[1])) == ([1], [1])


def test_a_changed_connection_is_tried_as_soon_as_its_test_succeeds(scene: Scene, places: tuple[Path, Path]) -> None:
    elsewhere = places[0].parent / "elsewhere"
    connect(scene, delivery(elsewhere), delivery(places[1], "second"))

    scene.ended("one", "Applied")
    assert (received(elsewhere), received(places[0]), received(places[1])) == ([1], [], [1])


def test_a_delivery_that_is_taken_out_holds_up_nothing(scene: Scene, places: tuple[Path, Path]) -> None:
    connect(scene, delivery(places[1], "second"), suspend=True)
    run = scene.until("syncrun", "one", lambda r: "is suspended" in succeeded(r)[2])
    assert condition(run, "Delivered")[0] == "False"

    connect(scene, delivery(places[1], "second"))
    run = scene.ended("one", "Applied")
    assert [(d["name"], d["state"]) for d in run["status"]["deliveries"]] == [("second", "Delivered")]
    assert received(places[0]) == []


def test_all_deliveries_are_taken_out(scene: Scene, places: tuple[Path, Path]) -> None:
    connect(scene)

    run = scene.ended("one", "Applied")
    assert "outboxPending" not in run["status"]
