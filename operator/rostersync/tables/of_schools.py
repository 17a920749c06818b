"""The records of some schools: those that belong to one of them, as they are stored or as they were sent.

A plan of some schools counts these alone. Organisations above schools and terms belong to all of them.
"""

from collections.abc import Collection

from rostersync.fate import Fate
from rostersync.roster import CLASSES, COURSES, DEMOGRAPHICS, ORGS, USERS, Table
from rostersync.tables.belonging import PLACED_BY, schools_of
from rostersync.tables.context import Context
from rostersync.tables.sql import in_list, literal

_MEANT = f"fate IS DISTINCT FROM {literal(Fate.NOT_TAKEN)}"


def lay_out_mine(context: Context, schools: Collection[str]) -> None:
    """Make `mine_<table>` (id) of every table: the records of these schools (their ids in the store).

    A row that means nothing, such as that of a School which is sent as something else, says nothing of schools either.
    """
    context.con.execute(
        "CREATE OR REPLACE TEMP TABLE my_schools AS SELECT unnest(?::VARCHAR[]) AS id", [sorted(schools)]
    )
    for table in (USERS, CLASSES, *(t for t in context.tables if t not in (USERS, CLASSES))):
        both = f"""
            SELECT s.id FROM store_{table.name} s WHERE s.status = 'active' AND {_belongs(table, "s")}
            UNION SELECT p.id FROM shaped_{table.name} p
            WHERE {_MEANT} AND {_belongs(table, "p")}"""
        context.sql(f"CREATE OR REPLACE TEMP TABLE mine_{table.name} AS {both}")


def only_mine(table: Table, *, mine: bool, id_: str = "id") -> str:
    """A condition on a record's id: it is of these schools. TRUE for a plan of the whole district."""
    return f"{id_} IN (SELECT id FROM mine_{table.name})" if mine else "TRUE"


def drop_others(context: Context, issues: str) -> None:
    """Take issues of other schools' records out of a table of issues. People of an unknown role have no entity there."""
    for table in context.tables:
        of = f"entity IN {in_list(e.value for e in table.entities)}"
        nobody = " OR entity IS NULL" if table is USERS else ""
        context.sql(
            f"DELETE FROM {issues} WHERE id IS NOT NULL AND ({of}{nobody}) AND NOT {only_mine(table, mine=True)}"
        )


def _belongs(table: Table, row: str) -> str:
    mine = "(SELECT coalesce(list(id), []) FROM my_schools)"
    if table is ORGS:
        return f"({row}.entity IS DISTINCT FROM 'School' OR {row}.id IN (FROM my_schools))"
    if table is DEMOGRAPHICS:
        return f"{row}.id IN (SELECT id FROM mine_{USERS.name})"
    if table not in PLACED_BY:
        return "TRUE"
    here = f"coalesce(list_has_any({schools_of(table, row)}, {mine}), FALSE)"
    return f"({here} OR {row}.id IN ({_used()}))" if table is COURSES else here


def _used() -> str:
    """Courses of classes at these schools."""
    at = "schoolSourcedId IN (FROM my_schools)"
    return f"""
        SELECT courseSourcedId FROM store_{CLASSES.name} WHERE status = 'active' AND {at}
        UNION ALL SELECT courseSourcedId FROM shaped_{CLASSES.name} WHERE {_MEANT} AND {at}"""
