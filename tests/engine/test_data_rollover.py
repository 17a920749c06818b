"""Data Rollover's DisableDeletion: deletes of every cause wait for the end of the window."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.days import AS_OF, Day, Roster, crowd, district

BULK = {"bulkUploadMode": True}


def window(start: str, end: str) -> dict[str, Any]:
    return {"dataRollover": {"disableDeletion": [{"start": start, "end": end}]}}


OPEN = window("2026-01-01", "2026-02-01")


def reasons_to_go() -> tuple[Day, dict[str, Any]]:
    """A day and a spec under which the base district would lose records for every cause there is."""
    day = (
        district().without("users", "p1").change("users", "t2", status="tobedeleted").change("users", "a1", email=None)
    )
    day = day.change("users", "s1", givenName="New").add("users", "s9", grades=["09"])
    return day, {
        **BULK,
        "schoolsMapping": {"exclude": ["1002"]},
        "filterRules": [
            {"entity": "Student", "conditions": [{"attribute": "grades", "condition": "In", "values": ["09"]}]}
        ],
        "dataRequirements": [{"entity": "Admin", "attribute": "email", "action": "Skip", "whenAccepted": "Remove"}],
    }


def test_deletes_of_every_cause_are_deferred_and_everything_else_goes_on(roster: Roster) -> None:
    day, fields = reasons_to_go()
    roster.begin()
    free = roster.plan(day, **fields)
    assert free.causes("Delete") == {
        "p1": "SourceMissing",
        "t2": "SourceDeleted",
        "a1": "RequirementFailed",
        "s2": "FilteredOut",
        "e2": "Cascade",
        **dict.fromkeys(("1002", "c2", "k2", "s3", "e3", "e5"), "SchoolUnmapped"),
    }
    plan = roster.plan(day, **fields, **OPEN)
    assert plan.changes == {("Update", "Student", "s1", "SourceChanged"), ("Create", "Student", "s9", "SourceCreated")}
    assert plan.changed("s1") == {"givenName": "Given s1"}
    deferred = {e.entity: e.deferred for e in plan.manifest.entities if e.deferred}
    assert deferred == {
        "Contact": 1,
        "Teacher": 1,
        "Admin": 1,
        "Student": 2,
        "Enrollment": 3,
        "School": 1,
        "Course": 1,
        "Class": 1,
    }


def test_a_deferred_record_that_is_still_sent_counts_as_unchanged_as_well(roster: Roster) -> None:
    day = district().without("users", "s3").change("users", "s2", status="tobedeleted")
    plan = roster.begin().plan(day, **BULK, **OPEN)
    assert plan.changes == set()
    assert plan.counts("Student") == {"deferred": 2, "unchanged": 2, "population": 3}
    assert plan.counts("Enrollment") == {"deferred": 2, "unchanged": 5, "population": 5}
    assert plan.report.no_changes


def test_deferred_deletes_come_back_in_the_first_run_after_the_window_and_meet_the_limits(roster: Roster) -> None:
    day = crowd(37)
    roster.begin(day, **BULK)
    gone = day.without("users", *[f"s{n}" for n in range(100, 105)])
    plan = roster.run(gone.change("users", "s1", email="new"), **BULK, **OPEN)
    assert plan.holds == set()
    after = roster.plan(gone.change("users", "s1", email="new"), **BULK, **OPEN, at=AS_OF + timedelta(days=60))
    assert after.counts("Student")["deleted"] == 5
    assert after.holds == {("Threshold", "Student", "Delete", 5, 40, 10, "Percent")}


@pytest.mark.parametrize(
    ("now", "zone", "deferred"),
    [
        (datetime(2026, 1, 12, 0, 0, tzinfo=UTC), "UTC", True),
        (datetime(2026, 1, 13, 0, 0, tzinfo=UTC), "UTC", False),
        (datetime(2026, 1, 13, 4, 59, 59, tzinfo=UTC), "America/New_York", True),
    ],
)
def test_a_window_includes_its_start_and_excludes_its_end_in_the_connections_time_zone(
    roster: Roster, now: datetime, zone: str, deferred: bool
) -> None:
    fields = {**BULK, "timeZone": zone, **window("2026-01-12T00:00:00", "2026-01-13T00:00:00")}
    plan = roster.begin(**BULK).plan(district().without("users", "p1"), **fields, at=now)
    assert (plan.ids("Delete") == set()) is deferred
