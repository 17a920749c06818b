"""Sync hold threshold on real plans: what is counted, and against which population."""

from datetime import timedelta
from typing import Any

from rostersync.model import Entity, Hold, HoldReason
from rostersync.render.holds import sentence
from support.days import AS_OF, Day, Roster, crowd, district

BULK = {"bulkUploadMode": True}


def limit(*rules: dict[str, Any]) -> dict[str, Any]:
    """Fields of a spec with these rules and no default that could hold."""
    free = {"entity": "*", "change": "Any", "percent": 10000}
    return {"syncHoldThreshold": {"rules": [free, *rules]}}


def rule(change: str, entity: str = "Student", **more: Any) -> dict[str, Any]:
    return {"entity": entity, "change": change, **more}


def less(day: Day, count: int) -> Day:
    """The day without so many of the crowd."""
    return day.without("users", *[f"s{n}" for n in range(100, 100 + count)])


def test_the_default_limits_hold_strictly_above_their_share_of_the_population_before_the_run(roster: Roster) -> None:
    day = crowd(37)  # 40 students with the three of the district
    roster.begin(day, **BULK)
    assert roster.plan(less(day, 4), **BULK).holds == set()
    assert roster.plan(less(day, 5), **BULK).holds == {("Threshold", "Student", "Delete", 5, 40, 10, "Percent")}
    assert roster.plan(crowd(20, day, first=500), **BULK).holds == set()
    plan = roster.plan(
        crowd(21, less(day, 5), first=500).change("users", *[f"s{n}" for n in range(106, 137)], email="new"), **BULK
    )
    assert plan.holds == {
        ("Threshold", "Student", "Delete", 5, 40, 10, "Percent"),
        ("Threshold", "Student", "Create", 21, 40, 50, "Percent"),
        ("Threshold", "Student", "Update", 31, 40, 75, "Percent"),
    }


def test_a_rule_with_percent_and_count_and_floor_tells_its_numbers(roster: Roster) -> None:
    day = crowd(37)
    roster.begin(day, **BULK)
    plan = roster.plan(less(day, 3), **BULK, **limit(rule("Delete", percent=5, count=2, minPopulation=40)))
    assert plan.holds == {
        ("Threshold", "Student", "Delete", 3, 40, 5, "Percent"),
        ("Threshold", "Student", "Delete", 3, 40, 2, "Count"),
    }
    assert plan.report.holds_total == 2
    plan = roster.plan(less(day, 3), **BULK, **limit(rule("Delete", percent=5, count=3, minPopulation=41)))
    assert plan.holds == set()


def test_cascades_and_restored_records_count_and_deferred_ones_do_not(roster: Roster) -> None:
    day = crowd(37)
    for number in range(100, 105):
        day = day.add("enrollments", f"e{number}", userSourcedId=f"s{number}")
    gone = less(day, 5).without("enrollments", *[f"e{n}" for n in range(100, 105)])
    roster.begin(day, **BULK)
    counted = limit(rule("Delete", "Enrollment", count=4), rule("Create", count=4))
    plan = roster.plan(gone.read_in_part("enrollments"), **BULK, **counted)
    assert plan.holds == {("Threshold", "Enrollment", "Delete", 5, 10, 4, "Count")}
    assert roster.plan(gone.read_in_part("users"), **BULK, **counted).holds == set()
    roster.apply(plan)
    assert roster.plan(day, **BULK, **counted).holds == {("Threshold", "Student", "Create", 5, 35, 4, "Count")}


def test_a_rule_by_school_counts_and_measures_each_school_by_itself(roster: Roster) -> None:
    day = crowd(20, crowd(40, school="1002"), first=200)  # 22 at 1001, 41 at 1002
    both = ["1001", "1002"]
    day = day.change("users", "s200", orgSourcedIds=both).change("users", "t1", "t2", orgSourcedIds=both)
    roster.begin(day, **BULK)
    changed = (
        less(day, 4)
        .without("users", "s200", "s201")
        .change("users", "s202", email="new")
        .add("users", "s999", orgSourcedIds=["1002"])
    )
    by_school = {"perSchool": True}
    plan = roster.plan(
        changed,
        **BULK,
        **limit(
            rule("Delete", percent=9, **by_school),
            rule("Delete", count=4, **by_school),
            rule("Any", count=2, **by_school),
        ),
    )
    assert plan.holds == {
        ("Threshold", "Student", "Delete", "1001", 2, 22, 9, "Percent"),
        ("Threshold", "Student", "Delete", "1002", 5, 42, 9, "Percent"),
        ("Threshold", "Student", "Delete", "1002", 5, 42, 4, "Count"),
        ("Threshold", "Student", "Any", "1001", 3, 22, 2, "Count"),
        ("Threshold", "Student", "Any", "1002", 6, 42, 2, "Count"),
    }


def test_a_rule_by_school_leaves_out_entities_without_school_and_knows_classes_courses_and_enrolments(
    roster: Roster,
) -> None:
    day = (
        district()
        .change("enrollments", "e1", "e2", role="aide")
        .change("classes", "k1", title="New")
        .change("courses", "c2", title="New")
    )
    day = (
        day.change("academicSessions", "y1", title="New")
        .change("orgs", "d1", name="New")
        .change("users", "a1", email="new")
    )
    plan = roster.begin().plan(day, **limit({"entity": "*", "change": "Any", "count": 0, "perSchool": True}))
    assert plan.holds == {
        ("Threshold", "Enrollment", "Any", "1001", 2, 3, 0, "Count"),
        ("Threshold", "Class", "Any", "1001", 1, 1, 0, "Count"),
        ("Threshold", "Course", "Any", "1002", 1, 1, 0, "Count"),
    }


def test_school_ids_of_a_hold_are_those_of_the_store(roster: Roster) -> None:
    united = {"schoolsMapping": {"schools": [{"sourcedId": s, "target": {"id": "WHS"}} for s in ("1001", "1002")]}}
    day = district().change("users", "s1", "s3", email="new")
    plan = roster.begin(**united).plan(day, **united, **limit(rule("Update", count=1, perSchool=True)))
    assert plan.holds == {("Threshold", "Student", "Update", "WHS", 2, 3, 1, "Count")}


def test_many_small_plans_together_are_held_as_one_would_be(roster: Roster) -> None:
    day = crowd(97)  # 100 students
    roster.begin(day, **BULK)
    roster.apply(roster.plan(less(day, 6), **BULK, at=AS_OF + timedelta(hours=1)))
    then = roster.plan(less(day, 11), **BULK, at=AS_OF + timedelta(hours=2))
    assert then.holds == {("Threshold", "Student", "Delete", 11, 100, 10, "Percent", 6, "24h")}
    assert roster.plan(less(day, 10), **BULK, at=AS_OF + timedelta(hours=2)).holds == set()
    assert roster.plan(less(day, 11), **BULK, at=AS_OF + timedelta(hours=25)).holds == set()
    created = crowd(5, less(day, 6), first=900)
    assert roster.plan(created, **BULK, at=AS_OF + timedelta(hours=2)).holds == set()


def test_a_window_that_holds_the_first_import_begins_with_what_came_then(roster: Roster) -> None:
    day = crowd(97)
    roster.run(day, **BULK)
    assert roster.plan(less(day, 11), **BULK, at=AS_OF + timedelta(minutes=1)).holds == {
        ("Threshold", "Student", "Delete", 11, 100, 10, "Percent")
    }


def test_a_window_of_a_share_begins_once_there_are_enough_to_judge_one(roster: Roster) -> None:
    """Of a district that begins with a few, and imports the others on the same day."""
    few, day = crowd(10), crowd(97)
    roster.run(few, **BULK)
    roster.run(day, **BULK, at=AS_OF + timedelta(hours=1))
    roster.run(less(day, 6), **BULK, at=AS_OF + timedelta(hours=2))

    assert roster.plan(less(day, 11), **BULK, at=AS_OF + timedelta(hours=3)).holds == {
        ("Threshold", "Student", "Delete", 11, 100, 10, "Percent", 6, "24h")
    }


def test_what_was_applied_counts_by_school_where_a_rule_asks_for_it(roster: Roster) -> None:
    day = crowd(20, crowd(40, school="1002"), first=200)
    asked = limit(rule("Delete", percent=10, window="7d", perSchool=True))
    roster.begin(day, **BULK, **asked)
    roster.apply(roster.plan(less(day, 3), **BULK, **asked, at=AS_OF + timedelta(days=1)))
    plan = roster.plan(less(day, 5).without("users", "s200"), **BULK, **asked, at=AS_OF + timedelta(days=7))
    assert plan.holds == {("Threshold", "Student", "Delete", "1002", 5, 41, 10, "Percent", 3, "7d")}


def test_a_window_is_of_one_district_and_one_source(roster: Roster) -> None:
    """Another district in the same store has a window of its own, and people of its own."""
    day = crowd(97)
    roster.run(day, **BULK)
    roster.run(day, **BULK, name="lakes")
    roster.apply(roster.plan(less(day, 6), **BULK, name="lakes", at=AS_OF + timedelta(hours=1)))

    assert roster.plan(less(day, 6), **BULK, at=AS_OF + timedelta(hours=26)).holds == set()
    there = roster.plan(less(day, 17), **BULK, name="lakes", at=AS_OF + timedelta(hours=24, minutes=30))
    assert there.holds == {("Threshold", "Student", "Delete", 17, 100, 10, "Percent", 6, "24h")}


def test_a_window_outlives_the_process(roster: Roster) -> None:
    """Everything that is counted is in the store."""
    day = crowd(97)
    roster.begin(day, **BULK)
    roster.apply(roster.plan(less(day, 6), **BULK, at=AS_OF + timedelta(hours=1)))

    again = Roster(roster.folder, runs=roster.runs)

    [hold] = again.plan(less(day, 11), **BULK, at=AS_OF + timedelta(hours=2)).manifest.holds
    assert (hold.count, hold.before, hold.population) == (11, 6, 100)
    said = sentence(hold)
    assert "5, and 6 were within the 24h before, together 11 of 100 Students" in said
    assert "(11.0 %), limit 10 %" in said


def test_a_hold_tells_both_numbers_also_where_more_change_than_there_were() -> None:
    hold = Hold(HoldReason.THRESHOLD, Entity.STUDENT, "Create", None, 110, 100, 50, "Percent", 50, "24h")
    told = "60, and 50 were within the 24h before, together 110 Students where there were 100, limit 50 %."
    assert sentence(hold).endswith(told)


def test_former_values_that_go_take_no_evidence_along(roster: Roster) -> None:
    day = crowd(97)
    roster.begin(day, **BULK)
    roster.apply(roster.plan(less(day, 6), **BULK, at=AS_OF + timedelta(hours=1)))
    roster.store.writer().expire("rivers", timedelta(minutes=1), AS_OF + timedelta(hours=2))
    then = roster.plan(less(day, 11), **BULK, at=AS_OF + timedelta(hours=2))
    assert then.holds == {("Threshold", "Student", "Delete", 11, 100, 10, "Percent", 6, "24h")}


def test_students_who_become_guardians_leave_the_students(roster: Roster) -> None:
    day = crowd(37)
    roster.begin(day)
    plan = roster.plan(day.change("users", *[f"s{n}" for n in range(100, 105)], role="guardian"))
    assert ("Threshold", "Student", "Delete", 5, 40, 10, "Percent") in plan.holds
    assert {c.entity: (c.updated, c.deleted) for c in plan.manifest.entities}["Student"] == (5, 0)
