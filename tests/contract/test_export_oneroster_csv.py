"""export: a strict OneRoster 1.1 bundle in bulk mode, whole or not at all."""

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from rostersync.deliveries.oneroster_csv import write_bundle
from rostersync.deliveries.oneroster_csv_columns import COLUMNS
from rostersync.deliveries.port import Exported
from rostersync.errors import Permanent
from rostersync.model import Entity
from rostersync.plan.apply import apply
from rostersync.stores.embedded.store import EmbeddedStore
from rostersync.stores.engine import connect
from support.plans import Row, create, delete, write_plan

Export = Callable[..., Exported]

ROWS = [
    create(Entity.DISTRICT, "D", name="Nectarine, Heights", type="district"),
    create(
        Entity.SCHOOL,
        "S",
        name='The "Old" School',
        type="school",
        identifier="1001",
        parentSourcedId="D",
        metadata={"address": "1 Main\nStreet", "A'b\"": "x"},
    ),
    create(
        Entity.CALENDAR,
        "T",
        title="2026",
        type="schoolYear",
        startDate=date(2026, 8, 15),
        endDate=date(2027, 6, 10),
        schoolYear="2027",
    ),
    create(Entity.COURSE, "C", title="Algebra", grades=["09", "10"], subjects=["Math, applied", 'So "called"', "x"]),
    create(
        Entity.CLASS,
        "K",
        title="A-1",
        courseSourcedId="C",
        classType="scheduled",
        schoolSourcedId="S",
        termSourcedIds=["T", "T2"],
        periods=["1", "2"],
    ),
    create(
        Entity.STUDENT,
        "u2",
        role="student",
        roles=["student"],
        username="two",
        givenName="Ümit",
        familyName="O'Neil",
        orgSourcedIds=["S"],
        agentSourcedIds=["u3"],
        enabledUser=False,
        userIds=[{"type": "Local", "identifier": "863"}, {"type": "StateID", "identifier": "9"}],
    ),
    create(Entity.CONTACT, "u3", role="guardian", username="three"),
    create(Entity.STUDENT, "u1", role="student", username="one"),
    create(
        Entity.ENROLLMENT,
        "e1",
        classSourcedId="K",
        schoolSourcedId="S",
        userSourcedId="u1",
        role="student",
        primary=False,
        beginDate=date(2026, 8, 15),
    ),
]


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    return EmbeddedStore(tmp_path / "store" / "roster.duckdb", memory_limit=200_000_000)


@pytest.fixture
def export(store: EmbeddedStore, tmp_path: Path) -> Export:
    def run(rows: list[Row], to: str = "out/bundle", **options: Any) -> Exported:
        number = len(list(tmp_path.glob("plan-*")))
        if rows:
            base = {"base": number, "run": f"run-{number}"}
            apply(write_plan(tmp_path / f"plan-{number}", rows, **base), store.writer())
        con = connect(None, 2, tmp_path / "scratch", [store.path.parent, tmp_path / "out"])
        try:
            store.reader().attach(con, "springfield", None)
            return write_bundle(con, tmp_path / to, **options)
        finally:
            con.close()

    return run


def read(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_headers_are_the_standards_and_extensions_follow(export: Export, tmp_path: Path) -> None:
    export(ROWS)
    folder = tmp_path / "out" / "bundle"
    for name, columns in COLUMNS.items():
        if name == "demographics":
            continue
        header = next(csv.reader((folder / f"{name}.csv").read_text().splitlines()))
        extensions = ["metadata.A'b\"", "metadata.address"] if name == "orgs" else []
        assert header == ["sourcedId", "status", "dateLastModified", *columns, *extensions]
    assert ",".join(COLUMNS["users"]) == (
        "enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,middleName,identifier,email,sms,phone,"
        "agentSourcedIds,grades,password"
    )


def test_values_are_written_as_the_standard_says(export: Export, tmp_path: Path) -> None:
    exported = export(ROWS)
    folder = tmp_path / "out" / "bundle"
    assert exported.rows == {"orgs": 2, "academicSessions": 1, "courses": 1, "classes": 1, "users": 3, "enrollments": 1}
    district, school = read(folder, "orgs")
    assert (district["name"], district["status"], district["dateLastModified"]) == ("Nectarine, Heights", "", "")
    assert school["name"] == 'The "Old" School'
    assert (school["metadata.address"], school["metadata.A'b\""]) == ("1 Main\nStreet", "x")
    [session] = read(folder, "academicSessions")
    assert (session["startDate"], session["endDate"]) == ("2026-08-15", "2027-06-10")
    [course] = read(folder, "courses")
    assert course["grades"] == "09,10"
    assert next(csv.reader([course["subjects"]])) == ["Math, applied", 'So "called"', "x"]
    assert read(folder, "classes")[0]["termSourcedIds"] == "T,T2"
    one, two, three = read(folder, "users")
    assert [u["sourcedId"] for u in (one, two, three)] == ["u1", "u2", "u3"]
    assert (one["enabledUser"], two["enabledUser"]) == ("true", "false")
    assert two["userIds"] == "{Local:863},{StateID:9}"
    assert (two["givenName"], two["familyName"], two["password"]) == ("Ümit", "O'Neil", "")
    [enrollment] = read(folder, "enrollments")
    assert (enrollment["primary"], enrollment["beginDate"], enrollment["endDate"]) == ("false", "2026-08-15", "")


def test_files_are_plain_utf_8_with_line_feeds_and_no_needless_quotes(export: Export, tmp_path: Path) -> None:
    export(ROWS)
    users = (tmp_path / "out" / "bundle" / "users.csv").read_bytes()
    assert not users.startswith(b"\xef\xbb\xbf")
    assert b"\r" not in users
    assert users.splitlines()[1] == b"u1,,,true,,student,one,,,,,,,,,,,"


def test_the_manifest_names_every_file_of_the_standard(export: Export, tmp_path: Path) -> None:
    export(ROWS)
    lines = (tmp_path / "out" / "bundle" / "manifest.csv").read_text().splitlines()
    assert lines[:3] == ["propertyName,value", "manifest.version,1.0", "oneroster.version,1.1"]
    files = dict(line.removeprefix("file.").split(",") for line in lines if line.startswith("file."))
    assert len(files) == 13
    bulk = {"academicSessions", "classes", "courses", "enrollments", "orgs", "users"}
    assert {name for name, mode in files.items() if mode == "bulk"} == bulk
    assert {p.stem for p in (tmp_path / "out" / "bundle").iterdir()} == bulk | {"manifest"}


def test_demographics_come_only_when_there_are_any(export: Export, tmp_path: Path) -> None:
    export([*ROWS, create(Entity.DEMOGRAPHICS, "u1", birthDate=date(2010, 1, 2), sex="female", white=True)])
    [row] = read(tmp_path / "out" / "bundle", "demographics")
    assert (row["birthDate"], row["sex"], row["white"], row["asian"]) == ("2010-01-02", "female", "true", "")
    assert "file.demographics,bulk" in (tmp_path / "out" / "bundle" / "manifest.csv").read_text()


def test_an_empty_store_is_a_bundle_of_headers(export: Export, tmp_path: Path) -> None:
    assert set(export([]).rows.values()) == {0}
    assert read(tmp_path / "out" / "bundle", "users") == []


def test_tombstones_are_not_written(export: Export, tmp_path: Path) -> None:
    export(ROWS)
    export([delete(Entity.STUDENT, "u1", {"role": "student", "username": "one"})])
    assert [u["sourcedId"] for u in read(tmp_path / "out" / "bundle", "users")] == ["u2", "u3"]


def test_what_1_1_cannot_say_is_brought_down_or_left_out_and_counted(export: Export, tmp_path: Path) -> None:
    rows = [
        create(Entity.DISTRICT, "D", name="D", type="ext:campus"),
        create(Entity.ADMIN, "a1", role="principal", roles=["principal", "teacher"]),
        create(Entity.ADMIN, "a2", role="districtAdministrator"),
        create(Entity.ADMIN, "a3", role="siteAdministrator"),
        create(Entity.ADMIN, "a4", role="systemAdministrator", pronouns="they"),
        create(Entity.TEACHER, "c1", role="counselor", roles=["counselor"]),
        create(Entity.CLASS, "K", classType="ext:club"),
        create(Entity.ENROLLMENT, "e1", role="ext:observer"),
        create(Entity.ENROLLMENT, "e2", role="student"),
        create(Entity.DEMOGRAPHICS, "a1", sex="other"),
        create(Entity.DEMOGRAPHICS, "a2", sex="unspecified"),
        create(Entity.DEMOGRAPHICS, "a3", sex="ext:x"),
        create(Entity.DEMOGRAPHICS, "a4", sex="male"),
    ]
    exported = export(rows)
    folder = tmp_path / "out" / "bundle"
    assert [u["role"] for u in read(folder, "users")] == [*["administrator"] * 4, "aide"]
    assert read(folder, "orgs")[0]["type"] == ""
    assert read(folder, "classes")[0]["classType"] == ""
    assert [e["sourcedId"] for e in read(folder, "enrollments")] == ["e2"]
    assert [d["sex"] for d in read(folder, "demographics")] == ["", "", "", "male"]
    assert exported.not_expressible == {
        "orgs.type": 1,
        "classes.classType": 1,
        "users.roles": 1,
        "users.pronouns": 1,
        "enrollments.role": 1,
        "demographics.sex": 3,
    }
    assert exported.rows["enrollments"] == 1
    export([], counselor_as="teacher")
    assert read(folder, "users")[4]["role"] == "teacher"


def test_an_earlier_bundle_is_replaced_and_another_folder_refused(export: Export, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(ROWS)
    (out / "bundle" / "users.csv").write_text("old")
    export([])
    assert len(read(out / "bundle", "users")) == 3
    (out / "mine").mkdir()
    (out / "mine" / "letter.txt").write_text("dear")
    (out / "bundle" / "note.txt").write_text("dear")
    for name in ("mine", "bundle"):
        with pytest.raises(Permanent) as error:
            export([], to=f"out/{name}")
        assert error.value.reason == "NotEmpty"
    assert (out / "mine" / "letter.txt").read_text() == "dear"
    (out / "empty").mkdir()
    export([], to="out/empty")
    assert sorted(p.name for p in out.iterdir()) == ["bundle", "empty", "mine"]


def test_a_failed_export_leaves_the_former_bundle(
    export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(ROWS)
    former = {p.name: p.read_bytes() for p in (tmp_path / "out" / "bundle").iterdir()}
    monkeypatch.setattr("rostersync.deliveries.oneroster_csv._write_manifest", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export([delete(Entity.STUDENT, "u1", {"role": "student", "username": "one"})])
    assert {p.name: p.read_bytes() for p in (tmp_path / "out" / "bundle").iterdir()} == former
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["bundle"]
