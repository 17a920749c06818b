"""Confirmed deletes: records that a pull did not bring are asked for by id before they are deleted.

A server that hides records behind a consistent total deceives every proof by counting. It must not delete anybody.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rostersync.plan import codec
from rostersync.reading import confirming
from rostersync.render import issues
from rostersync.simulator.server import Simulator
from support.cli import Bench, name_of, reason_of
from support.simulated import simulated

STUDENTS = 150


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulated(STUDENTS) as running:
        yield running


@pytest.fixture
def bench(tmp_path: Path, simulator: Simulator) -> Bench:
    made = Bench(tmp_path, simulator)
    made.run()
    simulator.requests.clear()
    return made


def proof(bench: Bench, run: dict[str, Any], collection: str = "users") -> dict[str, Any]:
    return dict(codec.read(bench.state / "artifacts" / name_of(run) / "plan").proof[collection])


def deleted(run: dict[str, Any]) -> dict[str, int]:
    return {e["entity"]: e["deleted"] for e in run["status"].get("entities", ()) if e["deleted"]}


def deferred(run: dict[str, Any]) -> int:
    return int(run["status"]["totals"]["deferred"])


def by_id(simulator: Simulator, collection: str = "users") -> int:
    return sum(f"/{collection}/" in seen.path for seen in simulator.requests)


def test_a_server_that_hides_ten_people_behind_a_consistent_total_deletes_nobody(bench: Bench) -> None:
    bench.simulator.add_fault("hide:10,on=users")

    run = bench.run()

    assert reason_of(run) == "AppliedIncomplete"
    assert deleted(run) == {}
    assert deferred(run) > 10  # the people, and what would go with them
    told = proof(bench, run)
    assert (told["complete"], told["rule"]) == (False, None)
    assert told["byID"] == {"asked": 10, "active": 10, "gone": 0, "unclear": 0}
    assert told["reason"] == "10 of 10 missing records that were asked for by id are there"
    assert run["status"]["incomplete"] == ["users"]
    assert run["status"]["stillThere"] == [{"collection": "users", "count": 10}]
    message = next(c["message"] for c in run["status"]["conditions"] if c["type"] == "Succeeded")
    assert "10 of the users that were not sent are there when asked for by id, so more may be." in message
    found = list(issues.read(bench.state / "artifacts" / name_of(run) / "plan"))
    assert sum(i["code"] == "StillThere" for i in found) == 10


def test_without_asking_they_would_have_been_deleted(bench: Bench) -> None:
    bench.simulator.add_fault("hide:10,on=users")

    run = bench.run(manifests=bench.manifests(confirmDeletes={"records": 0}))

    assert sum(n for e, n in deleted(run).items() if e in ("Student", "Teacher", "Contact", "Admin")) == 10
    assert by_id(bench.simulator) == 0


def test_a_sample_is_enough(bench: Bench) -> None:
    bench.simulator.add_fault("hide:10,on=users")

    run = bench.run(manifests=bench.manifests(confirmDeletes={"records": 1}))

    assert deleted(run) == {}
    assert proof(bench, run)["byID"]["asked"] <= 4  # one of each entity


def test_people_who_left_are_deleted_once_the_source_confirms_it(bench: Bench) -> None:
    bench.simulator.add_event("mass-leave:3")

    run = bench.run()

    assert reason_of(run) == "Applied"
    assert deleted(run)["Student"] > 0
    told = proof(bench, run)
    assert told["complete"]
    assert told["byID"]["gone"] == told["byID"]["asked"] > 0
    assert by_id(bench.simulator) == told["byID"]["asked"] + 1  # and one that lives


def test_no_more_than_the_records_of_each_entity_are_asked_for(bench: Bench) -> None:
    bench.simulator.add_event("mass-leave:8")

    run = bench.run(manifests=bench.manifests(confirmDeletes={"records": 2}))

    assert deleted(run)["Student"] > 2
    assert proof(bench, run)["byID"]["asked"] <= 4
    assert proof(bench, run, "enrollments")["byID"]["asked"] == 2


def test_a_plan_that_deletes_nothing_asks_nothing(bench: Bench) -> None:
    bench.simulator.set_day(1)

    run = bench.run()

    assert ("byID" in proof(bench, run)) == bool(deleted(run))
    bench.run()
    assert by_id(bench.simulator, "courses") == 0


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("by-id:404", "a record that it has just sent is not found by its id"),
        ("by-id:405", "GET /users/ID: 405"),
        ("by-id:400", "GET /users/ID: 400"),
        ("by-id:501", "GET /users/ID: 501"),
        ("by-id:403", "GET /users/ID: 403"),
        ("by-id:another", "another record came than was asked for"),
    ],
)
def test_a_source_that_cannot_be_asked_by_id_says_so_and_the_plan_goes_on(bench: Bench, fault: str, said: str) -> None:
    bench.simulator.add_event("mass-leave:3")
    bench.simulator.add_fault(fault)

    run = bench.run()

    assert reason_of(run) == "Applied"
    assert deleted(run)["Student"] > 0
    assert proof(bench, run)["byID"] == {"asked": 0, "active": 0, "gone": 0, "unclear": 0, "unable": said}
    assert by_id(bench.simulator) <= 2


def test_a_source_that_finds_whatever_it_is_asked_for_deletes_nobody(bench: Bench) -> None:
    bench.simulator.add_event("mass-leave:3")
    bench.simulator.add_fault("by-id:active")

    run = bench.run()

    assert reason_of(run) == "AppliedIncomplete"
    assert deleted(run).get("Student", 0) == 0


def test_a_source_that_is_asked_for_patience_again_and_again_has_a_limit_of_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirming, "PATIENCE", 6.0)
    bench.simulator.add_event("mass-leave:8")
    bench.simulator.add_fault("by-id:429:2")
    began = time.monotonic()

    run = bench.run()

    assert time.monotonic() - began < 50
    assert reason_of(run) == "Applied"  # each collection was proved complete without it
    told = {c: proof(bench, run, c).get("byID") for c in ("users", "enrollments")}
    over = {"asked": 0, "active": 0, "gone": 0, "unclear": 0, "unable": "the time for asking by id was over"}
    assert told == {"users": over, "enrollments": over}
    shown = bench.call("show", name_of(run)).stdout
    assert "Deletes not confirmed by id: users: the time for asking by id was over (0 asked)." in shown


def test_a_wait_that_is_longer_than_the_time_left_is_not_begun(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirming, "PATIENCE", 30.0)
    bench.simulator.add_event("mass-leave:8")
    bench.simulator.add_fault("by-id:429:600,after=4,on=users")
    began = time.monotonic()

    run = bench.run()

    assert time.monotonic() - began < 500  # on a busy machine, too
    told = proof(bench, run)["byID"]
    assert told["gone"] == told["asked"] < 10  # what was answered before counts
    assert told["unable"] == "the time for asking by id was over"


def test_what_was_answered_in_time_still_saves_those_who_are_there(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirming, "PATIENCE", 10.0)
    bench.simulator.add_fault("hide:10,on=users")
    bench.simulator.add_fault("by-id:429:60,after=6,on=users")

    run = bench.run()

    assert reason_of(run) == "AppliedIncomplete"
    assert deleted(run) == {}


def test_an_answer_that_does_not_come_is_given_up_in_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirming, "PATIENCE", 2.0)
    bench.simulator.add_event("mass-leave:8")
    bench.simulator.add_fault("slow:55000,after=4,on=users")
    began = time.monotonic()

    run = bench.run()

    assert time.monotonic() - began < 50
    assert proof(bench, run)["byID"]["unable"] == "the time for asking by id was over"


def test_progress_counts_records(bench: Bench) -> None:
    bench.simulator.add_event("mass-leave:8")

    told = bench.call("run", *bench.manifests(), "-o", "json").stderr

    lines = [json.loads(line) for line in told.splitlines()]
    [first, *_] = [line for line in lines if line.get("stage") == "confirm"]
    assert first["done"] == 1
    assert first["total"] > 20  # records of all collections


def test_a_run_that_wants_everything_fails(bench: Bench) -> None:
    bench.simulator.add_fault("hide:10,on=users")

    run = bench.run(code=1, manifests=bench.manifests(onIncompleteRead="Fail"))

    assert reason_of(run) == "IncompleteRead"
    message = next(c["message"] for c in run["status"]["conditions"] if c["type"] == "Succeeded")
    assert "10 of 10 missing records that were asked for by id are there" in message


def test_ids_in_addresses_are_not_printed(bench: Bench) -> None:
    bench.simulator.add_event("mass-leave:3")
    bench.simulator.add_fault("500,on=users,after=3")

    result = bench.call("run", *bench.manifests(), "--debug", code=None)

    asked = {s.path.rpartition("/")[2] for s in bench.simulator.requests if "/users/" in s.path}
    assert not [i for i in asked if i in result.output]
