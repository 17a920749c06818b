"""Narrowing: which of a revision's changes are to be undone. Writes `chosen_<table>` (id).

Of a school are the records that belong to it now, or that the revision took away from it; demographics belong where their
person does. What such a record refers to comes back with it, if the same revision deleted it: a course, a calendar, a class, a
contact. Schools, and other people, do not: they may have a school of their own.
"""

from collections.abc import Collection

from rostersync.model import Entity
from rostersync.roster import BY_NAME, DEMOGRAPHICS, ORGS, TABLES, USERS, Attribute, Kind, Table
from rostersync.sync.restore.schools import lay_out_schools
from rostersync.tables.context import Context
from rostersync.tables.sql import in_list, q

_BACK = "('Create', 'Update')"


def narrow(context: Context, entities: Collection[Entity], schools: Collection[str]) -> None:
    """Choose among `undone_<table>` of every table. Nothing given means everything.

    `schools`: ids of the store, or of the SIS for schools that were ever imported, or names. Raises Permanent
    (UnknownSchool) that lists the ids there are.
    """
    lay_out_schools(context.con, context.district, schools)
    for table in TABLES:
        context.sql(f"""
            CREATE OR REPLACE TEMP TABLE chosen_{table.name} AS
            SELECT id FROM undone_{table.name} u
            WHERE {_of(entities)} AND {_at(table) if schools else "TRUE"}
        """)
    if schools:
        while sum(_referred(context, table, entities) for table in reversed(TABLES)):
            pass  # until nothing that was added refers to anything more


def _of(entities: Collection[Entity]) -> str:
    """Records that are of one of the entities, before or after."""
    wanted = in_list(e.value for e in entities)
    return f"(u.counted IN {wanted} OR u.entity IN {wanted})" if entities else "TRUE"


def _at(table: Table) -> str:
    schools = "(SELECT coalesce(list(id), []) FROM only_schools)"
    if table is not DEMOGRAPHICS:
        return f"coalesce(list_has_any(u.schools, {schools}), FALSE)"
    return f"""u.id IN (
        SELECT id FROM store_users WHERE status = 'active' AND list_has_any(orgSourcedIds, {schools})
        UNION ALL SELECT id FROM undone_users WHERE list_has_any(schools, {schools}))"""


def _referred(context: Context, table: Table, entities: Collection[Entity]) -> int:
    """Add what the chosen records of a table refer to. Returns how many records that were."""
    return sum(_added(context, table, attribute, entities) for attribute in table.references)


def _added(context: Context, table: Table, attribute: Attribute, entities: Collection[Entity]) -> int:
    target = BY_NAME[str(attribute.target)]
    value = f"unnest(r.{q(attribute.name)})" if attribute.kind is Kind.REFS else f"r.{q(attribute.name)}"
    no_school = "u.entity <> 'School'" if target is ORGS else "TRUE"
    if target is USERS:  # a contact; who belongs to another school stays with it
        no_school = "u.entity = 'Contact'"
    before = context.one(f"SELECT count(*) FROM chosen_{target.name}")
    context.sql(f"""
        INSERT INTO chosen_{target.name}
        SELECT u.id FROM undone_{target.name} u
        WHERE u.verdict = 'Create' AND {no_school} AND {_of(entities)}
          AND u.id NOT IN (SELECT id FROM chosen_{target.name})
          AND u.id IN (
            SELECT {value} FROM undone_{table.name} r
            WHERE r.verdict IN {_BACK} AND r.id IN (SELECT id FROM chosen_{table.name}))
    """)
    return int(context.one(f"SELECT count(*) FROM chosen_{target.name}")) - int(before)
