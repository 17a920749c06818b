"""Who is who: entities by role and type, changes of entity, statuses, and ids that come back."""

from rostersync.roster import ROLES
from support.days import Roster, district

BULK = {"bulkUploadMode": True}


def test_every_known_role_makes_its_entity_whatever_its_case(roster: Roster) -> None:
    day = district()
    for number, role in enumerate(ROLES):
        day = day.add("users", f"u{number}", role=role.upper() if number % 2 else role)
    plan = roster.plan(day)
    assert {i: e for _, e, i, _ in plan.changes if i.startswith("u")} == {
        f"u{n}": e.value for n, e in enumerate(ROLES.values())
    }
    assert [plan.after(f"u{n}", "role") for n in range(len(ROLES))] == list(ROLES)


def test_without_a_primary_role_the_highest_decides_and_all_roles_are_kept(roster: Roster) -> None:
    cases = {
        ("student", "parent"): ("Student", "student"),
        ("parent", "teacher"): ("Teacher", "teacher"),
        ("student", "aide", "guardian"): ("Teacher", "aide"),
        ("teacher", "siteAdministrator", "student"): ("Admin", "siteAdministrator"),
        ("relative",): ("Contact", "relative"),
        ("wizard", "student"): ("Student", "student"),
    }
    day = district()
    for number, roles in enumerate(cases):
        day = day.add("users", f"u{number}", role=None, roles=list(roles))
    day = day.add("users", "primary", role="student", roles=["administrator", "student"])
    plan = roster.plan(day)
    entities = {i: e for _, e, i, _ in plan.changes}
    for number, (roles, (entity, role)) in enumerate(cases.items()):
        assert (entities[f"u{number}"], *plan.after(f"u{number}", "role", "roles")) == (entity, role, sorted(roles))
    assert (entities["primary"], *plan.after("primary", "role", "roles")) == (
        "Student",
        "student",
        ["administrator", "student"],
    )


def test_an_unknown_role_decides_nothing(roster: Roster) -> None:
    day = (
        district()
        .add("users", "u1", role="wizard")
        .add("users", "u2", role=None, roles=["wizard", "elf"])
        .add("users", "u3", role=None)
    )
    day = day.change("users", "s1", role="wizard", givenName="New").change("users", "t1", role=None)
    plan = roster.begin(**BULK).plan(day, **BULK)
    assert plan.changes == set()
    assert {i[1:5] for i in plan.issues} == {
        (u, "Skipped", "UnknownRole", "role") for u in ("u1", "u2", "u3", "s1", "t1")
    }
    assert plan.counts("Student") == {"skipped": 1, "unchanged": 2, "population": 3}
    assert plan.counts("Teacher") == {"skipped": 1, "unchanged": 1, "population": 2}
    assert plan.counts(None) == {"skipped": 3}


def test_an_unknown_primary_role_is_not_mended_by_the_others(roster: Roster) -> None:
    plan = roster.plan(district().add("users", "u1", role="wizard", roles=["wizard", "student"]))
    assert "u1" not in plan.ids("Create")


def test_a_change_of_entity_is_one_update_in_the_old_entity_and_cascades_nothing(roster: Roster) -> None:
    plan = roster.begin(**BULK).plan(district().change("users", "s2", role="teacher"), **BULK)
    assert plan.changes == {("Update", "Student", "s2", "SourceChanged")}
    assert plan.rows["s2"]["new_entity"] == "Teacher"
    assert plan.changed("s2") == {"entity": "Student", "role": "student"}
    assert plan.counts("Student") == {"updated": 1, "unchanged": 2, "population": 3}
    assert plan.counts("Teacher") == {"unchanged": 2, "population": 2}
    roster.apply(plan)
    assert roster.stored("users")["s2"]["entity"] == "Teacher"
    assert roster.plan(district().change("users", "s2", role="teacher"), **BULK).counts("Teacher") == {
        "unchanged": 3,
        "population": 3,
    }


def test_organisations_are_schools_by_their_type_and_districts_by_any_other(roster: Roster) -> None:
    day = district().add("orgs", "1003", type="School").change("orgs", "d1", type="local")
    day = day.add("orgs", "x", type=None, parentSourcedId="d1").change("orgs", "1003", parentSourcedId="x")
    plan = roster.plan(day)
    assert {i: e for _, e, i, _ in plan.changes if e in ("School", "District")} == {
        "d1": "District",
        "x": "District",
        "1001": "School",
        "1002": "School",
        "1003": "School",
    }


def test_statuses_say_there_gone_or_nothing(roster: Roster) -> None:
    day = district()
    for number, status in enumerate((None, "active", "ACTIVE", "pending", "tobedeleted", "Inactive")):
        day = day.add("users", f"u{number}", status=status)
    plan = roster.plan(day.change("orgs", "d1", status="pending").change("orgs", "1002", status="unsure"))
    assert {i for i in plan.ids("Create") if i.startswith("u")} == {"u0", "u1", "u2"}
    assert {i[:5] for i in plan.issues if i[3] == "UnknownStatus"} == {
        ("Student", "u3", "Skipped", "UnknownStatus", "status"),
        ("District", "d1", "Skipped", "UnknownStatus", "status"),
        ("School", "1002", "Skipped", "UnknownStatus", "status"),
    }
    assert plan.after("1001", "parentSourcedId") is None
    assert plan.manifest.schools_imported == (("1001", "1001"),)


def test_an_id_that_comes_back_from_its_tombstone_is_restored(roster: Roster) -> None:
    gone = district().without("users", "s2").without("enrollments", "e2")
    roster.begin(**BULK).run(gone, **BULK)
    assert set(roster.stored("users", "tobedeleted")) == {"s2"}
    assert roster.plan(gone, **BULK).changes == set()
    plan = roster.run(district().change("users", "s2", givenName="New"), **BULK)
    assert plan.changes == {("Create", "Student", "s2", "Restored"), ("Create", "Enrollment", "e2", "Restored")}
    assert plan.rows["s2"]["before_hash"] is None
    assert plan.counts("Student") == {"created": 1, "unchanged": 2, "population": 2}
    assert roster.stored("users", "tobedeleted") == {}
    assert roster.stored("users")["s2"]["givenName"] == "New"


def test_records_are_restored_into_a_table_that_was_emptied(roster: Roster) -> None:
    empty = district().wiped("enrollments")
    roster.begin(**BULK).run(empty, **BULK)
    assert roster.plan(district(), **BULK).changes == {
        ("Create", "Enrollment", f"e{n}", "Restored") for n in range(1, 6)
    }


def test_a_user_who_comes_back_as_another_entity_is_restored_as_that(roster: Roster) -> None:
    roster.begin(**BULK).run(district().without("users", "s2").without("enrollments", "e2"), **BULK)
    plan = roster.run(district().change("users", "s2", role="teacher"), **BULK)
    assert ("Create", "Teacher", "s2", "Restored") in plan.changes
    assert roster.stored("users")["s2"]["entity"] == "Teacher"


def test_values_compare_in_canonical_form(roster: Roster) -> None:
    first = district().change(
        "users",
        "s1",
        grades=["10", "09", "10"],
        userIds=[{"type": "b", "identifier": "2"}, {"type": "a", "identifier": "1"}],
    )
    first = first.change("users", "s3", orgSourcedIds=["1002", "1001"]).change(
        "classes", "k1", subjects=["b", "a", "b"]
    )
    roster.begin(first, **BULK)
    same = first.change(
        "users", "s1", grades=["09", "10"], userIds=[{"type": "a", "identifier": "1"}, {"type": "b", "identifier": "2"}]
    )
    same = same.change("users", "s3", orgSourcedIds=["1001", "1002", "1002"]).change(
        "users", "s2", enabledUser="TRUE", dateLastModified="2026-01-01"
    )
    assert roster.plan(same, **BULK).changes == set()
    assert roster.plan(same.change("classes", "k1", subjects=["a", "b", "b"]), **BULK).ids("Update") == {"k1"}


def test_enumerations_are_matched_in_any_case_and_kept_as_oneroster_spells_them(roster: Roster) -> None:
    day = district().change("academicSessions", "y1", type="SCHOOLYEAR").change("classes", "k1", classType="Scheduled")
    day = day.change("enrollments", "e1", role="STUDENT").change("orgs", "d1", type="District")
    day = (
        day.add("demographics", "s1", sex="Male")
        .add("demographics", "s2", sex="X")
        .add("demographics", "s3", sex="EXT:none")
    )
    day = day.add("users", "u1", role=None, roles=["Student", "STUDENT", "PARENT", "Wizard"])
    entities = [
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
    ]
    plan = roster.plan(day, entities=[*entities, "Demographics"])
    assert plan.after("y1", "type") == "schoolYear"
    assert plan.after("k1", "classType") == "scheduled"
    assert plan.after("e1", "role") == "student"
    assert plan.after("d1", "type") == "district"
    assert [plan.after(f"demographics of {s}", "sex") for s in ("s1", "s2", "s3")] == ["male", "X", "EXT:none"]
    assert plan.after("u1", "roles") == ["Wizard", "parent", "student"]
    assert [i[1:5] for i in plan.issues if i[3] == "UnknownValue"] == [("s2", "Error", "UnknownValue", "sex")]


def test_a_date_is_a_date_that_exists_or_malformed(roster: Roster) -> None:
    wrong = (
        "20270-6-30",
        "1-1-1 (BC)",
        "-001-01-01",
        "0000-01-01",
        "2026-02-30",
        "2026/06/30",
        "2026-6-030",
        "infinity",
        "2026-08-15x",
    )
    day = district()
    for number, text in enumerate(wrong):
        day = day.add("enrollments", f"x{number}", endDate=text)
    plan = roster.plan(day.add("enrollments", "right", endDate="0001-01-01"))
    assert {plan.after(f"x{n}", "endDate") for n in range(len(wrong))} == {None}
    assert plan.after("right", "endDate") == "0001-01-01"
    assert {i[1] for i in plan.issues if i[3] == "Malformed"} == {f"x{n}" for n in range(len(wrong))}


def test_a_date_with_a_time_and_a_zone_is_that_day_in_the_districts_time_zone(roster: Roster) -> None:
    day = district().add("enrollments", "late", endDate="2026-08-15T23:30:00-05:00")
    day = day.add("enrollments", "early", endDate="2026-08-15 02:30:00.5Z")
    plans = {zone: roster.plan(day, timeZone=zone) for zone in ("UTC", "America/New_York", "Asia/Tokyo")}
    assert {z: (p.after("late", "endDate"), p.after("early", "endDate")) for z, p in plans.items()} == {
        "UTC": ("2026-08-16", "2026-08-15"),
        "America/New_York": ("2026-08-16", "2026-08-14"),
        "Asia/Tokyo": ("2026-08-16", "2026-08-15"),
    }
