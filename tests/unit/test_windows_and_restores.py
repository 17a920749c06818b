"""What a window counts when restores took back a part of it: a truth table of revisions in order.

Each revision is (number, hours ago, created, updated, deleted, population before it, the revision that it takes back).
"""

from datetime import UTC, datetime, timedelta

import pytest

from rostersync.hold.applied import within
from rostersync.hold.gate import ANY
from rostersync.model import Change, Entity
from rostersync.stores.port import AppliedCounts

NOW = datetime(2026, 11, 2, 3, tzinfo=UTC)
Row = tuple[int, int, int, int, int, int, int | None]
LEAVE: Row = (2, 9, 0, 0, 60, 100, None)
BACK: Row = (3, 8, 60, 0, 0, 40, 2)


def applied(*rows: Row) -> list[AppliedCounts]:
    return [
        AppliedCounts(NOW - timedelta(hours=hours), "Student", None, c, u, d, people, number, back)
        for number, hours, c, u, d, people, back in rows
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([LEAVE], (0, 0, 60, 100)),
        ([LEAVE, BACK], (0, 0, 0, 100)),
        ([LEAVE, (3, 8, 45, 0, 0, 40, 2)], (0, 0, 15, 100)),
        ([LEAVE, (3, 8, 45, 0, 0, 40, 2), (4, 7, 15, 0, 0, 85, 2)], (0, 0, 0, 100)),
        ([LEAVE, (3, 8, 5, 0, 1, 40, None)], (5, 0, 61, 100)),
        ([LEAVE, BACK, (4, 7, 0, 0, 60, 100, 3)], (0, 0, 60, 100)),
        ([LEAVE, BACK, (4, 7, 0, 0, 60, 100, 3), (5, 6, 60, 0, 0, 40, 4)], (0, 0, 0, 100)),
        ([LEAVE, BACK, (4, 7, 0, 0, 5, 100, None)], (0, 0, 5, 100)),
        ([(2, 9, 7, 3, 60, 100, None), (3, 8, 60, 2, 7, 47, 2)], (0, 1, 0, 100)),
        ([(2, 30, 0, 0, 60, 100, None), BACK], (0, 0, 0, 100)),
        ([(2, 30, 0, 0, 60, 100, None), BACK, (4, 7, 0, 0, 5, 100, None)], (0, 0, 5, 100)),
        ([(2, 30, 0, 0, 60, 100, None), (4, 9, 0, 0, 5, 40, None), (5, 8, 60, 0, 0, 35, 2)], (0, 0, 5, 100)),
        ([(2, 30, 0, 0, 60, 100, None), (3, 29, 60, 0, 0, 40, 2), (4, 8, 0, 0, 60, 100, 3)], (0, 0, 0, 40)),
        ([(1, 9, 100, 0, 0, 0, None), (2, 8, 0, 0, 100, 100, 1)], None),
        ([LEAVE, (3, 8, 0, 0, 4, 40, None), (3, 8, 60, 0, 0, 40, 2)], (0, 0, 4, 100)),
        ([(2, 30, 0, 0, 60, 100, None), (3, 8, 0, 0, 4, 40, None), (3, 8, 60, 0, 0, 40, 2)], (0, 0, 4, 100)),
        ([LEAVE, (3, 8, 70, 0, 0, 40, 2)], (0, 0, 0, 100)),
    ],
    ids=[
        "a run alone",
        "taken back as a whole",
        "taken back in part",
        "taken back in two parts",
        "an import that brings some again is no restore",
        "the restore was taken back",
        "and that again",
        "later deletes count",
        "creates, updates and deletes, all but one update",
        "a restore of something older",
        "the window begins with what the restore left",
        "also where it began before the restore",
        "a restore of an older restore",
        "a first import that is taken back",
        "what goes by reference counts",
        "also in a restore of something older",
        "never more than the run did",
    ],
)
def test_what_a_restore_took_back_is_not_counted(rows: list[Row], expected: tuple[int, ...] | None) -> None:
    found = within(applied(*rows), NOW - timedelta(hours=24)).get((Entity.STUDENT, None))
    assert (
        found and (*(found.of(c.value) for c in (Change.CREATE, Change.UPDATE, Change.DELETE)), found.population)
    ) == (expected)
    if found and expected:
        assert found.of(ANY) == sum(expected[:3])


def test_another_entity_and_another_school_are_other_places() -> None:
    rows = [
        AppliedCounts(NOW, "Student", "north", 0, 0, 9, 50, 2),
        AppliedCounts(NOW, "Student", "south", 0, 0, 8, 50, 2),
        AppliedCounts(NOW, "Teacher", None, 0, 0, 7, 50, 2),
        AppliedCounts(NOW, "Student", "north", 9, 0, 0, 41, 3, 2),
    ]
    found = within(rows, NOW - timedelta(hours=24))
    assert {place: counted.of("Delete") for place, counted in found.items()} == {
        (Entity.STUDENT, "north"): 0,
        (Entity.STUDENT, "south"): 8,
        (Entity.TEACHER, None): 7,
    }
