"""After a restore, nights are as calm as they were before the run that was taken back."""

from datetime import timedelta
from typing import Any

import pytest

from support.days import AS_OF, Day, Roster, crowd

BULK = {"bulkUploadMode": True}
DELETES = ("Threshold", "Student", "Delete")


def less(day: Day, first: int, count: int) -> Day:
    """The day without so many of the crowd, from this one on."""
    return day.without("users", *[f"s{n}" for n in range(first, first + count)])


def hours(number: float) -> Any:
    return {"at": AS_OF + timedelta(hours=number)}


def test_deletes_that_a_restore_took_back_are_in_no_window(roster: Roster) -> None:
    day = crowd(97)  # 100 students
    roster.begin(day, **BULK)
    leave = roster.apply(roster.plan(less(day, 100, 60), **BULK, **hours(1)))
    roster.apply(roster.restore(leave, **BULK, **hours(2)))

    assert roster.plan(less(day, 180, 10), **BULK, **hours(3)).holds == set()
    assert roster.plan(less(day, 180, 11), **BULK, **hours(3)).holds == {(*DELETES, 11, 100, 10, "Percent")}


def test_a_restore_of_a_part_takes_that_part_out_of_the_window(roster: Roster) -> None:
    day = crowd(20, crowd(40, school="1002"), first=200)
    asked = {"entity": "Student", "change": "Delete", "percent": 10, "window": "7d"}
    rules: dict[str, Any] = {"syncHoldThreshold": {"rules": [asked, {**asked, "perSchool": True}]}, **BULK}
    roster.begin(day, **rules)
    leave = roster.apply(roster.plan(less(less(day, 100, 20), 200, 5), **rules, **hours(1)))
    roster.apply(roster.restore(leave, schools=("1002",), **rules, **hours(2)))

    assert roster.plan(less(less(day, 200, 5), 120, 1), **rules, **hours(3)).holds == set()
    later = less(less(day, 200, 6), 120, 2)
    found = {h for h in roster.plan(later, **rules, **hours(3)).holds if h[0] == "Threshold"}
    assert found == {
        (*DELETES, 8, 63, 10, "Percent", 5, "7d"),
        (*DELETES, "1001", 6, 22, 10, "Percent", 5, "7d"),
    }


def test_a_restore_that_is_itself_taken_back_counts_the_deletes_again(roster: Roster) -> None:
    day = crowd(97)
    roster.begin(day, **BULK)
    leave = roster.apply(roster.plan(less(day, 100, 60), **BULK, **hours(1)))
    back = roster.apply(roster.restore(leave, **BULK, **hours(2)))
    forth = roster.apply(roster.restore(back, **BULK, **hours(3)))
    assert (*DELETES, 61, 100, 10, "Percent", 60, "24h") in roster.plan(less(day, 100, 61), **BULK, **hours(4)).holds
    roster.apply(roster.restore(forth, **BULK, **hours(5)))
    assert roster.plan(less(day, 180, 10), **BULK, **hours(6)).holds == set()


def test_what_a_restore_creates_is_no_import_and_the_window_begins_with_it(roster: Roster) -> None:
    day = crowd(97)
    create = {"entity": "Student", "change": "Create", "percent": 10, "window": "24h"}
    rules: dict[str, Any] = {"syncHoldThreshold": {"rules": [create]}, **BULK}
    roster.begin(day, **rules)
    leave = roster.apply(roster.plan(less(day, 100, 60), **rules, **hours(1)))
    roster.apply(roster.restore(leave, **rules, **hours(48)))
    roster.apply(roster.plan(less(day, 180, 5), **rules, **hours(49)))

    assert roster.plan(crowd(9, less(day, 180, 5), first=900), **rules, **hours(50)).holds == set()
    then = roster.plan(less(day, 180, 11), **rules, **hours(50))
    assert then.holds == {(*DELETES, 11, 100, 10, "Percent", 5, "24h")}


def test_what_goes_with_a_restore_by_reference_counts(roster: Roster) -> None:
    """A class that came by mistake goes again, and with it enrolments that came later: nobody took those back."""
    day = crowd(0)
    more = day.add("classes", "k9", title="Chess")
    joined = more
    for number in range(30):
        joined = joined.add("enrollments", f"e{100 + number}", classSourcedId="k9")
    free = {"entity": "*", "change": "Any", "percent": 10000}
    counted = {"entity": "Enrollment", "change": "Delete", "count": 30, "window": "24h"}
    rules: dict[str, Any] = {"syncHoldThreshold": {"rules": [free, counted]}, **BULK}
    roster.begin(day, **rules)
    wrong = roster.apply(roster.plan(more, **rules, **hours(1)))
    roster.apply(roster.plan(joined, **rules, **hours(2)))
    roster.apply(roster.restore(wrong, **rules, **hours(3)))

    held = roster.plan(day.without("enrollments", "e5"), **rules, **hours(4)).holds
    assert held == {("Threshold", "Enrollment", "Delete", 31, 5, 30, "Count", 30, "24h")}


@pytest.mark.parametrize(("restored", "others"), [(1, 0), (3, 4)])
def test_exactly_the_restored_among_those_who_leave_are_counted(roster: Roster, restored: int, others: int) -> None:
    day = crowd(97)
    for number in range(100, 197):
        day = day.add("enrollments", f"e{number}", userSourcedId=f"s{number}")
    roster.begin(day, **BULK)
    gone = less(day, 100, 20).without("enrollments", *[f"e{n}" for n in range(100, 120)])
    leave = roster.apply(roster.plan(gone, **BULK, **hours(1)))
    roster.apply(roster.restore(leave, **BULK, **hours(2)))

    ids = [*range(100, 100 + restored), *range(120, 120 + others)]
    then = day.without("users", *[f"s{n}" for n in ids]).without("enrollments", *[f"e{n}" for n in ids])
    plan = roster.plan(then, **BULK, **hours(3))
    assert len(plan.ids("Delete")) == 2 * (restored + others)
    assert plan.holds == ({("RestoredRecords", 2 * restored)} if restored else set())


def test_a_decision_to_undo_a_restored_record_stands_and_others_are_asked_about(roster: Roster) -> None:
    day = crowd(97)
    roster.begin(day, **BULK)
    leave = roster.apply(roster.plan(less(day, 100, 9), **BULK, **hours(1)))
    roster.apply(roster.restore(leave, **BULK, **hours(2)))

    assert roster.run(less(day, 100, 1), **BULK, **hours(24)).holds == {("RestoredRecords", 1)}
    assert roster.run(less(day, 100, 2), **BULK, **hours(48)).holds == {("RestoredRecords", 1)}
    assert roster.run(day, **BULK, **hours(72)).holds == set()
    assert roster.run(less(day, 100, 2), **BULK, **hours(96)).holds == set()
    assert roster.plan(less(day, 100, 3), **BULK, **hours(120)).holds == {("RestoredRecords", 1)}


def test_a_decision_about_a_value_stands(roster: Roster) -> None:
    day = crowd(97)
    roster.begin(day, **BULK)
    other = day.change("users", "s100", "s101", email="other@x.example")
    changed = roster.apply(roster.plan(other, **BULK, **hours(1)))
    roster.apply(roster.restore(changed, **BULK, **hours(2)))

    one = day.change("users", "s100", email="other@x.example")
    assert roster.run(one, **BULK, **hours(24)).holds == {("RestoredRecords", 1)}
    roster.run(day, **BULK, **hours(48))
    assert roster.run(one, **BULK, **hours(72)).holds == set()
    assert roster.plan(other, **BULK, **hours(96)).holds == {("RestoredRecords", 1)}
