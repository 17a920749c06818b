"""`rostersync job` with artifacts in a bucket: real processes against a simulator and an S3 gateway, killed and all."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyrage
import pytest

from rostersync.simulator.server import Simulator
from support.cli import Bench
from support.commands import Commands
from support.gateway import KEY, Gateway, gateway
from support.pod import APPROVED, ENGINE, Cluster, connection, credentials
from support.simulated import simulated

BASE = "springfield/team-a/springfield/"
APPLY = ("--run", "nightly", "--uid", "uid-1", "--number", 1, "--of-plan", 1, *ENGINE)
KILL = "support.bucket_ends:killed"
IDENTITY = str(pyrage.x25519.Identity.generate())


class Pods(Cluster):
    """Every Job begins with an empty folder for artifacts, as an emptyDir is."""

    server: Gateway
    simulator: Simulator

    def renew(self) -> None:
        """A new pod."""
        super().renew()
        for each in self.artifacts.iterdir():
            shutil.rmtree(each)

    def artifacts_spec(self, *, sealed: bool) -> dict[str, Any]:
        """`spec.artifacts`."""
        return {"objectStorage": self.server.storage()} | (
            {"encryptionKeySecretRef": {"name": "key"}} if sealed else {}
        )

    def connected(self, *, sealed: bool = False, **spec: Any) -> None:
        """Mount the connection and its Secrets."""
        secrets = credentials(self.simulator) | {"bucket": KEY} | ({"key": {"key": IDENTITY}} if sealed else {})
        self.give(connection(self.simulator.url, artifacts=self.artifacts_spec(sealed=sealed), **spec), secrets)

    def paths(self, run: str = "nightly") -> set[str]:
        """The paths of a run's files in the bucket, as its list has them."""
        found = self.server.objects().get(f"{BASE}{run}/files.json")
        return set(json.loads(found)["files"]) if found else set()


@pytest.fixture
def pods(warm: Commands, tmp_path: Path) -> Iterator[Pods]:
    made = Pods(warm, tmp_path / "cluster")
    with simulated(40) as simulator, gateway(tmp_path / "gateway") as server:
        made.simulator, made.server = simulator, server
        made.connected()
        yield made


@pytest.mark.parametrize("sealed", [False, True], ids=["clear", "sealed"])
def test_a_plan_and_its_apply_make_an_import(pods: Pods, sealed: bool) -> None:
    pods.connected(sealed=sealed)
    plan = pods.plan()
    end = ".age" if sealed else ""
    assert {"run.json", "connection.json", "reports/plan-1.json", f"plan/manifest.json{end}"} <= pods.paths()
    assert f"extract/proof.json{end}" in pods.paths()
    held = [data for key, data in pods.server.objects().items() if "/plan/" in key or "/extract/" in key]
    assert {data.startswith(b"age-encryption.org") for data in held} == {sealed}

    applied = pods.apply("nightly", plan["digest"])

    assert (applied["stage"], applied["revision"]) == ("done", 1)
    assert {name.split("/")[0] for name in pods.paths()} == {"run.json", "connection.json", "reports", "plan"}
    assert "reports/apply-1-1.json" in pods.paths()
    assert len(pods.server.objects()) == len(pods.paths()) + 1, "nothing else is left in the bucket"


def test_a_held_plan_waits_in_the_bucket_and_is_planned_again_from_there(pods: Pods) -> None:
    pods.imported("first", uid="uid-0")
    pods.simulator.add_event("mass-leave:30")
    plan = pods.plan()
    assert plan["holdsTotal"] > 0
    pods.simulator.add_event("mass-leave:30")  # which nobody sees who does not read again
    again = pods.plan("nightly", "--again", number=2)
    assert again["digest"] == plan["digest"]
    applied = pods.apply("nightly", plan["digest"], *APPROVED, number=3, of_plan=2)
    assert applied["revision"] == 2


def test_an_apply_goes_by_its_own_connection_and_not_by_one_that_lies_in_the_bucket(pods: Pods) -> None:
    feed = {"name": "feed", "oneRosterCSV": {"mode": "Delta"}, "directory": {"existingClaim": "feed"}}
    pods.connected(deliveries=[feed])
    digest = pods.plan()["digest"]
    folder = pods.server.bucket / f"{BASE}nightly"
    listed = json.loads((folder / "files.json").read_bytes())
    kept = listed["files"]["connection.json"]
    other = json.loads((folder / kept["object"]).read_bytes())
    other["spec"] |= {"deliveries": [], "store": {"embedded": {"existingClaim": "another"}}}
    data = json.dumps(other).encode()
    (folder / kept["object"]).write_bytes(data)
    kept |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (folder / "files.json").write_text(json.dumps(listed))

    assert pods.apply("nightly", digest)["outboxPending"], "the revision is delivered all the same"


def test_runs_without_changes_and_dry_runs_keep_no_raw_records(pods: Pods) -> None:
    pods.plan("dry", "--dry-run")
    assert not [name for name in pods.paths("dry") if name.startswith("extract/")]
    pods.imported("first")
    assert pods.plan("second", uid="uid-2")["noChanges"]
    assert not [name for name in pods.paths("second") if name.startswith("extract/")]
    assert not [key for key in pods.server.objects() if "/extract/" in key]


def test_a_plan_first_removes_what_history_no_longer_keeps(pods: Pods) -> None:
    for run in ("a", "b"):
        pods.plan(run)
    pods.plan("c", "--known", "b", "--known", "c")
    assert {key.removeprefix(BASE).split("/")[0] for key in pods.server.objects()} == {"b", "c"}
    pods.run("purge", "--run", "b=uid-1", "--remove", "c=uid-1")
    assert pods.paths("b")
    assert not [key for key in pods.server.objects() if "/c/" in key or "/extract/" in key]


@pytest.mark.parametrize("at", [1, 2, 8, 20])
def test_a_plan_that_was_killed_is_made_by_the_next_pod(pods: Pods, at: int) -> None:
    pods.run("plan", *pods.plan_words("nightly"), exits=-9, hook=KILL, KILLED_AT=str(at))
    early = pods.run("apply", *APPLY, "--plan", "sha256:" + "0" * 64, exits=42)
    assert early
    assert pods.reason in ("ArtifactsGone", "NoArtifact", "OtherPlan", "PlanCorrupt")

    plan = pods.plan()
    applied = pods.apply("nightly", plan["digest"])
    assert applied["revision"] == 1


@pytest.mark.parametrize("at", [1, 2, 4])
def test_an_apply_that_was_killed_is_found_done_or_is_done(pods: Pods, at: int) -> None:
    digest = pods.plan()["digest"]
    pods.run("apply", *APPLY, "--plan", digest, exits=-9, hook=KILL, KILLED_AT=str(at))
    again = pods.apply("nightly", digest, number=2)
    assert again["revision"] == 1
    assert not [key for key in pods.server.objects() if "/extract/" in key]


def test_an_apply_is_done_even_if_the_bucket_is_gone_afterwards(pods: Pods) -> None:
    digest = pods.plan()["digest"]
    applied = pods.apply("nightly", digest, hook="support.bucket_ends:deaf")
    assert (applied["stage"], applied["revision"]) == ("done", 1)


def test_a_plan_that_cannot_be_kept_is_not_done(pods: Pods) -> None:
    pods.run("plan", *pods.plan_words("nightly"), exits=1, hook="support.bucket_ends:deaf")
    assert pods.reason == "ArtifactsAway"
    assert "s3://rosters/springfield" in pods.report["error"]["message"]
    assert "noChanges" not in pods.report or not pods.report["noChanges"]
    assert pods.plan()["digest"]


@pytest.mark.parametrize(
    ("storage", "secret", "exits", "reason"),
    [
        ({"url": "s3://rostrs/springfield"}, KEY, 42, "NoSuchBucket"),
        ({"endpoint": "http://127.0.0.1:1"}, KEY, 1, "Unreachable"),
        ({}, KEY | {"secretAccessKey": "wrong"}, 42, "CredentialsRefused"),
        ({}, {"accessKeyID": "x"}, 42, "SecretIncomplete"),
        ({}, None, 42, "SecretNotFound"),
    ],
)
def test_a_bucket_that_will_not_do_is_said_before_anything_is_read(
    pods: Pods, storage: dict[str, Any], secret: dict[str, str] | None, exits: int, reason: str
) -> None:
    given = connection(pods.simulator.url, artifacts={"objectStorage": pods.server.storage(**storage)})
    pods.give(given, credentials(pods.simulator) | ({"bucket": secret} if secret else {}))
    for words in (("plan", *pods.plan_words("nightly")), ("check",), ("purge", "--remove", "nightly")):
        pods.run(*words, exits=exits)
        away = exits == 1 and words[0] == "plan"  # what was approved must not be spent on this
        assert pods.reason == ("ArtifactsAway" if away else reason), words
        assert "spec.artifacts.objectStorage" in pods.report["error"]["message"] or reason == "CredentialsRefused"
    assert pods.server.objects() == {}


def test_a_job_contacts_no_address_of_its_own_machine(pods: Pods) -> None:
    pods.trial = False
    for words in (("plan", *pods.plan_words("nightly")), ("apply", *APPLY, "--plan", "x"), ("purge", "--remove", "a")):
        pods.run(*words, exits=42)
        assert pods.reason == "AddressRefused", words
    assert pods.server.objects() == {}


@pytest.mark.parametrize("sealed", [False, True], ids=["clear", "sealed"])
def test_a_person_is_forgotten_in_the_bucket_of_a_cluster(pods: Pods, sealed: bool, tmp_path: Path) -> None:
    pods.connected(sealed=sealed, sisIDPrefix="F-")
    pods.imported("first", uid="uid-0")
    pods.simulator.add_event("mass-leave:30")
    pods.plan("held")
    bench = Bench(tmp_path, pods.simulator)
    given = bench.connection(artifacts=pods.artifacts_spec(sealed=sealed), sisIDPrefix="F-")
    given["metadata"]["namespace"] = "team-a"
    secrets = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}
        for name, data in (("bucket", KEY), ("key", {"key": IDENTITY}))
    ]
    person = student(pods)

    alone = bench.call("forget", person, "--yes", *bench.manifests_of(given), code=1).stderr
    assert "Secret team-a/bucket, which spec.artifacts.objectStorage.secretRef names, is not given" in alone
    said = bench.call("forget", person, "--yes", *bench.manifests_of(given, *secrets)).stdout

    assert "Removed from the bucket: run first, run held." in said
    assert not pods.server.objects()
    assert (
        "Nobody has the id"
        in bench.call("forget", person, "--yes", *bench.manifests_of(given, *secrets), code=1).stderr
    )
    pods.run("apply", *APPLY[:1], "held", *APPLY[2:], "--plan", "sha256:x", exits=42)
    assert pods.reason == "ArtifactsGone"


def student(pods: Pods) -> str:
    """The id in the store of a student: either in the second extract, or deleted by its plan."""
    with duckdb.connect(str(pods.store), read_only=True) as con:
        found = con.execute("SELECT min(id) FROM users WHERE entity = 'Student'").fetchone()
    assert found
    return str(found[0])


def test_the_test_of_the_connection_tests_the_bucket(pods: Pods) -> None:
    pods.run("check")
    assert pods.report["stage"] == "done"
    assert pods.server.objects() == {}
