"""Narrowing: which of a revision's changes are to be undone. Writes `chosen_<table>` (id).

Of a school are the records that belong to it now, or that the revision took away from it; demographics belong where their
person does. What such a record refers to comes back with it, if the same revision deleted it: a course, a calendar, a class, a
contact. Schools, and other people, do not: they may have a school of their own.
"""

from collections.abc import Collection

from rostersync.errors import Permanent
from rostersync.model import Entity
from rostersync.roster import BY_NAME, DEMOGRAPHICS, ORGS, TABLES, USERS, Attribute, Kind, Table
from rostersync.tables.context import Context
from rostersync.tables.sql import in_list, q

_BACK = "('Create', 'Update')"
_LISTED = 20  # schools that an error names


def narrow(context: Context, entities: Collection[Entity], schools: Collection[str]) -> None:
    """Choose among `undone_<table>` of every table. Nothing given means everything.

    `schools`: ids of the store, or of the SIS for schools that were ever imported, or names. Raises Permanent
    (UnknownSchool) that lists the ids there are.
    """
    _lay_out_schools(context, schools)
    for table in TABLES:
        context.sql(f"""
            CREATE OR REPLACE TEMP TABLE chosen_{table.name} AS
            SELECT id FROM undone_{table.name} u
            WHERE {_of(entities)} AND {_at(table) if schools else "TRUE"}
        """)
    if schools:
        while sum(_referred(context, table, entities) for table in reversed(TABLES)):
            pass  # until nothing that was added refers to anything more


def _lay_out_schools(context: Context, schools: Collection[str]) -> None:
    """Make `only_schools` (asked, id): of the id in the store, else in the source, else of the name in any case."""
    context.con.execute(
        "CREATE OR REPLACE TEMP TABLE asked_schools AS SELECT unnest($1::VARCHAR[]) AS id", [sorted(set(schools))]
    )
    context.sql("""
        CREATE OR REPLACE TEMP TABLE known_schools AS
        SELECT id, id AS word, 1 AS rank FROM store_orgs WHERE entity = 'School'
        UNION SELECT id, id, 1 FROM undone_orgs WHERE 'School' IN (entity, counted)
        UNION SELECT target_id, sis_id, 2 FROM store_schools
        UNION SELECT id, lower(trim(name)), 3 FROM store_orgs WHERE entity = 'School' AND name IS NOT NULL
    """)
    context.sql("""
        CREATE OR REPLACE TEMP TABLE only_schools AS
        SELECT a.id AS asked, k.id FROM asked_schools a
        JOIN known_schools k ON k.word = CASE k.rank WHEN 3 THEN lower(trim(a.id)) ELSE a.id END
        QUALIFY k.rank = min(k.rank) OVER (PARTITION BY a.id)
    """)
    several = context.con.execute("""
        SELECT o.asked, list(o.id ORDER BY o.id) FROM only_schools o
        WHERE o.asked NOT IN (SELECT word FROM known_schools WHERE rank < 3) GROUP BY 1 HAVING count(*) > 1 ORDER BY 1
    """).fetchall()
    if several:
        word, ids = several[0]
        raise Permanent(f"Several schools are called {word}: {', '.join(ids)}. Give an id.", reason="UnknownSchool")
    unknown = context.con.execute("""
        SELECT id FROM asked_schools WHERE id NOT IN (SELECT asked FROM only_schools) ORDER BY id
    """).fetchall()
    if unknown:
        known = [id_ for (id_,) in context.con.execute("SELECT DISTINCT id FROM known_schools ORDER BY id").fetchall()]
        more = f" and {len(known) - _LISTED:,} more" if len(known) > _LISTED else ""
        raise Permanent(
            f"The roster of district {context.district} never had a school {', '.join(id_ for (id_,) in unknown)}; nothing is "
            f"planned. There are: {', '.join(known[:_LISTED]) or 'none'}{more}.",
            reason="UnknownSchool",
        )


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
