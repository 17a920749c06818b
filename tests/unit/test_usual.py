"""What is usual of a source: medians of its last plans."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rostersync.hold.usual import usual
from rostersync.plan.manifest import Usual
from rostersync.stores.port import AppliedCounts

START = datetime(2026, 11, 1, tzinfo=UTC)


def run(night, **deleted):
    at = START + timedelta(days=night)
    return [AppliedCounts(at, e, deleted=n, population=0 if night == 0 else 100) for e, n in deleted.items()]


def test_the_median_counts_a_run_without_the_entity_as_none():
    runs = [*run(0, Student=900), *run(1, Student=2), *run(2, Student=4, Class=9), *run(3, Student=300)]

    medians = {
        "Class": {"created": 0, "updated": 0, "deleted": 0},
        "Student": {"created": 0, "updated": 0, "deleted": 4},
    }
    assert usual(runs) == Usual(3, medians)


def test_few_runs_say_nothing_and_the_first_import_is_none():
    assert usual([*run(0, Student=900), *run(1, Student=2), *run(2, Student=4)]) == Usual()
    assert usual([]) == Usual()


def test_plans_of_some_schools_and_restores_do_not_count():
    nights = [r for night in range(1, 9) for r in run(night, Student=night)]
    runs = [replace(r, whole=i < 3) for i, r in enumerate(nights)]

    assert usual(runs) == Usual(3, {"Student": {"created": 0, "updated": 0, "deleted": 2}})


def test_only_the_last_ten_count():
    runs = [r for night in range(1, 13) for r in run(night, Student=1000 if night < 3 else night)]

    assert usual(runs).entities["Student"]["deleted"] == 7
    assert usual(runs).runs == 10
