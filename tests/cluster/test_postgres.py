"""The roster in a PostgreSQL database on the host: no claim for it, each Secret in its Jobs alone, districts side by side."""

from collections.abc import Iterator
from typing import Any

import pytest

from support import postgres
from support.cluster.scene import Object, Scene, condition, succeeded
from support.postgres import SECRETS, SPEC

READER, WRITER = SECRETS


@pytest.fixture
def database(scene: Scene) -> Iterator[str]:
    """A database, and its two Secrets in the namespace."""
    name = scene.namespace.replace("-", "_")
    give(scene, postgres.server().database(name))
    yield name
    postgres.server().drop(name)


def give(scene: Scene, secrets: dict[str, dict[str, str]]) -> None:
    for name, data in secrets.items():
        scene.cluster.apply(scene.secret(name, **data))


def jobs(scene: Scene, kind: str, connection: str = "springfield") -> list[Object]:
    return scene.list("jobs", f"rostersync.dev/job={kind},rostersync.dev/connection={connection}")


def mounted(job: Object, what: str, name: str) -> set[str]:
    volumes: list[dict[str, Any]] = job["spec"]["template"]["spec"]["volumes"]
    return {v[what][name] for v in volumes if what in v}


def test_a_district_is_imported_with_one_secret_for_each_job_and_no_claim_for_the_store(
    scene: Scene, database: str
) -> None:
    scene.connect(store=SPEC)
    scene.run("one")
    run = scene.ended("one", "Applied")
    assert run["status"]["revision"] == 1
    [(people,)] = postgres.server().admin("SELECT count(*) FROM rostersync.users", database)
    assert isinstance(people, int)
    assert people > 0

    [planning], [applying] = jobs(scene, "plan"), jobs(scene, "apply")
    assert mounted(planning, "secret", "secretName") == {"focus-credentials", READER}
    assert mounted(applying, "secret", "secretName") == {WRITER}
    for job in (planning, applying):
        assert mounted(job, "persistentVolumeClaim", "claimName") == {"rostersync-springfield-artifacts"}
    claims = [claim["metadata"]["name"] for claim in scene.list("persistentvolumeclaims")]
    assert "rostersync-springfield-store" not in claims

    scene.run("again")
    assert succeeded(scene.ended("again", "NoChanges"))[0] == "True"


def test_a_deliver_job_has_the_reader_s_secret_and_records_what_it_sent(scene: Scene, database: str) -> None:
    meta = {
        "name": "rostersync-passport",
        "namespace": scene.namespace,
        "labels": {"rostersync.dev/district": "springfield"},
    }
    room = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    scene.cluster.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": room})
    folder = {"name": "feed", "oneRosterCSV": {}, "directory": {"existingClaim": "rostersync-passport"}}
    scene.connect(store=SPEC, deliveries=[folder])
    scene.run("one")
    scene.ended("one", "Applied")
    [delivering] = jobs(scene, "deliver")
    assert mounted(delivering, "secret", "secretName") == {READER}
    assert mounted(delivering, "persistentVolumeClaim", "claimName") == {"rostersync-passport"}
    assert postgres.server().admin("SELECT revision FROM rostersync.sent", database) == [(1,)]
    assert postgres.server().admin("SELECT count(*) FROM rostersync.outbox", database) == [(0,)]


def test_districts_share_a_database_and_not_a_roster(scene: Scene, database: str) -> None:
    for name in ("springfield", "shelbyville"):
        scene.connect(name, store=SPEC)
    for name in ("springfield", "shelbyville"):
        scene.run(f"{name}-one", name)
    for name in ("springfield", "shelbyville"):
        assert scene.ended(f"{name}-one", "Applied")["status"]["revision"] == 1
    found = postgres.server().admin("SELECT district, count(*) FROM rostersync.users GROUP BY 1 ORDER BY 1", database)
    assert [district for district, _ in found] == ["shelbyville", "springfield"]
    assert found[0][1] == found[1][1]


def test_a_refused_password_is_said_in_the_run_and_the_next_run_goes_on(scene: Scene, database: str) -> None:
    right = postgres.server().secrets(database)
    give(scene, {READER: right[READER] | {"password": "hunter2"}})
    scene.connect(store=SPEC)
    scene.run("one")
    run = scene.ended("one", "Failed")
    assert succeeded(run)[1] == "LoginRefused"
    said = condition(run, "Succeeded")[2]
    assert "refused the password of role roster_reader; correct Secret rosters-reader" in said
    assert "hunter2" not in str(run)

    give(scene, right)
    scene.run("two")
    assert scene.ended("two", "Applied")["status"]["revision"] == 1
