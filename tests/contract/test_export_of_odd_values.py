"""From what a SIS sends to the cells of the export: enumerations and dates are the standard's, however they came."""

import csv
from pathlib import Path
from typing import Any

import pytest

from rostersync.deliveries.importable import gaps, sentences
from rostersync.deliveries.oneroster_csv import write_bundle
from rostersync.stores.engine import connect
from support.days import Day, Roster, district


@pytest.fixture
def roster(tmp_path: Path) -> Roster:
    return Roster(tmp_path / "roster")


def exported(roster: Roster, day: Day, **fields: Any) -> tuple[dict[tuple[str, str], dict[str, str]], list[str]]:
    """(the rows of the bundle of a day by file and id, what importers would refuse)."""
    roster.run(day, **fields)
    out = roster.folder / "out"
    out.mkdir(exist_ok=True)
    con = connect(None, 1, roster.folder / "scratch", [roster.file.path.parent, out])
    try:
        roster.store.reader().attach(con, "rivers", None)
        write_bundle(con, out / "bundle")
        said = sentences(gaps(con))
    finally:
        con.close()
    rows = {}
    for path in (out / "bundle").glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            rows.update({(path.stem, row.get("sourcedId", "")): row for row in csv.DictReader(file)})
    return rows, said


def test_enumerations_are_written_as_the_standard_spells_them(roster: Roster) -> None:
    day = district().change("orgs", "1001", type="School").change("academicSessions", "y1", type="TERM")
    day = day.change("classes", "k1", classType="Scheduled").change("users", "s1", role="STUDENT", enabledUser="False")
    day = day.change("enrollments", "e1", role="Student", primary="TRUE").add("demographics", "s1", sex="Male")

    rows, _ = exported(
        roster,
        day,
        entities=["School", "District", "Calendar", "Course", "Class", "Student", "Enrollment", "Demographics"],
    )

    assert rows["orgs", "1001"]["type"] == "school"
    assert rows["academicSessions", "y1"]["type"] == "term"
    assert rows["classes", "k1"]["classType"] == "scheduled"
    assert (rows["users", "s1"]["role"], rows["users", "s1"]["enabledUser"]) == ("student", "false")
    assert (rows["enrollments", "e1"]["role"], rows["enrollments", "e1"]["primary"]) == ("student", "true")
    assert rows["demographics", "s1"]["sex"] == "male"


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("2026-08-15", "2026-08-15"),
        ("0999-01-02", "0999-01-02"),
        ("2026-08-15T23:30:00-05:00", "2026-08-16"),
        ("2026-08-15T00:00:00Z", "2026-08-15"),
        ("2026-08-15T12:00:00+14:00", "2026-08-14"),
        ("2026-08-15T12:00:00+15:00", ""),
        ("2026-08-15T12:00:00+99:99", ""),
        ("2026-08-15T24:00:00Z", ""),
        ("2026-08-15T12:60:00Z", ""),
        ("20270-6-30", ""),
        ("1-1-1 (BC)", ""),
        ("2026-02-30", ""),
        ("08/15/2026", ""),
        ("infinity", ""),
        ("2026-8-1", ""),
    ],
)
def test_a_date_is_written_as_a_day_or_not_at_all(sent: str, written: str, roster: Roster) -> None:
    rows, _ = exported(roster, district().change("academicSessions", "y1", startDate=sent))

    assert rows["academicSessions", "y1"]["startDate"] == written


def test_a_day_is_that_of_the_connections_time_zone(roster: Roster) -> None:
    day = district().change("enrollments", "e1", beginDate="2026-08-16T03:00:00Z")

    rows, _ = exported(roster, day, timeZone="America/New_York")

    assert rows["enrollments", "e1"]["beginDate"] == "2026-08-15"


def test_a_value_that_the_standard_does_not_know_is_said_and_an_extension_is_left_out(roster: Roster) -> None:
    day = district().change("classes", "k1", classType="Fancy").change("classes", "k2", classType="ext:club")

    rows, said = exported(roster, day)

    assert "1 of the classes has a value in classType that OneRoster does not know." in said
    assert (rows["classes", "k1"]["classType"], rows["classes", "k2"]["classType"]) == ("Fancy", "")
