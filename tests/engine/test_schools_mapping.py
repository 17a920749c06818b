"""Schools Mapping: its scenarios, each with exact counts, and what else the mapping decides.

Over 300 lines: seven scenarios with their counts, and the cases between them.
"""

from typing import Any

import pytest

from support.days import Day, Roster, district

BULK = {"bulkUploadMode": True}
BOTH = {"mode": "Selected", "schools": [{"sourcedId": "1001"}, {"sourcedId": "1002"}]}
AT_SOUTH = {"c2", "k2", "s3", "t2", "e3", "e5"}


def third_school(day: Day | None = None) -> Day:
    """A school 1003 with a course, a class, a student and an enrolment more."""
    day = (day or district()).add("orgs", "1003", name="East").add("courses", "c9", orgSourcedId="1003")
    day = day.add("classes", "k9", courseSourcedId="c9", schoolSourcedId="1003")
    day = day.add("users", "s9", orgSourcedIds=["1003"])
    return day.add("enrollments", "e9", classSourcedId="k9", schoolSourcedId="1003", userSourcedId="s9")


def without_south(day: Day | None = None) -> Day:
    """The school 1002 and everything that belongs to it are gone from the pull."""
    day = (day or district()).without("orgs", "1002").without("courses", "c2").without("classes", "k2")
    return day.without("users", "s3", "t2").without("enrollments", "e3", "e5")


def test_first_import_creates_mapped_schools_and_what_belongs_to_them(roster: Roster) -> None:
    plan = roster.plan(third_school(), schoolsMapping=BOTH)
    assert {e.entity: e.created for e in plan.manifest.entities} == {
        "District": 1,
        "School": 2,
        "Calendar": 1,
        "Course": 2,
        "Class": 2,
        "Student": 3,
        "Teacher": 2,
        "Contact": 1,
        "Admin": 1,
        "Enrollment": 5,
    }
    assert {c for c, *_ in plan.changes} == {"Create"}
    assert {cause for *_, cause in plan.changes} == {"SourceCreated"}
    assert plan.schools == (3, 2, 1, 0)
    assert plan.manifest.schools.missing_ids == ("1003",)
    assert plan.manifest.schools_imported == (("1001", "1001"), ("1002", "1002"))
    assert plan.holds == set()


def test_a_new_school_is_mapped_and_imported_under_auto(roster: Roster) -> None:
    plan = roster.begin(**BULK).plan(third_school(), **BULK)
    assert plan.changes == {
        ("Create", "School", "1003", "SourceCreated"),
        ("Create", "Course", "c9", "SourceCreated"),
        ("Create", "Class", "k9", "SourceCreated"),
        ("Create", "Student", "s9", "SourceCreated"),
        ("Create", "Enrollment", "e9", "SourceCreated"),
    }
    assert plan.schools == (3, 3, 0, 0)


def test_a_new_school_is_only_missing_under_selected(roster: Roster) -> None:
    plan = roster.begin(**BULK, schoolsMapping=BOTH).plan(third_school(), **BULK, schoolsMapping=BOTH)
    assert plan.changes == set()
    assert plan.schools == (3, 2, 1, 0)
    assert plan.counts("Student") == {"unchanged": 3, "population": 3}
    assert plan.report.no_changes


def test_a_changed_school_keeps_its_attributes_and_its_people_and_classes_update(roster: Roster) -> None:
    day = district().change("orgs", "1001", name="North Campus", identifier="77", parentSourcedId=None)
    day = day.change("users", "s1", givenName="New").change("classes", "k1", title="New")
    plan = roster.begin().plan(day)
    assert plan.changes == {("Update", "Student", "s1", "SourceChanged"), ("Update", "Class", "k1", "SourceChanged")}
    assert plan.changed("s1") == {"givenName": "Given s1"}
    assert plan.counts("School") == {"unchanged": 2, "population": 2}
    assert plan.schools == (2, 2, 0, 0)


@pytest.mark.parametrize("status", [None, "Inactive"])
def test_what_refers_to_a_vanished_school_stays(roster: Roster, status: str | None) -> None:
    day = without_south()
    if status:
        day = day.add("orgs", "1002", status=status, name="South")
    plan = roster.begin(**BULK).plan(day, **BULK)
    assert plan.changes == set()
    assert plan.schools == (1, 1, 0, 1)
    assert plan.manifest.schools.vanished_ids == ("1002",)
    assert plan.counts("Student") == {"unchanged": 2, "kept": 1, "population": 3}
    assert plan.counts("School") == {"unchanged": 1, "kept": 1, "population": 2}


def test_a_school_that_is_sent_as_something_else_has_vanished_too(roster: Roster) -> None:
    mapping = {"schools": [{"sourcedId": "1001", "target": {"id": "WHS"}}]}
    day = district().change("orgs", "1001", type=None, name="New").change("orgs", "1002", type="local")
    plan = roster.begin(**BULK, schoolsMapping=mapping).plan(day, **BULK, schoolsMapping=mapping)
    assert plan.changes == set()
    assert plan.schools == (0, 0, 0, 2)


def test_a_vanished_school_goes_with_all_that_is_its_own_once_it_is_taken_out_of_the_mapping(roster: Roster) -> None:
    roster.begin(**BULK).run(without_south(), **BULK)
    plan = roster.plan(without_south(), **BULK, schoolsMapping={"exclude": ["1002"]})
    assert plan.ids("Delete") == {"1002", *AT_SOUTH}
    assert plan.ids("Update") == plan.ids("Create") == set()
    assert plan.schools == (1, 1, 0, 0)


def test_records_that_are_still_sent_for_a_vanished_school_go_on_and_new_ones_dangle(roster: Roster) -> None:
    day = district().without("orgs", "1002").change("users", "s3", givenName="New").without("enrollments", "e3")
    day = day.add("users", "s8", orgSourcedIds=["1002"]).add("classes", "k8", schoolSourcedId="1002")
    day = day.add("enrollments", "e8", classSourcedId="k2", schoolSourcedId="1002", userSourcedId="s1")
    plan = roster.begin(**BULK).plan(day, **BULK)
    assert plan.changes == {("Update", "Student", "s3", "SourceChanged")}
    assert {(i, code, attribute) for _, i, _, code, attribute, *_ in plan.issues} == {
        ("s8", "DanglingReference", "orgSourcedIds"),
        ("k8", "DanglingReference", "schoolSourcedId"),
        ("e8", "DanglingReference", "schoolSourcedId"),
    }
    assert plan.counts("Student") == {"updated": 1, "unchanged": 2, "skipped": 1, "population": 3}


def test_an_explicit_removal_of_what_refers_to_a_vanished_school_waits_until_it_is_unmapped(roster: Roster) -> None:
    day = district().without("orgs", "1002").change("users", "s3", status="tobedeleted")
    plan = roster.begin(**BULK).plan(day, **BULK)
    assert plan.changes == set()


def test_the_course_of_a_class_at_a_vanished_school_stays_whosever_it_is(roster: Roster) -> None:
    day = district().add("courses", "c3").add("courses", "c4").change("classes", "k2", courseSourcedId="c3")
    gone = without_south(day).without("courses", "c3", "c4")
    assert roster.begin(day, **BULK).plan(gone, **BULK).ids("Delete") == {"c4"}


def test_a_vanished_school_that_returns_is_as_it_was(roster: Roster) -> None:
    plan = roster.begin(**BULK).plan(without_south(), **BULK)
    roster.apply(plan)
    assert roster.plan(district(), **BULK).changes == set()


@pytest.mark.parametrize(
    "mapping",
    [{"exclude": ["1002"]}, {"mode": "Selected", "schools": [{"sourcedId": "1001"}]}],
    ids=["exclude", "selected"],
)
def test_what_has_no_other_mapped_school_is_deleted_when_a_school_is_taken_out(
    roster: Roster, mapping: dict[str, Any]
) -> None:
    day = district().change("users", "s2", orgSourcedIds=["1001", "1002"])
    day = day.add("enrollments", "e6", userSourcedId="s2", classSourcedId="k2", schoolSourcedId="1002")
    plan = roster.begin(day).plan(day, schoolsMapping=mapping)
    gone = {
        ("School", "1002"),
        ("Course", "c2"),
        ("Class", "k2"),
        ("Student", "s3"),
        ("Teacher", "t2"),
        ("Enrollment", "e3"),
        ("Enrollment", "e5"),
        ("Enrollment", "e6"),
    }
    assert plan.changes == {("Delete", *g, "SchoolUnmapped") for g in gone} | {
        ("Update", "Student", "s2", "SourceChanged")
    }
    assert plan.changed("s2") == {"orgSourcedIds": ["1001", "1002"]}
    assert plan.after("s2", "orgSourcedIds") == ["1001"]
    assert plan.counts("Enrollment") == {"deleted": 3, "unchanged": 3, "population": 6}
    assert plan.counts("Student") == {"updated": 1, "deleted": 1, "unchanged": 1, "population": 3}
    assert plan.schools == (2, 1, 1, 0)


def test_records_of_a_school_taken_out_go_without_bulk_upload_mode_even_when_they_are_sent_no_more(
    roster: Roster,
) -> None:
    plan = roster.begin().plan(without_south(), schoolsMapping={"exclude": ["1002"]})
    assert plan.ids("Delete") == {"1002", "k2", "s3", "t2", "e3", "e5"}
    assert {c for i, c in plan.causes("Delete").items() if i != "e3"} == {"SchoolUnmapped"}


def test_another_sis_is_held_and_its_new_ids_are_shown_beside_the_old_ones(roster: Roster) -> None:
    def students(letter: str) -> Day:
        day = district()
        for n in range(30):
            day = day.add("users", f"{letter}{n}", identifier=f"state-{n}")
        return day

    plan = roster.begin(students("old"), **BULK).plan(
        students("new"), **BULK, deliveryConfig={"serviceURL": "https://other.example/ims/oneroster/v1p1"}
    )
    assert {"SourceChanged", "ReKeyed"} <= plan.reasons
    assert plan.rekeyed == {("Student", f"old{n}", f"new{n}") for n in range(30)}
    assert plan.counts("Student") == {"created": 30, "deleted": 30, "unchanged": 3, "population": 33}


UNITED = {
    "schools": [
        {"sourcedId": "1001", "target": {"id": "WHS", "name": "Whitmore"}},
        {"sourcedId": "1002", "target": {"id": "WHS"}},
    ]
}


def test_several_schools_into_one_unite_and_the_ids_of_everything_else_stay(roster: Roster) -> None:
    day = district().change("users", "s2", orgSourcedIds=["1002", "1001"])
    plan = roster.plan(day, sisIDPrefix="F-", schoolsMapping=UNITED)
    assert plan.counts("School") == {"created": 1}
    assert plan.after("WHS", "name", "parentSourcedId") == ("Whitmore", "F-d1")
    assert {plan.after(f"F-{i}", "schoolSourcedId") for i in ("k1", "k2", "e1", "e3")} == {"WHS"}
    assert [plan.after(f"F-{i}", "orgSourcedIds") for i in ("s1", "s2", "s3")] == [["WHS"]] * 3
    assert plan.after("F-c2", "orgSourcedId") == "WHS"
    assert plan.after("F-a1", "orgSourcedIds") == ["F-d1"]
    assert plan.rows["F-k2"]["schools"] == ["WHS"]
    assert plan.schools == (2, 2, 0, 0)
    assert plan.manifest.schools_imported == (("1001", "WHS"), ("1002", "WHS"))


def test_of_united_schools_the_smallest_id_gives_the_attributes_and_one_of_them_may_vanish(roster: Roster) -> None:
    mapping = {"schools": [{"sourcedId": s, "target": {"id": "WHS"}} for s in ("1002", "1001")]}
    roster.begin(schoolsMapping=mapping, **BULK)
    assert roster.stored("orgs")["WHS"]["name"] == "North"
    plan = roster.plan(district().without("orgs", "1001"), schoolsMapping=mapping, **BULK)
    assert plan.changes == set()
    assert plan.schools == (1, 1, 0, 1)


def test_taking_one_of_united_schools_out_leaves_the_school_and_what_the_other_brings(roster: Roster) -> None:
    mapping = {"schools": [{"sourcedId": s, "target": {"id": "WHS"}} for s in ("1001", "1002")]}
    only = {"mode": "Selected", "schools": mapping["schools"][:1]}
    plan = roster.begin(schoolsMapping=mapping).plan(district(), schoolsMapping=only)
    assert plan.ids("Delete") == AT_SOUTH
    assert plan.ids("Update") == set()


def test_a_school_may_keep_its_id_and_get_a_name(roster: Roster) -> None:
    mapping = {"schools": [{"sourcedId": "1001", "target": {"name": "Whitmore"}}]}
    plan = roster.plan(district(), sisIDPrefix="F-", schoolsMapping=mapping)
    assert plan.after("F-1001", "name") == "Whitmore"
    assert plan.after("F-1002", "name") == "South"


def test_a_school_led_to_another_id_is_made_anew_and_what_refers_to_it_follows(roster: Roster) -> None:
    mapping = {"schools": [{"sourcedId": "1002", "target": {"id": "SHS"}}]}
    plan = roster.begin(**BULK).plan(district(), **BULK, schoolsMapping=mapping)
    assert plan.changes == {
        ("Delete", "School", "1002", "SchoolUnmapped"),
        ("Create", "School", "SHS", "SourceCreated"),
        *(
            ("Update", e, i, "SourceChanged")
            for e, i in (
                ("Course", "c2"),
                ("Class", "k2"),
                ("Student", "s3"),
                ("Teacher", "t2"),
                ("Enrollment", "e3"),
                ("Enrollment", "e5"),
            )
        ),
    }
    assert plan.after("k2", "schoolSourcedId") == "SHS"
    assert "ConfigChanged" in plan.reasons
    roster.apply(plan)
    assert roster.plan(district(), **BULK, schoolsMapping=mapping).changes == set()


def test_a_school_that_was_led_to_another_id_vanishes_under_that_id(roster: Roster) -> None:
    mapping = {"schools": [{"sourcedId": "1002", "target": {"id": "SHS"}}]}
    roster.begin(**BULK, schoolsMapping=mapping)
    plan = roster.plan(without_south(), **BULK, schoolsMapping=mapping)
    assert plan.changes == set()
    assert plan.schools == (1, 1, 0, 1)


def test_district_organisations_come_under_selected_when_they_stand_above_a_mapped_school(roster: Roster) -> None:
    day = district().add("orgs", "st", type="state", parentSourcedId=None).change("orgs", "d1", parentSourcedId="st")
    day = day.add("orgs", "x1", type="department", parentSourcedId="d1")
    day = day.add("orgs", "d2", type="district", parentSourcedId="st").add("orgs", "1003", parentSourcedId="d2")
    plan = roster.plan(day, schoolsMapping=BOTH)
    assert {i for c, e, i, _ in plan.changes if e in ("District", "School")} == {"st", "d1", "1001", "1002"}
    assert plan.after("d1", "parentSourcedId") == "st"


def test_under_selected_a_district_organisation_without_a_mapped_school_left_goes_and_takes_only_its_own_people(
    roster: Roster,
) -> None:
    day = (
        district().add("orgs", "d2", type="district", parentSourcedId=None).change("orgs", "1002", parentSourcedId="d2")
    )
    day = day.add("users", "a2", role="administrator", orgSourcedIds=["d2"])
    day = day.add("users", "a3", role="administrator", orgSourcedIds=["d1", "d2"])
    plan = roster.begin(day).plan(day, schoolsMapping={"mode": "Selected", "schools": [{"sourcedId": "1001"}]})
    assert plan.ids("Delete") == {"1002", "d2", "a2", *AT_SOUTH}
    assert plan.after("a3", "orgSourcedIds") == ["d1"]
    assert roster.plan(day, schoolsMapping={"exclude": ["1002"]}).ids("Delete") == {"1002", *AT_SOUTH}


def test_a_course_comes_with_its_organisation_or_with_a_kept_class_that_uses_it(roster: Roster) -> None:
    day = district().change("classes", "k1", courseSourcedId="c3")
    day = day.add("courses", "c3", orgSourcedId="1002").add("courses", "c4", orgSourcedId=None)
    day = day.add("courses", "c5", orgSourcedId="d1")
    plan = roster.plan(day, schoolsMapping={"exclude": ["1002"]})
    assert {i for _, e, i, _ in plan.changes if e == "Course"} == {"c1", "c3", "c4", "c5"}
    assert plan.after("c3", "orgSourcedId") is None
    assert plan.counts("Calendar") == {"created": 1}


def test_sessions_always_come(roster: Roster) -> None:
    mapping = {"mode": "Selected", "schools": [{"sourcedId": "1003"}]}
    assert roster.plan(district(), schoolsMapping=mapping).changes == {("Create", "Calendar", "y1", "SourceCreated")}


def test_a_user_passes_with_one_mapped_organisation_and_is_held_back_when_none_resolves(roster: Roster) -> None:
    day = district()
    for user, orgs in (
        ("u1", ["1001", "1002", "9"]),
        ("u2", ["1002"]),
        ("u3", ["9"]),
        ("u4", ["9", "1002"]),
        ("u5", None),
        ("u6", ["d1"]),
    ):
        day = day.add("users", user, orgSourcedIds=orgs)
    plan = roster.plan(day, schoolsMapping={"exclude": ["1002"]})
    assert {i for i in plan.ids("Create") if i.startswith("u")} == {"u1", "u6"}
    assert plan.after("u1", "orgSourcedIds") == ["1001"]
    assert {i[:5] for i in plan.issues} == {
        ("Student", u, "Skipped", "DanglingReference", "orgSourcedIds") for u in ("u3", "u5")
    }


def test_mapped_school_attributes_are_not_looked_at_again_by_data_requirements(roster: Roster) -> None:
    rule = {"entity": "School", "attribute": "name", "action": "Skip", "whenAccepted": "Remove"}
    roster.begin(dataRequirements=[rule])
    plan = roster.plan(district().change("orgs", "1001", name=None).add("orgs", "1003"), dataRequirements=[rule])
    assert plan.changes == set()
    assert plan.counts("School") == {"unchanged": 2, "skipped": 1, "population": 2}
