"""Cascades: what cannot be without what goes, goes in the same plan; what can, loses the reference."""

from support.days import Roster, district

BULK = {"bulkUploadMode": True}
WITH_DEMOGRAPHICS = [
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


def test_enrolments_and_demographics_go_with_their_person(roster: Roster) -> None:
    first = district().add("demographics", "s1").add("demographics", "s2")
    day = first.change("users", "s1", status="tobedeleted")
    plan = roster.begin(first, entities=WITH_DEMOGRAPHICS).plan(day, entities=WITH_DEMOGRAPHICS)
    assert plan.changes == {
        ("Delete", "Student", "s1", "SourceDeleted"),
        ("Delete", "Enrollment", "e1", "Cascade"),
        ("Delete", "Demographics", "s1", "Cascade"),
    }
    assert plan.counts("Enrollment") == {"deleted": 1, "unchanged": 4, "population": 5}
    assert plan.counts("Demographics") == {"deleted": 1, "unchanged": 1, "population": 2}
    assert plan.issues == set()
    assert plan.manifest.blast_radius == {"students": 1, "teachers": 0}


def test_a_course_takes_its_classes_and_they_take_their_enrolments(roster: Roster) -> None:
    plan = roster.begin(**BULK).plan(district().without("courses", "c1"), **BULK)
    assert plan.causes("Delete") == {
        "c1": "SourceMissing",
        "k1": "Cascade",
        "e1": "Cascade",
        "e2": "Cascade",
        "e4": "Cascade",
    }
    assert plan.manifest.blast_radius == {"students": 2, "teachers": 1}
    assert list(plan.manifest.causes.items()) == [("Cascade", 4), ("SourceMissing", 1)]


def test_what_goes_with_something_need_not_be_sent(roster: Roster) -> None:
    day = district().change("classes", "k1", status="tobedeleted").without("enrollments", "e1", "e2")
    plan = roster.begin().plan(day)
    assert plan.causes("Delete") == {"k1": "SourceDeleted", "e1": "Cascade", "e2": "Cascade", "e4": "Cascade"}


def test_a_cascade_beats_being_held_back_and_counts_as_deleted_not_as_skipped(roster: Roster) -> None:
    rule = {"entity": "Enrollment", "attribute": "role", "action": "Skip"}
    day = district().change("enrollments", "e1", "e3", role=None).change("users", "s1", status="tobedeleted")
    plan = roster.begin().plan(day, dataRequirements=[rule])
    assert plan.causes("Delete") == {"s1": "SourceDeleted", "e1": "Cascade"}
    assert plan.counts("Enrollment") == {"deleted": 1, "skipped": 1, "unchanged": 3, "population": 5}


def test_a_new_record_whose_required_reference_goes_or_is_nowhere_is_held_back(roster: Roster) -> None:
    day = district().change("users", "s1", status="tobedeleted").add("enrollments", "e6", role="aide")
    day = day.add("enrollments", "e7", userSourcedId="nobody").add(
        "enrollments", "e8", userSourcedId="s2", classSourcedId="k9"
    )
    day = day.add("enrollments", "e9", userSourcedId="s2", schoolSourcedId="9").add(
        "classes", "k8", courseSourcedId="c9"
    )
    day = day.add("enrollments", "e0", userSourcedId=None)
    plan = roster.begin().plan(day)
    assert plan.ids("Create") == set()
    assert {i[1:5] for i in plan.issues} == {
        ("e6", "Skipped", "DanglingReference", "userSourcedId"),
        ("e7", "Skipped", "DanglingReference", "userSourcedId"),
        ("e0", "Skipped", "DanglingReference", "userSourcedId"),
        ("e8", "Skipped", "DanglingReference", "classSourcedId"),
        ("e9", "Skipped", "DanglingReference", "schoolSourcedId"),
        ("k8", "Skipped", "DanglingReference", "courseSourcedId"),
    }
    assert plan.counts("Enrollment") == {"deleted": 1, "unchanged": 4, "skipped": 5, "population": 5}


def test_an_accepted_record_whose_reference_now_leads_nowhere_is_held_back_and_stays_as_it_was(roster: Roster) -> None:
    plan = roster.begin(**BULK).plan(district().change("enrollments", "e1", userSourcedId="nobody"), **BULK)
    assert plan.changes == set()
    assert plan.counts("Enrollment") == {"skipped": 1, "unchanged": 4, "population": 5}


def test_references_are_resolved_against_the_resulting_store_not_only_against_the_pull(roster: Roster) -> None:
    day = (
        district()
        .without("users", "s2", "t1")
        .without("courses", "c1")
        .add("enrollments", "e6", userSourcedId="s2", classSourcedId="k1")
    )
    day = day.add("classes", "k9", courseSourcedId="c1")
    plan = roster.begin().plan(day)  # without Bulk Upload Mode what is not sent stays
    assert plan.ids("Create") == {"e6", "k9"}
    assert plan.ids("Delete") == set()


def test_optional_references_are_cut_by_an_update(roster: Roster) -> None:
    first = (
        district()
        .add("academicSessions", "y2", parentSourcedId="y1")
        .change("classes", "k2", termSourcedIds=["y2", "y1"])
    )
    first = (
        first.change("courses", "c1", schoolYearSourcedId="y1")
        .add("users", "p2", role="parent")
        .change("users", "s2", agentSourcedIds=["p1", "p2"])
    )
    gone = first.change("academicSessions", "y1", status="tobedeleted").change("users", "p1", status="tobedeleted")
    roster.begin(first)
    sent = roster.plan(gone)
    assert sent.causes("Delete") == {"y1": "SourceDeleted", "p1": "SourceDeleted"}
    assert set(sent.causes("Update")) == {"y2", "k1", "k2", "c1", "s1", "s2"}
    assert sent.changed("k2") == {"termSourcedIds": ["y1", "y2"]}
    assert (sent.after("k2", "termSourcedIds"), sent.after("k1", "termSourcedIds")) == (["y2"], None)
    assert (sent.after("s2", "agentSourcedIds"), sent.after("s1", "agentSourcedIds")) == (["p2"], None)
    assert (sent.after("y2", "parentSourcedId"), sent.after("c1", "schoolYearSourcedId")) == (None, None)
    assert roster.apply(sent).counts("Student") == {"updated": 2, "unchanged": 1, "population": 3}
    assert roster.plan(gone).changes == set()


def test_records_that_merely_stay_lose_optional_references_to_what_goes_too(roster: Roster) -> None:
    day = district().without("users", "s1").without("classes", "k1").change("users", "p1", status="tobedeleted")
    plan = roster.begin().plan(day.change("academicSessions", "y1", status="tobedeleted"))
    assert plan.causes("Update") == {"s1": "Cascade", "k1": "Cascade", "k2": "SourceChanged"}
    assert plan.changed("s1") == {"agentSourcedIds": ["p1"]}
    roster.apply(plan)
    stored = roster.stored("users")["s1"]
    assert (stored["agentSourcedIds"], stored["givenName"]) == (None, "Given s1")


def test_an_optional_reference_to_nowhere_is_left_out_silently(roster: Roster) -> None:
    plan = roster.plan(
        district()
        .change("users", "s1", agentSourcedIds=["nobody", "p1"])
        .change("classes", "k1", termSourcedIds=["y9"])
    )
    assert (plan.after("s1", "agentSourcedIds"), plan.after("k1", "termSourcedIds")) == (["p1"], None)
    assert plan.issues == set()


def test_demographics_come_only_when_listed_and_only_for_people_who_are_accepted(roster: Roster) -> None:
    day = district().add("demographics", "s1", birthDate="2010-05-01", asian="true").add("demographics", "nobody")
    day = day.add("demographics", "s3", sex="wrong").change("users", "s3", status="pending")
    assert {e for _, e, *_ in roster.plan(day).changes} & {"Demographics"} == set()
    plan = roster.plan(day, entities=WITH_DEMOGRAPHICS)
    assert plan.counts("Demographics") == {"created": 1}
    assert plan.after("demographics of s1", "birthDate", "asian") == ("2010-05-01", True)
    assert {i[0] for i in plan.issues} == {"Student", "Enrollment"}


def test_demographics_of_a_person_who_stays_in_the_store_count_like_any_others(roster: Roster) -> None:
    first = district().add("demographics", "s1").add("demographics", "s2")
    day = (
        first.change("users", "s1", "s2", status="pending")
        .change("demographics", "s1", sex="male")
        .without("demographics", "s2")
    )
    plan = roster.begin(first, entities=WITH_DEMOGRAPHICS).plan(day, entities=WITH_DEMOGRAPHICS, **BULK)
    assert plan.changes == {
        ("Update", "Demographics", "s1", "SourceChanged"),
        ("Delete", "Demographics", "s2", "SourceMissing"),
    }
