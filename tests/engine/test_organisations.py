"""Organisations besides schools: departments, districts, and what of them is in the pull, in the store, or in both."""

from typing import Any

import pytest

from rostersync.errors import Permanent
from rostersync.model import Entity
from support.days import Day, Roster, district

BULK = {"bulkUploadMode": True}
BOTH = {"mode": "Selected", "schools": [{"sourcedId": "1001"}, {"sourcedId": "1002"}]}
MODES = pytest.mark.parametrize("mapping", [{}, BOTH], ids=["Auto", "Selected"])


def between() -> Day:
    """A department between the district and its schools, with a person of its own."""
    day = district().add("orgs", "x1", type="department", name="Schools")
    day = day.change("orgs", "1001", "1002", parentSourcedId="x1")
    return day.add("users", "a2", role="administrator", orgSourcedIds=["x1"])


def below(school: str = "1002", day: Day | None = None) -> Day:
    """A department of a school, and one of that; each with a class, a person and an enrolment."""
    day = (day or district()).add("orgs", "x1", type="department", parentSourcedId=school)
    day = day.add("orgs", "x2", type="department", parentSourcedId="x1")
    for n in (1, 2):
        day = day.add("classes", f"k{n}0", courseSourcedId="c2", schoolSourcedId=f"x{n}")
        day = day.add("users", f"s{n}0", orgSourcedIds=[f"x{n}"], primaryOrgSourcedId=f"x{n}")
        ids = {"classSourcedId": f"k{n}0", "schoolSourcedId": f"x{n}", "userSourcedId": f"s{n}0"}
        day = day.add("enrollments", f"e{n}0", **ids)
    return day.add("courses", "c9", orgSourcedId="x1")


OF_DEPARTMENTS = {f"{letter}{n}0" for letter in "kse" for n in (1, 2)}


# ---- what the pull lacks


@MODES
def test_a_department_that_is_sent_no_more_breaks_no_chain(roster: Roster, mapping: dict[str, Any]) -> None:
    plan = roster.begin(between(), schoolsMapping=mapping).plan(between().without("orgs", "x1"), schoolsMapping=mapping)
    assert plan.changes == set()


@MODES
def test_references_to_what_an_incomplete_pull_of_organisations_lacks_stay(
    roster: Roster, mapping: dict[str, Any]
) -> None:
    day = between().change("users", "s1", orgSourcedIds=["1001", "x1", "d1"]).change("courses", "c1", orgSourcedId="d1")
    part = day.without("orgs", "x1", "d1").read_in_part("orgs")
    plan = roster.begin(day, **BULK, schoolsMapping=mapping).plan(part, **BULK, schoolsMapping=mapping)
    assert plan.changes == set()
    assert plan.counts("District") == {"deferred": 2, "population": 2}


def test_what_an_incomplete_pull_cannot_place_stays_where_it_was(roster: Roster) -> None:
    day = between().change("users", "s1", orgSourcedIds=["1001", "d1"])
    part = day.without("orgs", "x1").change("orgs", "1001", "1002", parentSourcedId="new").read_in_part("orgs")
    plan = roster.begin(day, schoolsMapping=BOTH).plan(part, schoolsMapping=BOTH)
    assert plan.changes == set()


def test_a_department_that_a_complete_pull_lacks_goes_and_what_stands_above_it_stays(roster: Roster) -> None:
    fields: dict[str, Any] = {**BULK, "schoolsMapping": BOTH}
    plan = roster.begin(between(), **fields).plan(between().without("orgs", "x1").without("users", "a2"), **fields)
    assert plan.causes("Delete") == {"x1": "SourceMissing", "a2": "SourceMissing"}
    assert plan.causes("Update") == {"1001": "Cascade", "1002": "Cascade"}


def test_a_removed_department_whose_delete_waits_can_still_be_referred_to(roster: Roster) -> None:
    window = {"disableDeletion": [{"start": "2026-01-10T00:00:00", "end": "2026-01-20T00:00:00"}]}
    day = between().change("users", "s1", orgSourcedIds=["1001", "x1"])
    gone = day.change("orgs", "x1", status="tobedeleted")
    assert roster.begin(day).plan(gone, dataRollover=window).changes == set()
    gone = gone.change("users", "a2", orgSourcedIds=["d1"])
    lost = {"s1": "SourceChanged", "1001": "Cascade", "1002": "Cascade", "a2": "SourceChanged"}
    assert roster.plan(gone).causes("Update") == lost


# ---- who would be left with no organisation


def alone(parent: str) -> Day:
    """A department with a person who belongs to nothing else."""
    return (
        district().add("orgs", "x1", type="department", parentSourcedId=parent).add("users", "s9", orgSourcedIds=["x1"])
    )


LEAVES = pytest.mark.parametrize(
    "left",
    [lambda day: day.without("orgs", "x1"), lambda day: day.change("orgs", "x1", status="tobedeleted")],
    ids=["not sent", "removed"],
)
HELD_BACK = {("Student", "s9", "Skipped", "DanglingReference", "orgSourcedIds", None, "Skip")}


@MODES
@LEAVES
def test_who_belongs_to_a_department_that_leaves_belongs_to_its_school_night_after_night(
    roster: Roster, mapping: dict[str, Any], left: Any
) -> None:
    fields: dict[str, Any] = {**BULK, "schoolsMapping": mapping}
    today = left(alone("1001")).change("users", "s9", givenName="Other")
    first = roster.begin(alone("1001"), **fields).run(today, **fields)
    assert first.causes("Delete").keys() == {"x1"}
    assert first.causes("Update") == {"s9": "SourceChanged"}
    assert roster.stored("users")["s9"]["orgSourcedIds"] == ["1001"]
    second = roster.plan(today.add("users", "s8", orgSourcedIds=["x1"]), **fields)
    assert second.changes == {("Create", "Student", "s8", "SourceCreated")}
    assert second.after("s8", "orgSourcedIds") == ["1001"]


@LEAVES
def test_a_department_that_is_all_that_somebody_has_stays(roster: Roster, left: Any) -> None:
    today = left(alone("d1"))
    roster.begin(alone("d1"), **BULK)
    for _ in range(2):
        plan = roster.run(today, **BULK)
        assert (plan.changes, plan.issues) == (set(), HELD_BACK)
        assert plan.counts("District") == {"unchanged": 1, "kept": 1, "population": 2}
        assert plan.counts("Student") == {"unchanged": 3, "skipped": 1, "population": 4}
    assert roster.stored("users")["s9"]["orgSourcedIds"] == ["x1"]


@LEAVES
def test_a_school_that_nobody_wants_takes_nobody_from_a_department_that_leaves(roster: Roster, left: Any) -> None:
    """Only who is sent with nothing but such schools is out of scope."""
    fields: dict[str, Any] = {**BULK, "schoolsMapping": {"exclude": ["1002"]}}
    day = alone("d1").change("users", "s9", orgSourcedIds=["1002", "x1"])
    roster.begin(day, **fields)
    for _ in range(2):
        plan = roster.run(left(day), **fields)
        assert (plan.changes, plan.issues) == (set(), HELD_BACK)
    assert roster.stored("users")["s9"]["orgSourcedIds"] == ["x1"]


def test_who_moves_from_a_department_that_leaves_to_a_school_that_nobody_wants_goes(roster: Roster) -> None:
    fields: dict[str, Any] = {**BULK, "schoolsMapping": {"exclude": ["1002"]}}
    moved = alone("d1").without("orgs", "x1").change("users", "s9", orgSourcedIds=["1002"])
    plan = roster.begin(alone("d1"), **fields).plan(moved, **fields)
    assert plan.causes("Delete") == {"x1": "SourceMissing", "s9": "SchoolUnmapped"}


def test_a_department_stays_for_somebody_who_is_not_sent_and_stays(roster: Roster) -> None:
    """Without Bulk Upload Mode who is not sent is as before, whatever becomes of the department."""
    today = alone("d1").without("users", "s9").change("orgs", "x1", status="tobedeleted")
    assert roster.begin(alone("d1")).plan(today).changes == set()


def test_a_department_leaves_with_the_last_who_belongs_to_it_alone(roster: Roster) -> None:
    roster.begin(alone("d1"), **BULK)
    elsewhere = alone("d1").without("orgs", "x1").change("users", "s9", orgSourcedIds=["1002"])
    assert roster.plan(elsewhere, **BULK).changes == {
        ("Delete", "District", "x1", "SourceMissing"),
        ("Update", "Student", "s9", "SourceChanged"),
    }
    gone = alone("d1").without("orgs", "x1").without("users", "s9")
    assert roster.plan(gone, **BULK).causes("Delete") == {"x1": "SourceMissing", "s9": "SourceMissing"}


def test_a_department_whose_people_were_not_read_to_their_end_has_its_delete_deferred(roster: Roster) -> None:
    gone = alone("d1").without("orgs", "x1").without("users", "s9").read_in_part("users")
    plan = roster.begin(alone("d1"), **BULK).plan(gone, **BULK)
    assert plan.changes == set()
    assert plan.counts("District") == {"unchanged": 1, "deferred": 1, "population": 2}


def test_who_has_another_organisation_loses_the_one_that_leaves(roster: Roster) -> None:
    day = alone("d1").change("users", "s9", orgSourcedIds=["1002", "x1"])
    plan = roster.begin(day, **BULK).plan(day.without("orgs", "x1"), **BULK)
    assert plan.causes("Delete").keys() == {"x1"}
    assert plan.after("s9", "orgSourcedIds") == ["1002"]


def test_somebody_new_of_a_department_that_leaves_is_held_back(roster: Roster) -> None:
    day = alone("d1").without("users", "s9")
    plan = roster.begin(day, **BULK).plan(alone("d1").without("orgs", "x1"), **BULK)
    assert plan.changes == {("Delete", "District", "x1", "SourceMissing")}
    assert plan.issues == HELD_BACK


def test_what_stands_above_a_department_that_has_left_still_stands_above_its_schools(roster: Roster) -> None:
    """Schools go on being sent as below it: the district above, and its people, are theirs night after night."""
    fields: dict[str, Any] = {**BULK, "schoolsMapping": BOTH}
    today = between().without("orgs", "x1").without("users", "a2")
    roster.begin(between(), **fields).run(today, **fields)
    assert roster.plan(today, **fields).changes == set()


# ---- who comes


def test_under_auto_every_organisation_comes_with_its_people_and_classes(roster: Roster) -> None:
    day = district().add("orgs", "x1", type="department").add("orgs", "x2", type="local", parentSourcedId=None)
    day = day.add("users", "a2", role="administrator", orgSourcedIds=["x1"]).add("users", "s9", orgSourcedIds=["x2"])
    day = day.add("classes", "k9", schoolSourcedId="x2")
    plan = roster.plan(day)
    assert {"x1", "x2", "a2", "s9", "k9"} <= plan.ids("Create")
    assert plan.after("s9", "orgSourcedIds") == ["x2"]
    assert plan.after("k9", "schoolSourcedId") == "x2"
    assert {"x1", "x2", "a2", "s9", "k9"} & roster.plan(day, schoolsMapping=BOTH).ids("Create") == set()


@MODES
def test_people_and_classes_of_a_department_belong_to_the_nearest_school_above(
    roster: Roster, mapping: dict[str, Any]
) -> None:
    plan = roster.plan(below(), schoolsMapping=mapping, sisIDPrefix="F-")
    for n in (1, 2):
        assert plan.after(f"F-s{n}0", "orgSourcedIds", "primaryOrgSourcedId") == (["F-1002"], "F-1002")
        assert plan.after(f"F-k{n}0", "schoolSourcedId") == "F-1002"
        assert plan.after(f"F-e{n}0", "schoolSourcedId") == "F-1002"
    assert plan.after("F-c9", "orgSourcedId") == "F-1002"
    assert plan.after("F-x2", "parentSourcedId") == "F-x1"
    assert plan.after("F-x1", "parentSourcedId") == "F-1002"


@pytest.mark.parametrize(
    "mapping",
    [{"exclude": ["1002"]}, {"mode": "Selected", "schools": [{"sourcedId": "1001"}]}],
    ids=["Auto", "Selected"],
)
def test_departments_of_a_school_that_is_taken_out_go_with_it(roster: Roster, mapping: dict[str, Any]) -> None:
    plan = roster.begin(below()).plan(below(), schoolsMapping=mapping)
    assert {"1002", "x1", "x2", "s3", *OF_DEPARTMENTS} <= plan.ids("Delete")
    assert set(plan.causes("Delete").values()) == {"SchoolUnmapped"}


def test_what_a_department_of_a_vanished_school_has_is_protected_and_takes_nothing_new(roster: Roster) -> None:
    gone = below().without("orgs", "1002").without("users", "s10").without("classes", "k20")
    gone = gone.add("users", "s30", orgSourcedIds=["x2"]).add("classes", "k30", schoolSourcedId="x1")
    plan = roster.begin(below(), **BULK).plan(gone, **BULK)
    assert plan.changes == set()
    assert {i[1] for i in plan.issues} == {"s30", "k30"}


def test_a_department_that_moves_to_another_school_takes_its_people_along(roster: Roster) -> None:
    plan = roster.begin(below()).plan(below("1001"))
    assert plan.ids("Update") == {"x1", "c9", *OF_DEPARTMENTS}
    assert plan.after("s20", "orgSourcedIds") == ["1001"]


def test_a_department_below_a_school_that_is_led_elsewhere_finds_it(roster: Roster) -> None:
    mapping = {"schools": [{"sourcedId": "1002", "target": {"id": "SHS"}}]}
    plan = roster.begin(below()).plan(below().without("orgs", "x1"), schoolsMapping=mapping)
    assert plan.after("s10", "orgSourcedIds") == ["SHS"]
    assert plan.after("k20", "schoolSourcedId") == "SHS"


# ---- schools that are mapped no more


@pytest.mark.parametrize("sent", ["sent", "not sent", "inactive"])
def test_who_belongs_only_to_a_school_that_is_mapped_no_more_leaves_whatever_is_sent(roster: Roster, sent: str) -> None:
    day = district().change("users", "s2", orgSourcedIds=["1001", "1002"])
    today = {"sent": day, "not sent": day.without("orgs", "1002")}.get(sent) or day.change("orgs", "1002", status=sent)
    roster.begin(day, **BULK)
    roster.run(today, **BULK)
    plan = roster.plan(today, **BULK, schoolsMapping={"exclude": ["1002"]})
    assert plan.causes("Delete") == dict.fromkeys(["1002", "c2", "k2", "s3", "t2", "e3", "e5"], "SchoolUnmapped")
    assert plan.after("s2", "orgSourcedIds") == ["1001"]
    roster.apply(plan)
    assert roster.plan(today, **BULK, schoolsMapping={"exclude": ["1002"]}).changes == set()


# ---- targets that are no schools


def onto(target: str) -> dict[str, Any]:
    """A mapping that leads a school to that id."""
    return {"schoolsMapping": {"schools": [{"sourcedId": "1001", "target": {"id": target}}]}, "sisIDPrefix": "F-"}


@pytest.mark.parametrize("sent", [True, False], ids=["in the pull", "in the store"])
def test_a_mapping_onto_what_is_no_school_is_refused(roster: Roster, sent: bool) -> None:
    roster.run(district(), sisIDPrefix="F-")
    with pytest.raises(Permanent, match="1001 to F-d1, which is an organisation but not a school") as refused:
        roster.plan(district() if sent else district().without("orgs", "d1"), **onto("F-d1"))
    assert refused.value.reason == "InvalidSpec"


def test_a_mapping_onto_another_school_or_onto_a_free_id_is_none_of_that(roster: Roster) -> None:
    roster.run(district(), sisIDPrefix="F-")
    for target in ("F-1002", "d1", "F-1001", "NEW"):
        assert roster.plan(district(), **onto(target)).counts("District") == {"unchanged": 1, "population": 1}


def test_people_of_a_department_are_imported_even_if_no_district_is(roster: Roster) -> None:
    """Without District, nothing is known of departments: somebody of one has no organisation, and is not held back."""
    taken = [e.value for e in Entity if e not in (Entity.DISTRICT, Entity.DEMOGRAPHICS)]
    day = alone(parent="d1").add("users", "s8", orgSourcedIds=["1001", "x1"])
    plan = roster.plan(day, entities=taken)
    assert "x1" not in plan.ids("Create")
    assert plan.after("s9", "orgSourcedIds") is None
    assert plan.after("s8", "orgSourcedIds") == ["1001"]
    assert not {i for i in plan.issues if i[1] in ("s8", "s9")}
