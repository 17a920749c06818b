"""restore: what a run changed is taken back on the command line, without the SIS, once a person has approved it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from rostersync.roster import TABLES
from support.cli import Bench, name_of, reason_of
from support.simulated import simulated

WHY = ("--reason", "the SIS had lost them", "--by", "dana")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with simulated(60) as simulator:
        yield Bench(tmp_path, simulator)


def roster(bench: Bench) -> dict[str, list[tuple[Any, ...]]]:
    """Every active record with every attribute."""
    with duckdb.connect(str(bench.store), read_only=True) as con:
        return {
            t.name: con.execute(
                f"SELECT * EXCLUDE (revision, changed_at) FROM {t.name} WHERE status = 'active' ORDER BY id"  # noqa: S608
            ).fetchall()
            for t in TABLES
        }


def restored(bench: Bench, run: str, *words: str, code: int = 3) -> dict[str, Any]:
    return json.loads(bench.call("restore", run, *words, "--quiet", "--output", "json", code=code).stdout)  # type: ignore[no-any-return]


def lost(bench: Bench) -> tuple[str, dict[str, list[tuple[Any, ...]]]]:
    """A run that deleted a third of the students, and the roster before it."""
    held = name_of(bench.held())
    before = roster(bench)
    bench.call("approve", held, *WHY)
    assert roster(bench) != before
    return held, before


def test_a_run_is_taken_back_without_the_sis_once_it_is_approved(bench: Bench) -> None:
    held, before = lost(bench)
    bench.simulator.stop()

    run = restored(bench, held, "--reason", "wrong export")

    assert (run["spec"]["mode"], run["spec"]["restoreOf"], run["spec"]["reason"]) == ("Restore", held, "wrong export")
    assert reason_of(run) == "AwaitingApproval"
    assert {h["reason"] for h in run["status"]["holds"]} == {"Restore"}
    assert {c["cause"] for c in run["status"]["causes"]} == {"Restored"}
    assert run["status"]["totals"]["created"] > 0
    assert "Restored" in bench.call("diff", name_of(run), "--limit", "5").stdout
    page = bench.call("show", name_of(run)).stdout
    assert f"Takes back:    {held}" in page
    bench.call("approve", name_of(run), *WHY)
    assert roster(bench) == before
    assert bench.show(name_of(run))["status"]["revision"] == 3
    assert json.loads(bench.call("verify", name_of(run), "-o", "json").stdout)["verified"]

    again = restored(bench, held, code=0)
    assert reason_of(again) == "NoChanges"


def test_the_next_import_that_would_undo_it_is_held(bench: Bench) -> None:
    held, _ = lost(bench)
    bench.call("approve", name_of(restored(bench, held)), *WHY)

    run = bench.run(code=3)

    assert "RestoredRecords" in {h["reason"] for h in run["status"]["holds"]}
    assert "that were restored within the last 30 days" in bench.call("show", name_of(run)).stdout


def test_an_import_in_between_moves_the_base_and_an_equal_plan_keeps_its_approval(bench: Bench) -> None:
    held, _ = lost(bench)
    run = name_of(restored(bench, held))
    digest = bench.show(run)["status"]["plan"]["digest"]
    phones = [{"entity": "Admin", "attribute": "phone", "template": "{username}"}]
    assert reason_of(bench.run(manifests=bench.manifests(attributesMapping=phones))) == "Applied"

    bench.call("approve", run, *WHY)

    status = bench.show(run)["status"]
    assert (status["outcome"], status["revision"]) == ("Applied", 4)
    assert (status["plan"]["baseRevision"], status["plan"]["digest"]) == (3, digest)


def test_what_cannot_be_taken_back_is_refused_before_anything_begins(bench: Bench) -> None:
    held = name_of(bench.held())
    for words, reason in (((held,), "AwaitingApproval"), (("nothing",), "No run nothing")):
        assert reason in bench.call("restore", *words, code=1).stderr
    bench.call("reject", held, *WHY)
    assert "Rejected: it changed nothing" in bench.call("restore", held, code=1).stderr
    assert "is none of" in bench.call("restore", held, "--only-entity", "Pupil", code=2).stderr
    assert len(list((bench.state / "runs").iterdir())) == 2
    first = sorted(p.stem for p in (bench.state / "runs").iterdir())[0]
    with duckdb.connect(str(bench.store), read_only=True) as con:
        [(school, name)] = con.execute("SELECT id, name FROM orgs WHERE entity = 'School' LIMIT 1").fetchall()
    failed = restored_error(bench, first, "--school", f"{name}x")
    assert f"never had a school {name}x; nothing is planned. Near: {name} ({school})" in failed
    assert "There are: " in failed
    assert len(list((bench.state / "runs").iterdir())) == 2


def test_what_is_applied_is_taken_back_although_its_delivery_fails(bench: Bench) -> None:
    passport = {"name": "passport", "oneRosterCSV": {}, "directory": {"existingClaim": "passport", "path": "in"}}
    (bench.state / "volumes").mkdir(parents=True)
    (bench.state / "volumes" / "passport").touch()  # where a folder should be
    applied = name_of(bench.run(manifests=bench.manifests(deliveries=[passport]), code=1))
    assert reason_of(bench.show(applied)) == "Delivering"

    run = restored(bench, applied)

    assert (reason_of(run), run["spec"]["restoreOf"]) == ("AwaitingApproval", applied)


def restored_error(bench: Bench, *words: str) -> str:
    return bench.call("restore", *words, "--quiet", code=1).stderr


def test_a_run_that_history_has_pruned_can_still_be_taken_back(bench: Bench) -> None:
    held, before = lost(bench)
    shutil.rmtree(bench.state / "artifacts" / held)
    for folder in ("runs", "approvals"):
        (bench.state / folder / f"{held}.json").unlink()

    run = restored(bench, held)

    bench.call("approve", name_of(run), *WHY)
    assert roster(bench) == before


def test_only_some_entities_and_what_is_left_alone(bench: Bench) -> None:
    held, _ = lost(bench)

    run = restored(bench, held, "--only-entity", "enrollment", code=0)

    assert run["spec"]["entities"] == ["Enrollment"]
    assert reason_of(run) == "NoChanges"
    found = json.loads(bench.call("issues", name_of(run), "-o", "json").stdout)
    assert {(i["code"], i["attribute"]) for i in found} == {("DanglingReference", "userSourcedId")}
    found = json.loads(bench.call("check", *bench.manifests(), "--output", "json").stdout)["schools"][0]
    for word in (found["name"], found["name"].upper(), found["sourcedId"]):
        assert restored(bench, held, "--school", word)["spec"]["schools"] == [found["sourcedId"]]
    refused = bench.call("restore", held, "--school", "nowhere", "--quiet", "--output", "json", code=1)
    assert f"{found['name']} ({found['sourcedId']})" in refused.stderr
    students = restored(bench, held, "--only-entity", "Student")
    created = {e["entity"] for e in students["status"]["entities"] if e["created"]}
    assert created == {"Student"}


def test_of_two_restores_of_one_run_one_waits_and_the_other_says_so(bench: Bench) -> None:
    held, before = lost(bench)
    first = name_of(restored(bench, held))

    second = restored(bench, held)

    assert (reason_of(second), second["status"]["sameAs"]) == ("SameAsHeld", first)
    assert len(list((bench.state / "approvals").glob("*.json"))) == 2  # of the bad day and of the first restore
    bench.call("approve", name_of(second), *WHY)  # decides the first one
    assert bench.show(first)["status"]["revision"] == 3
    assert roster(bench) == before


def test_the_approval_of_one_restore_never_applies_another(bench: Bench) -> None:
    held, before = lost(bench)
    everything = name_of(restored(bench, held))
    students = name_of(restored(bench, held, "--only-entity", "Student", "--only-entity", "Contact"))
    digests = {run: bench.show(run)["status"]["plan"]["digest"] for run in (everything, students)}
    assert len(set(digests.values())) == 2

    bench.call("approve", students, *WHY)

    assert reason_of(bench.show(students)) == "Applied"
    assert reason_of(bench.show(everything)) == "AwaitingApproval"
    after = roster(bench)
    assert after["users"] == before["users"]
    assert len(after["enrollments"]) < len(before["enrollments"])

    bench.call("approve", everything, *WHY, code=3)  # made again on the roster of now, which is another plan

    run = bench.show(everything)
    assert reason_of(run) == "AwaitingApproval"
    assert run["status"]["plan"]["digest"] not in digests.values()
    assert {e["entity"] for e in run["status"]["entities"] if e["created"]} == {"Enrollment"}
    bench.call("approve", everything, *WHY)
    assert roster(bench) == before


def test_nobody_who_is_forgotten_comes_back_with_a_restore_that_waits(bench: Bench) -> None:
    held, before = lost(bench)
    run = name_of(restored(bench, held))
    person = next(row[2] for row in before["users"] if row[2] not in {r[2] for r in roster(bench)["users"]})

    said = bench.call("forget", person, "--yes").stdout

    assert run in said
    assert bench.show(run)["status"]["outcome"] == "Cancelled"
    again = restored(bench, held, *bench.manifests())  # the folders that named the person are gone, manifests included
    bench.call("approve", name_of(again), *WHY)
    assert {row[2] for row in roster(bench)["users"]} == {row[2] for row in before["users"]} - {person}
    issues = json.loads(bench.call("issues", name_of(again), "-o", "json").stdout)
    assert {i["code"] for i in issues} == {"Forgotten"}
