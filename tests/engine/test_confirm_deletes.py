"""Confirmed deletes: which records are asked for, and what becomes of a plan when one of them is there."""

from pathlib import Path

from support.asked import Asked, told_of
from support.days import Roster, crowd, district

LEAVERS = [f"s{n}" for n in range(100, 160)]


def living(*ids: str) -> Asked:
    """A source in which the district's first people live, and these."""
    return Asked({"users": {"s1", "s2", "s3", "t1", "t2", "p1", "a1", *ids}, "enrollments": {"e1", "e2"}})


def test_one_that_lives_keeps_everybody(tmp_path: Path) -> None:
    roster = Roster(tmp_path).begin(crowd(60), bulkUploadMode=True)

    plan = roster.plan(district(), bulkUploadMode=True, source=living(*LEAVERS))

    assert plan.ids("Delete") == set()
    assert plan.counts("Student")["deferred"] == 60
    assert plan.manifest.incomplete == ("users",)
    assert plan.report.still_there == {"users": 25}
    in_part = roster.plan(district().read_in_part("users"), bulkUploadMode=True)
    assert (plan.manifest.digest, plan.manifest.entities) == (in_part.manifest.digest, in_part.manifest.entities)


def test_deletes_of_other_collections_go_on(tmp_path: Path) -> None:
    roster = Roster(tmp_path).begin(crowd(60), bulkUploadMode=True)
    day = district().without("classes", "k2").without("enrollments", "e3", "e5")

    plan = roster.plan(day, bulkUploadMode=True, source=living(*LEAVERS))

    assert plan.ids("Delete") == {"k2", "e3", "e5"}  # the enrolments go with the class


def test_a_source_that_cannot_be_asked_stops_nothing(tmp_path: Path) -> None:
    roster = Roster(tmp_path).begin(crowd(60), bulkUploadMode=True)

    plan = roster.plan(district(), bulkUploadMode=True, source=Asked({}, unable=["users"]))

    assert plan.ids("Delete") == set(LEAVERS)
    assert told_of(plan, "users") == {"asked": 0, "active": 0, "gone": 0, "unclear": 0, "unable": "GET /users/ID: 405"}


def test_schools_take_turns_and_the_same_are_asked_for_each_time(tmp_path: Path) -> None:
    """A small school is not lost among a large one."""
    before = crowd(2, crowd(60), school="1002", first=300)
    roster = Roster(tmp_path).begin(before, bulkUploadMode=True)
    asked = []
    for _ in range(2):
        source = living()
        plan = roster.plan(district(), bulkUploadMode=True, source=source, confirmDeletes={"records": 4})
        assert len(plan.ids("Delete")) == 62
        asked.append(source.asked["users"][1:])  # after one that lives

    assert asked[0] == asked[1]
    assert len(asked[0]) == 4
    assert {"s300", "s301"} <= set(asked[0])


def test_only_what_was_not_sent_is_asked_for(tmp_path: Path) -> None:
    """Who is marked as removed was seen; of an unmapped school, everybody would rightly be there."""
    roster = Roster(tmp_path).begin(crowd(3), bulkUploadMode=True)
    source = living("s100", "s101", "s102", "s3", "t2")
    day = crowd(3).change("users", "s100", "s101", status="tobedeleted").without("users", "s102")

    plan = roster.plan(day, bulkUploadMode=True, schoolsMapping={"exclude": ["1002"]}, source=source)

    assert source.asked["users"][1:] == ["s102"]
    assert {"s100", "s101"} <= plan.ids("Delete")
    assert "s102" not in plan.ids("Delete")


def test_ids_are_asked_for_as_the_source_has_them(tmp_path: Path) -> None:
    roster = Roster(tmp_path).begin(crowd(3), bulkUploadMode=True, sisIDPrefix="X-")
    source = living("s100")

    plan = roster.plan(district(), bulkUploadMode=True, sisIDPrefix="X-", source=source)

    assert sorted(source.asked["users"][1:]) == ["s100", "s101", "s102"]
    assert plan.ids("Delete") == set()
    assert ("Student", "X-s100", "StillThere") in {(*i[:2], i[3]) for i in plan._table("notes.parquet", "*")}


def test_another_prefix_asks_for_nobody(tmp_path: Path) -> None:
    """The former ids are not the source's, and the same people come under new ones."""
    roster = Roster(tmp_path).begin(crowd(3), bulkUploadMode=True)
    source = living("s100", "s101", "s102")

    plan = roster.plan(crowd(3), bulkUploadMode=True, sisIDPrefix="X-", source=source)

    assert "s100" in plan.ids("Delete")
    assert not source.asked


def test_without_bulk_upload_mode_nobody_is_asked_for(tmp_path: Path) -> None:
    roster = Roster(tmp_path).begin(crowd(3))
    source = living()

    roster.plan(district(), source=source)

    assert not source.asked
