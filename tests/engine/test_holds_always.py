"""The holds that no threshold waives, on real plans under limits that let everything through."""

from typing import Any

import pytest

from support.days import Day, Roster, district

FREE: dict[str, Any] = {
    "bulkUploadMode": True,
    "syncHoldThreshold": {"rules": [{"entity": "*", "change": "Any", "percent": 10000}]},
}
HOST = "https://sis.example/ims/oneroster/v1p1"
CHANGED = district().change("users", "s1", email="new")


def test_a_wiped_users_table_deletes_nothing_silently(roster: Roster) -> None:
    plan = roster.begin(**FREE).plan(district().wiped("users"), **FREE)
    assert {(h[0], h[1]) for h in plan.holds if h[0] == "EntityEmptied"} == {
        ("EntityEmptied", e) for e in ("Student", "Teacher", "Contact", "Admin", "Enrollment")
    }
    assert ("EntityEmptied", "Student", "Delete", 3, 3) in plan.holds
    assert ("SchoolEmptied", "Student", "Delete", "1001", 2, 2) in plan.holds
    assert plan.ids("Delete") == {"s1", "s2", "s3", "t1", "t2", "p1", "a1", "e1", "e2", "e3", "e4", "e5"}
    assert plan.manifest.blast_radius == {"students": 3, "teachers": 2}


def test_a_wiped_orgs_table_makes_every_school_vanish_and_deletes_nothing_that_belongs_to_one(roster: Roster) -> None:
    plan = roster.begin(**FREE).plan(district().wiped("orgs"), **FREE)
    assert plan.schools == (0, 0, 0, 2)
    assert plan.changes == set()  # the organisation above them stays as well: it is all that its administrator has
    assert plan.counts("Enrollment") == {"unchanged": 5, "population": 5}
    elsewhere = district().wiped("orgs").change("users", "a1", orgSourcedIds=["1001"])
    plan = roster.plan(elsewhere, **FREE)
    assert plan.causes("Delete") == {"d1": "SourceMissing"}
    assert plan.causes("Update") == {"1001": "Cascade", "1002": "Cascade", "a1": "SourceChanged"}
    vanished = {("SchoolVanished", "School", "1001", 5), ("SchoolVanished", "School", "1002", 3)}
    assert plan.holds == {("EntityEmptied", "District", "Delete", 1, 1), *vanished}


def test_an_entity_that_loses_its_last_record_is_held_and_one_that_never_had_any_is_not(roster: Roster) -> None:
    plan = roster.begin(**FREE).plan(district().without("users", "p1"), **FREE)
    assert plan.holds == {("EntityEmptied", "Contact", "Delete", 1, 1)}


def test_a_school_that_loses_its_last_student_teacher_or_class_is_held(roster: Roster) -> None:
    roster.begin(**FREE)
    day = (
        district()
        .change("users", "s3", orgSourcedIds=["1001"])
        .without("users", "t2")
        .without("classes", "k2")
        .without("enrollments", "e3", "e5")
    )
    assert roster.plan(day, **FREE).holds == {
        ("SchoolEmptied", "Student", "Delete", "1002", 1, 1),
        ("SchoolEmptied", "Teacher", "Delete", "1002", 1, 1),
        ("SchoolEmptied", "Class", "Delete", "1002", 1, 1),
    }
    replaced = district().change("users", "s3", orgSourcedIds=["1001"]).add("users", "s9", orgSourcedIds=["1002"])
    assert roster.plan(replaced, **FREE).holds == set()
    assert {h[0] for h in roster.plan(district().change("users", "s3", role="teacher"), **FREE).holds} == {
        "SchoolEmptied"
    }


def test_a_school_that_goes_itself_is_not_emptied(roster: Roster) -> None:
    plan = roster.begin(**FREE).plan(district(), **FREE, schoolsMapping={"exclude": ["1002"]})
    assert "1002" in plan.ids("Delete")
    assert plan.reasons == {"ConfigChanged"}


@pytest.mark.parametrize(
    ("connection", "held"),
    [
        ({"deliveryConfig": {"serviceURL": "http://SIS.example:8443/elsewhere", "insecureHTTP": True}}, False),
        ({"deliveryConfig": {"serviceURL": "https://sis2.example/ims/oneroster/v1p1"}}, True),
        ({"deliveryConfig": {"serviceURL": HOST, "version": "1.2"}}, True),
        ({"client": "another"}, True),
    ],
    ids=["case, scheme, port and path", "host", "version", "client"],
)
def test_another_host_client_or_version_is_another_source(
    roster: Roster, connection: dict[str, Any], held: bool
) -> None:
    plan = roster.begin(**FREE).plan(CHANGED, **FREE, **connection)
    assert plan.holds == ({("SourceChanged", 1)} if held else set())


def many(letter: str, count: int) -> Day:
    """So many students, classes and courses whose ids begin with a letter, and whose natural keys do not."""
    day = district()
    for n in range(count):
        keys = (
            {"identifier": f"i{n}"}
            if n % 3 == 0
            else {"username": f"u{n}"}
            if n % 3 == 1
            else {"email": f"e{n}@x.example"}
        )
        day = day.add("users", f"s{letter}{n}", **keys)
        day = day.add("courses", f"c{letter}{n}", courseCode=f"code {n}")
        day = day.add("classes", f"k{letter}{n}", courseSourcedId=f"c{letter}{n}", classCode=f"code {n}")
    return day


def test_new_ids_for_the_same_records_are_held_and_shown(roster: Roster) -> None:
    plan = roster.begin(many("old", 20), **FREE).plan(many("new", 20), **FREE)
    assert plan.holds == {("ReKeyed", e, "Delete", 20, 20) for e in ("Student", "Class", "Course")}
    letters = {"Student": "s", "Class": "k", "Course": "c"}
    assert plan.rekeyed == {
        (e, f"{letter}old{n}", f"{letter}new{n}") for e, letter in letters.items() for n in range(20)
    }


def test_fewer_than_20_deletes_or_pairs_for_less_than_half_are_no_new_ids(roster: Roster) -> None:
    roster.begin(many("old", 20), **FREE)
    few = many("new", 20).add("users", "sold0", identifier="i0").without("users", "snew0")
    assert {h[1] for h in roster.plan(few, **FREE).holds} == {"Class", "Course"}
    others = many("new", 20).change("users", *[f"snew{n}" for n in range(11)], identifier="another")
    assert {h[1] for h in roster.plan(others, **FREE).holds} == {"Class", "Course"}


def test_new_ids_are_paired_one_to_one_only(roster: Roster) -> None:
    old, new = district(), district()
    for n in range(20):
        old = old.add("users", f"old{n}", identifier=f"i{n // 2}")  # every key twice
    for n in range(10):
        new = new.add("users", f"new{n}", identifier=f"i{n}")
    plan = roster.begin(old, **FREE).plan(new, **FREE)
    assert plan.counts("Student")["deleted"] == 20
    assert "ReKeyed" not in plan.reasons


MAPPED = {"attributesMapping": [{"entity": "Student", "attribute": "phone", "from": "sms"}]}


@pytest.mark.parametrize(
    ("day", "fields", "held"),
    [
        (district().without("users", "s2"), MAPPED, True),
        (district().change("users", "s1", "s2", "s3", email="new"), MAPPED, True),
        (district().change("users", "s1", "s2", "s3", email="new"), {}, False),
        (district().without("users", "s2"), {**MAPPED, "approval": {"holdOnConfigChange": False}}, False),
        (district().without("users", "s2"), {"schedule": {"cron": "0 1 * * *"}}, False),
    ],
    ids=["deletes", "more than 10 %", "same", "switched off", "no part of it"],
)
def test_a_changed_configuration_holds_what_deletes_or_updates_much(
    roster: Roster, day: Day, fields: dict[str, Any], held: bool
) -> None:
    plan = roster.begin(**FREE).plan(day, **FREE, **fields)
    assert ("ConfigChanged" in plan.reasons) is held


def test_the_configuration_is_compared_with_the_last_applied_one(roster: Roster) -> None:
    roster.begin(**FREE).run(CHANGED, **FREE, **MAPPED)
    day = district().without("users", "s2").without("enrollments", "e2")
    assert "ConfigChanged" not in roster.plan(day, **FREE, **MAPPED).reasons
    assert "ConfigChanged" in roster.plan(day, **FREE).reasons


@pytest.mark.parametrize(
    ("uids", "fields", "held"),
    [
        (("a", "b"), {}, {"ConnectionChanged"}),
        (("a", "b"), {"approval": {"holdOnConfigChange": False}}, {"ConnectionChanged", "SafetyLoosened"}),
        (("a", "a"), {"approval": {"holdOnConfigChange": False}}, set()),
        ((None, None), {"approval": {"holdOnConfigChange": False}}, set()),
    ],
    ids=["as safe", "looser", "the same object", "no cluster"],
)
def test_a_connection_made_anew_is_looked_at_and_may_not_be_less_safe(
    roster: Roster, uids: tuple[str | None, str | None], fields: dict[str, Any], held: set[str]
) -> None:
    first, then = uids
    plan = roster.begin(**FREE, uid=first).plan(CHANGED, **FREE, **fields, uid=then)
    assert plan.reasons == held
    assert plan.report.previous_connection == ("rivers" if held else "")


@pytest.mark.parametrize(
    ("then", "fields", "held"),
    [
        ("a", {}, set()),
        ("b", {}, {"ConnectionChanged"}),
        ("b", {"approval": {"holdOnConfigChange": False}}, {"ConnectionChanged", "SafetyLoosened"}),
    ],
    ids=["the same object", "made anew", "made anew, looser"],
)
def test_an_import_without_a_cluster_hides_no_change_of_connection(
    roster: Roster, then: str, fields: dict[str, Any], held: set[str]
) -> None:
    """It has no UID to remember, and its own limits say nothing of those that the cluster enforces."""
    loose = {"approval": {"holdOnConfigChange": False}}
    beside = district().change("users", "t2", email="beside")
    roster.begin(**FREE, uid="a").run(beside, **FREE, **loose)
    assert roster.plan(CHANGED, **FREE, **fields, uid=then).reasons == held


def test_another_connection_of_the_same_source_holds_and_names_the_one_before(roster: Roster) -> None:
    same = {**FREE, "district": "rivers", "sourceID": "rivers"}
    roster.begin(**same, uid="a")
    plan = roster.plan(CHANGED, **same, name="carls-own", uid="b")
    assert plan.reasons == {"ConnectionChanged"}
    assert plan.report.previous_connection == "rivers"


def test_another_connection_without_a_cluster_is_known_by_its_name(roster: Roster) -> None:
    same = {**FREE, "district": "rivers", "sourceID": "rivers"}
    plan = roster.begin(**same).plan(CHANGED, **same, name="carls-own")
    assert plan.reasons == {"ConnectionChanged"}


def test_the_first_import_holds_when_asked_for_and_only_the_first(roster: Roster) -> None:
    asked = {**FREE, "approval": {"holdFirstImport": True}}
    assert roster.run(district(), **asked).holds == {("FirstImport", 20)}
    assert roster.plan(CHANGED, **asked).holds == set()


def test_a_plan_without_changes_has_no_holds_even_for_another_source_configuration_and_connection(
    roster: Roster,
) -> None:
    other = {"deliveryConfig": {"serviceURL": "https://sis2.example/"}, "previewDataUpload": True}
    plan = roster.begin(**FREE, uid="a").plan(district(), **FREE, **other, **MAPPED, client="another", uid="b")
    assert plan.report.no_changes
    assert plan.holds == set()


def test_a_store_that_holds_another_sources_records_is_refused(roster: Roster) -> None:
    roster.begin(**FREE)
    with pytest.raises(Exception, match="holds records of source rivers") as caught:
        roster.plan(district(), **FREE, name="other", district="rivers")
    assert caught.value.reason == "StoreHasOtherSource"  # type: ignore[attr-defined]
