"""Writes School Passport's Basic Roster: six CSV files, always all of them, with active data only.

School Passport calls it Clever-like, and its article (help.gg4l.com/knowledge/basic-roster-clever-like) names the files and
says that headers are matched in any case. Columns, required ones and formats are those of Clever's SFTP specification 2.1.1;
nobody has tried them with School Passport itself. In doubt are: whether it takes a student's further contacts from further
rows, as Clever does, how it reads staff of no school, and which codes it has for races, which are left out.

A person has a row for each school. Departments belong to the school above them. Staff of an organisation above schools are
listed in each of these, since every row needs a school. A section needs a teacher: one that has none is left out with its
enrolments, and counted. So are people without a school, further teachers than ten, and what the columns cannot say.
"""

from pathlib import Path

import duckdb

from rostersync.deliveries import narrowed
from rostersync.deliveries.narrowed import EVERYTHING
from rostersync.deliveries.port import Exported
from rostersync.errors import Retryable

TEACHERS = 10  # columns of sections.csv
_T = "basic_"
_GRADES = {
    "IT": "InfantToddler",
    "PR": "Preschool",
    "PK": "PreKindergarten",
    "TK": "TransitionalKindergarten",
    "KG": "Kindergarten",
    **{f"{grade:02}": str(grade) for grade in range(1, 14)},
    "PS": "PostGraduate",
    "UG": "Ungraded",
}
_NO = "NULL::VARCHAR"


def _day(column: str) -> str:
    return f"strftime({column}, '%m/%d/%Y')"


def _grade(column: str) -> str:
    """The first of a list of grades, in Clever's words."""
    known = " ".join(f"WHEN '{code}' THEN '{word}'" for code, word in _GRADES.items())
    return f"CASE {column}[1] {known} ELSE {column}[1] END"


def _number(kind: str) -> str:
    return f'list_filter(u."userIds", lambda i: lower(i."type") = \'{kind}\')[1].identifier'


_PREPARED = {
    # The schools that an organisation stands for: itself, the nearest above a department, else all below.
    "up": f"""
        WITH RECURSIVE up(org, place, school) AS (
          SELECT id, id, entity = 'School' FROM {_T}orgs
          UNION SELECT up.org, p.id, p.entity = 'School' FROM up JOIN {_T}orgs o ON o.id = up.place
            JOIN {_T}orgs p ON p.id = o."parentSourcedId" WHERE NOT up.school)
        SELECT org, place AS school FROM up WHERE school""",
    "down": f"""
        WITH RECURSIVE down(org, place, school) AS (
          SELECT id, id, FALSE FROM {_T}orgs WHERE id NOT IN (SELECT org FROM {_T}up)
          UNION SELECT down.org, o.id, o.entity = 'School' FROM down JOIN {_T}orgs o ON o."parentSourcedId" = down.place
            WHERE NOT down.school)
        SELECT org, place AS school FROM down WHERE school""",
    "teaching": f"""
        SELECT class, id, row_number() OVER (PARTITION BY class ORDER BY leads DESC, id) AS number
        FROM (
          SELECT e."classSourcedId" AS class, e."userSourcedId" AS id, bool_or(coalesce(e."primary", FALSE)) AS leads
          FROM {_T}enrollments e SEMI JOIN {_T}users u ON u.id = e."userSourcedId" WHERE e.role = 'teacher' GROUP BY ALL)""",
    "sections": f"""
        SELECT c.id, u.school FROM {_T}classes c JOIN {_T}up u ON u.org = c."schoolSourcedId"
        SEMI JOIN {_T}teaching t ON t.class = c.id""",
    "homes": f"""
        WITH own AS (SELECT p.id, u.school FROM (SELECT id, unnest("orgSourcedIds") AS org FROM {_T}users) p
          JOIN {_T}up u USING (org)),
        enrolled AS (SELECT e."userSourcedId" AS id, s.school FROM {_T}enrollments e
          JOIN {_T}sections s ON s.id = e."classSourcedId" WHERE e.role IN ('student', 'teacher'))
        SELECT DISTINCT id, school FROM (
          FROM own UNION ALL FROM enrolled ANTI JOIN own USING (id)
          UNION ALL SELECT id, school FROM enrolled SEMI JOIN {_T}teaching USING (id))""",
    "offices": f"""
        SELECT DISTINCT p.id, d.school FROM (SELECT id, unnest("orgSourcedIds") AS org FROM {_T}users) p
        JOIN {_T}down d USING (org) ANTI JOIN {_T}homes h ON h.id = p.id""",
}

_TEACHER = f"(u.entity = 'Teacher' AND u.role = 'teacher' OR u.id IN (SELECT id FROM {_T}teaching))"
_PERSON = 'u.email AS "{0}_email", u."givenName" AS "First_name"'
_LOGIN = f'u.username AS "Username", {_NO} AS "Password"'
FILES = {
    "schools": f"""
        SELECT o.id AS "School_id", o.name AS "School_name", o.identifier AS "School_number", {_NO} AS "State_id",
          {_NO} AS "Low_grade", {_NO} AS "High_grade", {_NO} AS "Principal", {_NO} AS "Principal_email",
          {_NO} AS "School_address", {_NO} AS "School_city", {_NO} AS "School_state", {_NO} AS "School_zip",
          {_NO} AS "School_phone"
        FROM {_T}orgs o WHERE o.entity = 'School' ORDER BY 1""",
    "students": f"""
        SELECT h.school AS "School_id", u.id AS "Student_id", u.identifier AS "Student_number",
          {_number("stateid")} AS "State_id", u."familyName" AS "Last_name", u."middleName" AS "Middle_name",
          u."givenName" AS "First_name", {_grade("u.grades")} AS "Grade",
          CASE lower(d.sex) WHEN 'male' THEN 'M' WHEN 'female' THEN 'F' WHEN 'other' THEN 'X' END AS "Gender",
          {_NO} AS "Graduation_year", {_day('d."birthDate"')} AS "DOB", {_NO} AS "Race",
          CASE WHEN d."hispanicOrLatinoEthnicity" THEN 'Y' WHEN NOT d."hispanicOrLatinoEthnicity" THEN 'N' END
            AS "Hispanic_Latino", {_NO} AS "Home_language", {_NO} AS "Ell_status", {_NO} AS "Frl_status",
          {_NO} AS "IEP_status", {_NO} AS "Student_street", {_NO} AS "Student_city", {_NO} AS "Student_state",
          {_NO} AS "Student_zip", u.email AS "Student_email",
          upper(c.role[1]) || c.role[2:] AS "Contact_relationship", {_NO} AS "Contact_type",
          nullif(concat_ws(' ', c."givenName", c."familyName"), '') AS "Contact_name",
          coalesce(c.phone, c.sms) AS "Contact_phone",
          CASE WHEN c.phone IS NULL AND c.sms IS NOT NULL THEN 'Cell' END AS "Contact_phone_type",
          c.email AS "Contact_email", c.id AS "Contact_sis_id", {_LOGIN},
          {_NO} AS "Unweighted_gpa", {_NO} AS "Weighted_gpa"
        FROM {_T}users u JOIN {_T}homes h ON h.id = u.id LEFT JOIN {_T}demographics d ON d.id = u.id
        LEFT JOIN (SELECT id AS student, unnest("agentSourcedIds") AS id FROM {_T}users) a ON a.student = u.id
          AND a.id IN (SELECT id FROM {_T}users WHERE entity = 'Contact')
        LEFT JOIN {_T}users c ON c.id = a.id
        WHERE u.entity = 'Student' ORDER BY "Student_id", "School_id", "Contact_sis_id" """,
    "teachers": f"""
        SELECT h.school AS "School_id", u.id AS "Teacher_id", u.identifier AS "Teacher_number",
          {_number("stateid")} AS "State_teacher_id", {_PERSON.format("Teacher")},
          u."middleName" AS "Middle_name", u."familyName" AS "Last_name", {_NO} AS "Title", {_LOGIN}
        FROM {_T}users u JOIN {_T}homes h ON h.id = u.id WHERE {_TEACHER} ORDER BY "Teacher_id", "School_id" """,
    "sections": f"""
        SELECT s.school AS "School_id", k.id AS "Section_id",
          {", ".join(f't[{n}] AS "{"Teacher" if n == 1 else f"Teacher_{n}"}_id"' for n in range(1, TEACHERS + 1))},
          k.title AS "Name", k."classCode" AS "Section_number", {_grade("coalesce(k.grades, c.grades)")} AS "Grade",
          c.title AS "Course_name", c."courseCode" AS "Course_number", {_NO} AS "Course_description",
          k.periods[1] AS "Period", coalesce(k.subjects, c.subjects)[1] AS "Subject", y.title AS "Term_name",
          {_day("y.begins")} AS "Term_start", {_day("y.ends")} AS "Term_end"
        FROM {_T}classes k JOIN {_T}sections s ON s.id = k.id LEFT JOIN {_T}courses c ON c.id = k."courseSourcedId"
        JOIN (SELECT class, list(id ORDER BY number) AS t FROM {_T}teaching GROUP BY class) teachers ON teachers.class = k.id
        LEFT JOIN (
          SELECT p.id, arg_min(a.title, (a."startDate", a.id)) AS title, min(a."startDate") AS begins, max(a."endDate") AS ends
          FROM (SELECT id, unnest("termSourcedIds") AS term FROM {_T}classes) p
          JOIN {_T}academicSessions a ON a.id = p.term GROUP BY p.id) y ON y.id = k.id
        ORDER BY "Section_id" """,
    "enrollments": f"""
        SELECT DISTINCT s.school AS "School_id", s.id AS "Section_id", u.id AS "Student_id"
        FROM {_T}enrollments e JOIN {_T}sections s ON s.id = e."classSourcedId"
        JOIN {_T}users u ON u.id = e."userSourcedId" AND u.entity = 'Student'
        WHERE e.role = 'student' ORDER BY "Section_id", "Student_id" """,
    "staff": f"""
        SELECT h.school AS "School_id", u.id AS "Staff_id", {_PERSON.format("Staff")}, u."familyName" AS "Last_name",
          {_NO} AS "Department", u.role AS "Title", {_LOGIN}, {_NO} AS "Role"
        FROM {_T}users u JOIN (FROM {_T}homes UNION ALL FROM {_T}offices) h ON h.id = u.id
        WHERE u.entity = 'Admin' OR u.entity = 'Teacher' AND NOT {_TEACHER} ORDER BY "Staff_id", "School_id" """,
}
_LEFT_OUT = {
    "sections.Teacher_id": f"SELECT count(*) FROM {_T}classes k ANTI JOIN {_T}sections s ON s.id = k.id",
    "sections.Teacher_11_id": f"SELECT count(*) FROM {_T}teaching WHERE number > {TEACHERS}",
    "students.School_id": f"SELECT count(*) FROM {_T}users u ANTI JOIN {_T}homes h ON h.id = u.id WHERE u.entity = 'Student'",
    "teachers.School_id": f"SELECT count(*) FROM {_T}users u ANTI JOIN {_T}homes h ON h.id = u.id WHERE {_TEACHER}",
    "staff.School_id": f"""SELECT count(*) FROM {_T}users u ANTI JOIN (FROM {_T}homes UNION ALL FROM {_T}offices) h ON h.id = u.id
        WHERE u.entity = 'Admin' OR u.entity = 'Teacher' AND NOT {_TEACHER}""",
    "students.Contact_sis_id": f"""SELECT count(*) FROM {_T}users u WHERE u.entity = 'Contact' AND u.id NOT IN (
        SELECT unnest(s."agentSourcedIds") FROM {_T}users s JOIN {_T}homes h ON h.id = s.id WHERE s.entity = 'Student')""",
    "enrollments.Section_id": f"""SELECT count(*) FROM {_T}enrollments e ANTI JOIN {_T}sections s ON s.id = e."classSourcedId"
        WHERE e.role = 'student'""",
    "enrollments.role": f"SELECT count(*) FROM {_T}enrollments WHERE role IS NULL OR role NOT IN ('student', 'teacher')",
    "students.Grade": f"SELECT count(*) FROM {_T}users WHERE entity = 'Student' AND len(grades) > 1",
}


def write_files(con: duckdb.DuckDBPyConnection, folder: Path, views: str = "store_") -> Exported:
    """Write the six files of the roster that `<views><table>` have into a folder that is there."""
    exported = Exported()
    try:
        narrowed.lay_out(con, views, _T, EVERYTHING)
        for name, query in _PREPARED.items():
            con.execute(f"CREATE OR REPLACE TEMP TABLE {_T}{name} AS {query}")
        for name, query in FILES.items():
            exported.rows[name] = _count(con, f"SELECT count(*) FROM ({query})")
            con.sql(query).write_csv(str(folder / f"{name}.csv"), header=True)
        left_out = {name: _count(con, query) for name, query in _LEFT_OUT.items()}
        exported.not_expressible = {name: number for name, number in left_out.items() if number}
    except duckdb.Error as error:
        raise Retryable(
            f"Tried to write the Basic Roster; DuckDB failed ({type(error).__name__}). Check that the folder is writable "
            "and has free space.",
            reason="ExportFailed",
            detail=str(error),
        ) from None
    finally:
        narrowed.drop(con, _T)
    return exported


def _count(con: duckdb.DuckDBPyConnection, query: str) -> int:
    ((found,),) = con.execute(query).fetchall()
    return int(found)
