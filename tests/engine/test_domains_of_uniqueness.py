"""Domains of Uniqueness: records of one source that share a domain are held back on both sides, never merged."""

from typing import Any

from support.days import Roster, district


def unique(*domains: tuple[str, ...]) -> dict[str, Any]:
    """Fields of a spec with these domains: (entity, attribute, …)."""
    return {
        "compareByDomainsOfUniqueness": True,
        "domainsOfUniqueness": [{"entity": e, "attributes": a} for e, *a in domains],
    }


EMAIL = unique(("Student", "email"))


def test_both_sides_are_held_back_with_what_is_new_about_them(roster: Roster) -> None:
    day = district().change("users", "s1", "s2", email="same@x.example")
    plan = roster.plan(day, **EMAIL)
    assert {i for _, e, i, _ in plan.changes if e in ("Student", "Enrollment")} == {"s3", "e3", "e4", "e5"}
    assert {i[:4] for i in plan.issues} == {
        ("Student", "s1", "Duplicate", "Duplicate"),
        ("Student", "s2", "Duplicate", "Duplicate"),
        ("Enrollment", "e1", "Skipped", "DanglingReference"),
        ("Enrollment", "e2", "Skipped", "DanglingReference"),
    }
    assert (plan.names["s1"], plan.names["e1"]) == ("Given s1 (same@x.example)", None)
    assert plan.counts("Student") == {"created": 1, "duplicates": 2}
    assert plan.counts("Enrollment") == {"created": 3, "skipped": 2}


def test_what_was_accepted_before_is_not_touched_and_goes_on_once_the_duplicate_is_gone(roster: Roster) -> None:
    roster.begin(bulkUploadMode=True, **EMAIL)
    day = district().change("users", "s1", givenName="New").add("users", "s9", email="S1@X.example")
    plan = roster.plan(day, bulkUploadMode=True, **EMAIL)
    assert plan.changes == set()
    assert plan.counts("Student") == {"unchanged": 2, "duplicates": 2, "population": 3}
    assert plan.counts("Enrollment") == {"unchanged": 5, "population": 5}
    plan = roster.plan(day.without("users", "s9"), bulkUploadMode=True, **EMAIL)
    assert plan.changes == {("Update", "Student", "s1", "SourceChanged")}


def test_groups_reach_over_all_domains_and_values_compare_canonical_in_lower_case(roster: Roster) -> None:
    day = district().wiped("users", "enrollments")
    for user, values in {
        "a": {"email": "ann@x.example", "identifier": "1"},
        "b": {"email": "ANN@X.EXAMPLE", "identifier": "2"},
        "c": {"email": "other@x.example", "identifier": "2"},
        "d": {"email": None, "identifier": "3"},
        "e": {"email": None, "identifier": "4"},
        "f": {"email": "lone@x.example", "identifier": None},
        "g": {"email": "lone2@x.example", "identifier": None},
    }.items():
        day = day.add("users", user, **values)
    plan = roster.plan(day, **unique(("Student", "email"), ("Student", "identifier")))
    assert {i for _, e, i, _ in plan.changes if e == "Student"} == {"d", "e", "f", "g"}
    assert plan.counts("Student") == {"created": 4, "duplicates": 3}


def test_a_domain_is_all_its_attributes_together_and_a_null_among_them_takes_no_part(roster: Roster) -> None:
    day = district().wiped("users", "enrollments")
    for user, values in {
        "a": {"givenName": "Ann", "familyName": "Lee", "grades": ["09", "10"]},
        "b": {"givenName": "ann", "familyName": "LEE", "grades": ["10", "09"]},
        "c": {"givenName": "Ann", "familyName": "Lee", "grades": ["09"]},
        "d": {"givenName": "Ann", "familyName": None, "grades": ["09"]},
        "e": {"givenName": "Ann", "familyName": None, "grades": ["09"]},
    }.items():
        day = day.add("users", user, **values)
    plan = roster.plan(day, **unique(("Student", "givenName", "familyName", "grades")))
    assert {i for _, e, i, _ in plan.changes if e == "Student"} == {"c", "d", "e"}


def test_a_domain_holds_within_its_entity_only(roster: Roster) -> None:
    day = (
        district()
        .change("users", "s1", "t1", "p1", email="same@x.example")
        .change("users", "t2", email="same@x.example")
    )
    plan = roster.plan(day, **unique(("Student", "email"), ("Teacher", "email")))
    assert {i for _, e, i, _ in plan.changes if e in ("Student", "Teacher", "Contact")} == {"s1", "s2", "s3", "p1"}


def test_only_records_that_are_accepted_so_far_make_duplicates(roster: Roster) -> None:
    day = district()
    for user, values in {
        "gone": {"status": "tobedeleted"},
        "elsewhere": {"orgSourcedIds": ["1002"]},
        "filtered": {"grades": ["12"]},
        "skipped": {"givenName": None},
    }.items():
        day = day.add("users", user, **{"email": "s1@x.example", "givenName": "G", "grades": ["09"], **values})
    plan = roster.plan(
        day,
        **EMAIL,
        schoolsMapping={"exclude": ["1002"]},
        filterRules=[
            {"entity": "Student", "conditions": [{"attribute": "grades", "condition": "In", "values": ["09"]}]}
        ],
        dataRequirements=[{"entity": "Student", "attribute": "givenName", "action": "Skip"}],
    )
    assert {i for _, e, i, _ in plan.changes if e == "Student"} == {"s1"}
    assert plan.counts("Student") == {"created": 1, "skipped": 1}


def test_domains_see_mapped_values_and_metadata(roster: Roster) -> None:
    day = district().change("users", "s1", "s3", metadata={"state": "7"}).change("classes", "k1", "k2", title="Same")
    mapping = [{"entity": "Class", "attribute": "classCode", "from": "title"}]
    plan = roster.plan(day, attributesMapping=mapping, **unique(("Student", "metadata.state"), ("Class", "classCode")))
    assert plan.counts("Student") == {"created": 1, "duplicates": 2}
    assert plan.counts("Class") == {"duplicates": 2}
