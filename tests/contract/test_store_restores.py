"""Restores on stores of every kind: who was forgotten is not brought back, neither by a new plan nor by one that waited."""

from pathlib import Path

import pytest

from rostersync.errors import BaseMoved
from support.days import Day, Planned, Roster
from support.restoring import FREE, LATER, back, changed, everything, full
from support.stores import Kept


@pytest.fixture
def roster(kept: Kept, tmp_path: Path) -> Roster:
    made = Roster(tmp_path / "runs")
    made.store = kept.store
    return made


def agents() -> Day:
    """s2 has a contact, too, who is the only one to lose by a restore."""
    return full().add("users", "p2", role="guardian", givenName="Zyxquil").change("users", "s2", agentSourcedIds=["p2"])


def parted() -> Day:
    """The next day, s2 is p2's child no more."""
    return agents().change("users", "s2", agentSourcedIds=None)


def nowhere(roster: Roster, person: str, enrollments: tuple[str, ...] = ()) -> None:
    """Nothing active, no tombstone and no reference has the person."""
    for status in ("active", "tobedeleted"):
        assert person not in roster.stored("users", status)
        assert person not in roster.stored("demographics", status)
        assert not roster.stored("enrollments", status).keys() & {*enrollments}
    assert all(person not in (u["agentSourcedIds"] or []) for u in roster.stored("users").values())


def test_whom_a_run_deleted_and_who_was_then_forgotten_does_not_come_back(roster: Roster, kept: Kept) -> None:
    roster.run(full(), **FREE)
    run = roster.run(changed(), **FREE)
    for person in ("s2", "p1"):
        kept.store.writer().forget("rivers", person)

    plan = back(roster, run)

    assert not plan.rows.keys() & {"s2", "p1", "e2"}
    assert {i[3] for i in plan.issues} == {"Forgotten"}
    nowhere(roster, "s2", ("e2",))
    nowhere(roster, "p1")
    assert "c2" in roster.stored("courses")  # the rest of the run is taken back


def test_whom_a_run_changed_and_who_was_then_forgotten_stays_away(roster: Roster, kept: Kept) -> None:
    roster.run(full(), **FREE)
    run = roster.run(changed(), **FREE)
    for person in ("s1", "s9", "s3"):
        kept.store.writer().forget("rivers", person)

    plan = back(roster, run)

    assert not {i for i in plan.rows if "s1" in i or "s9" in i or "s3" in i}
    for person, enrolled in (("s1", "e1"), ("s9", "e9"), ("s3", "e3")):
        nowhere(roster, person, (enrolled,))


def test_who_came_again_after_being_forgotten_is_left_alone(roster: Roster, kept: Kept) -> None:
    roster.run(full(), **FREE)
    run = roster.run(changed(), **FREE)
    kept.store.writer().forget("rivers", "s2")
    again = roster.run(changed().add("users", "s2", givenName="Another"), **FREE)

    assert "s2" not in roster.restore(run, **LATER, **FREE).rows
    assert roster.restore(again, **LATER, **FREE).ids("Delete") == {"s2"}


def test_a_reference_to_who_was_forgotten_does_not_come_back(roster: Roster, kept: Kept) -> None:
    roster.run(agents(), **FREE)
    run = roster.run(parted(), **FREE)
    kept.store.writer().forget("rivers", "p2")

    plan = roster.restore(run, **LATER, **FREE)

    assert plan.changes == set()
    assert plan.manifest.no_changes


def waiting(roster: Roster, kept: Kept, what: str) -> tuple[Planned, str]:
    """A plan that waits while somebody whom it names is forgotten, and who that is."""
    roster.run(agents(), **FREE)
    if what == "an import":
        return roster.plan(parted(), **LATER, **FREE), "p2"
    run = roster.run(parted().without("users", "s3").without("enrollments", "e3"), **FREE)
    return roster.restore(run, **LATER, **FREE), "s3" if what == "a record" else "p2"


@pytest.mark.parametrize("what", ["a record", "a reference", "an import"])
def test_a_plan_that_waited_is_made_again_when_somebody_was_forgotten(roster: Roster, kept: Kept, what: str) -> None:
    """The artifacts of a cluster are not reached by whoever forgets somebody in its database."""
    plan, person = waiting(roster, kept, what)
    kept.store.writer().forget("rivers", person)
    before = everything(roster)

    with pytest.raises(BaseMoved, match="forgotten"):
        roster.apply(plan)

    assert everything(roster) == before
    nowhere(roster, person, ("e3",) if person == "s3" else ())
    assert not kept.holds("Zyxquil") or person != "p2"


def test_a_plan_that_was_made_after_somebody_was_forgotten_applies(roster: Roster, kept: Kept) -> None:
    roster.run(agents(), **FREE)
    kept.store.writer().forget("rivers", "p2")
    run = roster.run(parted().without("users", "p2", "s3").without("enrollments", "e3"), **FREE)
    kept.store.writer().forget("rivers", "nobody")
    back(roster, run)
    assert "s3" in roster.stored("users")
