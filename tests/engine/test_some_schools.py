"""A run of some schools: their changes and what these need; everything else waits for the next whole run."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rostersync.errors import Permanent
from support.days import AS_OF, Day, Planned, Roster, crowd, district

NORTH = ("1001",)


def busy() -> Day:
    """In both schools somebody comes, changes and leaves."""
    day = district()
    for school, n in (("1001", 1), ("1002", 2)):
        day = day.add("users", f"s1{n}", orgSourcedIds=[school]).add("users", f"s2{n}", orgSourcedIds=[school])
        day = day.add("enrollments", f"e2{n}", userSourcedId=f"s2{n}", classSourcedId=f"k{n}", schoolSourcedId=school)
    return day


def next_day() -> Day:
    day = busy().change("users", "s11", "s12", givenName="New")
    day = day.without("users", "s21", "s22").without("enrollments", "e21", "e22")
    return day.add("users", "s31", orgSourcedIds=["1001"]).add("users", "s32", orgSourcedIds=["1002"])


def begun(folder: Path, day: Day | None = None, **fields: object) -> Roster:
    return Roster(folder).begin(day or busy(), bulkUploadMode=True, **fields)


def north(roster: Roster, day: Day, **fields: object) -> Planned:
    return roster.plan(day, schools=NORTH, bulkUploadMode=True, **fields)  # type: ignore[arg-type]


def test_only_these_schools_change(tmp_path: Path) -> None:
    roster = begun(tmp_path)

    plan = north(roster, next_day())

    assert plan.changes == {
        ("Update", "Student", "s11", "SourceChanged"),
        ("Delete", "Student", "s21", "SourceMissing"),
        ("Delete", "Enrollment", "e21", "SourceMissing"),
        ("Create", "Student", "s31", "SourceCreated"),
    }
    assert plan.counts("Student")["out_of_scope"] == 3
    assert plan.counts("Enrollment")["out_of_scope"] == 1
    assert plan.manifest.only_schools == NORTH
    assert plan.report.totals["outOfScope"] == 4


def test_a_whole_run_afterwards_does_the_rest(tmp_path: Path) -> None:
    roster = begun(tmp_path / "a")
    roster.apply(north(roster, next_day()))
    rest = roster.run(next_day(), bulkUploadMode=True)
    whole = begun(tmp_path / "b")
    whole.run(next_day(), bulkUploadMode=True)

    assert {i for _, _, i, _ in rest.changes} == {"s12", "s22", "e22", "s32"}
    for table in ("users", "enrollments", "classes", "orgs"):
        assert roster.stored(table).keys() == whole.stored(table).keys()


def test_the_digest_names_the_schools(tmp_path: Path) -> None:
    """The same changes of another scope are another plan."""
    roster = begun(tmp_path)
    day = busy().change("users", "s11", givenName="New")

    whole, some = roster.plan(day, bulkUploadMode=True), north(roster, day)

    assert whole.changes == some.changes
    assert whole.manifest.digest != some.manifest.digest
    both = roster.plan(day, schools=("1002", "1001"), bulkUploadMode=True)
    assert len({whole.manifest.digest, some.manifest.digest, both.manifest.digest}) == 3


def test_what_a_new_class_needs_comes_along(tmp_path: Path) -> None:
    roster = begun(tmp_path)
    day = (
        busy()
        .add("academicSessions", "y2")
        .add("courses", "c3", orgSourcedId="d1")
        .add("courses", "c4", orgSourcedId="d1")
    )
    day = day.add("classes", "k3", courseSourcedId="c3", termSourcedIds=["y2"])
    day = day.add("users", "t3", role="teacher", orgSourcedIds=["1001", "1002"]).add(
        "users", "t4", role="teacher", orgSourcedIds=["1001", "1002"]
    )
    day = day.add("enrollments", "e3x", userSourcedId="t3", classSourcedId="k3", role="teacher")

    plan = north(roster, day)

    assert plan.ids("Create") == {"y2", "c3", "k3", "t3", "e3x"}  # not the course and the teacher that nobody needs


def test_whoever_moves_between_schools_waits(tmp_path: Path) -> None:
    roster = begun(tmp_path)

    plan = north(
        roster, busy().change("users", "s11", orgSourcedIds=["1002"]).change("users", "s12", orgSourcedIds=["1001"])
    )

    assert plan.changes == set()
    assert plan.counts("Student")["out_of_scope"] == 2
    assert plan.manifest.no_changes


def test_a_teacher_at_both_whose_record_changes_waits(tmp_path: Path) -> None:
    both = busy().add("users", "t3", role="teacher", orgSourcedIds=["1001", "1002"])
    roster = begun(tmp_path, both)

    assert north(roster, both.change("users", "t3", givenName="New")).changes == set()


def test_somebody_with_an_enrolment_elsewhere_is_not_deleted(tmp_path: Path) -> None:
    """The enrolment belongs to another school, and it would refer to nobody."""
    elsewhere = busy().add("enrollments", "e9", userSourcedId="s11", classSourcedId="k2", schoolSourcedId="1002")
    elsewhere = elsewhere.add("enrollments", "e8", userSourcedId="s11")
    roster = begun(tmp_path, elsewhere)

    plan = north(roster, elsewhere.without("users", "s11").without("enrollments", "e9"))

    assert plan.changes == set()  # the enrolment here would only go with the student
    assert plan.counts("Student")["out_of_scope"] == 1
    assert plan.counts("Enrollment")["out_of_scope"] == 2


def test_a_contact_of_somebody_elsewhere_is_not_deleted(tmp_path: Path) -> None:
    day = busy().change("users", "s12", agentSourcedIds=["p1"])
    roster = begun(tmp_path, day)

    plan = north(roster, day.without("users", "p1"))

    assert "p1" not in plan.ids("Delete")


def test_a_new_contact_of_two_schools_is_cut_until_the_whole_run(tmp_path: Path) -> None:
    roster = begun(tmp_path)
    day = busy().add("users", "p2", role="guardian", orgSourcedIds=["1001", "1002"])
    day = day.add("users", "s31", orgSourcedIds=["1001"], agentSourcedIds=["p1", "p2"])

    plan = roster.apply(north(roster, day))

    assert plan.ids("Create") == {"s31"}
    assert plan.after("s31", "agentSourcedIds") == ["p1"]
    rest = roster.plan(day, bulkUploadMode=True)
    assert rest.after("s31", "agentSourcedIds") == ["p1", "p2"]


@pytest.mark.parametrize(
    ("school", "hint"), [("1003", "Near 1003: 1002, 1001. "), ("d1", ""), (" north", " north is 1001. ")]
)
def test_a_school_that_is_not_mapped_is_named(tmp_path: Path, school: str, hint: str) -> None:
    roster = begun(tmp_path)
    fields = {"schoolsMapping": {"exclude": ["1003"]}, "bulkUploadMode": True}

    with pytest.raises(Permanent) as refused:
        roster.plan(busy().add("orgs", "1003"), schools=("1001", school), **fields)  # type: ignore[arg-type]

    assert refused.value.reason == "SchoolNotMapped"
    assert str(refused.value).startswith(f"{school}: no mapped school has this id in the store")
    assert f"mapped are 1001, 1002. {hint}Give spec.schools (--school) ids of mapped schools" in str(refused.value)


def test_counts_and_issues_speak_of_these_schools(tmp_path: Path) -> None:
    fields: dict[str, Any] = {
        "dataRequirements": [
            {"entity": "Student", "attribute": "familyName", "action": "Error"},
            {"entity": "Student", "attribute": "email", "action": "Hold"},
        ]
    }
    roster = begun(tmp_path, **fields)
    day = next_day().change("users", "s12", "s3", status="odd").change("users", "t2", role="wizard")
    day = day.change("enrollments", "e3", userSourcedId="nobody")
    whole = roster.plan(day, bulkUploadMode=True, **fields)

    some = north(roster, day, **fields)

    assert some.counts("Student") == {
        "population": 4,
        "created": 1,
        "updated": 1,
        "deleted": 1,
        "unchanged": 2,
        "errors": 4,
        "out_of_scope": 2,
    }
    assert whole.counts("Student")["skipped"] == 2
    assert some.counts("Enrollment") == {"population": 4, "deleted": 1, "unchanged": 3, "out_of_scope": 1}
    assert some.counts("Teacher") == {"population": 1, "unchanged": 1}
    assert some.counts("Class") == {"population": 1, "unchanged": 1}
    assert {i[1] for i in some.issues} == {"s1", "s2", "s11", "s31"}
    assert {i[1] for i in whole.issues} == {"s1", "s2", "s11", "s31", "s12", "s3", "s32", "t2", "e3"}
    assert ("RequirementHold", "Student", 2) in some.holds
    assert ("RequirementHold", "Student", 3) in whole.holds


def test_what_is_usual_counts_nights_of_the_whole_district_alone(tmp_path: Path) -> None:
    roster, at = begun(tmp_path), AS_OF
    for night in range(1, 4):
        at = AS_OF + timedelta(days=night)
        last = roster.run(busy().change("users", "s11", givenName=f"N{night}"), at=at, bulkUploadMode=True)
    for night in range(4, 9):
        at = AS_OF + timedelta(days=night)
        part = busy().change("users", "s11", "s21", "s1", givenName=f"N{night}")
        last = roster.apply(north(roster, part, at=at))
    restored = roster.apply(roster.restore(last, at=at + timedelta(days=1), bulkUploadMode=True))

    assert restored.manifest.usual.runs == 0
    assert north(roster, next_day(), at=at + timedelta(days=2)).manifest.usual.runs == 0
    usual = roster.plan(next_day(), at=at + timedelta(days=2), bulkUploadMode=True).manifest.usual
    assert (usual.runs, usual.entities["Student"]["updated"]) == (3, 1)


def test_limits_look_at_these_schools_alone(tmp_path: Path) -> None:
    """Of the district that is 10 %, and of the school 30 %."""
    day = crowd(60, crowd(30), school="1002", first=300)
    roster = begun(tmp_path, day)
    smaller = day.without("users", *(f"s{n}" for n in range(100, 109)))

    assert roster.plan(smaller, bulkUploadMode=True).holds == set()
    assert ("Threshold", "Student", "Delete", 9, 32, 10, "Percent") in north(roster, smaller).holds


def test_a_school_that_loses_everybody_is_held(tmp_path: Path) -> None:
    roster = begun(tmp_path)
    day = busy().without("users", "s1", "s2", "s11", "s21").without("enrollments", "e1", "e2", "e21")

    holds = north(roster, day).holds

    assert ("EntityEmptied", "Student", "Delete", 4, 4) in holds
    assert ("SchoolEmptied", "Student", "Delete", "1001", 4, 4) in holds


def test_a_later_window_counts_what_was_applied_against_the_whole_district(tmp_path: Path) -> None:
    day = crowd(60, crowd(30), school="1002", first=300)
    roster = begun(tmp_path, day)
    smaller = day.without("users", *(f"s{n}" for n in range(100, 109)))
    roster.apply(north(roster, smaller))

    rest = roster.plan(smaller.without("users", "s300", "s301"), bulkUploadMode=True)

    assert ("Threshold", "Student", "Delete", 11, 93, 10, "Percent", 9, "24h") in rest.holds


def test_a_changed_configuration_still_holds_the_next_whole_plan(tmp_path: Path) -> None:
    day = crowd(30, busy(), school="1002", first=300)
    roster = begun(tmp_path, day)
    fields = {"attributesMapping": [{"entity": "Student", "attribute": "familyName", "from": "givenName"}]}
    changed = north(roster, day, **fields)
    assert "ConfigChanged" in changed.reasons
    roster.apply(changed)

    assert "ConfigChanged" in roster.plan(day, bulkUploadMode=True, **fields).reasons


def test_a_school_that_vanishes_elsewhere_is_still_told_to_the_whole_run(tmp_path: Path) -> None:
    roster = begun(tmp_path)
    day = busy().without("orgs", "1002").change("users", "s11", givenName="New")

    some = roster.apply(north(roster, day))

    assert "SchoolVanished" not in some.reasons
    assert "SchoolVanished" in roster.plan(day.change("users", "s11", givenName="Newer"), bulkUploadMode=True).reasons


def test_the_first_import_can_be_of_one_school(tmp_path: Path) -> None:
    roster = Roster(tmp_path)

    first = roster.apply(north(roster, district()))

    assert {"1001", "d1", "s1", "s2", "t1", "p1", "k1", "c1", "y1", "e1", "e2", "e4"} == first.ids("Create")
    assert first.manifest.schools_imported == (("1001", "1001"),)
    rest = roster.plan(district(), bulkUploadMode=True, approval={"holdFirstImport": True})
    assert rest.ids("Create") == {"1002", "s3", "t2", "a1", "k2", "c2", "e3", "e5"}
    assert "FirstImport" in rest.reasons


def test_a_school_that_is_sent_as_something_else_is_not_among_these(tmp_path: Path) -> None:
    roster = begun(tmp_path)
    day = busy().change("orgs", "1002", type="district").change("users", "s11", givenName="New")

    some, whole = north(roster, day), roster.plan(day, bulkUploadMode=True)

    assert some.counts("School") == {"population": 1, "unchanged": 1}
    assert whole.counts("School") == {"population": 2, "unchanged": 1, "kept": 1}
