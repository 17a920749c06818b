"""Filter Rules: every condition, how rules add up, and Include Linked."""

from typing import Any

import duckdb
import pytest

from rostersync.roster import USERS
from rostersync.sync.expressions import condition, is_list, read
from support.days import Day, Roster, district


def cond(attribute: str, condition: str, *values: str) -> dict[str, Any]:
    return {"attribute": attribute, "condition": condition, **({"values": list(values)} if values else {})}


def allow(entity: str, *conditions: dict[str, Any], linked: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"entity": entity, "conditions": list(conditions), **({"includeLinked": list(linked)} if linked else {})}


# what users are tried on: text (null, upper case, accents), a list of texts, a date (null and no date at all)
PEOPLE = {
    "u0": (None, None, None),
    "u1": ("Alpha", ["09"], "2026-01-11"),
    "u2": ("ALPINE", ["10", "11"], "2026-01-12"),
    "u3": ("beta", ["KG"], "2026-01-13"),
    "u4": ("Élan", ["9"], "soon"),
}
CONDITIONS = [
    ("username", "Contains", ["ALP"], "u1 u2"),
    ("username", "Contains", ["pha", "ETA"], "u1 u3"),
    ("username", "DoesNotContain", ["alp"], "u0 u3 u4"),
    ("username", "DoesNotContain", ["alp", "bet"], "u0 u4"),
    ("username", "Equals", ["alpha"], "u1"),
    ("username", "Equals", ["élan", "BETA"], "u3 u4"),
    ("username", "In", ["Alpha", "beta", "gamma"], "u1 u3"),
    ("username", "IsEmpty", [], "u0"),
    ("username", "IsNotEmpty", [], "u1 u2 u3 u4"),
    ("grades", "In", ["09", "kg"], "u1 u3"),
    ("grades", "Equals", ["11"], "u2"),
    ("grades", "Contains", ["1"], "u2"),
    ("grades", "DoesNotContain", ["1"], "u0 u1 u3 u4"),
    ("grades", "IsEmpty", [], "u0"),
    ("grades", "IsNotEmpty", [], "u1 u2 u3 u4"),
    ("sourcedId", "In", ["U1", "u4"], "u1 u4"),
    ("metadata.room", "Equals", ["a"], "u1"),
    ("phone", "After", ["2026-01-11"], "u2 u3"),
    ("phone", "After", ["2026-01-11T23:00:00"], "u2 u3"),
    ("phone", "Before", ["2026-01-12"], "u1"),
    ("phone", "IsFuture", [], "u3"),
    ("phone", "IsPast", [], "u1"),
]


@pytest.mark.parametrize(("attribute", "name", "values", "kept"), CONDITIONS)
def test_a_condition_lets_in_what_meets_it_and_null_meets_only_is_empty_and_does_not_contain(
    attribute: str, name: str, values: list[str], kept: str
) -> None:
    meets = condition(read(USERS, attribute), is_list(USERS, attribute), name, values, "2026-01-12")
    with duckdb.connect(":memory:", config={"threads": 1}) as con:
        con.execute(
            "CREATE TABLE t (raw_id VARCHAR, username VARCHAR, grades VARCHAR[], phone VARCHAR, metadata MAP(VARCHAR, VARCHAR))"
        )
        for user, (text, grades, day) in PEOPLE.items():
            con.execute(
                "INSERT INTO t VALUES (?, ?, ?, ?, MAP {'room': ?})",
                [user, text, grades, day, "A" if user == "u1" else "B"],
            )
        assert {row[0] for row in con.table("t").filter(meets).project("raw_id").fetchall()} == set(kept.split())


def test_each_entity_of_users_has_its_own_rules(roster: Roster) -> None:
    day = (
        district()
        .change("users", "s1", metadata={"room": "A"})
        .change("users", "s2", enabledUser="false", username="A")
    )
    rules = [
        allow("Student", cond("metadata.room", "Equals", "a")),
        allow("Teacher", cond("enabledUser", "Equals", "TRUE"), cond("orgSourcedIds", "In", "1002")),
        allow("Contact", cond("givenName", "IsEmpty")),
        allow("Admin", cond("username", "DoesNotContain", "x")),
        allow("Calendar", cond("endDate", "IsFuture")),
        allow("Enrollment", cond("role", "Equals", "Teacher")),
    ]
    plan = roster.plan(day.add("academicSessions", "y2", endDate="2026-01-12"), sisIDPrefix="F-", filterRules=rules)
    people = {"Student", "Teacher", "Contact", "Admin", "Calendar", "Enrollment"}
    assert {i for _, e, i, _ in plan.changes if e in people} == {"F-s1", "F-t2", "F-a1", "F-y1", "F-e5"}


def test_the_day_of_the_run_is_the_one_in_the_connections_time_zone(roster: Roster) -> None:
    day = (
        district()
        .add("academicSessions", "y2", endDate="2026-01-12")
        .change("academicSessions", "y1", endDate="2026-01-13")
    )
    rules = [allow("Calendar", cond("endDate", "IsFuture"))]
    plan = roster.plan(day, filterRules=rules, timeZone="America/New_York")  # it is still the evening of the 11th there
    assert {i for _, e, i, _ in plan.changes if e == "Calendar"} == {"y1", "y2"}


def test_rules_of_an_entity_are_alternatives_and_other_entities_are_left_alone(roster: Roster) -> None:
    rules = [
        allow("Student", cond("grades", "In", "09"), cond("email", "Contains", "s1@")),
        allow("Student", cond("sourcedId", "Equals", "s3")),
    ]
    plan = roster.plan(district(), filterRules=rules)
    assert {i for _, e, i, _ in plan.changes if e == "Student"} == {"s1", "s3"}
    assert {"t1", "t2", "p1", "a1", "k1", "c1", "e1", "e3", "e4", "e5"} <= plan.ids("Create")
    assert {i[:2] for i in plan.issues} == {("Enrollment", "e2")}


def test_filters_look_at_mapped_values(roster: Roster) -> None:
    mapping = [{"entity": "Student", "attribute": "grades", "from": "grades", "values": {"09": "9th"}}]
    plan = roster.plan(
        district(), attributesMapping=mapping, filterRules=[allow("Student", cond("grades", "In", "9th"))]
    )
    assert {i for _, e, i, _ in plan.changes if e == "Student"} == {"s1", "s3"}


def test_references_are_compared_as_the_sis_sends_them(roster: Roster) -> None:
    plan = roster.plan(district(), sisIDPrefix="F-", filterRules=[allow("Class", cond("courseSourcedId", "In", "c2"))])
    assert {i for _, e, i, _ in plan.changes if e == "Class"} == {"F-k2"}


def test_what_was_accepted_before_and_is_filtered_now_is_deleted_with_what_leans_on_it(roster: Roster) -> None:
    plan = roster.begin().plan(district(), filterRules=[allow("Student", cond("grades", "In", "09"))])
    assert plan.changes == {("Delete", "Student", "s2", "FilteredOut"), ("Delete", "Enrollment", "e2", "Cascade")}
    assert plan.counts("Student") == {"deleted": 1, "unchanged": 2, "population": 3}
    assert plan.counts("Enrollment") == {"deleted": 1, "unchanged": 4, "population": 5}


def linked_district() -> Day:
    """s1 and t1 in k1 of c1, s3 and t2 in k2 of c2; p1 is s1's contact, p2 s3's; k3 of c3 has nobody, t3 no class."""
    day = district().add("courses", "c3").add("classes", "k3", courseSourcedId="c3")
    day = day.add("users", "p2", role="parent").change("users", "s3", agentSourcedIds=["p2"])
    day = day.add("users", "p3", role="parent").add("users", "t3", role="teacher")
    return day.without("users", "s2").without("enrollments", "e2")


ALL = {"s1", "s3", "t1", "t2", "t3", "p1", "p2", "p3", "a1", "k1", "k2", "k3", "c1", "c2", "c3"}


@pytest.mark.parametrize(
    ("rule", "left_out"),
    [
        (allow("Student", cond("sourcedId", "In", "s1"), linked=("Class",)), "s3 k2 k3"),
        (allow("Student", cond("sourcedId", "In", "s1"), linked=("Contact",)), "s3 p2 p3"),
        (allow("Student", cond("sourcedId", "In", "s1"), linked=("Course",)), "s3 c2 c3 k2 k3"),
        (allow("Student", cond("sourcedId", "In", "s1"), linked=("Teacher",)), "s3 t2 t3"),
        (
            allow("Student", cond("sourcedId", "In", "s1"), linked=("Contact", "Class", "Course", "Teacher")),
            "s3 p2 p3 k2 k3 c2 c3 t2 t3",
        ),
        (allow("Class", cond("sourcedId", "In", "k2"), linked=("Student", "Teacher")), "k1 k3 s1 t1 t3"),
        (allow("Class", cond("sourcedId", "In", "k2"), linked=("Contact", "Course")), "k1 k3 p1 p3 c1 c3"),
        (allow("Course", cond("sourcedId", "In", "c2"), linked=("Class", "Student")), "c1 c3 k1 k3 s1"),
        (allow("Teacher", cond("sourcedId", "In", "t2"), linked=("Class", "Student")), "t1 t3 k1 k3 s1"),
        (allow("Contact", cond("sourcedId", "In", "p2"), linked=("Student",)), "p1 p3 s1"),
    ],
    ids=lambda v: f"{v['entity']} with {' '.join(v['includeLinked'])}" if isinstance(v, dict) else None,
)
def test_linked_entities_are_kept_only_when_linked_to_a_kept_record(
    roster: Roster, rule: dict[str, Any], left_out: str
) -> None:
    plan = roster.plan(linked_district(), filterRules=[rule])
    assert plan.ids("Create") & ALL == ALL - set(left_out.split())


def test_with_two_rules_that_link_one_entity_either_link_is_enough_and_its_own_rule_must_pass_too(
    roster: Roster,
) -> None:
    rules = [
        allow("Student", cond("sourcedId", "In", "s1"), linked=("Class",)),
        allow("Teacher", cond("sourcedId", "In", "t2"), linked=("Class",)),
    ]
    assert roster.plan(linked_district(), filterRules=rules).ids("Create") & ALL == ALL - {"s3", "t1", "t3", "k3"}
    rules.append(allow("Class", cond("title", "Contains", "music")))
    assert roster.plan(linked_district(), filterRules=rules).ids("Create") & ALL == ALL - {"s3", "t1", "t3", "k1", "k3"}


def test_a_link_that_breaks_takes_the_linked_record_out_and_says_so(roster: Roster) -> None:
    rules = [allow("Student", cond("grades", "IsNotEmpty"), linked=("Contact",))]
    day = district()
    plan = roster.begin(day, filterRules=rules).plan(day.change("users", "s1", grades=None), filterRules=rules)
    assert plan.causes("Delete") == {"s1": "FilteredOut", "p1": "FilteredOut", "e1": "Cascade"}
