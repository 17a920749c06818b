"""Runs of some schools on the command line: what is planned, shown, decided, refused, and left for the next whole run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rostersync.render import orgs
from rostersync.simulator.bundle import Bundle
from rostersync.simulator.server import Simulator
from support.cli import Bench, name_of, reason_of
from support.leaving import DISTRICT, NORTH, SOUTH, students, without


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(Bundle(DISTRICT)) as running:
        yield running


@pytest.fixture
def bench(tmp_path: Path, simulator: Simulator) -> Bench:
    """A district that was imported. Then two students left each of two schools."""
    made = Bench(tmp_path, simulator)
    made.run()
    left = [*students(NORTH)[:2], *students(SOUTH)[:2]]
    folder = without(left, tmp_path / "smaller")
    simulator.serve(Bundle(folder))
    return made


def message_of(run: dict[str, Any]) -> str:
    return next(str(c["message"]) for c in run["status"]["conditions"] if c["type"] == "Succeeded")


def deleted(run: dict[str, Any], entity: str = "Student") -> int:
    return next(int(e["deleted"]) for e in run["status"]["entities"] if e["entity"] == entity)


def test_only_a_school_changes_and_the_whole_run_does_the_rest(bench: Bench) -> None:
    run = bench.run("--school", NORTH)

    assert reason_of(run) == "Applied"
    assert run["spec"]["schools"] == [NORTH]
    assert deleted(run) == 2
    left = run["status"]["totals"]["outOfScope"]
    assert left > 2  # the others, and their enrolments
    said = f"{left} changes that are not of its schools alone wait for a run of the whole district."
    assert said in message_of(run)
    shown = bench.call("show", name_of(run)).stdout
    assert f"Only schools:  {NORTH}" in shown
    assert f"Not shown, since not of this run's schools alone: {left} changes." in " ".join(
        bench.call("diff", name_of(run)).stdout.split()
    )

    rest = bench.run()
    assert deleted(rest) == 2
    assert rest["status"]["totals"]["deleted"] == left
    assert reason_of(bench.run()) == "NoChanges"


def test_a_manifest_names_the_schools(bench: Bench) -> None:
    spec = {"connectionRef": {"name": "springfield"}, "schools": [NORTH, SOUTH], "mode": "DryRun"}
    asked = {"apiVersion": "rostersync.dev/v1alpha1", "kind": "SyncRun", "metadata": {"name": "two"}, "spec": spec}

    run = bench.run(manifests=bench.manifests(asked))

    assert reason_of(run) == "DryRun"
    assert deleted(run) == 4
    assert run["status"]["totals"]["outOfScope"] == 0


def test_a_school_that_is_not_mapped_is_named_and_nothing_is_planned(bench: Bench) -> None:
    run = bench.run("--school", NORTH, "--school", "nowhere", code=1)

    assert reason_of(run) == "SchoolNotMapped"
    assert message_of(run).startswith(
        "nowhere: no mapped school has this id in the store, so nothing was planned; mapped are"
    )
    assert SOUTH in message_of(run)
    assert "plan" not in run["status"]


def test_a_school_is_meant_by_its_name_or_either_id(bench: Bench) -> None:
    by_id = bench.run("--school", NORTH, "--dry-run")
    [name] = [o.name for o in orgs.read(bench.state / "artifacts" / name_of(by_id) / "plan").all if o.id == NORTH]
    assert name

    for word in (NORTH.removeprefix("FOC-"), name, name.upper()):
        run = bench.run("--school", word, "--dry-run")
        assert run["spec"]["schools"] == [NORTH]
        assert run["status"]["plan"]["digest"] == by_id["status"]["plan"]["digest"]
    told = bench.call("run", *bench.manifests(), "--quiet", "--school", "nowhere", code=1).output
    assert "The schools of the last plan, by name: " in told
    assert f"{name} ({NORTH})" in told


def test_a_school_of_no_name_is_refused(bench: Bench) -> None:
    assert "Invalid value for '--school'" in bench.call("run", *bench.manifests(), "--school", "", code=2).output


def test_a_held_run_of_some_schools_is_approved_as_it_was_shown(bench: Bench) -> None:
    held = bench.run("--school", NORTH, code=3, manifests=bench.manifests(previewDataUpload=True))

    bench.call("approve", name_of(held), "--reason", "as told")

    done = bench.show(name_of(held))
    assert reason_of(done) == "Applied"
    assert done["status"]["plan"]["digest"] == held["status"]["plan"]["digest"]
    assert deleted(bench.run(code=3, manifests=bench.manifests(previewDataUpload=True))) == 2


def test_a_whole_plan_waits_on_while_some_schools_are_run(bench: Bench) -> None:
    """A later run of the whole district replaces what was planned for a part of it, and not the other way round."""
    preview = bench.manifests(previewDataUpload=True)
    whole = bench.run(code=3, manifests=preview)
    some = bench.run("--school", NORTH, code=3, manifests=preview)
    assert reason_of(bench.show(name_of(whole))) == reason_of(some) == "AwaitingApproval"

    later = bench.run(code=3, manifests=preview)

    assert reason_of(later) == "SameAsHeld"
    assert reason_of(bench.show(name_of(some))) == "Superseded"
    assert reason_of(bench.show(name_of(whole))) == "AwaitingApproval"


def test_after_a_part_was_applied_the_whole_plan_is_made_anew(bench: Bench) -> None:
    preview = bench.manifests(previewDataUpload=True)
    whole = bench.run(code=3, manifests=preview)
    bench.run("--school", NORTH, manifests=bench.manifests())

    bench.call("approve", name_of(whole), "--reason", "as told", code=None)

    now = bench.show(name_of(whole))
    assert reason_of(now) == "AwaitingApproval"  # for another decision, about the rest
    assert now["status"]["plan"]["digest"] != whole["status"]["plan"]["digest"]
    assert deleted(now) == 2
