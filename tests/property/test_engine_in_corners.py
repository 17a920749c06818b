"""Corners that random districts seldom reach: the engine plans what the model plans, and what was worked out by hand.

Each corner is a first day, a second day, and what the second plan does to the records that the corner is about.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rostersync.roster import TABLES
from support.districts import Row, Staged, blank
from support.reference import Model, ModelStore
from support.side_by_side import Engine, differences
from support.staging import stage

NOW = datetime(2026, 1, 11, 12, tzinfo=UTC)
EVERY = ["District", "School", "Calendar", "Course", "Class", "Student", "Teacher", "Contact", "Admin", "Enrollment"]
BASE: Row = {
    "termsOfUse": {"accepted": True},
    "deliveryConfig": {
        "serviceURL": "https://focus.example/ims/oneroster/v1p1",
        "credentialsSecretRef": {"name": "focus"},
    },
    "bulkUploadMode": True,
}


def row(table: str, raw: str, **values: Any) -> Row:
    """A row of a pull."""
    return {**blank(table, raw), **values}


def district() -> Staged:
    """Two schools; a class in each of one course; a teacher, two students and the parent of one."""
    return {
        "orgs": [
            row("orgs", "D", type="district", name="District"),
            row("orgs", "1", type="school", name="North", parentSourcedId="D"),
            row("orgs", "2", type="school", name="South", parentSourcedId="D"),
        ],
        "academicSessions": [row("academicSessions", "T", type="term")],
        "courses": [row("courses", "MATH", orgSourcedId="1")],
        "classes": [
            row("classes", f"C{s}", courseSourcedId="MATH", schoolSourcedId=s, termSourcedIds=["T"]) for s in "12"
        ],
        "users": [
            row("users", "t1", role="teacher", orgSourcedIds=["1"]),
            row("users", "s1", role="student", orgSourcedIds=["1"], agentSourcedIds=["p1"]),
            row("users", "s2", role="student", orgSourcedIds=["2"]),
            row("users", "p1", role="parent", orgSourcedIds=["1"]),
        ],
        "enrollments": [
            row("enrollments", f"e-{u}", userSourcedId=u, classSourcedId=f"C{s}", schoolSourcedId=s, role="student")
            for u, s in (("t1", "1"), ("s1", "1"), ("s2", "2"))
        ],
        "demographics": [],
    }


class Corner:
    """The second day in the making: rows to change, the spec of each day, what is incomplete."""

    def __init__(self) -> None:
        self.days = (district(), district())
        self.specs: tuple[Row, Row] = ({}, {})
        self.incomplete: set[str] = set()

    def row(self, table: str, raw: str, day: int = 1) -> Row:
        """A row of a day, to change."""
        return next(r for r in self.days[day][table] if r["sourcedId"] == raw)

    def drop(self, table: str, *raws: str) -> None:
        """The second day lacks some rows."""
        self.days[1][table] = [r for r in self.days[1][table] if r["sourcedId"] not in raws]


def unread_class_keeps_its_course(corner: Corner) -> dict[str, str]:
    corner.specs = ({"schoolsMapping": {"exclude": ["1"]}},) * 2
    corner.drop("classes", "C2")
    corner.incomplete = {"classes"}
    return {}


def unread_course_keeps_its_class(corner: Corner) -> dict[str, str]:
    corner.drop("courses", "MATH")
    corner.incomplete = {"courses"}
    return {}


def unread_calendar_keeps_its_linked_classes(corner: Corner) -> dict[str, str]:
    condition = {"attribute": "sourcedId", "condition": "IsNotEmpty"}
    rule = {"entity": "Calendar", "conditions": [condition], "includeLinked": ["Class"]}
    corner.specs = ({"filterRules": [rule]},) * 2
    corner.drop("academicSessions", "T")
    corner.incomplete = {"academicSessions"}
    return {}


def student_sent_as_an_entity_that_is_not_taken_stays(corner: Corner) -> dict[str, str]:
    corner.specs = ({"entities": [e for e in EVERY if e != "Contact"]},) * 2
    corner.row("users", "s1")["role"] = "guardian"
    corner.drop("enrollments", "e-s1")
    return {}


def teacher_who_was_of_an_entity_no_longer_taken_is_updated(corner: Corner) -> dict[str, str]:
    corner.specs = ({}, {"entities": [e for e in EVERY if e != "Contact"]})
    corner.row("users", "p1")["role"] = "teacher"
    return {"users/p1": "Update SourceChanged"}


def what_is_no_longer_taken_loses_references_to_what_leaves(corner: Corner) -> dict[str, str]:
    corner.row("users", "p1", 0)["agentSourcedIds"] = ["s2"]
    corner.specs = ({}, {"entities": [e for e in EVERY if e != "Contact"]})
    corner.drop("users", "s2")
    return {
        "users/s2": "Delete SourceMissing",
        "enrollments/e-s2": "Delete Cascade",
        "users/p1": "Update Cascade",
    }


def removed_enrolment_goes_whoever_it_names_now(corner: Corner) -> dict[str, str]:
    corner.specs = ({"entities": [e for e in EVERY if e != "Contact"]},) * 2
    corner.row("enrollments", "e-s1").update(status="tobedeleted", userSourcedId="p1")
    return {"enrollments/e-s1": "Delete SourceDeleted"}


def smallest_active_school_speaks_for_the_united_one(corner: Corner) -> dict[str, str]:
    mapping = {"schools": [{"sourcedId": s, "target": {"id": "ONE"}} for s in "12"]}
    corner.specs = ({"schoolsMapping": {"exclude": ["1", "2"]}}, {"schoolsMapping": mapping})
    corner.row("orgs", "1")["status"] = "pending"
    ids = ["orgs/ONE", "courses/MATH", "classes/C1", "classes/C2", "users/t1", "users/s1", "users/s2", "users/p1"]
    return dict.fromkeys([*ids, "enrollments/e-t1", "enrollments/e-s1", "enrollments/e-s2"], "Create SourceCreated")


def school_that_vanished_and_is_taken_out_goes(corner: Corner) -> dict[str, str]:
    corner.specs = ({}, {"schoolsMapping": {"exclude": ["2"]}})
    corner.drop("orgs", "2")
    corner.drop("users", "s2")
    corner.drop("classes", "C2")
    corner.drop("enrollments", "e-s2")
    return {
        "orgs/2": "Delete SchoolUnmapped",
        "users/s2": "Delete SchoolUnmapped",
        "classes/C2": "Delete SchoolUnmapped",
        "enrollments/e-s2": "Delete SchoolUnmapped",
    }


def school_of_unknown_status_outside_the_mapping_stays(corner: Corner) -> dict[str, str]:
    corner.specs = ({}, {"schoolsMapping": {"exclude": ["2"]}})
    corner.row("orgs", "2")["status"] = "pending"
    return dict.fromkeys(["users/s2", "classes/C2", "enrollments/e-s2"], "Delete SchoolUnmapped")


def rule_by_school_replaces_no_default(corner: Corner) -> dict[str, str]:
    rules = [{"entity": "Student", "change": "Delete", "percent": 100, "perSchool": True, "minPopulation": 0}]
    more = [row("users", f"more-{i}", role="student", orgSourcedIds=["2"]) for i in range(18)]
    corner.days[0]["users"] += more
    corner.days[1]["users"] += more[3:]
    corner.specs = ({"syncHoldThreshold": {"rules": rules}},) * 2
    return {f"users/more-{i}": "Delete SourceMissing" for i in range(3)}


def new_ids_for_the_same_people_are_paired_one_to_one(corner: Corner) -> dict[str, str]:
    for day in (0, 1):
        corner.days[day]["users"] += [
            row("users", f"day{day}-{i}", role="student", orgSourcedIds=["2"], identifier=f"K{min(i, 21 + day)}")
            for i in range(24)
        ]
    return {
        **{f"users/day0-{i}": "Delete SourceMissing" for i in range(24)},
        **{f"users/day1-{i}": "Create SourceCreated" for i in range(24)},
    }


def filter_on_metadata_sees_it_without_a_mapping(corner: Corner) -> dict[str, str]:
    condition = {"attribute": "metadata.homeroom", "condition": "Equals", "values": ["TRUE"]}
    for day in (0, 1):
        for raw in ("C1", "C2"):
            corner.row("classes", raw, day)["metadata"] = {"homeroom": "true", "unnamed": "x"}
    corner.row("classes", "C2")["metadata"] = {"homeroom": "false"}
    corner.specs = ({"filterRules": [{"entity": "Class", "conditions": [condition]}]},) * 2
    return {"classes/C2": "Delete FilteredOut", "enrollments/e-s2": "Delete Cascade"}


def default_of_a_metadata_key_is_stored_and_stays(corner: Corner) -> dict[str, str]:
    rule = {"entity": "Student", "attribute": "metadata.team", "action": "Default", "default": "none"}
    corner.specs = ({"dataRequirements": [rule]},) * 2
    corner.row("users", "s1")["metadata"] = {"team": "Red"}
    return {"users/s1": "Update SourceChanged"}


def filtered_enrolments_link_nobody(corner: Corner) -> dict[str, str]:
    students = {"entity": "Student", "conditions": [{"attribute": "sourcedId", "condition": "IsNotEmpty"}]}
    enrolments = {
        "entity": "Enrollment",
        "conditions": [{"attribute": "schoolSourcedId", "condition": "In", "values": ["1"]}],
    }
    corner.specs = ({}, {"filterRules": [{**students, "includeLinked": ["Class"]}, enrolments]})
    return {"enrollments/e-s2": "Delete FilteredOut", "classes/C2": "Delete FilteredOut"}


def rule_on_enrolments_keeps_their_people(corner: Corner) -> dict[str, str]:
    condition = {"attribute": "sourcedId", "condition": "In", "values": ["E-S1"]}
    rule = {"entity": "Enrollment", "conditions": [condition], "includeLinked": ["Student", "Class", "Contact"]}
    corner.specs = ({}, {"filterRules": [rule]})
    return {
        "enrollments/e-s2": "Delete FilteredOut",
        "enrollments/e-t1": "Delete FilteredOut",
        "users/s2": "Delete FilteredOut",
        "classes/C2": "Delete FilteredOut",
    }


CORNERS: list[Callable[[Corner], dict[str, str]]] = [
    unread_class_keeps_its_course,
    unread_course_keeps_its_class,
    unread_calendar_keeps_its_linked_classes,
    student_sent_as_an_entity_that_is_not_taken_stays,
    teacher_who_was_of_an_entity_no_longer_taken_is_updated,
    what_is_no_longer_taken_loses_references_to_what_leaves,
    removed_enrolment_goes_whoever_it_names_now,
    smallest_active_school_speaks_for_the_united_one,
    school_that_vanished_and_is_taken_out_goes,
    school_of_unknown_status_outside_the_mapping_stays,
    rule_by_school_replaces_no_default,
    new_ids_for_the_same_people_are_paired_one_to_one,
    filter_on_metadata_sees_it_without_a_mapping,
    default_of_a_metadata_key_is_stored_and_stays,
    filtered_enrolments_link_nobody,
    rule_on_enrolments_keeps_their_people,
]


@pytest.mark.parametrize("make", CORNERS, ids=lambda make: make.__name__)
def test_corner(make: Callable[[Corner], dict[str, str]], tmp_path: Path) -> None:
    corner = Corner()
    wanted = make(corner)
    engine, store = Engine(tmp_path), ModelStore()
    for day in (0, 1):
        spec = {**BASE, **corner.specs[day]}
        proof = {t.name: {"offered": True, "complete": day == 0 or t.name not in corner.incomplete} for t in TABLES}
        planned = engine.plan(spec, stage(tmp_path / str(day), corner.days[day], proof), f"run-{day}", NOW)
        expected = Model(spec).plan(corner.days[day], proof, store, NOW)
        assert differences(expected, planned, store) == []
        if expected.changes:
            store.apply(expected)
            engine.apply(planned)
    got = {f"{t}/{i}": f"{change} {cause}" for (t, i), (_, change, cause, _) in planned.changes.items()}
    assert got == wanted
