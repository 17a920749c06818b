"""Bulk Upload Mode: what is not in a complete pull goes; without it only what the source says itself."""

import pytest

from support.days import Day, Roster, district

BULK = {"bulkUploadMode": True}
WITH_DEMOGRAPHICS = [
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
]


def spare() -> Day:
    """The district with one record of each kind that nothing refers to."""
    day = (
        district()
        .add("orgs", "d9", type="department", parentSourcedId=None)
        .change("orgs", "1001", parentSourcedId="d9")
    )
    day = day.add("academicSessions", "y9").add("courses", "c9").add("classes", "k9")
    day = (
        day.add("users", "s9")
        .add("users", "t9", role="aide")
        .add("users", "p9", role="parent")
        .add("users", "a9", role="principal")
    )
    return day.add("enrollments", "e9", userSourcedId="s2").add("demographics", "s1").add("demographics", "s2")


LEFT = {
    "academicSessions": ("y9",),
    "courses": ("c9",),
    "classes": ("k9",),
    "users": ("s9", "t9", "p9", "a9"),
    "enrollments": ("e9",),
    "demographics": ("s2",),
}


def left(day: Day) -> Day:
    for collection, ids in LEFT.items():
        day = day.without(collection, *ids)
    return day


def test_what_a_complete_pull_does_not_hold_is_deleted(roster: Roster) -> None:
    plan = roster.begin(spare(), entities=WITH_DEMOGRAPHICS).plan(left(spare()), **BULK, entities=WITH_DEMOGRAPHICS)
    assert {(e, i, c) for change, e, i, c in plan.changes if change == "Delete"} == {
        ("Calendar", "y9", "SourceMissing"),
        ("Course", "c9", "SourceMissing"),
        ("Class", "k9", "SourceMissing"),
        ("Student", "s9", "SourceMissing"),
        ("Teacher", "t9", "SourceMissing"),
        ("Contact", "p9", "SourceMissing"),
        ("Admin", "a9", "SourceMissing"),
        ("Enrollment", "e9", "SourceMissing"),
        ("Demographics", "s2", "SourceMissing"),
    }
    assert plan.ids("Create") == plan.ids("Update") == set()
    assert plan.counts("Student") == {"deleted": 1, "unchanged": 3, "population": 4}
    assert all(r["hash"] is None and r["before_hash"] is not None for r in plan.rows.values())


def test_without_it_what_is_not_in_the_pull_stays_and_counts_as_kept(roster: Roster) -> None:
    plan = roster.begin(spare(), entities=WITH_DEMOGRAPHICS).plan(left(spare()), entities=WITH_DEMOGRAPHICS)
    assert plan.changes == set()
    assert plan.counts("Student") == {"unchanged": 3, "kept": 1, "population": 4}
    assert plan.counts("Enrollment") == {"unchanged": 5, "kept": 1, "population": 6}


@pytest.mark.parametrize("bulk", [True, False])
def test_explicit_removals_delete_in_both_modes_whatever_their_case(roster: Roster, bulk: bool) -> None:
    day = spare().change("users", "s9", status="tobedeleted").change("users", "t9", status="ToBeDeleted")
    day = day.change("classes", "k9", status="inactive").change("enrollments", "e9", status="INACTIVE")
    day = day.add("users", "never", status="tobedeleted")
    plan = roster.begin(spare()).plan(day, bulkUploadMode=bulk)
    assert plan.changes == {
        ("Delete", "Student", "s9", "SourceDeleted"),
        ("Delete", "Teacher", "t9", "SourceDeleted"),
        ("Delete", "Class", "k9", "SourceDeleted"),
        ("Delete", "Enrollment", "e9", "SourceDeleted"),
    }
    assert plan.issues == set()


def test_held_back_ids_are_never_deleted(roster: Roster) -> None:
    day = district().change("users", "s1", status="pending").change("users", "s2", role="wizard", givenName="x")
    day = day.change("classes", "k2", schoolSourcedId="9")
    plan = roster.begin(**BULK).plan(day, **BULK)
    assert plan.changes == set()
    assert plan.counts("Student") == {"skipped": 2, "unchanged": 1, "population": 3}
    assert plan.counts("Class") == {"skipped": 1, "unchanged": 1, "population": 2}


def test_collections_that_are_not_offered_create_and_delete_nothing(roster: Roster) -> None:
    day = left(spare()).add("courses", "c7").change("academicSessions", "y1", title="New")
    plan = roster.begin(spare(), entities=WITH_DEMOGRAPHICS).plan(
        day.not_offering("academicSessions", "courses", "demographics"), **BULK, entities=WITH_DEMOGRAPHICS
    )
    assert plan.ids("Create") == plan.ids("Update") == set()
    assert plan.ids("Delete") == {"k9", "s9", "t9", "p9", "a9", "e9"}


def test_demographics_that_are_not_offered_go_when_their_person_goes(roster: Roster) -> None:
    day = spare().not_offering("demographics").without("users", "s1").without("enrollments", "e1")
    plan = roster.begin(spare(), entities=WITH_DEMOGRAPHICS).plan(day, **BULK, entities=WITH_DEMOGRAPHICS)
    assert plan.changes == {
        ("Delete", "Student", "s1", "SourceMissing"),
        ("Delete", "Demographics", "s1", "Cascade"),
        ("Delete", "Enrollment", "e1", "SourceMissing"),
    }


def test_entities_that_are_not_taken_are_neither_created_nor_deleted(roster: Roster) -> None:
    taken = [e for e in WITH_DEMOGRAPHICS if e not in ("Contact", "Calendar", "Demographics")]
    first = roster.plan(district(), entities=taken)
    assert {e for _, e, *_ in first.changes} & {"Contact", "Calendar", "Demographics"} == set()
    assert (first.after("s1", "agentSourcedIds"), first.after("k1", "termSourcedIds")) == (None, None)
    day = district().without("users", "p1").without("academicSessions", "y1")
    plan = roster.begin(**BULK).plan(day, **BULK, entities=taken)
    assert plan.ids("Delete") == set()
