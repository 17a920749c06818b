"""`job plan` and `job apply`: what pods of Kubernetes run, in real processes against a simulator over HTTP."""

import json
import stat
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import duckdb
import pytest

from rostersync.plan import codec
from support.pod import APPROVED, SECRET, Cluster, connection, credentials
from support.simulated import simulated


@pytest.fixture
def simulator():
    with simulated(40) as made:
        yield made


@pytest.fixture
def cluster(warm, simulator, tmp_path):
    made = Cluster(warm, tmp_path)
    made.give(connection(simulator.url), credentials(simulator))
    return made


def held(cluster, simulator):
    """A district that was imported, and then lost 30 % of its students; the report of that plan."""
    cluster.imported("first", uid="uid-0")
    simulator.add_event("mass-leave:30")
    return cluster.plan()


def revisions(cluster):
    with duckdb.connect(str(cluster.store), read_only=True) as con:
        return con.execute(
            "SELECT revision, run, decided_by, approval_uid, approver_reason, four_eyes_enforced FROM revisions ORDER BY revision"
        ).fetchall()


def test_a_plan_and_its_apply_make_an_import(cluster):
    plan = cluster.plan()

    assert (plan["run"], plan["stage"], plan["holdsTotal"]) == ("nightly", "done", 0)
    assert not cluster.store.exists()
    kept = json.loads((cluster.artifacts / "nightly/reports/plan-1.json").read_text())
    assert kept == plan

    applied = cluster.apply("nightly", plan["digest"], number=2)

    assert (applied["stage"], applied["revision"], applied["digest"]) == ("done", 1, plan["digest"])
    assert (cluster.artifacts / "nightly/reports/apply-2-1.json").exists()
    assert list(cluster.scratch.iterdir()) == []


def test_what_only_plans_need_goes_with_the_apply(cluster):
    digest = cluster.plan()["digest"]
    folder = cluster.artifacts / "nightly"
    assert (folder / "extract/proof.json").exists()

    cluster.apply("nightly", digest)

    assert sorted(p.name for p in folder.iterdir()) == ["connection.json", "plan", "reports", "run.json"]


def test_now_is_when_the_run_was_made(cluster):
    cluster.plan()

    manifest = codec.read(cluster.artifacts / "nightly" / "plan")
    assert manifest.as_of == datetime(2026, 11, 24, 2, 7, 9, tzinfo=UTC)
    assert manifest.connection_name == "springfield"
    assert (manifest.connection_namespace, manifest.connection_uid) == ("team-a", "uid-c")


def test_applying_twice_is_once(cluster):
    digest = cluster.plan()["digest"]
    cluster.apply("nightly", digest)

    again = cluster.apply("nightly", digest, number=2)

    assert (again["alreadyApplied"], again["revision"]) == (True, 1)


def test_a_held_plan_is_done_and_its_apply_needs_a_consent(cluster, simulator):
    cluster.give(connection(simulator.url, approval={"requireDistinctApprover": True}), credentials(simulator))
    plan = held(cluster, simulator)
    assert plan["holdsTotal"] > 0

    refused = cluster.apply("nightly", plan["digest"], exits=42)
    assert (refused["error"]["reason"], "revision" in refused) == ("ApprovalRequired", False)

    applied = cluster.apply("nightly", plan["digest"], *APPROVED, "--four-eyes", number=2)
    assert applied["revision"] == 2
    assert revisions(cluster)[1] == (2, "nightly", "dana", "uid-a", "seen", True)


def test_a_consent_for_another_plan_is_no_consent(cluster, simulator):
    held(cluster, simulator)

    cluster.apply("nightly", "sha256:" + "0" * 64, *APPROVED, exits=42)

    assert cluster.reason == "OtherPlan"
    assert len(revisions(cluster)) == 1


def test_the_plan_decides_whether_it_is_held_and_not_its_report(cluster, simulator):
    digest = held(cluster, simulator)["digest"]
    path = cluster.artifacts / "nightly/reports/plan-1.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"holds": [], "holdsTotal": 0}))

    cluster.apply("nightly", digest, exits=42)

    assert cluster.reason == "ApprovalRequired"


def test_a_digest_that_does_not_stand_for_the_changes_is_refused(cluster, simulator):
    held(cluster, simulator)
    forged = "sha256:" + "1" * 64
    folder = cluster.artifacts / "nightly" / "plan"
    codec.write(folder, replace(codec.read(folder), digest=forged))

    cluster.apply("nightly", forged, *APPROVED, exits=42)

    assert cluster.reason == "PlanCorrupt"
    assert len(revisions(cluster)) == 1


def test_a_store_that_moved_is_planned_again_from_the_same_extract_with_the_same_digest(cluster, simulator):
    first, other = cluster.plan("a"), cluster.plan("b", uid="uid-b")
    assert first["digest"] == other["digest"]
    cluster.apply("b", other["digest"], uid="uid-b")
    cluster.apply("a", first["digest"], exits=42)
    assert cluster.reason == "BaseMoved"
    requests = len(simulator.requests)

    again = cluster.plan("a", "--again", number=2)

    assert again["noChanges"] is True
    assert again["baseRevision"] == 1
    assert len(simulator.requests) == requests, "nothing is read"


def test_an_equal_plan_on_a_moved_store_keeps_its_digest(cluster, simulator):
    plan = held(cluster, simulator)
    with duckdb.connect(str(cluster.store)) as con:  # a revision of another source of the district
        con.execute("INSERT INTO revisions BY NAME SELECT * REPLACE (2 AS revision, 'other' AS run) FROM revisions")
    cluster.apply("nightly", plan["digest"], *APPROVED, exits=42)
    assert cluster.reason == "BaseMoved"
    cluster.give(connection(simulator.url, sisIDPrefix="other-"), {})  # edited meanwhile, and no Secret is needed

    again = cluster.plan("nightly", "--again", number=2)

    assert (again["digest"], again["baseRevision"]) == (plan["digest"], 2)
    assert cluster.apply("nightly", plan["digest"], *APPROVED, number=2, of_plan=2)["revision"] == 3


def test_without_a_store_and_without_a_place_for_one_a_plan_finds_nothing_there(cluster):
    cluster.store.parent.rmdir()

    assert cluster.plan()["totals"]["created"] > 40
    assert not cluster.store.parent.exists()


def test_a_store_that_may_only_be_read_is_enough_for_a_plan_with_a_log_left_over_too(cluster, simulator):
    cluster.imported("first", uid="uid-0")
    simulator.add_event("mass-leave:30")
    leave_log(cluster.store)
    names = {p.name: p.stat().st_size for p in cluster.store.parent.iterdir()}
    assert names["roster.duckdb.wal"] > 0

    plan = cluster.plan(hook="support.pod:read_only", READ_ONLY=str(cluster.store.parent))

    assert plan["baseRevision"] == 1
    assert plan["totals"]["deleted"] > 0
    assert {p.name: p.stat().st_size for p in cluster.store.parent.iterdir()} == names


def leave_log(store):
    """A process that committed and was killed before the log went into the file."""
    committed = (
        "import duckdb, os, sys; con = duckdb.connect(sys.argv[1]); con.execute(\"SET checkpoint_threshold = '1TB'\"); "
        "con.execute(\"UPDATE revisions SET run = 'from the log'\"); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", committed, store], check=False).returncode == -9


def test_another_process_that_writes_the_store_makes_it_worth_another_try(cluster):
    digest = cluster.imported()["digest"]
    con = duckdb.connect(str(cluster.store))
    try:
        cluster.plan("b", uid="uid-b", exits=1)
        assert cluster.reason == "StoreBusy"
        cluster.apply("nightly", digest, exits=1)
        assert cluster.reason == "StoreBusy"
    finally:
        con.close()


@pytest.mark.parametrize("key", ["AGE-SECRET-KEY", "a passphrase that is long"])
def test_sealed_artifacts_are_opened_with_the_mounted_key_alone(cluster, simulator, key):
    if key == "AGE-SECRET-KEY":
        import pyrage

        key = str(pyrage.x25519.Identity.generate())
    sealed = connection(simulator.url, artifacts={"encryptionKeySecretRef": {"name": "seal"}})
    cluster.give(sealed, credentials(simulator) | {"seal": {"key": key + "\n"}})
    plan = cluster.plan()
    files = [p for p in (cluster.artifacts / "nightly").rglob("*") if p.is_file() and p.parent.name != "reports"]
    assert {p.suffix for p in files} == {".age", ".json"}
    assert sorted(p.name for p in files if p.suffix == ".json") == ["connection.json", "run.json"]

    cluster.give(sealed, {})
    cluster.apply("nightly", plan["digest"], exits=42)
    assert cluster.reason == "SecretNotFound"
    cluster.give(sealed, {"seal": {"key": "another passphrase"}})
    cluster.apply("nightly", plan["digest"], exits=42)
    assert cluster.reason == "ArtifactKeyWrong"
    cluster.give(sealed, {"seal": {"key": key}})
    again = cluster.plan("nightly", "--again", number=2)
    assert again["digest"] == plan["digest"]
    assert cluster.apply("nightly", plan["digest"], of_plan=2)["revision"] == 1
    assert list(cluster.scratch.iterdir()) == []


def test_a_run_made_again_under_the_same_name_has_nothing_of_the_former(cluster, simulator):
    old = cluster.plan()["digest"]
    cluster.apply("nightly", old, uid="uid-2", exits=42)
    assert cluster.reason == "RunReplaced"
    assert sorted(p.name for p in (cluster.artifacts / "nightly/reports").iterdir()) == ["plan-1.json"]
    (cluster.artifacts / "nightly/errors").mkdir()
    requests = len(simulator.requests)

    cluster.plan("nightly", uid="uid-2", number=3)

    assert len(simulator.requests) > requests, "the former run's extract is not taken up"
    folder = cluster.artifacts / "nightly"
    assert sorted(p.name for p in (folder / "reports").iterdir()) == ["plan-3.json"]
    assert not (folder / "errors").exists()
    assert json.loads((folder / "run.json").read_text())["uid"] == "uid-2"


def test_an_apply_without_artifacts_is_refused(cluster):
    cluster.apply("nightly", "sha256:" + "0" * 64, exits=42)

    assert cluster.reason == "ArtifactsGone"
    assert list(cluster.artifacts.iterdir()) == []


def test_a_retry_takes_up_what_was_read_but_not_from_another_server(cluster, simulator):
    cluster.plan()
    requests = len(simulator.requests)
    cluster.plan()
    assert len(simulator.requests) == requests

    delivery = connection(simulator.url)["spec"]["deliveryConfig"] | {"pageSize": 50}
    cluster.give(connection(simulator.url, deliveryConfig=delivery), credentials(simulator))
    cluster.plan()

    assert len(simulator.requests) > requests


def test_finished_runs_over_the_limits_lose_their_artifacts_before_a_plan(cluster):
    for name in ("a", "b", "c", "d"):
        cluster.plan(name)
    finished = [
        w for n, s in (("a", "ok"), ("b", "failed"), ("c", "ok"), ("d", "ok")) for w in ("--finished", f"{n}={s}")
    ]

    cluster.plan("e", *finished, "--keep-successful", 2, "--keep-failed", 0)

    assert sorted(p.name for p in cluster.artifacts.iterdir()) == ["c", "d", "e"]


def test_everything_is_for_its_user_alone(cluster):
    cluster.imported()

    made = (*cluster.artifacts.rglob("*"), *cluster.store.parent.rglob("*"))
    assert [p for p in made if stat.S_IMODE(p.stat().st_mode) & 0o077] == []


def test_progress_and_errors_are_json_lines(cluster, simulator):
    done = cluster.run("plan", *cluster.plan_words("nightly"))
    stages = list(dict.fromkeys(line["stage"] for line in map(json.loads, done.err.splitlines())))
    assert stages[0] == "extract"
    assert done.out == ""

    cluster.give(connection(simulator.url), {SECRET: {"clientID": "x", "clientSecret": "y"}})
    failed = cluster.run("plan", *cluster.plan_words("other"), "--debug", exits=42)
    assert failed.error["reason"] == cluster.reason == "CredentialsRefused"
    assert ".py:" in failed.err, "--debug says where"
