"""The reference model itself, by cases whose outcome was worked out by hand from the rules."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rostersync.errors import Permanent
from rostersync.model import Entity
from rostersync.roster import TABLES
from support.districts import blank
from support.reference import Model, ModelPlan, ModelStore

NOON = datetime(2026, 1, 11, 12, tzinfo=UTC)
WHOLE = {t.name: {"offered": True, "complete": True} for t in TABLES}


def row(table: str, raw: str, **values: Any) -> dict[str, Any]:
    """A row of a pull."""
    return {**blank(table, raw), **values}


def district() -> dict[str, list[dict[str, Any]]]:
    """Two schools under a district; a class with a teacher and two students, one of them with a parent."""
    return {
        "orgs": [
            row("orgs", "D", type="district", name="District"),
            row("orgs", "1", type="school", name="North", parentSourcedId="D"),
            row("orgs", "2", type="school", name="South", parentSourcedId="D"),
        ],
        "academicSessions": [row("academicSessions", "T", type="term", startDate="2025-08-15")],
        "courses": [row("courses", "MATH", title="Math", orgSourcedId="1")],
        "classes": [
            row(
                "classes", "C", courseSourcedId="MATH", schoolSourcedId="1", termSourcedIds=["T"], classType="scheduled"
            )
        ],
        "users": [
            row("users", "t1", role="teacher", orgSourcedIds=["1"], email="t@x.example"),
            row("users", "s1", role="student", orgSourcedIds=["1"], email="s1@x.example", agentSourcedIds=["p1"]),
            row("users", "s2", role="student", orgSourcedIds=["1", "2"], email="s2@x.example"),
            row("users", "p1", role="parent", orgSourcedIds=["1"]),
        ],
        "enrollments": [
            row("enrollments", f"e-{u}", userSourcedId=u, classSourcedId="C", schoolSourcedId="1", role="student")
            for u in ("t1", "s1", "s2")
        ],
        "demographics": [row("demographics", "s1", sex="female")],
    }


def plan(store: ModelStore, staged: dict[str, list[dict[str, Any]]], proof: Any = None, **spec: Any) -> ModelPlan:
    """A plan under a spec."""
    return Model(spec).plan(staged, {**WHOLE, **(proof or {})}, store, NOON)


def imported(**spec: Any) -> ModelStore:
    """A store after the first import of the district."""
    store = ModelStore()
    store.apply(plan(store, district(), **spec))
    return store


def without(table: str, *raws: str) -> dict[str, list[dict[str, Any]]]:
    """The district less some rows."""
    return {t: [r for r in rows if t != table or r["sourcedId"] not in raws] for t, rows in district().items()}


def changed(table: str, raw: str, **values: Any) -> dict[str, list[dict[str, Any]]]:
    """The district with one row changed."""
    return {
        t: [{**r, **values} if t == table and r["sourcedId"] == raw else r for r in rows]
        for t, rows in district().items()
    }


def said(of: ModelPlan) -> dict[str, str]:
    """Changes as `table/id` to `Change Cause`."""
    return {f"{t}/{i}": f"{c.change} {c.cause}" for (t, i), c in of.changes.items()}


def test_first_import_creates_everything_with_the_prefix_on_ids_and_references() -> None:
    got = plan(ModelStore(), district(), sisIDPrefix="FOC-")
    assert len(got.changes) == 13  # all rows but the demographics, which are not taken
    assert {c.cause for c in got.changes.values()} == {"SourceCreated"}
    student = got.changes["users", "FOC-s1"].after
    assert student is not None
    assert (student["orgSourcedIds"], student["agentSourcedIds"]) == (["FOC-1"], ["FOC-p1"])


def test_the_same_day_again_changes_nothing() -> None:
    got = plan(imported(), district())
    assert said(got) == {}
    assert got.counts[Entity.STUDENT].unchanged == 2
    assert got.holds == set()


def test_what_is_missing_goes_only_in_bulk_mode_and_takes_its_enrolment_along() -> None:
    today = without("users", "s2")
    assert said(plan(imported(), today)) == {}
    got = plan(imported(bulkUploadMode=True), today, bulkUploadMode=True)
    assert said(got) == {"users/s2": "Delete SourceMissing", "enrollments/e-s2": "Delete Cascade"}
    assert got.counts[Entity.ENROLLMENT].skipped == 0


def test_an_explicit_removal_goes_without_bulk_mode_and_comes_back_as_restored() -> None:
    store = imported()
    got = plan(store, changed("users", "s1", status="ToBeDeleted"))
    assert said(got) == {"users/s1": "Delete SourceDeleted", "enrollments/e-s1": "Delete Cascade"}
    store.apply(got)
    assert said(plan(store, district())) == {"users/s1": "Create Restored", "enrollments/e-s1": "Create Restored"}


def test_an_optional_reference_to_what_goes_is_cut() -> None:
    got = plan(imported(), changed("users", "p1", status="inactive"))
    assert said(got) == {"users/p1": "Delete SourceDeleted", "users/s1": "Update SourceChanged"}


def test_incomplete_users_defer_their_deletes_and_the_cascades_that_follow() -> None:
    store = imported(bulkUploadMode=True)
    torn = {"users": {"offered": True, "complete": False}}
    got = plan(store, without("users", "s2"), torn, bulkUploadMode=True)
    assert said(got) == {}
    assert (got.counts[Entity.STUDENT].deferred, got.counts[Entity.ENROLLMENT].deferred) == (1, 1)
    assert got.counts[Entity.ENROLLMENT].unchanged == 3


def test_a_course_in_use_by_an_unread_class_is_not_unmapped() -> None:
    selected = {"mode": "Selected", "schools": [{"sourcedId": "2"}]}
    staged = changed("classes", "C", schoolSourcedId="2")
    store = ModelStore()
    store.apply(plan(store, staged, schoolsMapping=selected))
    assert store.active(("courses", "MATH")) is not None
    staged["classes"] = []
    torn = {"classes": {"offered": True, "complete": False}}
    assert said(plan(store, staged, torn, schoolsMapping=selected)) == {}
    assert "courses/MATH" in said(plan(store, staged, schoolsMapping=selected))


def test_a_window_defers_every_delete() -> None:
    rollover = {"disableDeletion": [{"start": "2026-01-11T12:00:00", "end": "2026-01-12T00:00:00"}]}
    got = plan(imported(), changed("users", "s1", status="inactive"), dataRollover=rollover)
    assert said(got) == {}
    assert (got.counts[Entity.STUDENT].deferred, got.counts[Entity.STUDENT].unchanged) == (1, 2)
    ended = {"disableDeletion": [{"start": "2026-01-10T00:00:00", "end": "2026-01-11T12:00:00"}]}
    assert "users/s1" in said(plan(imported(), changed("users", "s1", status="inactive"), dataRollover=ended))


def test_a_vanished_school_keeps_what_refers_to_it() -> None:
    store = imported(bulkUploadMode=True)
    staged = changed("orgs", "1", status="inactive")
    staged["classes"] = staged["courses"] = []
    staged["users"].append(row("users", "new", role="student", orgSourcedIds=["1"]))
    got = plan(store, staged, bulkUploadMode=True)
    assert said(got) == {}
    assert got.held == {("users", "new"): "DanglingReference"}
    assert (got.orgs.found, got.orgs.lost) == (1, {"1"})


def test_a_school_taken_out_of_the_mapping_takes_what_has_no_other_school() -> None:
    got = plan(imported(), district(), schoolsMapping={"exclude": ["1"]})
    assert said(got) == {
        "orgs/1": "Delete SchoolUnmapped",
        "courses/MATH": "Delete SchoolUnmapped",
        "classes/C": "Delete SchoolUnmapped",
        "users/t1": "Delete SchoolUnmapped",
        "users/s1": "Delete SchoolUnmapped",
        "users/p1": "Delete SchoolUnmapped",
        "users/s2": "Update SourceChanged",
        **{f"enrollments/e-{u}": "Delete SchoolUnmapped" for u in ("t1", "s1", "s2")},
    }
    assert ("ConfigChanged", None, None) in got.holds


def test_two_schools_into_one_take_the_smallest_id_and_the_given_name() -> None:
    into = {"id": "WHS", "name": "Whitmore"}
    mapping = {"schools": [{"sourcedId": "1", "target": into}, {"sourcedId": "2", "target": into}]}
    got = plan(ModelStore(), district(), schoolsMapping=mapping)
    school = got.changes["orgs", "WHS"].after
    student = got.changes["users", "s2"].after
    assert school is not None
    assert student is not None
    assert (school["name"], student["orgSourcedIds"]) == ("Whitmore", ["WHS"])
    assert got.counts[Entity.SCHOOL].created == 1


def test_a_filter_with_linked_entities_keeps_only_what_is_linked() -> None:
    rules = [
        {
            "entity": "Student",
            "conditions": [{"attribute": "email", "condition": "Contains", "values": ["S2@"]}],
            "includeLinked": ["Contact", "Class"],
        }
    ]
    got = plan(imported(), district(), filterRules=rules)
    assert said(got) == {
        "users/s1": "Delete FilteredOut",
        "users/p1": "Delete FilteredOut",
        "enrollments/e-s1": "Delete Cascade",
    }


def test_duplicates_hold_back_both_sides_and_keep_what_was_accepted() -> None:
    domain = {
        "compareByDomainsOfUniqueness": True,
        "domainsOfUniqueness": [{"entity": "Student", "attributes": ["email"]}],
    }
    got = plan(imported(), changed("users", "s2", email="S1@x.example", givenName="Other"), **domain)
    assert said(got) == {}
    assert (got.counts[Entity.STUDENT].duplicates, got.counts[Entity.STUDENT].skipped) == (2, 0)


def test_requirements_act_in_their_order() -> None:
    rules = [
        {"entity": "Student", "attribute": "email", "pattern": "s1.*", "action": "DropValue"},
        {"entity": "Student", "attribute": "email", "action": "Skip", "whenAccepted": "Remove"},
        {"entity": "Teacher", "attribute": "phone", "action": "Hold"},
    ]
    got = plan(imported(), district(), dataRequirements=rules)
    assert said(got) == {"users/s2": "Delete RequirementFailed", "enrollments/e-s2": "Delete Cascade"}
    assert ("RequirementHold", "Teacher", None) in got.holds
    failing = [{"entity": "Student", "attribute": "phone", "action": "Fail"}]
    with pytest.raises(Permanent) as failed:
        plan(imported(), district(), dataRequirements=failing)
    assert failed.value.reason == "RequirementFailed"


def test_a_student_who_becomes_a_teacher_is_one_update_of_a_student() -> None:
    got = plan(imported(), changed("users", "s2", role="teacher"))
    assert said(got) == {"users/s2": "Update SourceChanged"}
    assert got.counts[Entity.STUDENT].updated == 1


def test_an_unknown_status_or_role_decides_nothing() -> None:
    got = plan(imported(), changed("users", "s1", status="pending", givenName="Other"))
    assert said(got) == {}
    assert got.held == {("users", "s1"): "UnknownStatus"}
    got = plan(imported(), changed("users", "s1", role="visitor"))
    assert got.counts[Entity.STUDENT].skipped == 1
    assert got.counts[None].skipped == 0


def test_demographics_follow_their_person() -> None:
    taken = [str(e) for e in Entity]
    store = imported(entities=taken)
    assert store.active(("demographics", "s1")) is not None
    got = plan(store, changed("users", "s1", status="inactive"), entities=taken)
    assert said(got)["demographics/s1"] == "Delete Cascade"
    staged = district()
    staged["demographics"].append(row("demographics", "stranger", sex="nonsense"))
    got = plan(store, staged, entities=taken)
    assert (said(got), got.counts[Entity.DEMOGRAPHICS].errors) == ({}, 0)


def test_thresholds_are_strict_and_name_their_school() -> None:
    rules = [
        {"entity": "Student", "change": "Delete", "percent": 50, "minPopulation": 1},
        {"entity": "*", "change": "Any", "count": 0, "perSchool": True},
    ]
    threshold = {"rules": rules}
    got = plan(imported(), changed("users", "s2", status="inactive"), syncHoldThreshold=threshold)
    schools = {h[3] for h in got.holds if h[:2] == ("Threshold", "Student")}
    assert schools == {"1", "2"}
    assert ("Threshold", "Student", "Delete", None, 1, 2, 50, "Percent", None, None) not in got.holds
    both = changed("users", "s2", status="inactive")
    both["users"][1]["status"] = "inactive"
    got = plan(imported(), both, syncHoldThreshold=threshold)
    assert ("Threshold", "Student", "Delete", None, 2, 2, 50, "Percent", None, None) in got.holds
    assert {h[:2] for h in got.holds if h[0] == "EntityEmptied"} == {("EntityEmptied", "Student")}
