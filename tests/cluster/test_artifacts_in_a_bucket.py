"""Plans in a bucket on a real API server: from plan to delivery, while the bucket is away and after, and until they go."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.cluster.kubelet import Kubelet
from support.cluster.scene import Object, Scene, condition, succeeded
from support.gateway import KEY, Gateway, gateway
from support.kstatus import computed

FOLDER = {"name": "passport", "oneRosterCSV": {}, "directory": {"existingClaim": "rostersync-passport", "path": "in"}}


@pytest.fixture
def bucket(scene: Scene, tmp_path: Path) -> Iterator[Gateway]:
    """A bucket, and its Secret in the namespace."""
    scene.cluster.apply(scene.secret("bucket", **KEY))
    with gateway(tmp_path / "gateway") as running:
        yield running


def runs_in(bucket: Gateway) -> set[str]:
    """The runs that have objects."""
    return {key.split("/")[3] for key in bucket.objects()}


def jobs(scene: Scene, kind: str) -> list[Object]:
    return scene.list("jobs", f"rostersync.dev/job={kind}")


def mounted(job: Object, what: str, name: str) -> set[str]:
    volumes: list[dict[str, Any]] = job["spec"]["template"]["spec"]["volumes"]
    return {v[what][name] for v in volumes if what in v}


def claim(scene: Scene) -> Object:
    marks = {"rostersync.dev/district": "springfield"}
    meta = {"name": "rostersync-passport", "namespace": scene.namespace, "labels": marks}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec}


def test_a_held_plan_is_approved_applied_and_delivered_and_goes_when_history_says(
    scene: Scene, bucket: Gateway, kubelet: Kubelet
) -> None:
    scene.cluster.apply(claim(scene), scene.secret("roster-key", key="correct horse battery staple"))
    sealed = {"objectStorage": bucket.storage(), "encryptionKeySecretRef": {"name": "roster-key"}}
    few = {"runs": {"successful": 1, "failed": 1}}
    scene.connect(artifacts=sealed, deliveries=[FOLDER], history=few, approval={"holdFirstImport": True})
    tested = scene.until(
        "focusconnection", "springfield", lambda c: condition(c, "ConnectionVerified")[0] in ("True", "False")
    )
    assert condition(tested, "ConnectionVerified")[:2] == ("True", "Verified")
    scene.run("one")
    approval = scene.held("one")
    base = f"springfield/{scene.namespace}/springfield/one"
    kept = bucket.objects()
    assert f"{base}/files.json" in kept
    assert {data[:18] for key, data in kept.items() if "/plan/" in key} == {b"age-encryption.org"}

    scene.decide(approval, "Approved")
    run = scene.ended("one", "Applied")
    assert condition(run, "Delivered")[:2] == ("True", "Delivered")
    assert list((kubelet.claim(scene.namespace, "rostersync-passport") / "in").iterdir())
    assert mounted(jobs(scene, "plan")[0], "secret", "secretName") == {"focus-credentials", "bucket", "roster-key"}
    assert mounted(jobs(scene, "apply")[0], "secret", "secretName") == {"bucket", "roster-key"}
    assert mounted(jobs(scene, "deliver")[0], "secret", "secretName") == set()
    assert not [c for c in scene.list("persistentvolumeclaims") if "artifacts" in c["metadata"]["name"]]
    scene.wait(lambda: not [key for key in bucket.objects() if "/extract/" in key], "the extract's end")

    scene.run("two")
    scene.ended("two", "NoChanges")
    scene.run("three")
    scene.ended("three", "NoChanges")
    assert runs_in(bucket) == {"two", "three"}

    scene.kubectl("delete", "syncrun", "two")
    scene.run("four")
    scene.ended("four", "NoChanges")
    assert "two" not in runs_in(bucket)
    scene.kubectl("delete", "focusconnection", "springfield")
    scene.wait(lambda: not bucket.objects(), "the end of all objects", 90)


def test_a_run_that_ends_unapplied_keeps_no_raw_records(scene: Scene, bucket: Gateway) -> None:
    scene.connect(artifacts={"objectStorage": bucket.storage()}, approval={"holdFirstImport": True})
    scene.run("one")
    approval = scene.held("one")
    assert [key for key in bucket.objects() if "/extract/" in key]
    scene.decide(approval, "Rejected")
    scene.ended("one", "Rejected")
    scene.wait(lambda: not [key for key in bucket.objects() if "/extract/" in key], "the purge")
    assert [key for key in bucket.objects() if "/plan/" in key]


def test_what_a_person_sees_while_the_bucket_is_away_and_after(scene: Scene, bucket: Gateway) -> None:
    scene.connect(artifacts={"objectStorage": bucket.storage()}, approval={"holdFirstImport": True})
    scene.run("one")
    approval = scene.held("one")
    bucket.end()
    scene.decide(approval, "Approved")

    run = scene.until("syncrun", "one", lambda r: condition(r, "Applied")[1] == "ArtifactsAway", 90)
    described = scene.kubectl("describe", "syncrun", "one")
    assert "s3://rosters/springfield" in condition(run, "Applied")[2]
    assert "spec.artifacts.objectStorage.endpoint" in described
    assert "no new approval is needed" in condition(run, "Succeeded")[2]
    told = scene.wait(lambda: [e for e in scene.list("events") if e["reason"] == "ArtifactsAway"], "an event", 30)
    assert told[0]["involvedObject"]["name"] == "one"

    bucket.begin()
    assert scene.ended("one", "Applied")["status"]["revision"] == 1


def test_a_bucket_that_is_not_there_is_said_by_connection_and_run(scene: Scene, bucket: Gateway) -> None:
    scene.connect(artifacts={"objectStorage": bucket.storage(url="s3://rostrs/springfield")})
    scene.run("one")
    seen = scene.until("focusconnection", "springfield", lambda c: condition(c, "ConnectionVerified")[0] == "False", 60)
    assert condition(seen, "ConnectionVerified")[1] == condition(seen, "Ready")[1] == "NoSuchBucket"
    assert "spec.artifacts.objectStorage.url" in condition(seen, "Ready")[2]
    run = scene.ended("one", "Failed", 60)
    assert condition(seen, "Stalled") == ("True", *condition(seen, "Ready")[1:])
    assert computed([seen, run]) == ["Failed", "Failed"]
    assert succeeded(run)[1] == "NoSuchBucket"
    assert KEY["secretAccessKey"] not in json.dumps([run, seen])

    scene.connect(artifacts={"objectStorage": bucket.storage()})
    scene.run("two")
    assert scene.ended("two", "Applied")["status"]["revision"] == 1
    mended = scene.until(
        "focusconnection", "springfield", lambda c: condition(c, "ConnectionVerified")[0] == "True", 60
    )
    assert condition(mended, "Stalled") == condition(mended, "Reconciling") == ("", "", "")
    assert computed([mended]) == ["Current"]
