"""What people see of deliveries on a real API server: while one fails and then succeeds, and where a spec cannot work.

Pauses are seconds instead of minutes, so that what takes an hour is seen within one.
"""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.cluster.kubelet import Kubelet
from support.cluster.operator import Operator
from support.cluster.plane import ControlPlane
from support.cluster.scene import Object, Scene, condition, succeeded
from support.example_delivery import SECRET, delivery, received

MODULE = "support.example_delivery"
FOLDER = {"name": "passport", "oneRosterCSV": {}, "directory": {"existingClaim": "rostersync-passport", "path": "in"}}


@pytest.fixture(scope="module")
def kubelet(plane: ControlPlane) -> Iterator[Kubelet]:
    with Kubelet(plane, plane.folder / "seen-kubelet", f"{MODULE}:register") as started:
        yield started


@pytest.fixture(scope="module")
def operator(plane: ControlPlane, kubelet: Kubelet) -> Iterator[Operator]:
    with Operator(plane, plane.folder / "seen-operator", program=MODULE) as made:
        yield made


def claim(scene: Scene, *, labelled: bool = True) -> Object:
    marks = {"rostersync.dev/district": "springfield"} if labelled else {}
    meta = {"name": "rostersync-passport", "namespace": scene.namespace, "labels": marks}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec}


def columns(text: str) -> dict[str, str]:
    """The one row of a table of kubectl, by its heads, as far as they have no blanks."""
    head, row = text.strip().splitlines()
    starts = [(head.index(name), name) for name in ("NAME", "STATUS", "DELIVERED", "MODE")]
    return {name: row[start:].split()[0] for start, name in starts}


def test_what_a_person_sees_while_a_delivery_fails_and_then_succeeds(
    scene: Scene, operator: Operator, kubelet: Kubelet, tmp_path: Path
) -> None:
    place = tmp_path / "receiver"
    scene.cluster.apply(scene.secret("feed", **SECRET), claim(scene))
    scene.connect(deliveries=[delivery(place), FOLDER])
    (place / "told").write_text("fail")
    scene.run("one")

    def tried(run: Object, times: int) -> bool:
        jobs = (run.get("status") or {}).get("jobs", ())
        job = next((j for j in jobs if j["type"] == "Deliver"), {})
        return condition(run, "Delivered")[0] == "False" and int(job.get("attempts", 0)) >= times

    scene.until("syncrun", "one", lambda r: tried(r, 3))

    wide = columns(scene.kubectl("get", "syncruns", "-o", "wide"))
    assert (wide["NAME"], wide["STATUS"], wide["DELIVERED"]) == ("one", "Delivering", "False")
    described = scene.kubectl("describe", "syncrun", "one")
    assert "The receiver refused the login." in described
    assert "LoginRefused" in described
    assert "folder in of volume claim rostersync-passport" in described
    [bundle] = (kubelet.claim(scene.namespace, "rostersync-passport") / "in").iterdir()
    with zipfile.ZipFile(bundle) as opened:
        assert "users.csv" in opened.namelist()

    def of(connection: Object) -> dict[str, Object]:
        return {d["name"]: d for d in (connection.get("status") or {}).get("deliveries", ())}

    known = of(scene.until("focusconnection", "springfield", lambda c: len(of(c)) == 2))
    assert (known["feed"]["state"], known["feed"]["reason"]) == ("Failed", "LoginRefused")
    assert (known["passport"]["state"], known["passport"]["revision"]) == ("Delivered", 1)
    assert known["passport"]["bytes"] == bundle.stat().st_size
    metrics = httpx.get(f"{operator.url}/metrics", trust_env=False).text
    told = f'connection="springfield",delivery="feed",namespace="{scene.namespace}"'
    assert f"rostersync_delivery_failing{{{told}}} 1.0" in metrics
    assert 'result="failed"' in metrics

    (place / "told").unlink()
    run = scene.ended("one", "Applied")
    assert condition(run, "Delivered")[:2] == ("True", "Delivered")
    assert columns(scene.kubectl("get", "syncruns", "-o", "wide"))["DELIVERED"] == "True"
    assert {d["name"]: d["state"] for d in run["status"]["deliveries"]} == {
        "feed": "Delivered",
        "passport": "Delivered",
    }
    after = of(scene.until("focusconnection", "springfield", lambda c: of(c)["feed"]["state"] == "Delivered"))
    assert (after["feed"]["revision"], "reason" in after["feed"]) == (1, False)
    assert (received(place), len(list(bundle.parent.iterdir()))) == ([1], 1)
    said = json.loads(scene.kubectl("get", "events", "-o", "json"))
    reasons = [e["reason"] for e in said["items"] if e["involvedObject"]["name"] == "one"]
    assert {"LoginRefused", "Delivered"} <= set(reasons)


def test_a_claim_without_the_label_is_named_and_nothing_starts(scene: Scene) -> None:
    scene.cluster.apply(claim(scene, labelled=False))
    scene.connect(deliveries=[FOLDER])
    seen = scene.until("focusconnection", "springfield", lambda c: condition(c, "Ready")[0] == "False", 60)
    assert condition(seen, "Ready")[1] == "ClaimNotLabelled"
    assert "rostersync-passport (spec.deliveries[0].directory)" in condition(seen, "Ready")[2]
    assert "rostersync.dev/district=springfield" in condition(seen, "Ready")[2]

    scene.cluster.apply(claim(scene))
    seen = scene.until("focusconnection", "springfield", lambda c: condition(c, "DeliveriesVerified")[0] == "True")
    assert condition(seen, "Ready")[0] == "True"


def test_what_test_connection_finds_of_deliveries_is_told_within_a_minute(scene: Scene, tmp_path: Path) -> None:
    scene.cluster.apply(scene.secret("half", user="district"), claim(scene))
    scene.connect(
        deliveries=[delivery(tmp_path / "a", "feed", "lost"), delivery(tmp_path / "b", "other", "half"), FOLDER]
    )
    seen = scene.until("focusconnection", "springfield", lambda c: condition(c, "DeliveriesVerified")[0] == "False", 60)

    _, reason, message = condition(seen, "DeliveriesVerified")
    assert reason == "DeliveriesFail"
    assert "/lost, which delivery feed names, is not given" in message
    assert "/half, which delivery other names, has no value for password" in message
    assert "passport" not in message
    assert condition(seen, "ConnectionVerified")[0] == "True"


def test_two_deliveries_of_one_name_or_with_two_places_are_refused_at_once(scene: Scene, tmp_path: Path) -> None:
    both = FOLDER | {"sftp": delivery(tmp_path / "a")["sftp"]}
    for wrong, said in (([FOLDER, FOLDER], "Duplicate value"), ([both], "say where it is delivered to")):
        body = scene.connection(deliveries=wrong)
        refused = scene.kubectl("create", "-f", "-", input=json.dumps(body), code=None)
        assert said in refused
    assert succeeded(scene.get("syncrun", "one")) == ("", "", "")
