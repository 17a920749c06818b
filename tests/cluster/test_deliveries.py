"""A delivery on a real API server, to a kind of place that the product does not have: its Job, its end, and every other end."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.cluster.kubelet import Kubelet
from support.cluster.operator import Operator
from support.cluster.plane import ControlPlane
from support.cluster.scene import Object, Scene, condition, succeeded
from support.example_delivery import SECRET, TRIES, delivery, received

MODULE = "support.example_delivery"


@pytest.fixture(scope="module")
def kubelet(plane: ControlPlane) -> Iterator[Kubelet]:
    with Kubelet(plane, plane.folder / "deliveries-kubelet", f"{MODULE}:register") as started:
        yield started


@pytest.fixture(scope="module")
def operator(plane: ControlPlane, kubelet: Kubelet) -> Iterator[Operator]:
    with Operator(
        plane, plane.folder / "deliveries-operator", "--start-deadline-seconds", "15", program=MODULE
    ) as made:
        yield made


@pytest.fixture
def folder(scene: Scene, tmp_path: Path) -> Path:
    """Where the roster goes, told by a connection and its Secret."""
    place = tmp_path / "receiver"
    scene.cluster.apply(scene.secret("feed", **SECRET))
    scene.connect(deliveries=[delivery(place)])
    return place


def tell(folder: Path, what: str) -> None:
    (folder / "told").write_text(what)


def jobs(scene: Scene) -> list[Object]:
    return scene.list("jobs", "rostersync.dev/job=deliver")


def recorded(run: Object) -> dict[str, Any]:
    return next((j for j in run["status"].get("jobs", ()) if j["type"] == "Deliver"), {})


def test_what_is_applied_is_delivered_by_a_job_without_the_secret_of_the_sis(scene: Scene, folder: Path) -> None:
    scene.run("one")
    run = scene.ended("one", "Applied")

    assert condition(run, "Applied") == ("True", "Applied", "Revision 1.")
    [made] = run["status"]["deliveries"]
    said = f"Sent: feed (revision 1, {made['bytes']:,} bytes)."
    assert condition(run, "Delivered") == ("True", "Delivered", said)
    assert (made["name"], made["state"], made["place"], made["files"]) == ("feed", "Delivered", f"folder {folder}", 1)
    assert len(made["sha256"]) == 64
    assert "outboxPending" not in run["status"]
    assert received(folder) == [1]
    assert recorded(run)["attempts"] == 1
    [job] = jobs(scene)
    assert job["metadata"]["name"] == recorded(run)["name"]
    pod = job["spec"]["template"]["spec"]
    secrets = {v["secret"]["secretName"] for v in pod["volumes"] if "secret" in v}
    claims = {v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if "persistentVolumeClaim" in v}
    assert secrets == {"feed"}
    assert claims == {"rostersync-springfield-store"}


def test_a_delivery_that_fails_is_tried_again_with_pauses_and_undoes_nothing(scene: Scene, folder: Path) -> None:
    tell(folder, "fail")
    scene.run("one")
    run = scene.until("syncrun", "one", lambda r: condition(r, "Delivered")[0] == "False")

    assert condition(run, "Applied")[0] == "True"
    assert condition(run, "Delivered")[1:] == ("LoginRefused", "The receiver refused the login.")
    assert succeeded(run)[:2] == ("Unknown", "Delivering")
    assert "Applied, but not delivered: The receiver refused the login." in succeeded(run)[2]
    [failed] = run["status"]["deliveries"]
    assert (failed["state"], failed["reason"]) == ("Failed", "LoginRefused")
    assert (run["status"]["revision"], run["status"]["outboxPending"]) == (1, True)

    (folder / "told").unlink()
    run = scene.ended("one", "Applied")
    assert recorded(run)["attempts"] > 1
    assert received(folder) == [1]


def test_the_next_run_delivers_what_this_one_cannot(scene: Scene, folder: Path) -> None:
    tell(folder, "fail")
    scene.run("one")
    scene.until("syncrun", "one", lambda r: condition(r, "Delivered")[0] == "False")
    (folder / "told").unlink()
    scene.run("two")
    two = scene.ended("two", "NoChanges")
    one = scene.ended("one", "Applied")

    assert condition(one, "Delivered")[0] == "True"
    assert received(folder) == [1]
    assert condition(two, "Applied") == ("", "", "")


def test_a_job_that_is_taken_away_is_made_again_and_then_with_pauses(scene: Scene, folder: Path) -> None:
    tell(folder, "hang")
    scene.run("one")
    for number in range(1, TRIES + 1):
        scene.wait(lambda: (folder / "reached").exists(), f"try {number}")
        [job] = [j for j in jobs(scene) if j["metadata"]["labels"]["rostersync.dev/number"] == str(number)]
        (folder / "reached").unlink()
        scene.kubectl("delete", "job", job["metadata"]["name"], "--wait=false")

    said = f"The delivery was started {TRIES} times, and its Job was deleted each time."
    run = scene.until("syncrun", "one", lambda r: said in succeeded(r)[2])
    assert condition(run, "Applied") == ("True", "Applied", "Revision 1.")
    (folder / "told").unlink()
    assert recorded(scene.ended("one", "Applied"))["attempts"] == TRIES + 1


def test_a_delivery_that_keeps_failing_ends_and_the_next_run_carries_it_out(scene: Scene, folder: Path) -> None:
    scene.connect(deliveries=[delivery(folder) | {"retryFor": "1m"}])
    tell(folder, "fail")
    scene.run("one")
    run = scene.ended("one", "DeliveryFailed")
    assert succeeded(run)[1] == "LoginRefused"
    assert "kubectl" in succeeded(run)[2]
    assert condition(run, "Stalled")[0] == "True"
    assert recorded(run)["attempts"] > 1

    (folder / "told").unlink()
    scene.run("two")
    assert condition(scene.ended("two", "NoChanges"), "Delivered")[0] == "True"
    assert received(folder) == [1]


def test_a_run_that_only_delivers_takes_up_what_was_given_up(scene: Scene, folder: Path) -> None:
    scene.connect(deliveries=[delivery(folder) | {"retryFor": "1m"}])
    tell(folder, "fail")
    scene.run("one")
    scene.ended("one", "DeliveryFailed")

    (folder / "told").unlink()
    scene.run("two", mode="Deliver")
    two = scene.ended("two", "Delivered")
    assert condition(two, "Delivered")[0] == "True"
    assert {job["type"] for job in two["status"]["jobs"]} == {"Deliver"}
    assert received(folder) == [1]


def test_a_cancel_ends_the_tries(scene: Scene, folder: Path) -> None:
    tell(folder, "fail")
    scene.run("one")
    scene.until("syncrun", "one", lambda r: condition(r, "Delivered")[0] == "False")
    scene.kubectl("patch", "syncrun", "one", "--type=merge", "-p", '{"spec":{"cancel":true}}')

    run = scene.ended("one", "DeliveryFailed")
    assert succeeded(run)[1] == "Cancelled"
    assert condition(run, "Applied")[0] == "True"


def test_one_that_was_killed_after_it_had_sent_sends_the_same_again(scene: Scene, folder: Path) -> None:
    tell(folder, "kill")
    scene.run("one")
    scene.ended("one", "Applied")

    assert received(folder) == [1, 1]


def test_a_secret_that_is_missing_fails_its_delivery_alone(scene: Scene, folder: Path) -> None:
    both = [delivery(folder, reference="lost"), delivery(folder / "second", "second")]
    scene.connect(deliveries=both)
    scene.run("one")
    run = scene.until("syncrun", "one", lambda r: condition(r, "Delivered")[0] == "False")
    assert condition(run, "Delivered")[1] == "SecretNotFound"
    assert "Secret " in condition(run, "Delivered")[2]
    assert "/lost, which delivery feed names" in condition(run, "Delivered")[2]
    assert (received(folder), received(folder / "second")) == ([], [1])

    scene.cluster.apply(scene.secret("lost", **SECRET))
    scene.ended("one", "Applied")
    assert (received(folder), received(folder / "second")) == ([1], [1])


def test_a_connection_that_is_deleted_ends_the_tries(scene: Scene, folder: Path) -> None:
    tell(folder, "fail")
    scene.run("one")
    scene.until("syncrun", "one", lambda r: condition(r, "Delivered")[0] == "False")
    scene.kubectl("delete", "focusconnection", "springfield")

    run = scene.ended("one", "DeliveryFailed")
    assert succeeded(run)[1] == "ConnectionDeleted"
    assert condition(run, "Applied")[0] == "True"


def test_everything_is_sent_again_once_to_each(scene: Scene, folder: Path) -> None:
    refused = {"connectionRef": {"name": "springfield"}, "everything": True}
    body = {"apiVersion": "rostersync.dev/v1alpha1", "kind": "SyncRun", "metadata": {"name": "no"}, "spec": refused}
    said = scene.kubectl("create", "-f", "-", input=json.dumps(body), code=1)
    assert "everything goes with mode Deliver" in said

    scene.connect(deliveries=[delivery(folder), delivery(folder / "second", "second")])
    scene.run("one")
    scene.ended("one", "Applied")
    tell(folder, "fail")
    scene.run("again", mode="Deliver", everything=True)
    scene.until("syncrun", "again", lambda r: condition(r, "Delivered")[0] == "False")
    (folder / "told").unlink()
    run = scene.ended("again", "Delivered")

    assert recorded(run)["attempts"] > 1
    assert (received(folder), received(folder / "second")) == ([1, 1], [1, 1])
