"""Restore: what a run changed is taken back, from the store alone, and what changed since is left alone."""

from datetime import timedelta

import pytest

from rostersync.errors import Permanent
from support.days import AS_OF, Roster
from support.restoring import FREE, LATER, back, changed, everything, full


def test_right_after_an_apply_the_roster_is_the_former_one(roster: Roster) -> None:
    roster.begin(full(), **FREE)
    former = everything(roster)
    run = roster.run(changed(), **FREE)
    assert everything(roster) != former

    restored = back(roster, run)

    assert everything(roster) == former
    assert set(restored.causes("Create").values()) == {"Restored"}
    assert set(restored.causes("Update").values()) == {"Restored"}
    assert restored.ids("Delete") == {"s9", "e9"}
    assert {"s2", "p1", "e2", "c2", "k2", "e3", "e5"} <= restored.ids("Create")
    assert restored.issues == set()
    assert restored.reasons >= {"Restore"}
    assert (restored.manifest.restores, restored.manifest.held) == (run.manifest.run, len(restored.manifest.holds))
    assert restored.counts("Student") == {"created": 1, "updated": 1, "deleted": 1, "population": 2}


def test_twice_is_once_and_a_restore_can_be_taken_back_itself(roster: Roster) -> None:
    roster.begin(full(), **FREE)
    former = everything(roster)
    run = roster.run(changed(), **FREE)
    after = everything(roster)
    first = back(roster, run)

    again = roster.restore(run, **LATER, **FREE)
    assert (again.changes, again.issues, again.reasons, again.manifest.no_changes) == (set(), set(), set(), True)

    second = back(roster, first)
    assert everything(roster) == after
    assert second.reasons >= {"Restore", "RestoredRecords"}
    back(roster, second)
    assert everything(roster) == former


def test_the_first_import_can_be_taken_back_and_comes_again(roster: Roster) -> None:
    first = roster.run(full(), **FREE)
    former = everything(roster)

    emptied = back(roster, first)

    assert {h[0] for h in emptied.holds} >= {"Restore", "EntityEmptied"}
    assert all(not rows for rows in everything(roster).values())
    again = roster.run(full(), **LATER, **FREE)
    assert everything(roster) == former
    assert "RestoredRecords" in again.reasons


def test_the_digest_is_over_changes_alone(roster: Roster) -> None:
    roster.begin(full(), **FREE)
    run = roster.run(changed(), **FREE)
    one = roster.restore(run, **LATER, **FREE)
    other = roster.restore(run, at=AS_OF + timedelta(days=2), **(FREE | {"previewDataUpload": True}))
    assert one.manifest.digest == other.manifest.digest
    assert other.reasons == one.reasons | {"Preview"}
    assert one.manifest.memory.config_hash == run.manifest.config_hash != one.manifest.config_hash


def test_what_was_changed_since_is_left_alone_and_listed(roster: Roster) -> None:
    roster.begin(full(), **FREE)
    run = roster.run(changed(), **FREE)
    later = changed().change("users", "s1", grades=["11"], givenName="Another", metadata={"lunch.code": "9"})
    later = later.change("users", "s9", email="s9@x.example").add("users", "s2", email="new@x.example")
    later = later.without("demographics", "s1").change("users", "t1", email="t1@y.example")
    roster.run(later, **LATER, **FREE)

    plan = back(roster, run)

    assert plan.issues == {
        ("Student", "s1", "Skipped", "ChangedSince", "grades", None, "Skip"),
        ("Student", "s1", "Skipped", "ChangedSince", "metadata.lunch.code", None, "Skip"),
        ("Student", "s9", "Skipped", "ChangedSince", None, None, "Skip"),
        ("Student", "s2", "Skipped", "ChangedSince", None, None, "Skip"),
        ("Demographics", "s1", "Skipped", "ChangedSince", None, None, "Skip"),
    }
    assert plan.names["s1"] == "Another (s1@x.example)"
    assert plan.names["s2"] == "(new@x.example)"
    s1 = roster.stored("users")["s1"]
    assert (s1["email"], s1["grades"], s1["givenName"]) == ("s1@x.example", ["11"], "Another")
    assert (s1["metadata"], s1["agentSourcedIds"], s1["enabledUser"]) == (
        {"house": "red", "lunch.code": "9"},
        ["p1"],
        True,
    )
    assert roster.stored("users")["s2"]["email"] == "new@x.example"
    assert plan.ids("Delete") == {"e9"}
    assert plan.counts("Student")["skipped"] == 2
    assert "t1" not in plan.rows


def test_two_runs_are_undone_newest_first(roster: Roster) -> None:
    roster.begin(full(), **FREE)
    former = everything(roster)
    first = roster.run(changed(), **FREE)
    between = everything(roster)
    later = changed().change("users", "s1", "s9", email="later@x.example", metadata={"lunch.code": "9"})
    later = later.add("users", "s2", givenName="Another").without("orgs", "1002").change("users", "s9", role="teacher")
    second = roster.run(later.without("users", "t2", "s3").without("enrollments", "e9"), **LATER, **FREE)

    assert back(roster, second).issues == set()
    assert everything(roster) == between
    assert back(roster, first).issues == set()
    assert everything(roster) == former


def test_what_needs_a_record_that_goes_goes_with_it(roster: Roster) -> None:
    roster.begin(full(), **FREE)
    run = roster.run(full().add("classes", "k9", title="Extra"), **FREE)
    roster.run(
        full().add("classes", "k9", title="Extra").add("enrollments", "e9", classSourcedId="k9"), **LATER, **FREE
    )

    plan = roster.restore(run, **LATER, **FREE)

    assert plan.changes == {("Delete", "Class", "k9", "Restored"), ("Delete", "Enrollment", "e9", "Cascade")}
    assert plan.manifest.blast_radius == {"students": 1, "teachers": 0}


def test_an_optional_reference_to_what_goes_is_cut(roster: Roster) -> None:
    roster.begin(full(), **FREE)
    with_contact = full().add("users", "p9", role="guardian")
    run = roster.run(with_contact, **FREE)
    roster.run(with_contact.change("users", "s2", agentSourcedIds=["p9"]), **LATER, **FREE)

    plan = back(roster, run)

    assert plan.causes("Update") == {"s2": "Cascade"}
    assert roster.stored("users")["s2"]["agentSourcedIds"] is None


def test_what_lost_what_it_needs_does_not_come_back(roster: Roster) -> None:
    roster.begin(full(), **FREE)
    run = roster.run(full().without("enrollments", "e2").change("users", "s1", agentSourcedIds=None), **FREE)
    gone = full().without("enrollments", "e2").without("users", "s2", "p1").change("users", "s1", agentSourcedIds=None)
    roster.run(gone, **LATER, **FREE)

    plan = roster.restore(run, **LATER, **FREE)

    assert plan.issues == {("Enrollment", "e2", "Skipped", "DanglingReference", "userSourcedId", None, "Skip")}
    assert plan.changes == set()  # s1 had no other change than a reference to p1, who is gone


def test_an_organisation_that_somebody_still_needs_stays(roster: Roster) -> None:
    roster.begin(full(), **FREE)
    third = full().add("orgs", "1003", name="East").add("orgs", "1004", name="West")
    run = roster.run(third, **FREE)
    roster.run(third.change("users", "s2", orgSourcedIds=["1003"]), **LATER, **FREE)

    plan = roster.restore(run, **LATER, **FREE)

    assert plan.ids("Delete") == {"1004"}
    assert plan.issues == {("School", "1003", "Skipped", "StillNeeded", None, None, "Skip")}


def test_only_some_entities(roster: Roster) -> None:
    roster.begin(full(), **FREE)
    run = roster.run(changed(), **FREE)

    plan = roster.restore(run, "Enrollment", **LATER, **FREE)

    assert plan.ids("Delete") == {"e9"}
    assert plan.ids("Create") == set()
    assert {(i[1], i[4]) for i in plan.issues} == {
        ("e2", "userSourcedId"),
        ("e3", "classSourcedId"),
        ("e5", "classSourcedId"),
    }
    students = roster.restore(run, "Student", "Contact", **LATER, **FREE)
    assert {e for _, e, _, _ in students.changes} == {"Student", "Contact", "Teacher", "Enrollment"}
    assert students.ids("Create") == {"s2", "p1"}
    assert students.causes("Delete") == {"s9": "Restored", "e9": "Cascade"}


def test_only_one_school_and_what_its_records_refer_to(roster: Roster) -> None:
    day = full().change("courses", "c2", orgSourcedId="d1")
    roster.begin(day, **FREE)
    run = roster.run(changed(), **FREE)

    named = roster.restore(run, schools=(" SOUTH ",), **LATER, **FREE)
    plan = back(roster, run, schools=("1002",))

    assert (named.ids("Create"), named.ids("Update")) == (plan.ids("Create"), plan.ids("Update"))
    assert plan.ids("Create") == {"c2", "k2", "e3", "e5"}  # the course is the district's
    assert plan.ids("Update") == {"s3"}
    assert plan.ids("Delete") == set()
    assert plan.manifest.only_schools == ("1002",)
    # d1 and Rivers are the district. The status of a run has no names.
    for word, near in (("West", ""), ("d1", ""), ("Rivers", ""), ("Nort", "Near: 1001. ")):
        said = rf"never had a school {word}; nothing is planned. {near}There are: 1001, 1002\.$"
        with pytest.raises(Permanent, match=said):
            roster.restore(run, schools=(word,), **LATER, **FREE)
    north = roster.restore(run, schools=("1001",), **LATER, **FREE)
    assert north.ids("Delete") == {"s9", "e9"}
    assert {"s2", "p1", "e2"} <= north.ids("Create")
    assert "demographics of s1" in north.rows


def test_a_run_that_applied_nothing_is_refused(roster: Roster) -> None:
    roster.begin(full(), **FREE)
    planned = roster.plan(changed(), **FREE)
    with pytest.raises(Permanent, match="Only what was applied can be restored") as refused:
        roster.restore(planned, **LATER, **FREE)
    assert refused.value.reason == "NotApplied"


def test_expired_history_is_refused_with_the_remedy(roster: Roster) -> None:
    roster.begin(full(), **FREE)
    run = roster.run(changed(), **FREE)
    roster.store.writer().expire("rivers", timedelta(0), AS_OF + timedelta(days=1))

    with pytest.raises(Permanent, match="bring back a backup") as refused:
        roster.restore(run, **LATER, **FREE)

    assert refused.value.reason == "HistoryExpired"
    assert "s1" not in str(refused.value)
    again = roster.run(changed().add("users", "s8"), **LATER, **FREE)
    assert roster.restore(again, **LATER, **FREE).ids("Delete") == {"s8"}
    roster.run(changed().add("users", "s8", email="s8@x.example"), **LATER, **FREE)
    roster.store.writer().expire("rivers", timedelta(0), AS_OF + timedelta(days=9))
    assert {i[3] for i in roster.restore(again, **LATER, **FREE).issues} == {"ChangedSince"}


def test_of_people_who_were_forgotten_nothing_comes_back(roster: Roster) -> None:
    roster.begin(full(), **FREE)
    run = roster.run(changed(), **FREE)
    roster.store.writer().forget("rivers", "p1")
    roster.store.writer().forget("rivers", "s2")

    plan = back(roster, run)

    assert "p1" not in plan.rows
    assert roster.stored("users")["s1"]["agentSourcedIds"] is None
    assert {i for i in plan.issues if i[3] == "Forgotten"} == {(None, None, "Skipped", "Forgotten", None, None, "Skip")}
    assert {(c.code, c.count) for c in plan.manifest.issues} == {("Forgotten", 3)}
    assert "agentSourcedIds" not in plan.rows["s1"]["changed"]


def test_the_next_import_is_compared_with_the_import_before(roster: Roster) -> None:
    roster.begin(full(), **FREE)
    run = roster.run(changed(), **FREE)
    back(roster, run)
    assert roster.plan(full(), **LATER, **FREE).reasons == set()
    other = FREE | {"sisIDPrefix": "X-"}
    assert "IdentityChanged" in roster.plan(full(), **LATER, **other).reasons
