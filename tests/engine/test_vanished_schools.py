"""A school that is sent no more: what is kept of it, who leaves it, and the hold that says so."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from support.days import Day, Roster, crowd, district

EVERY = [
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
BULK: dict[str, Any] = {"bulkUploadMode": True}
ALL: dict[str, Any] = {**BULK, "entities": EVERY}
VANISHED = ("SchoolVanished", "School", "1002", 3)


def closed(day: Day | None = None) -> Day:
    """The school 1002 is sent no more, nor are its class, its people and their enrolments."""
    day = (day or district()).without("orgs", "1002").without("classes", "k2").without("courses", "c2")
    return day.without("users", "s3", "t2").without("enrollments", "e3", "e5")


def busy(day: Day) -> Day:
    """Something changes besides, so that there is something to hold."""
    return day.change("users", "s1", givenName="New")


# ---- demographics


def test_demographics_of_people_who_are_kept_are_kept_too(roster: Roster) -> None:
    day = district().add("demographics", "s3", sex="female").add("demographics", "s1", sex="male")
    plan = roster.begin(day, **ALL).plan(closed(day).without("demographics", "s3", "s1"), **ALL)
    assert plan.changes == {("Delete", "Demographics", "s1", "SourceMissing")}


def test_an_empty_answer_of_everything_deletes_no_demographics(roster: Roster) -> None:
    day = district()
    for user in ("s1", "s2", "s3", "t1", "t2", "p1"):
        day = day.add("demographics", user, sex="female")
    plan = roster.begin(day, **ALL).plan(day.wiped(*day.rows), **ALL)
    assert plan.ids("Delete") & {f"demographics of {u}" for u in ("s1", "s2", "s3", "t1", "t2", "p1")} == set()


def test_demographics_of_who_moved_elsewhere_count_like_any(roster: Roster) -> None:
    day = district().add("demographics", "s3", sex="female")
    moved = day.without("orgs", "1002").change("users", "s3", orgSourcedIds=["1001"]).without("demographics", "s3")
    assert ("Delete", "Demographics", "s3", "SourceMissing") in roster.begin(day, **ALL).plan(moved, **ALL).changes


# ---- enrolments of people who are elsewhere


def test_who_is_elsewhere_now_loses_the_kept_enrolments(roster: Roster) -> None:
    day = closed(district().add("enrollments", "e9", userSourcedId="t2", classSourcedId="k1", role="teacher"))
    day = day.add("users", "s3", orgSourcedIds=["1001"], givenName="Given s3", email="s3@x.example", grades=["09"])
    plan = roster.begin(**BULK).plan(day, **BULK)
    assert plan.causes("Delete") == {"e3": "Cascade"}
    assert plan.after("s3", "orgSourcedIds") == ["1001"]
    assert plan.manifest.blast_radius == {"students": 1, "teachers": 0}


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        (lambda day: day.change("users", "s3", orgSourcedIds=["1001", "1002"]), BULK),
        (lambda day: day.change("users", "s3", orgSourcedIds=["1001"], status="pending"), BULK),
        (lambda day: day.change("users", "s3", orgSourcedIds=["1001"]).read_in_part("enrollments"), BULK),
        (lambda day: day.change("users", "s3", orgSourcedIds=["1001"]).read_in_part("orgs"), BULK),
        (lambda day: day.change("users", "s3", orgSourcedIds=["1001"]), {}),
    ],
    ids=["at both", "held back", "incomplete", "orgs incomplete", "without bulk mode"],
)
def test_enrolments_stay_of_who_is_not_surely_elsewhere(roster: Roster, change: Any, fields: dict[str, Any]) -> None:
    day = change(district().without("orgs", "1002").without("enrollments", "e3"))
    assert roster.begin(**fields).plan(day, **fields).ids("Delete") == set()


# ---- the hold


def test_a_school_that_vanishes_with_members_holds_once(roster: Roster) -> None:
    roster.begin(**BULK)
    first = roster.plan(busy(closed()), **BULK)
    assert VANISHED in first.holds
    roster.apply(first)
    later = roster.plan(busy(closed()).change("users", "s2", givenName="New"), **BULK)
    assert later.holds == set()
    assert later.schools == (1, 1, 0, 1)


def test_a_plan_that_was_not_applied_is_not_remembered(roster: Roster) -> None:
    roster.begin(**BULK)
    assert closed_holds(roster) == closed_holds(roster) == {"SchoolVanished", "SchoolEmptied"}


def closed_holds(roster: Roster) -> set[str]:
    """Why a plan of the closed day is held."""
    return roster.plan(busy(closed()), **BULK).reasons


def test_a_school_that_is_back_and_vanishes_again_holds_again(roster: Roster) -> None:
    roster.begin(**BULK).run(busy(closed()), **BULK)
    roster.run(district(), **BULK)
    assert VANISHED in roster.plan(busy(closed()), **BULK).holds


def test_an_incomplete_pull_proves_no_school_gone(roster: Roster) -> None:
    roster.begin(**BULK)
    assert roster.run(busy(closed()).read_in_part("orgs"), **BULK).holds == set()
    assert VANISHED in roster.plan(closed().change("users", "s2", givenName="New"), **BULK).holds


def test_a_flag_proves_a_school_gone_also_in_an_incomplete_pull(roster: Roster) -> None:
    day = busy(district()).change("orgs", "1002", status="inactive").read_in_part("orgs")
    assert VANISHED in roster.begin(**BULK).plan(day, **BULK).holds


def test_a_school_without_members_vanishes_with_no_hold(roster: Roster) -> None:
    day = district().add("orgs", "1003", name="East").add("courses", "c3", orgSourcedId="1003")
    assert roster.begin(day, **BULK).plan(busy(district()), **BULK).holds == set()


def test_what_is_kept_is_no_member_of_a_school_that_was_left(roster: Roster) -> None:
    day = crowd(20, school="1002")
    gone = day.without("orgs", "1002").without("users", "t2", "s3").without("enrollments", "e3", "e5")
    moved = gone.change("users", *(f"s{n}" for n in range(100, 120)), orgSourcedIds=["1001"])
    plan = roster.begin(day, **BULK).plan(moved, **BULK)
    assert {h[:4] for h in plan.holds if h[0].startswith("School")} == {
        ("SchoolVanished", "School", "1002", 23),
        ("SchoolEmptied", "Student", "1002", 21),
        ("SchoolEmptied", "Teacher", "1002", 1),
    }
    roster.apply(plan)
    rest = moved.add("users", "s3", orgSourcedIds=["1001"])
    assert roster.plan(rest, **BULK).holds == set()


def test_one_of_united_schools_vanishes_like_any_other(roster: Roster) -> None:
    mapping = {"schools": [{"sourcedId": s, "target": {"id": "WHS"}} for s in ("1001", "1002")]}
    fields: dict[str, Any] = {**BULK, "schoolsMapping": mapping}
    plan = roster.begin(**fields).plan(busy(closed()), **fields)
    assert plan.holds == {("SchoolVanished", "School", "WHS", 8)}


def test_a_store_of_a_version_before_holds_once(tmp_path: Path) -> None:
    roster = Roster(tmp_path).begin(**BULK)
    roster.run(busy(closed()), **BULK)
    with duckdb.connect(str(roster.file.path)) as con:
        con.execute("UPDATE sources SET memory = json_merge_patch(memory, '{\"vanished\": null}')")
    again = closed().change("users", "s2", givenName="New")
    assert VANISHED in roster.plan(again, **BULK).holds


# ---- what is kept is counted


def test_what_is_kept_is_a_count_of_its_own_for_every_entity(roster: Roster) -> None:
    day = district().add("demographics", "s3", sex="female")
    plan = roster.begin(day, **ALL).plan(busy(closed(day).without("demographics", "s3")), **ALL)
    kept = {e.entity: e.kept for e in plan.manifest.entities if e.kept}
    assert kept == {
        "School": 1,
        "Course": 1,
        "Class": 1,
        "Student": 1,
        "Teacher": 1,
        "Enrollment": 2,
        "Demographics": 1,
    }


def test_what_is_not_read_is_kept(roster: Roster) -> None:
    taken = [e for e in EVERY if e not in ("Contact", "Demographics")]
    plan = roster.begin(**BULK).plan(district().not_offering("courses"), **BULK, entities=taken)
    assert plan.counts("Contact") == {"kept": 1, "population": 1}
    assert plan.counts("Course") == {"kept": 2, "population": 2}


def test_a_held_back_record_that_loses_a_reference_is_updated_and_not_skipped(roster: Roster) -> None:
    day = district().change("users", "s1", status="pending").change("users", "p1", status="tobedeleted")
    plan = roster.begin(**BULK).plan(day, **BULK)
    assert plan.counts("Student") == {"updated": 1, "unchanged": 2, "population": 3}


def test_a_record_that_is_held_back_counts_where_it_was(roster: Roster) -> None:
    day = district().change("users", "s1", role="teacher", status="pending")
    plan = roster.begin(**BULK).plan(day, **BULK)
    assert plan.counts("Student") == {"skipped": 1, "unchanged": 2, "population": 3}
