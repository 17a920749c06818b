"""Several rows of one id in one pull: copies, newer ones, and rows that contradict each other."""

from collections.abc import Mapping
from itertools import permutations
from typing import Any

import pytest

from support.days import Day, Roster, district

BULK = {"bulkUploadMode": True}
EARLY, LATE = "2026-01-10T08:00:00Z", "2026-01-10T09:00:00Z"


def twice(first: Mapping[str, Any], *others: Mapping[str, Any]) -> Day:
    """The student s2 in several rows."""
    usual = district().rows["users"]["s2"]
    day = district().change("users", "s2", **first)
    for values in others:
        day = day.repeat("users", "s2", **{"dateLastModified": None, **usual, **values})
    return day


def held(roster: Roster, day: Day, **fields: Any) -> list[tuple[str | None, ...]]:
    """Plan the day after a first import; nothing may change, and what is held back is told."""
    plan = roster.begin(**BULK).plan(day, **BULK, **fields)
    assert plan.changes == set()
    return sorted(i[:5] for i in plan.issues if i[2] == "Duplicate")


def test_exact_copies_are_one_row(roster: Roster) -> None:
    assert held(roster, twice({}, {}, {})) == []


def test_rows_that_differ_in_their_time_alone_are_copies(roster: Roster) -> None:
    day = twice({"dateLastModified": EARLY}, {"dateLastModified": LATE}, {"dateLastModified": None})
    assert held(roster, day) == []


def test_lists_without_an_order_are_equal_in_any_order(roster: Roster) -> None:
    day = twice({"orgSourcedIds": ["1001", "1002"]}, {"orgSourcedIds": ["1002", "1001", "1001"]})
    assert roster.begin(**BULK).plan(day, **BULK).changes == {("Update", "Student", "s2", "SourceChanged")}


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (EARLY, LATE),
        ("2026-01-10", "2026-01-10T00:00:01Z"),
        ("2026-01-10T08:59:59.999Z", "2026-01-10T10:00:00+01:00"),
        ("2026-01-10T23:00:00+14:00", "2026-01-10T10:00:00-05:00"),
        ("2026-01-10 08:00:00", "2026-01-10T08:00:00.5Z"),
    ],
)
def test_of_active_rows_of_one_entity_the_newest_instant_stands(older: str, newer: str, roster: Roster) -> None:
    rows = (
        {"givenName": "Oldest", "dateLastModified": "2025-12-31T23:00:00Z"},
        {"givenName": "Older", "dateLastModified": older},
        {"givenName": "Newer", "dateLastModified": newer},
    )
    roster.begin(**BULK)
    for order in permutations(rows):
        plan = roster.plan(twice(*order), **BULK)
        assert plan.after("s2", "givenName") == "Newer"
        assert [i for i in plan.issues if i[2] == "Duplicate"] == []


CONTRADICTIONS = {
    "active and removed": ({"dateLastModified": EARLY}, {"status": "tobedeleted", "dateLastModified": LATE}),
    "removed and active": ({"dateLastModified": LATE}, {"status": "inactive", "dateLastModified": EARLY}),
    "active and unknown": ({"dateLastModified": EARLY}, {"status": "pending", "dateLastModified": LATE}),
    "removed twice": (
        {"status": "tobedeleted", "dateLastModified": EARLY},
        {"status": "tobedeleted", "givenName": "Other", "dateLastModified": LATE},
    ),
    "two entities": ({"dateLastModified": EARLY}, {"role": "teacher", "dateLastModified": LATE}),
    "known and unknown role": ({"dateLastModified": EARLY}, {"role": "wizard", "dateLastModified": LATE}),
    "equal times": (
        {"dateLastModified": LATE},
        {"givenName": "Other", "dateLastModified": "2026-01-10T10:00:00+01:00"},
    ),
    "no times": ({}, {"givenName": "Other"}),
    "one time": ({}, {"givenName": "Other", "dateLastModified": LATE}),
    "no such time": ({"dateLastModified": EARLY}, {"givenName": "Other", "dateLastModified": "2026-02-30T08:00:00Z"}),
    "the newest twice": (
        {"dateLastModified": EARLY},
        {"givenName": "One", "dateLastModified": LATE},
        {"givenName": "Other", "dateLastModified": LATE},
    ),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_rows_that_contradict_each_other_decide_nothing(case: str, roster: Roster) -> None:
    for order in permutations(CONTRADICTIONS[case]):
        found = held(roster, twice(*order))
        entity = None if "entities" in case or "role" in case else "Student"
        assert found == [(entity, "s2", "Duplicate", "ContradictoryRows", None)]


def test_a_contradictory_record_counts_as_duplicate_under_its_entity_in_the_store(roster: Roster) -> None:
    plan = roster.begin(**BULK).plan(twice({}, {"role": "teacher"}), **BULK)
    assert plan.counts("Student") == {"duplicates": 1, "unchanged": 2, "population": 3}
    assert plan.counts("Teacher") == {"unchanged": 2, "population": 2}


def test_a_contradictory_record_that_was_never_accepted_is_not_created_nor_what_needs_it(roster: Roster) -> None:
    day = district().add("users", "s9", givenName="New").repeat("users", "s9", givenName="Other")
    day = day.add("enrollments", "e9", userSourcedId="s9")
    plan = roster.begin(**BULK).plan(day, **BULK)
    assert plan.changes == set()
    assert plan.counts("Student") == {"duplicates": 1, "unchanged": 3, "population": 3}
    assert ("Enrollment", "e9", "Skipped", "DanglingReference", "userSourcedId") in {i[:5] for i in plan.issues}


@pytest.mark.parametrize(
    ("collection", "record", "values"),
    [
        ("orgs", "1002", {"status": "tobedeleted"}),
        ("orgs", "1002", {"type": "district"}),
        ("orgs", "d1", {"name": "Lakes"}),
        ("academicSessions", "y1", {"status": "inactive"}),
        ("courses", "c1", {"title": "Physics"}),
        ("classes", "k1", {"schoolSourcedId": "1002"}),
        ("enrollments", "e1", {"status": "tobedeleted"}),
    ],
)
def test_a_contradiction_anywhere_takes_nothing_away(
    collection: str, record: str, values: dict[str, Any], roster: Roster
) -> None:
    found = held(roster, district().repeat(collection, record, **values))
    assert [(i[1], i[3]) for i in found] == [(record, "ContradictoryRows")]


def test_a_school_whose_rows_contradict_each_other_keeps_what_belongs_to_it_and_takes_what_is_new(
    roster: Roster,
) -> None:
    day = district().repeat("orgs", "1002", status="tobedeleted").add("users", "s9", orgSourcedIds=["1002"])
    plan = roster.begin(**BULK).plan(day, **BULK)
    assert plan.changes == {("Create", "Student", "s9", "SourceCreated")}
    assert plan.manifest.schools.vanished == 0


def test_a_contradictory_school_outside_the_mapping_stays(roster: Roster) -> None:
    roster.begin(**BULK)
    day = district().repeat("orgs", "1002", status="tobedeleted")
    plan = roster.plan(day, schoolsMapping={"exclude": ["1002"]}, **BULK)
    assert "1002" not in plan.ids("Delete")
