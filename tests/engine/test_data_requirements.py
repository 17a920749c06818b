"""Data Requirements: every action, every format, and what becomes of records that were accepted before."""

from typing import Any

import pytest

from rostersync.errors import Permanent
from rostersync.model import IssueCount
from support.days import Roster, district


def rule(attribute: str, action: str, entity: str = "Student", **more: Any) -> dict[str, Any]:
    return {"entity": entity, "attribute": attribute, "action": action, **more}


NO_EMAIL = district().change("users", "s1", email=None)


def test_error_lets_the_record_go_on_and_reports_it(roster: Roster) -> None:
    plan = roster.plan(NO_EMAIL, dataRequirements=[rule("email", "Error")])
    assert plan.after("s1", "email") is None
    assert plan.issues == {("Student", "s1", "Error", "Missing", "email", "dataRequirements[0]", "Error")}
    assert plan.counts("Student") == {"created": 3, "errors": 1}
    assert plan.report.issues == [IssueCount("Missing", 1, "Student", "email", "Error")]


def test_skip_holds_a_new_record_back_with_what_cannot_be_without_it(roster: Roster) -> None:
    plan = roster.plan(NO_EMAIL, dataRequirements=[rule("email", "Skip"), rule("email", "Skip", "Teacher")])
    assert plan.ids("Create") >= {"s2", "s3", "t1", "e2"}
    assert {"s1", "e1"} & plan.ids("Create") == set()
    assert plan.issues == {
        ("Student", "s1", "Skipped", "Missing", "email", "dataRequirements[0]", "Skip"),
        ("Enrollment", "e1", "Skipped", "DanglingReference", "userSourcedId", None, "Skip"),
    }
    assert plan.counts("Student") == {"created": 2, "skipped": 1}
    assert plan.counts("Enrollment") == {"created": 4, "skipped": 1}


def test_skip_keeps_what_was_accepted_before_as_it_was(roster: Roster) -> None:
    day = NO_EMAIL.change("users", "s1", givenName="New")
    plan = roster.begin(bulkUploadMode=True).plan(day, bulkUploadMode=True, dataRequirements=[rule("email", "Skip")])
    assert plan.changes == set()
    assert plan.counts("Student") == {"skipped": 1, "unchanged": 2, "population": 3}
    assert plan.counts("Enrollment") == {"unchanged": 5, "population": 5}


def test_skip_removes_what_was_accepted_before_when_the_rule_says_so(roster: Roster) -> None:
    plan = roster.begin().plan(
        NO_EMAIL.add("users", "s4"),
        dataRequirements=[rule("email", "Skip"), rule("email", "Skip", whenAccepted="Remove")],
    )
    assert plan.changes == {
        ("Delete", "Student", "s1", "RequirementFailed"),
        ("Delete", "Enrollment", "e1", "Cascade"),
    }
    assert plan.counts("Student") == {"deleted": 1, "skipped": 1, "unchanged": 2, "population": 3}
    assert ("Student", "s4", "Skipped", "Missing", "email", "dataRequirements[1]", "Skip") in plan.issues


def test_default_fills_in_and_leaves_nothing_to_report(roster: Roster) -> None:
    rules = [
        rule("email", "Default", default="none@x.example"),
        rule("grades", "Default", default="KG"),
        rule("enabledUser", "Default", default="false"),
        rule("metadata.room", "Default", default="none"),
        rule("phone", "Default", pattern="[0-9]+", default="0"),
        rule("startDate", "Default", "Calendar", default="2026-01-01"),
    ]
    mapping = [{"entity": "Student", "attribute": "metadata.room", "from": "metadata.room"}]
    day = NO_EMAIL.change("users", "s1", grades=None, enabledUser=None, phone="call me").change(
        "users", "s2", metadata={"room": "A"}, phone="7"
    )
    day = day.change("academicSessions", "y1", startDate=None)
    plan = roster.plan(day, dataRequirements=rules, attributesMapping=mapping)
    names = ("email", "grades", "enabledUser", "metadata", "phone")
    assert plan.after("s1", *names) == ("none@x.example", ["KG"], False, {"room": "none"}, "0")
    assert plan.after("s2", *names) == ("s2@x.example", ["10"], True, {"room": "A"}, "7")
    assert plan.after("y1", "startDate") == "2026-01-01"
    assert plan.issues == set()
    assert plan.counts("Student") == {"created": 3}


def test_drop_value_leaves_the_malformed_value_out_and_reports_it(roster: Roster) -> None:
    mapping = [{"entity": "Student", "attribute": "metadata.room", "from": "metadata.room"}]
    rules = [
        rule("email", "DropValue", format="Email"),
        rule("grades", "DropValue", pattern="0[0-9]|1[0-2]"),
        rule("metadata.room", "DropValue", format="Integer"),
    ]
    day = district().change("users", "s1", email="at home", grades=["9", "10", "12", "x"], metadata={"room": "one"})
    day = day.change("users", "s2", email=None, grades=["nine"], metadata={"room": "1"})
    plan = roster.plan(day, dataRequirements=rules, attributesMapping=mapping)
    assert plan.after("s1", "email", "grades", "metadata") == (None, ["10", "12"], None)
    assert plan.after("s2", "email", "grades", "metadata") == (None, None, {"room": "1"})
    assert {(i, code, attribute, place) for _, i, _, code, attribute, place, _ in plan.issues} == {
        ("s1", "FormatFailed", "email", "dataRequirements[0]"),
        ("s1", "FormatFailed", "grades", "dataRequirements[1]"),
        ("s2", "FormatFailed", "grades", "dataRequirements[1]"),
        ("s1", "FormatFailed", "metadata.room", "dataRequirements[2]"),
    }
    assert plan.counts("Student") == {"created": 3, "errors": 2}  # records, not issues


def test_hold_lets_the_record_go_on_and_the_plan_wait(roster: Roster) -> None:
    rules = [rule("email", "Hold"), rule("middleName", "Hold", "Teacher")]
    plan = roster.plan(NO_EMAIL, dataRequirements=rules)
    assert plan.holds == {("RequirementHold", "Student", 1), ("RequirementHold", "Teacher", 2)}
    assert "s1" in plan.ids("Create")
    assert plan.counts("Teacher") == {"created": 2, "errors": 2}
    assert roster.plan(district(), dataRequirements=rules[:1]).holds == set()


def test_fail_stops_the_run_and_says_where_without_any_value(roster: Roster) -> None:
    rules = [rule("givenName", "Error"), rule("email", "Fail", format="Email")]
    with pytest.raises(Permanent) as caught:
        roster.plan(district().change("users", "s1", email="secret"), dataRequirements=rules)
    assert caught.value.reason == "RequirementFailed"
    where = "the data requirement on email of Student (dataRequirements[1])"
    assert f"1 Student record has a value that is not allowed in email, and {where}" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert roster.plan(district(), dataRequirements=rules).counts("Student") == {"created": 3}


FORMATS = {
    "Email": (
        ["a@b.example", "ü.x+y@b-c.example.org"],
        ["a", "a@b", "a b@c.example", "a@b.example.", "a@@b.example", "@b.example"],
    ),
    "Date": (["2026-02-28", "2026-12-31"], ["2026-2-28", "28.02.2026", "2026-13-01", "2026-02-28x", "20260228"]),
    "UUID": (
        ["0b7e37ad-5c23-4d0e-9f5c-6f3f1b0a4f11", "0B7E37AD-5C23-4D0E-9F5C-6F3F1B0A4F11"],
        ["0b7e37ad5c234d0e9f5c6f3f1b0a4f11", "0b7e37ad-5c23-4d0e-9f5c-6f3f1b0a4f1g"],
    ),
    "Integer": (["0", "-7", "+12", "007"], ["1.5", "x", "1 2", "-"]),
    "Boolean": (["true", "FALSE"], ["yes", "1", "truely"]),
}


def test_each_format_knows_its_own_and_says_nothing_of_missing_values(roster: Roster) -> None:
    day, broken = district().without("users", "s1", "s2", "s3"), set()
    mapping, rules = [], []
    for name, (good, bad) in FORMATS.items():
        mapping.append({"entity": "Student", "attribute": f"metadata.{name}", "from": f"metadata.{name}"})
        rules.append(rule(f"metadata.{name}", "Error", format=name))
        for i, value in enumerate(good + bad):
            day = day.add("users", f"s-{name}-{i}", metadata={name: value})
        broken |= {(f"s-{name}-{i}", f"metadata.{name}") for i in range(len(good), len(good + bad))}
    plan = roster.plan(day, attributesMapping=mapping, dataRequirements=rules)
    assert {(i, attribute) for _, i, _, code, attribute, *_ in plan.issues if code == "FormatFailed"} == broken


def test_a_pattern_must_match_the_whole_value(roster: Roster) -> None:
    day = (
        district()
        .change("users", "s1", phone="12")
        .change("users", "s2", phone="123")
        .change("users", "s3", phone="1234")
    )
    plan = roster.plan(day, dataRequirements=[rule("phone", "Skip", pattern="[0-9]{3}")])
    assert {i[1] for i in plan.issues if i[0] == "Student"} == {"s1", "s3"}


def test_patterns_on_references_see_them_as_the_sis_sends_them(roster: Roster) -> None:
    rules = [
        rule("courseSourcedId", "Skip", "Class", pattern="c1"),
        rule("agentSourcedIds", "DropValue", pattern="p[0-9]"),
        rule("schoolSourcedId", "Error", "Enrollment", pattern="1001"),
    ]
    day = district().add("users", "x1", role="parent").change("users", "s1", agentSourcedIds=["p1", "x1"])
    plan = roster.plan(day, sisIDPrefix="F-", dataRequirements=rules)
    assert {i for _, e, i, _ in plan.changes if e == "Class"} == {"F-k1"}
    assert plan.after("F-s1", "agentSourcedIds") == ["F-p1"]
    assert {i[1] for i in plan.issues if i[5] == "dataRequirements[2]"} == {"F-e3", "F-e5"}


def test_rules_act_in_their_order_and_each_sees_what_the_earlier_ones_did(roster: Roster) -> None:
    drop, fill = rule("email", "DropValue", format="Email"), rule("email", "Default", default="none@x.example")
    day = district().change("users", "s1", email="at home")
    plan = roster.plan(day, dataRequirements=[drop, fill, rule("email", "Skip")])
    assert plan.after("s1", "email") == "none@x.example"
    plan = roster.plan(day, dataRequirements=[fill, drop, rule("email", "Skip")])
    assert "s1" not in plan.ids("Create")


def test_requirements_look_at_mapped_values_of_their_own_entity(roster: Roster) -> None:
    mapping = [{"entity": "Student", "attribute": "username", "from": "email"}]
    day = NO_EMAIL.change("users", "s1", username="u1")
    plan = roster.plan(day, attributesMapping=mapping, dataRequirements=[rule("username", "Skip")])
    assert {i[:2] for i in plan.issues if i[0] != "Enrollment"} == {("Student", "s1")}
    assert "t1" in plan.ids("Create")


def test_records_out_of_scope_break_no_rule(roster: Roster) -> None:
    day = NO_EMAIL.change("users", "s3", email=None)
    plan = roster.plan(
        day, schoolsMapping={"exclude": ["1002"]}, dataRequirements=[rule("email", "Error"), rule("email", "Hold")]
    )
    assert {i[1] for i in plan.issues} == {"s1"}
    assert plan.holds == {("RequirementHold", "Student", 1)}


def test_what_does_not_fit_its_kind_is_dropped_and_reported_without_any_rule(roster: Roster) -> None:
    day = (
        district()
        .change("users", "s1", enabledUser="perhaps")
        .change("enrollments", "e1", beginDate="last week", endDate="2026-02-30")
    )
    day = day.change("enrollments", "e2", beginDate="2026-02-28", primary="true")
    plan = roster.plan(day)
    assert plan.after("s1", "enabledUser") is None
    assert plan.after("e1", "beginDate", "endDate") == (None, None)
    assert plan.after("e2", "beginDate", "primary") == ("2026-02-28", True)
    assert plan.issues == {
        ("Student", "s1", "Error", "Malformed", "enabledUser", None, "DropValue"),
        ("Enrollment", "e1", "Error", "Malformed", "beginDate", None, "DropValue"),
        ("Enrollment", "e1", "Error", "Malformed", "endDate", None, "DropValue"),
    }
    assert plan.counts("Enrollment") == {"created": 5, "errors": 1}


def test_unknown_values_of_enumerations_are_kept_and_reported(roster: Roster) -> None:
    day = district().change("orgs", "d1", type="galaxy").change("academicSessions", "y1", type="trimester")
    day = day.change("classes", "k1", classType="lab").change("classes", "k2", classType="ext:lab")
    day = (
        day.change("enrollments", "e1", role="observer")
        .add("demographics", "s1", sex="unknown")
        .add("demographics", "s2", sex="other")
    )
    plan = roster.plan(
        day,
        entities=[
            "District",
            "School",
            "Calendar",
            "Course",
            "Class",
            "Student",
            "Teacher",
            "Enrollment",
            "Demographics",
        ],
    )
    assert {(e, i, c, code, attribute) for e, i, c, code, attribute, *_ in plan.issues} == {
        ("District", "d1", "Error", "UnknownValue", "type"),
        ("Calendar", "y1", "Error", "UnknownValue", "type"),
        ("Class", "k1", "Error", "UnknownValue", "classType"),
        ("Enrollment", "e1", "Error", "UnknownValue", "role"),
        ("Demographics", "s1", "Error", "UnknownValue", "sex"),
    }
    assert (plan.after("d1", "type"), plan.after("y1", "type"), plan.after("k1", "classType")) == (
        "galaxy",
        "trimester",
        "lab",
    )
    assert (plan.after("e1", "role"), plan.after("demographics of s1", "sex")) == ("observer", "unknown")
