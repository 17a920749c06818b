"""SIS ID prefix: on ids and references alike, put on last; another one is another identity."""

from support.days import Roster, district

BULK = {"bulkUploadMode": True}


def test_the_prefix_is_on_every_id_and_every_reference(roster: Roster) -> None:
    day = district().add("academicSessions", "y0").change("academicSessions", "y1", parentSourcedId="y0")
    day = (
        day.change("courses", "c1", schoolYearSourcedId="y0")
        .change("users", "s1", primaryOrgSourcedId="1001")
        .add("demographics", "s1")
    )
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
        "Demographics",
    ]
    plan = roster.plan(day, sisIDPrefix="F-", entities=entities)
    assert {i[:2] for _, _, i, _ in plan.changes} == {"F-"}
    assert plan.after("F-1001", "parentSourcedId") == "F-d1"
    assert plan.after("F-y1", "parentSourcedId") == "F-y0"
    assert plan.after("F-c1", "schoolYearSourcedId", "orgSourcedId") == ("F-y0", "F-1001")
    assert plan.after("F-k1", "courseSourcedId", "schoolSourcedId", "termSourcedIds") == ("F-c1", "F-1001", ["F-y1"])
    assert plan.after("F-s1", "orgSourcedIds", "agentSourcedIds", "primaryOrgSourcedId") == (
        ["F-1001"],
        ["F-p1"],
        "F-1001",
    )
    assert plan.after("F-e1", "classSourcedId", "schoolSourcedId", "userSourcedId") == ("F-k1", "F-1001", "F-s1")
    assert "demographics of F-s1" in plan.rows


def test_everything_else_in_the_connection_names_raw_ids(roster: Roster) -> None:
    plan = roster.plan(
        district(),
        sisIDPrefix="F-",
        schoolsMapping={"mode": "Selected", "schools": [{"sourcedId": "1001", "target": {"id": "WHS"}}]},
        filterRules=[
            {"entity": "Student", "conditions": [{"attribute": "sourcedId", "condition": "In", "values": ["s1"]}]}
        ],
        attributesMapping=[{"entity": "Student", "attribute": "username", "from": "sourcedId"}],
    )
    assert plan.ids("Create") >= {"WHS", "F-d1", "F-s1", "F-k1"}
    assert {"F-s2", "F-s3", "F-k2"} & plan.ids("Create") == set()
    assert plan.after("F-s1", "username") == "s1"


def test_another_prefix_is_shown_as_new_ids_for_the_same_records_and_held(roster: Roster) -> None:
    first = roster.begin(**BULK)
    plan = first.plan(district(), **BULK, sisIDPrefix="F-")
    assert "IdentityChanged" in plan.reasons
    assert ("IdentityChanged", 40) in plan.holds
    everything = {(e, i) for _, e, i, _ in plan.changes if not i.startswith("F-")}
    assert plan.rekeyed == {(e, i, "F-" + i) for e, i in everything}
    assert len(everything) == 20
    roster.apply(plan)
    assert roster.plan(district(), **BULK, sisIDPrefix="F-").changes == set()
    assert "IdentityChanged" in roster.plan(district(), **BULK, sisIDPrefix="G-").reasons


def test_a_changed_prefix_pairs_ids_and_not_natural_keys(roster: Roster) -> None:
    day = district().without("users", "s2").without("enrollments", "e2").add("users", "s9", email="s2@x.example")
    plan = roster.begin(**BULK).plan(day, **BULK, sisIDPrefix="F-")
    assert {old for _, old, _ in plan.rekeyed} >= {"s1", "s3"}
    assert {"s2", "s9"} & {old for _, old, _ in plan.rekeyed} == set()


def test_a_school_with_a_target_id_keeps_it_under_another_prefix(roster: Roster) -> None:
    mapping = {"schools": [{"sourcedId": s, "target": {"id": f"T{s}"}} for s in ("1001", "1002")]}
    plan = roster.begin(**BULK, schoolsMapping=mapping).plan(
        district(), **BULK, schoolsMapping=mapping, sisIDPrefix="F-"
    )
    assert {"T1001", "T1002"} & (plan.ids("Create") | plan.ids("Delete")) == set()
    assert {i: plan.changed(i) for i in ("T1001", "T1002")} == {
        i: {"parentSourcedId": "d1"} for i in ("T1001", "T1002")
    }
