"""Which school a record belongs to, as SQL over its row."""

from rostersync.roster import CLASSES, COURSES, ENROLLMENTS, ORGS, USERS, Kind, Table
from rostersync.tables.sql import q

PLACED_BY = {
    USERS: "orgSourcedIds",
    CLASSES: "schoolSourcedId",
    ENROLLMENTS: "schoolSourcedId",
    COURSES: "orgSourcedId",
}


def schools_of(table: Table, row: str) -> str:
    """SQL for the list of organisations that a row of a table belongs to. NULL where it belongs to none."""
    if table is ORGS:
        return f"CASE WHEN {row}.entity = 'School' THEN [{row}.id] END"
    name = PLACED_BY.get(table)
    if name is None:
        return "NULL::VARCHAR[]"
    value = f"{row}.{q(name)}"
    return value if table.attribute(name).kind is Kind.REFS else f"CASE WHEN {value} IS NOT NULL THEN [{value}] END"
