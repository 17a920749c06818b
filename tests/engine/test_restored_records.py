"""A later plan that would undo what was restored within thirty days is held, and others are not."""

from datetime import timedelta

import pytest

from support.days import Day, Roster
from support.restoring import FREE, LATER, back, changed, full


def test_a_plan_that_would_undo_a_restore_is_held_for_thirty_days(roster: Roster) -> None:
    roster.begin(full(), **FREE)
    run = roster.run(changed(), **FREE)
    back(roster, run)
    restored_at = LATER["at"]

    soon = roster.plan(changed(), at=restored_at + timedelta(days=30) - timedelta(seconds=1), **FREE)
    assert ("RestoredRecords", len(soon.rows)) in soon.holds
    late = roster.plan(changed(), at=restored_at + timedelta(days=30), **FREE)
    assert "RestoredRecords" not in late.reasons
    assert late.manifest.digest == soon.manifest.digest


@pytest.mark.parametrize(
    ("day", "count"),
    [
        (full().change("users", "s1", email="third@x.example"), 0),  # neither the value before nor the one after
        (full().change("users", "s1", givenName="Other"), 0),  # an attribute that was not restored
        (full().change("users", "s1", email=None), 1),
        (full().change("users", "s1", metadata={"house": "red", "lunch.code": "8"}), 1),
        (full().change("users", "s3", role="teacher"), 1),
        (full().without("users", "s2").without("enrollments", "e2"), 2),
        (full().add("users", "s9", givenName="New"), 1),
        (full().change("users", "t1", email=None), 0),
        (full().change("users", "s2", email=None), 0),  # it was brought back, and stays
    ],
)
def test_what_counts_as_undoing_a_restore(roster: Roster, day: Day, count: int) -> None:
    roster.begin(full(), **FREE)
    back(roster, roster.run(changed(), **FREE))
    found = {h for h in roster.plan(day, **LATER, **FREE).holds if h[0] == "RestoredRecords"}
    assert found == ({("RestoredRecords", count)} if count else set())


def test_an_id_that_the_source_sends_again_is_not_a_restore(roster: Roster) -> None:
    roster.begin(full(), **FREE)
    roster.run(changed(), **FREE)
    roster.run(full(), **LATER, **FREE)
    assert "RestoredRecords" not in roster.plan(changed(), **LATER, **FREE).reasons
