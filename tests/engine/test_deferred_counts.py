"""What is counted as deferred: all that would be deleted if nothing stood in the way, with what would go along."""

from typing import Any

import pytest

from support.days import Day, Roster, district

WINDOW = {"disableDeletion": [{"start": "2026-01-10T00:00:00", "end": "2026-01-20T00:00:00"}]}
BULK = {"bulkUploadMode": True}


def before() -> Day:
    """A local organisation with a student, who is enrolled in a class of a school."""
    day = district().add("orgs", "x1", type="local", parentSourcedId=None)
    day = day.add("users", "s9", orgSourcedIds=["x1"])
    return day.add("enrollments", "e9", userSourcedId="s9")


def issued_anew() -> Day:
    """The organisation is gone, and its student comes with another id, in the same enrolment."""
    day = before().without("orgs", "x1").without("users", "s9").add("users", "new", orgSourcedIds=["x1"])
    return day.change("enrollments", "e9", userSourcedId="new")


def of_a_new_class() -> Day:
    """The same for a class of a course that goes: the enrolment is now in a new class of it."""
    day = before().without("courses", "c1").without("classes", "k1")
    return day.add("classes", "k9").change("enrollments", "e1", "e2", "e4", "e9", classSourcedId="k9")


@pytest.mark.parametrize(
    ("today", "deferred"),
    [
        (issued_anew, {"District": 1, "Student": 1, "Enrollment": 1}),
        (of_a_new_class, {"Course": 1, "Class": 1, "Enrollment": 4}),
    ],
    ids=["a person", "a class"],
)
def test_who_comes_only_since_a_delete_waits_would_take_its_enrolments_along(
    roster: Roster, today: Any, deferred: dict[str, int]
) -> None:
    plan = roster.begin(before(), **BULK).plan(today(), dataRollover=WINDOW, **BULK)
    assert plan.ids("Delete") == set()
    assert {e.entity: e.deferred for e in plan.manifest.entities if e.deferred} == deferred

    plan = roster.plan(today(), **BULK)  # that is what goes when nothing waits any more
    assert {e.entity: e.deleted for e in plan.manifest.entities if e.deleted} == deferred


def test_an_enrolment_that_would_keep_the_person_it_had_does_not_wait(roster: Roster) -> None:
    """Its new student would be held back, but the one that the store has stays: so it stays as it is."""
    day = before().without("orgs", "x1").add("users", "new", orgSourcedIds=["x1"])
    day = day.change("users", "s9", orgSourcedIds=["1001"]).change("enrollments", "e9", userSourcedId="new")
    plan = roster.begin(before(), **BULK).plan(day, dataRollover=WINDOW, **BULK)
    assert {e.entity: e.deferred for e in plan.manifest.entities if e.deferred} == {"District": 1}
