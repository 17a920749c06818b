"""School Passport's Basic Roster: six files that are always there, and rows that refer to one another."""

import csv
from datetime import date
from pathlib import Path

import pytest

from rostersync.deliveries.basic_roster import write_files
from rostersync.deliveries.port import Exported
from rostersync.model import Entity
from rostersync.plan.apply import apply
from rostersync.stores.embedded.store import EmbeddedStore
from rostersync.stores.engine import connect
from support.plans import Row, create, write_plan

SIX = ["enrollments", "schools", "sections", "staff", "students", "teachers"]
HEADERS = {
    "schools": "School_id,School_name,School_number,State_id,Low_grade,High_grade,Principal,Principal_email,"
    "School_address,School_city,School_state,School_zip,School_phone",
    "students": "School_id,Student_id,Student_number,State_id,Last_name,Middle_name,First_name,Grade,Gender,"
    "Graduation_year,DOB,Race,Hispanic_Latino,Home_language,Ell_status,Frl_status,IEP_status,Student_street,"
    "Student_city,Student_state,Student_zip,Student_email,Contact_relationship,Contact_type,Contact_name,"
    "Contact_phone,Contact_phone_type,Contact_email,Contact_sis_id,Username,Password,Unweighted_gpa,Weighted_gpa",
    "teachers": "School_id,Teacher_id,Teacher_number,State_teacher_id,Teacher_email,First_name,Middle_name,Last_name,"
    "Title,Username,Password",
    "sections": "School_id,Section_id,Teacher_id,"
    + "".join(f"Teacher_{n}_id," for n in range(2, 11))
    + "Name,Section_number,Grade,Course_name,Course_number,Course_description,Period,Subject,Term_name,Term_start,Term_end",
    "enrollments": "School_id,Section_id,Student_id",
    "staff": "School_id,Staff_id,Staff_email,First_name,Last_name,Department,Title,Username,Password,Role",
}


def person(entity: Entity, number: str, role: str, *orgs: str, **values: object) -> Row:
    known = {"role": role, "givenName": number, "familyName": "Lee", "username": number, "email": f"{number}@x.example"}
    return create(entity, number, **known, orgSourcedIds=list(orgs), **values)


def enrolled(number: str, user: str, role: str, place: str = "K", primary: bool | None = None) -> Row:
    values = {"classSourcedId": place, "schoolSourcedId": "N", "userSourcedId": user, "role": role, "primary": primary}
    return create(Entity.ENROLLMENT, number, **values)


DISTRICT = [
    create(Entity.DISTRICT, "D", name="District", type="district"),
    create(Entity.DISTRICT, "ND", name="Maths", type="department", parentSourcedId="N"),
    create(Entity.SCHOOL, "N", name="North", type="school", identifier="1001", parentSourcedId="D"),
    create(Entity.SCHOOL, "S", name="South", type="school", parentSourcedId="D"),
    create(Entity.CALENDAR, "T1", title="Autumn", startDate=date(2026, 8, 15), endDate=date(2026, 12, 20)),
    create(Entity.CALENDAR, "T2", title="Spring", startDate=date(2027, 1, 8), endDate=date(2027, 6, 10)),
    create(Entity.COURSE, "C", title="Maths", courseCode="M1", subjects=["math"]),
    create(
        Entity.CLASS,
        "K",
        title="Maths 1",
        classCode="M1-1",
        courseSourcedId="C",
        schoolSourcedId="N",
        termSourcedIds=["T1", "T2"],
        grades=["09"],
        periods=["2", "3"],
    ),
    create(Entity.CLASS, "L", title="Nobody's", courseSourcedId="C", schoolSourcedId="N"),
    person(Entity.STUDENT, "s1", "student", "N", "S", grades=["KG"], agentSourcedIds=["p1", "p2"], identifier="77"),
    person(Entity.STUDENT, "s2", "student", "N", userIds=[{"type": "StateID", "identifier": "X9"}]),
    person(Entity.STUDENT, "s3", "student", "D"),
    person(Entity.CONTACT, "p1", "parent", "N", phone="555-1"),
    person(Entity.CONTACT, "p2", "guardian", "N", sms="555-2"),
    person(Entity.TEACHER, "t1", "teacher", "S"),
    person(Entity.TEACHER, "t2", "teacher", "ND"),
    person(Entity.TEACHER, "x1", "aide", "N"),
    person(Entity.ADMIN, "a1", "principal", "S"),
    person(Entity.ADMIN, "a2", "districtAdministrator", "D"),
    enrolled("e1", "t1", "teacher"),
    enrolled("e2", "t2", "teacher", primary=True),
    enrolled("e3", "s1", "student"),
    enrolled("e4", "s2", "student", "L"),
    enrolled("e5", "x1", "aide"),
    create(Entity.DEMOGRAPHICS, "s1", sex="female", birthDate=date(2012, 3, 4), hispanicOrLatinoEthnicity=False),
]


def written(folder: Path, rows: list[Row], threads: int = 2) -> tuple[Path, Exported]:
    store = EmbeddedStore(folder / "store" / "roster.duckdb", memory_limit=200_000_000)
    if not store.exists():
        apply(write_plan(folder / "plan", rows), store.writer())
    out = folder / f"out-{threads}"
    out.mkdir()
    con = connect(None, threads, folder / "scratch", [store.path.parent, out])
    try:
        store.reader().attach(con, "springfield", None)
        return out, write_files(con, out)
    finally:
        con.close()


@pytest.fixture
def bundle(tmp_path: Path) -> dict[str, list[dict[str, str]]]:
    out, _ = written(tmp_path, DISTRICT)
    return {name: read(out, name) for name in SIX}


def read(folder: Path, name: str) -> list[dict[str, str]]:
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def cells(rows: list[dict[str, str]], *columns: str) -> list[tuple[str, ...]]:
    return [tuple(row[c] for c in columns) for row in rows]


def test_all_six_files_are_there_even_of_an_empty_roster(tmp_path: Path) -> None:
    school = create(Entity.SCHOOL, "N", name="North", type="school")
    out, exported = written(tmp_path, [school])

    assert sorted(path.stem for path in out.iterdir()) == SIX
    assert {name: (out / f"{name}.csv").read_text().splitlines()[0] for name in SIX} == HEADERS
    assert exported.rows == {name: int(name == "schools") for name in SIX}


def test_people_have_a_row_for_each_school_and_students_for_each_contact(
    bundle: dict[str, list[dict[str, str]]],
) -> None:
    assert cells(bundle["students"], "School_id", "Student_id", "Contact_sis_id", "Contact_phone") == [
        ("N", "s1", "p1", "555-1"),
        ("N", "s1", "p2", "555-2"),
        ("S", "s1", "p1", "555-1"),
        ("S", "s1", "p2", "555-2"),
        ("N", "s2", "", ""),
    ]
    first, second = bundle["students"][0], bundle["students"][1]
    assert [first[c] for c in ("Grade", "Gender", "DOB", "Hispanic_Latino")] == ["Kindergarten", "F", "03/04/2012", "N"]
    assert (first["Student_number"], bundle["students"][4]["State_id"]) == ("77", "X9")
    assert (first["Contact_relationship"], second["Contact_relationship"]) == ("Parent", "Guardian")
    assert (first["Contact_phone_type"], second["Contact_phone_type"]) == ("", "Cell")
    assert cells(bundle["teachers"], "School_id", "Teacher_id") == [("N", "t1"), ("S", "t1"), ("N", "t2")]


def test_staff_of_the_district_are_listed_in_each_school(bundle: dict[str, list[dict[str, str]]]) -> None:
    assert cells(bundle["staff"], "School_id", "Staff_id", "Title") == [
        ("S", "a1", "principal"),
        ("N", "a2", "districtAdministrator"),
        ("S", "a2", "districtAdministrator"),
        ("N", "x1", "aide"),
    ]


def test_a_section_has_its_primary_teacher_first_and_the_span_of_its_terms(
    bundle: dict[str, list[dict[str, str]]],
) -> None:
    [section] = bundle["sections"]
    said = ("School_id", "Section_id", "Teacher_id", "Teacher_2_id", "Teacher_3_id", "Grade", "Period", "Subject")
    assert [section[c] for c in said] == ["N", "K", "t2", "t1", "", "9", "2", "math"]
    terms = ("Course_name", "Course_number", "Term_name", "Term_start", "Term_end")
    assert [section[c] for c in terms] == ["Maths", "M1", "Autumn", "08/15/2026", "06/10/2027"]


def test_nothing_refers_to_what_is_not_there(bundle: dict[str, list[dict[str, str]]]) -> None:
    schools = {row["School_id"] for row in bundle["schools"]}
    assert all({row["School_id"] for row in rows} <= schools for rows in bundle.values())
    assert cells(bundle["enrollments"], "School_id", "Section_id", "Student_id") == [("N", "K", "s1")]


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    _, exported = written(tmp_path, DISTRICT)

    assert exported.not_expressible == {
        "sections.Teacher_id": 1,
        "students.School_id": 1,
        "enrollments.Section_id": 1,
        "enrollments.role": 1,
    }


def test_the_bytes_depend_on_the_roster_alone(tmp_path: Path) -> None:
    one, many = (written(tmp_path, DISTRICT, threads)[0] for threads in (1, 4))

    assert [(one / f"{n}.csv").read_bytes() for n in SIX] == [(many / f"{n}.csv").read_bytes() for n in SIX]
