"""Incomplete reading never deletes: deletes that lean on it are deferred, the rest goes on."""

from typing import Any

import pytest

from rostersync.errors import Permanent
from support.days import Day, Roster, district

FIELDS: dict[str, Any] = {
    "bulkUploadMode": True,
    "entities": [
        "District",
        "School",
        "Calendar",
        "Course",
        "Class",
        "Student",
        "Teacher",
        "Contact",
        "Admin",
        "Enrollment",
        "Demographics",
    ],
}


def first() -> Day:
    """The district with a record more in each collection, to which nothing refers."""
    day = (
        district()
        .add("orgs", "d9", type="department", parentSourcedId=None)
        .change("orgs", "1001", parentSourcedId="d9")
    )
    day = day.add("academicSessions", "y9").add("courses", "c9").add("classes", "k9").add("users", "s9")
    return day.add("enrollments", "e9", userSourcedId="s2").add("demographics", "s2")


def next_day() -> Day:
    """Of each collection one record is gone, and one is new or changed."""
    day = (
        first()
        .without("academicSessions", "y9")
        .without("courses", "c9")
        .without("classes", "k9")
        .without("users", "s9")
    )
    day = day.without("enrollments", "e9").without("demographics", "s2")
    return day.add("users", "s10").change("classes", "k1", title="New")


GONE = {
    "academicSessions": "y9",
    "courses": "c9",
    "classes": "k9",
    "users": "s9",
    "enrollments": "e9",
    "demographics": "s2",
}


@pytest.mark.parametrize(
    ("incomplete", "deferred"),
    [
        ((), ()),
        (("orgs",), tuple(GONE)),
        (("academicSessions",), ("academicSessions",)),
        (("courses",), ("courses", "classes")),
        (("classes",), ("courses", "classes", "enrollments")),
        (("users",), ("users", "enrollments", "demographics")),
        (("enrollments",), ("enrollments",)),
        (("demographics",), ("demographics",)),
    ],
)
def test_deletes_that_lean_on_an_incomplete_collection_are_deferred(
    roster: Roster, incomplete: tuple[str, ...], deferred: tuple[str, ...]
) -> None:
    plan = roster.begin(first(), **FIELDS).plan(next_day().read_in_part(*incomplete), **FIELDS)
    gone = {(r["entity"], r["id"]) for r in plan.rows.values() if r["change"] == "Delete"}
    names = {
        "academicSessions": "Calendar",
        "courses": "Course",
        "classes": "Class",
        "users": "Student",
        "enrollments": "Enrollment",
        "demographics": "Demographics",
    }
    assert gone == {(names[c], i) for c, i in GONE.items() if c not in deferred}
    assert {e.entity for e in plan.manifest.entities if e.deferred} == {names[c] for c in deferred}
    assert plan.ids("Create") == {"s10"}
    assert plan.ids("Update") == {"k1"}
    assert plan.report.incomplete == sorted(incomplete)


def test_deferred_deletes_come_with_the_first_complete_pull(roster: Roster) -> None:
    day = district().without("users", "s2").without("enrollments", "e2")
    plan = roster.begin(**FIELDS).run(day.read_in_part("users"), **FIELDS)
    assert plan.changes == set()
    assert plan.counts("Student") == {"deferred": 1, "unchanged": 2, "population": 3}
    assert plan.counts("Enrollment") == {"deferred": 1, "unchanged": 4, "population": 5}
    assert roster.plan(day, **FIELDS).ids("Delete") == {"s2", "e2"}


def test_cascades_that_lean_on_it_are_deferred_with_their_cause(roster: Roster) -> None:
    plan = roster.begin(**FIELDS).plan(district().without("users", "s2").read_in_part("users"), **FIELDS)
    assert plan.changes == set()
    assert plan.counts("Enrollment") == {"deferred": 1, "unchanged": 5, "population": 5}


def test_explicit_removals_count_by_themselves_and_take_along_what_is_theirs(roster: Roster) -> None:
    day = district().change("users", "s1", status="tobedeleted").without("users", "s2")
    plan = roster.begin(**FIELDS).plan(day.read_in_part("users", "enrollments", "orgs", "classes"), **FIELDS)
    assert plan.causes("Delete") == {"s1": "SourceDeleted", "e1": "Cascade"}
    assert plan.counts("Student") == {"deleted": 1, "deferred": 1, "unchanged": 1, "population": 3}


@pytest.mark.parametrize(
    ("fields", "gone"),
    [
        ({"schoolsMapping": {"exclude": ["1002"]}}, {"1002", "c2", "k2", "s3", "t2", "e3", "e5"}),
        (
            {
                "filterRules": [
                    {"entity": "Student", "conditions": [{"attribute": "grades", "condition": "In", "values": ["09"]}]}
                ]
            },
            {"s2", "e2"},
        ),
        (
            {
                "dataRequirements": [
                    {"entity": "Contact", "attribute": "phone", "action": "Skip", "whenAccepted": "Remove"}
                ]
            },
            {"p1"},
        ),
    ],
    ids=["SchoolUnmapped", "FilteredOut", "RequirementFailed"],
)
def test_deletes_for_scope_wait_for_the_organisations_too(
    roster: Roster, fields: dict[str, Any], gone: set[str]
) -> None:
    roster.begin()
    assert roster.plan(district(), **fields).ids("Delete") == gone
    plan = roster.plan(district().read_in_part("orgs"), **fields)
    assert plan.ids("Delete") == set()
    assert sum(e.deferred for e in plan.manifest.entities) == len(gone)


def test_what_include_linked_decides_leans_on_the_links(roster: Roster) -> None:
    rules = [
        {
            "entity": "Student",
            "conditions": [{"attribute": "grades", "condition": "In", "values": ["10"]}],
            "includeLinked": ["Contact", "Class"],
        }
    ]
    roster.begin()
    whole = roster.plan(district(), filterRules=rules)
    assert {"p1", "k2", "s1", "s3"} <= whole.ids("Delete")
    part = roster.plan(district().read_in_part("enrollments"), filterRules=rules)
    assert {"p1", "k2"} & part.ids("Delete") == set()


def test_a_school_that_is_missing_from_an_incomplete_pull_deletes_nothing(roster: Roster) -> None:
    plan = roster.begin(**FIELDS).plan(district().without("orgs", "d1", "1002").read_in_part("orgs"), **FIELDS)
    assert plan.ids("Delete") == set()


def test_a_collection_without_rows_that_nobody_proved_deletes_nothing(roster: Roster) -> None:
    everything = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments", "demographics")
    plan = roster.begin(**FIELDS).plan(district().wiped(*everything).read_in_part(*everything), **FIELDS)
    assert plan.changes == set()


def test_with_on_incomplete_read_fail_the_run_fails_and_names_the_collections(roster: Roster) -> None:
    with pytest.raises(Permanent, match="classes, users could not be proved complete") as caught:
        roster.plan(district().read_in_part("users", "classes"), onIncompleteRead="Fail")
    assert caught.value.reason == "IncompleteRead"
    assert roster.plan(district(), onIncompleteRead="Fail").counts("Student") == {"created": 3}
