"""verify: what a stored plan proves, after it was applied, held, damaged, sealed, purged, or made by an earlier version."""

import hashlib
import json
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rostersync.plan import codec
from rostersync.stores.embedded.store import EmbeddedStore
from support.cli import Bench, name_of, reason_of
from support.simulated import simulated

WHY = ("--reason", "end of term", "--by", "dana")
KEY = "correct horse battery staple"


@pytest.fixture
def bench(tmp_path):
    with simulated(60) as simulator:
        yield Bench(tmp_path, simulator)


def verified(bench: Bench, run: str, *words: str, code: int = 0) -> dict[str, Any]:
    return json.loads(bench.call("verify", run, *words, "--output", "json", code=code).stdout)


def results(found: dict[str, Any]) -> dict[str, str]:
    return {p["name"]: p["result"] for p in found["points"]}


def message(found: dict[str, Any], name: str) -> str:
    return next(p["message"] for p in found["points"] if p["name"] == name)


def plan_of(bench: Bench, run: str) -> Path:
    return bench.state / "artifacts" / run / "plan"


def test_an_approved_and_applied_run_is_proved_point_by_point(bench):
    held = name_of(bench.held())
    bench.call("approve", held, *WHY)

    found = verified(bench, held)

    assert (found["verified"], found["revision"]) == (True, 2)
    assert found["digest"] == bench.show(held)["status"]["plan"]["digest"]
    assert set(results(found).items()) == {
        (name, "Proved") for name in ("Plan", "Files", "Digest", "Run", "Consent", "Revision", "Changes")
    } | {("Seal", "Unknown")}
    assert "dana approved, and so does its SyncApproval" in message(found, "Consent")
    page = bench.call("verify", held).stdout
    assert (
        f"Run {held}: the plan is the one that its digest stands for, and the store's revision 2 is that plan." in page
    )
    assert "Not proved by this:" in page
    assert "verified: true" in bench.call("verify", held, "--output", "yaml").stdout


def test_a_run_that_waits_was_not_applied(bench):
    held = name_of(bench.held())

    found = verified(bench, held)

    assert found["verified"]
    assert found["revision"] is None
    assert (results(found)["Revision"], results(found)["Changes"]) == ("Unknown", "Unknown")
    assert message(found, "Consent") == "for this digest: not decided yet"


def test_a_plan_without_changes_has_no_revision(bench):
    bench.run()
    found = verified(bench, name_of(bench.run()))
    assert found["verified"]
    assert found["revision"] is None
    assert message(found, "Revision") == "none: the plan changes nothing"


def test_damage_is_named(bench):
    run = name_of(bench.run())
    students = plan_of(bench, run) / "changes" / "Student.parquet"
    students.write_bytes(students.read_bytes() + b"\0")

    found = verified(bench, run, code=1)

    assert results(found)["Files"] == "Contradicted"
    assert message(found, "Files").endswith("has another changes/Student.parquet than when it was made")
    assert results(found)["Digest"] == results(found)["Changes"] == "Unknown"
    assert "Do not rely on it" in bench.call("verify", run, code=1).stdout


def test_changes_that_were_exchanged_with_their_checksum_do_not_have_the_digest(bench):
    run = name_of(bench.run())
    folder = plan_of(bench, run)
    students = folder / "changes" / "Student.parquet"
    rows = pq.read_table(students)
    names = pa.array(["Ann"] * rows.num_rows)
    pq.write_table(rows.set_column(rows.schema.get_field_index("givenName"), "givenName", names), students)
    manifest = codec.read(folder)
    files = {**manifest.files, "changes/Student.parquet": hashlib.sha256(students.read_bytes()).hexdigest()}
    codec.write(folder, replace(manifest, files=files))

    found = verified(bench, run, code=1)

    assert (results(found)["Files"], results(found)["Digest"]) == ("Proved", "Contradicted")


def test_a_manifest_that_was_altered_outside_of_the_digest_is_a_contradiction_where_that_shows(bench):
    held = name_of(bench.held())
    file = plan_of(bench, held) / "manifest.json"
    good = file.read_text()
    entities = json.loads(good)["entities"]
    fewer = [e | {"deleted": 0} for e in entities]

    for fields, point, said in (
        ({"run": "another"}, "Plan", "it is the plan of another run"),
        ({"entities": fewer}, "Plan", "it counts other changes than"),
        ({"entities": []}, "Plan", "it counts other changes than"),
        ({"noChanges": True}, "Plan", "it says that it has no changes"),
        ({"effectiveConfig": {"sisIDPrefix": "X-"}}, "Plan", "its configuration is not the one"),
        ({"holds": [], "holdsTotal": 0}, "Run", "reasons to hold the plan, and the manifest 0"),
        ({"onlySchools": ["1"]}, "Digest", "not those that its digest stands for"),
        ({"source": "other"}, "Digest", "not those that its digest stands for"),
        ({"files": {"a\0": "b"}}, "Files", "lacks its file"),
        ({"files": {"x" * 5000: "b"}}, "Files", "lacks its file"),
        ({"configHash": "0"}, "Digest", "not those that its digest stands for"),
    ):
        file.write_text(json.dumps(json.loads(good) | fields))
        found = verified(bench, held, code=1)
        assert results(found)[point] == "Contradicted", fields
        assert said in message(found, point)
        file.write_text(good)
    assert verified(bench, held)["verified"]


def test_whatever_was_done_to_the_files_it_is_a_point_and_never_a_crash(bench):
    first = name_of(bench.run())
    held = name_of(bench.held())
    bench.call("approve", held, *WHY)
    rng = random.Random(5)
    for file in sorted(p for p in plan_of(bench, held).rglob("*") if p.is_file()):
        good = file.read_bytes()
        other = plan_of(bench, first) / file.relative_to(plan_of(bench, held))
        at = rng.randrange(len(good))
        bad = [b"", good[: len(good) // 2], good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]]
        bad += [other.read_bytes()] if other.exists() and other.read_bytes() != good else []
        for data in bad if file.name != "manifest.json" else bad[:2] + bad[3:]:
            file.write_bytes(data)
            assert "Contradicted" in results(verified(bench, held, code=1)).values(), file.name
        file.unlink()
        assert "Contradicted" in results(verified(bench, held, code=1)).values(), file.name
        file.write_bytes(good)
    for file in (bench.state / "approvals" / f"{held}.json", plan_of(bench, held).parent / "connection.json"):
        good = file.read_bytes()
        for data in (b"", b"[]", b"{}", b'{"spec": 5}', b"\xff", good[:40]):
            file.write_bytes(data)
            bench.call("verify", held, code=None)  # raises what is no exit
        file.write_bytes(good)
    assert verified(bench, held)["verified"]


def test_changes_of_who_was_forgotten_since_are_not_held_against_a_plan(bench):
    """The artifacts of a cluster are not reached by whoever forgets somebody in its store."""
    run = name_of(bench.run())
    with duckdb.connect(str(bench.store), read_only=True) as con:
        [(person,)] = con.execute("SELECT min(id) FROM users WHERE entity = 'Student'").fetchall()
    EmbeddedStore(bench.store).writer().forget("springfield", person)

    found = verified(bench, run)

    assert results(found)["Changes"] == "Unknown"
    assert "somebody was forgotten since" in message(found, "Changes")
    with duckdb.connect(str(bench.store)) as con:
        con.execute("UPDATE history SET cause = 'Cascade' WHERE id = (SELECT min(id) FROM history)")
    assert results(verified(bench, run, code=1))["Changes"] == "Contradicted"


def test_parts_and_restores_are_verified_like_any_plan(bench):
    bench.run()
    with duckdb.connect(str(bench.store), read_only=True) as con:
        [(school,)] = con.execute("SELECT min(id) FROM orgs WHERE entity = 'School'").fetchall()
    bench.simulator.add_event("mass-leave:5")
    part = bench.run("--school", school, code=None)
    if reason_of(part) == "AwaitingApproval":
        bench.call("approve", name_of(part), *WHY)
    found = verified(bench, name_of(part))
    assert results(found)["Changes"] == "Proved"

    back = name_of(json.loads(bench.call("restore", name_of(part), "-q", "-o", "json", code=3).stdout))
    bench.call("approve", back, *WHY)

    found = verified(bench, back)
    assert results(found)["Changes"] == "Proved"
    assert f"takes back run {name_of(part)}" in message(found, "Plan")


def test_an_approval_of_another_plan_or_by_another_person_is_a_contradiction(bench):
    held = name_of(bench.held())
    bench.call("approve", held, *WHY)
    path = bench.state / "approvals" / f"{held}.json"
    approval = json.loads(path.read_text())
    other = approval | {"spec": approval["spec"] | {"decidedBy": "eve"}}
    (bench.folder / "approval.json").write_text(json.dumps(other))

    found = verified(bench, held, "--approval", str(bench.folder / "approval.json"), code=1)
    assert message(found, "Consent") == "the store says that dana approved it; the approval: Approved by eve"

    path.write_text(json.dumps(approval | {"spec": approval["spec"] | {"planDigest": "sha256:" + "0" * 64}}))
    assert results(verified(bench, held, code=1))["Consent"] == "Contradicted"

    bench.call("verify", held, "--approval", str(bench.folder / "manifests.yaml"), code=2)


def test_a_sealed_plan_is_opened_with_its_key(bench, monkeypatch):
    monkeypatch.setenv("ROSTERSYNC_ARTIFACT_KEY", KEY)
    sealed = bench.manifests(artifacts={"encryptionKeySecretRef": {"name": "key"}})
    run = name_of(bench.run(manifests=sealed))
    assert results(verified(bench, run))["Seal"] == "Proved"

    monkeypatch.delenv("ROSTERSYNC_ARTIFACT_KEY")
    found = verified(bench, run, code=1)
    assert results(found)["Plan"] == "Unknown"
    assert "encryption key" in message(found, "Plan")
    assert found["revision"] == 1

    monkeypatch.setenv("ROSTERSYNC_ARTIFACT_KEY", "another")
    assert results(verified(bench, run, code=1))["Plan"] == "Contradicted"


def test_of_a_purged_run_the_store_still_knows_what_was_applied(bench):
    held = name_of(bench.held())
    bench.call("approve", held, *WHY)
    shutil.rmtree(bench.state / "artifacts" / held)

    found = verified(bench, held, code=1)

    assert (found["verified"], found["digest"], found["revision"]) == (False, None, 2)
    assert results(found)["Plan"] == "Unknown"
    assert (results(found)["Consent"], results(found)["Revision"]) == ("Proved", "Proved")
    assert "cannot be verified" in bench.call("verify", held, code=1).stdout

    (bench.state / "runs" / f"{held}.json").unlink()  # as history.runs removes it
    assert verified(bench, held, code=1)["revision"] == 2
    assert "No run another" in bench.call("verify", "another", code=1).stderr
    assert "No run ../x" in bench.call("verify", "../x", code=1).stderr


def test_a_plan_of_another_version_is_said_to_be_one(bench):
    run = name_of(bench.run())
    file = plan_of(bench, run) / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"format": 99}))

    found = verified(bench, run, code=1)

    assert results(found)["Plan"] == "Unknown"
    assert "format 99" in message(found, "Plan")


def test_a_store_without_the_revision_or_with_other_changes_is_a_contradiction(bench):
    run = name_of(bench.run())
    with duckdb.connect(str(bench.store)) as con:
        con.execute("DELETE FROM history WHERE id = (SELECT min(id) FROM history)")
    assert message(verified(bench, run, code=1), "Changes").startswith("1 changes")

    with duckdb.connect(str(bench.store)) as con:
        con.execute("DELETE FROM revisions")
    assert results(verified(bench, run, code=1))["Revision"] == "Contradicted"


def test_volumes_of_a_cluster_are_enough(bench, tmp_path):
    held = name_of(bench.held())
    bench.call("approve", held, *WHY)
    volumes = tmp_path / "volumes"
    for name in ("artifacts", "store"):
        shutil.copytree(bench.state / name, volumes / name)

    approval = str(bench.state / "approvals" / f"{held}.json")
    found = verified(bench, held, "--state", str(volumes), "--approval", approval)

    assert (found["verified"], results(found)["Consent"], results(found)["Run"]) == (True, "Proved", "Unknown")
