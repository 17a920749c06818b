"""Entities that are not imported any more: their records stay as they are, but refer to nothing that leaves."""

from typing import Any

import pytest

from rostersync.model import Entity
from rostersync.render import issues
from support.days import Day, Planned, Roster, district

BULK = {"bulkUploadMode": True}
OTHER_ID = {"schools": [{"sourcedId": "1001", "target": {"id": "NEW"}}]}
EXCLUDED = {"exclude": ["1001"]}
ONLY_SOUTH = {"mode": "Selected", "schools": [{"sourcedId": "1002"}]}
UNMAPPED = pytest.mark.parametrize(
    "mapping", [EXCLUDED, ONLY_SOUTH, OTHER_ID], ids=["excluded", "not selected", "led elsewhere"]
)
BULK_OR_NOT = pytest.mark.parametrize("fields", [{}, BULK], ids=["", "bulk"])


def without(*entities: Entity) -> list[str]:
    """What is imported, but for some."""
    return [e.value for e in Entity if e not in entities]


def kept(plan: Planned) -> set[str]:
    """Organisations of which `issues` says that they stay for somebody's sake."""
    return {i["id"] for i in issues.read(plan.folder) if i["code"] == "LastOrganisation"}


def nowhere(roster: Roster) -> set[tuple[str, str]]:
    """References of the store that find nothing there: (id, reference)."""
    orgs, users, terms = (roster.stored(t) for t in ("orgs", "users", "academicSessions"))
    found = {(i, o) for i, r in users.items() for o in r["orgSourcedIds"] or [] if o not in orgs}
    found |= {(i, a) for i, r in users.items() for a in r["agentSourcedIds"] or [] if a not in users}
    found |= {(i, t) for i, r in roster.stored("classes").items() for t in r["termSourcedIds"] or [] if t not in terms}
    for table, values in (("enrollments", ("schoolSourcedId",)), ("classes", ("schoolSourcedId",))):
        found |= {(i, r[v]) for i, r in roster.stored(table).items() for v in values if r[v] not in orgs}
    for table, value in (("courses", "orgSourcedId"), ("orgs", "parentSourcedId"), ("users", "primaryOrgSourcedId")):
        found |= {(i, r[value]) for i, r in roster.stored(table).items() if r[value] and r[value] not in orgs}
    return found


# ---- schools


@UNMAPPED
@BULK_OR_NOT
def test_a_school_that_is_mapped_no_more_stays_for_students_who_are_not_imported_any_more(
    roster: Roster, mapping: dict[str, Any], fields: dict[str, Any]
) -> None:
    taken = without(Entity.STUDENT)
    roster.begin(**fields)
    for _ in range(2):
        plan = roster.run(district(), entities=taken, schoolsMapping=mapping, **fields)
        assert "1001" not in plan.rows
        assert plan.counts("School").get("kept") == 1
        assert kept(plan) == {"1001"}
        assert not {"s1", "s2", "s3"} & plan.ids("Delete")
    assert nowhere(roster) == set()
    assert {i: roster.stored("users")[i]["orgSourcedIds"] for i in ("s1", "s2")} == {"s1": ["1001"], "s2": ["1001"]}


def test_who_is_imported_leaves_a_school_that_stays_for_others_sent_or_not(roster: Roster) -> None:
    """The school is not mapped, whatever its row is still there for."""
    fields: dict[str, Any] = {"entities": without(Entity.STUDENT), "schoolsMapping": EXCLUDED}
    roster.begin()
    plan = roster.plan(district().without("users", "t1"), **fields)
    assert {"t1", "p1", "k1", "c1"} <= plan.ids("Delete")
    assert plan.causes("Delete")["t1"] == "SchoolUnmapped"


def test_it_goes_once_they_are_imported_again(roster: Roster) -> None:
    roster.begin().run(district(), entities=without(Entity.STUDENT), schoolsMapping=EXCLUDED)
    plan = roster.run(district(), schoolsMapping=EXCLUDED)
    assert {"1001", "s1", "s2"} <= plan.ids("Delete")
    assert kept(plan) == set()
    assert nowhere(roster) == set()


def test_who_has_another_school_loses_the_one_that_leaves(roster: Roster) -> None:
    day = district().change("users", "s1", "s2", orgSourcedIds=["1001", "1002"], primaryOrgSourcedId="1001")
    roster.begin(day)
    plan = roster.run(day, entities=without(Entity.STUDENT), schoolsMapping=EXCLUDED)
    assert plan.causes("Delete")["1001"] == "SchoolUnmapped"
    assert plan.causes("Update") == {"s1": "Cascade", "s2": "Cascade"}
    assert plan.after("s1", "orgSourcedIds", "primaryOrgSourcedId") == (["1002"], None)
    assert nowhere(roster) == set()


def test_a_run_of_another_school_leaves_all_that_to_the_whole_run(roster: Roster) -> None:
    roster.begin()
    plan = roster.plan(district(), entities=without(Entity.STUDENT), schoolsMapping=EXCLUDED, schools=("1002",))
    assert plan.changes == set()


def test_a_restore_brings_everything_back(roster: Roster) -> None:
    before = roster.begin(district()).stored("users")
    plan = roster.run(district(), entities=without(Entity.STUDENT), schoolsMapping=EXCLUDED)
    roster.apply(roster.restore(plan, entities=without(Entity.STUDENT), schoolsMapping=EXCLUDED))
    values = {i: r["orgSourcedIds"] for i, r in before.items()}
    assert {i: r["orgSourcedIds"] for i, r in roster.stored("users").items()} == values
    assert nowhere(roster) == set()


# ---- who stays for another reason


def test_a_school_stays_for_somebody_who_is_held_back(roster: Roster) -> None:
    """Its other people leave with the mapping; who is held back keeps what the store has."""
    odd = district().change("users", "s2", status="pending")
    plan = roster.begin().run(odd, schoolsMapping=EXCLUDED)
    assert {"s1", "t1", "k1"} <= plan.ids("Delete")
    assert not {"1001", "s2"} & plan.rows.keys()
    assert kept(plan) == {"1001"}
    plan = roster.run(district(), schoolsMapping=EXCLUDED)
    assert {"1001", "s2"} <= plan.ids("Delete")


def test_a_school_whose_people_were_not_read_to_their_end_has_its_delete_deferred(roster: Roster) -> None:
    part = district().without("users", "s1").read_in_part("users")
    plan = roster.begin().run(part, schoolsMapping=EXCLUDED)
    assert plan.counts("School") == {"deferred": 1, "unchanged": 2, "population": 2}
    assert not {"1001", "s1", "s2"} & plan.rows.keys()
    plan = roster.run(part.without("users", "s2"), schoolsMapping=EXCLUDED)
    assert not {"1001", "s1", "s2"} & plan.rows.keys()
    plan = roster.run(district(), schoolsMapping=EXCLUDED)
    assert {"1001", "s1", "s2"} <= plan.ids("Delete")


# ---- other references


def two_of_everything() -> Day:
    """Another contact and another session, to which a student and a class refer beside the first ones."""
    day = district().add("users", "p2", role="guardian", orgSourcedIds=["1001"])
    day = day.change("users", "s1", agentSourcedIds=["p1", "p2"])
    return day.add("academicSessions", "y2", title="Spring").change("classes", "k1", termSourcedIds=["y1", "y2"])


@pytest.mark.parametrize(
    ("untaken", "gone", "record", "reference", "left"),
    [
        (Entity.STUDENT, ("users", "p2"), "s1", "agentSourcedIds", ["p1"]),
        (Entity.CLASS, ("academicSessions", "y2"), "k1", "termSourcedIds", ["y1"]),
        (Entity.COURSE, ("orgs", "x1"), "c1", "orgSourcedId", None),
    ],
    ids=["a guardian", "a term", "a course's organisation"],
)
def test_a_record_that_is_not_imported_any_more_loses_its_references_to_what_leaves(
    roster: Roster, untaken: Entity, gone: tuple[str, str], record: str, reference: str, left: Any
) -> None:
    day = two_of_everything().add("orgs", "x1", type="local", parentSourcedId=None)
    day = day.change("courses", "c1", orgSourcedId="x1")
    off = without(untaken, *([Entity.ENROLLMENT] if untaken is Entity.CLASS else []))
    plan = roster.begin(day, **BULK).run(day.without(*gone), entities=off, **BULK)
    assert plan.changes == {
        ("Delete", {"p2": "Contact", "y2": "Calendar", "x1": "District"}[gone[1]], gone[1], "SourceMissing"),
        ("Update", untaken.value, record, "Cascade"),
    }
    assert plan.after(record, reference) == left
    assert nowhere(roster) == set()


def test_a_guardian_whose_delete_waits_can_still_be_referred_to(roster: Roster) -> None:
    part = two_of_everything().without("users", "p2").read_in_part("users")
    plan = roster.begin(two_of_everything(), **BULK).plan(part, entities=without(Entity.STUDENT), **BULK)
    assert plan.changes == set()


def test_a_department_stays_for_people_who_are_not_imported_any_more(roster: Roster) -> None:
    day = district().add("orgs", "x1", type="department").add("users", "s9", orgSourcedIds=["x1"])
    roster.begin(day, **BULK)
    plan = roster.run(day.without("orgs", "x1"), entities=without(Entity.STUDENT), **BULK)
    assert plan.changes == set()
    assert kept(plan) == {"x1"}


def test_what_cannot_be_without_a_record_that_leaves_goes_with_it(roster: Roster) -> None:
    """Enrolments of somebody who is gone mean nothing, whether or not enrolments are imported."""
    plan = roster.begin(**BULK).run(district().without("users", "s1"), entities=without(Entity.ENROLLMENT), **BULK)
    assert plan.causes("Delete") == {"s1": "SourceMissing", "e1": "Cascade"}
    assert nowhere(roster) == set()
