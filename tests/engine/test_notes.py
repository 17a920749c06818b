"""What `issues` says beside the issues of a plan: what the export would lack, and ids that keep a collection unproved."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from rostersync.deliveries import importable
from rostersync.lifecycle.messages import no_changes_message
from rostersync.render import issues
from rostersync.sources.staged import WITHOUT_ID
from support.days import Day, Planned, Roster, district

BULK = {"bulkUploadMode": True}
PEOPLE = ("s1", "s2", "s3", "t1", "t2", "p1", "a1")


def notes(plan: Planned) -> set[tuple[str | None, ...]]:
    """(entity, id, code, attribute) of all that stands beside a plan's own issues, as the command reads it."""
    own = {(i[0], i[1], i[3], i[4]) for i in plan.issues}
    return {(i["entity"], i["id"], i["code"], i["attribute"]) for i in issues.read(plan.folder)} - own


def whole() -> Day:
    """A district whose export lacks nothing."""
    day = district()
    for person in PEOPLE:
        day = day.change("users", person, username=f"user-{person}")
    return day


def lacking() -> Day:
    """One student without a username, one course without an organisation."""
    return whole().change("users", "s1", username=None).change("courses", "c1", orgSourcedId=None)


LACKING = {("Student", "s1", "NotImportable", "username"), ("Course", "c1", "NotImportable", "orgSourcedId")}


def test_what_the_export_lacks_is_named_and_is_no_issue_of_the_plan(roster: Roster) -> None:
    assert notes(roster.plan(whole())) == set()

    plan = roster.plan(lacking())

    assert notes(plan) == LACKING
    assert plan.counts("Student").get("errors", 0) == roster.plan(whole()).counts("Student").get("errors", 0)


def test_what_stays_in_the_store_is_named_too_and_what_goes_is_not(roster: Roster) -> None:
    roster.run(lacking(), **BULK)
    mended = whole().without("users", "s1").without("courses", "c1")
    kept = mended.read_in_part("users", "courses")

    assert notes(roster.plan(kept, **BULK)) == LACKING
    assert notes(roster.plan(mended, **BULK)) == set()


def test_it_is_what_the_export_itself_would_say(roster: Roster) -> None:
    plan = roster.run(lacking())
    with duckdb.connect(":memory:", config={"threads": 1}) as con:
        roster.store.reader().attach(con, "rivers", None)
        said = importable.gaps(con)

    found = [n for n in notes(plan) if n[2] == "NotImportable"]
    assert said == {"users.username": 1, "courses.orgSourcedId": 1}
    assert len(found) == 2


def test_a_district_without_any_school_is_told(roster: Roster) -> None:
    only = whole().wiped(*(c for c in whole().rows if c != "orgs")).without("orgs", "1001", "1002")

    assert notes(roster.plan(only)) == {("School", None, "NoSchool", None)}


def test_ids_in_several_rows_are_named_while_their_collection_is_not_proved(roster: Roster) -> None:
    day = whole().repeat("users", "s2").repeat("users", "s3", givenName="Other")

    assert notes(roster.plan(day)) == set()
    assert notes(roster.plan(day.read_in_part("users"), sisIDPrefix="X-")) == {
        ("Student", "X-s2", "RepeatedRows", None),
        ("Student", "X-s3", "RepeatedRows", None),
    }


class Unread(Day):
    """A day with two users, one of a known place, and one enrolment that came without a readable id."""

    def stage(self, folder: Path) -> Path:
        extract = super().stage(folder)
        for collection, numbers in {"users": [7, None], "enrollments": [1]}.items():
            pq.write_table(pa.table({"row": pa.array(numbers, pa.int64())}), extract / collection / WITHOUT_ID)
        return extract


def test_rows_without_an_id_are_named_by_collection_and_number(roster: Roster) -> None:
    day = Unread(**vars(whole().read_in_part("users", "enrollments")))

    plan = roster.plan(day)

    assert notes(plan) == {
        ("users", "row 7", "WithoutID", "sourcedId"),
        ("users", None, "WithoutID", "sourcedId"),
        ("enrollments", "row 1", "WithoutID", "sourcedId"),
    }
    assert {g["entity"]: g["count"] for g in issues.groups(issues.read(plan.folder))} == {"users": 2, "enrollments": 1}


def test_a_first_run_on_a_source_that_shows_nothing_says_so(roster: Roster) -> None:
    empty = roster.plan(whole().wiped(*whole().rows))

    assert "credential probably sees nothing" in no_changes_message(empty.report)
    assert "credential" not in no_changes_message(roster.plan(whole()).report)
