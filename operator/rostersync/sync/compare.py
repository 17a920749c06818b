"""Compare: accepted records against the store's, by (id, mark of the values).

Reads `final_<table>`, `trimmed_<table>`, `deletes_<table>` and the store. Writes `changes_<table>`: id, entity (which
it counts under: if that changes, the old one), new_entity, change, cause, before_hash.
"""

from rostersync.model import Cause
from rostersync.roster import Table
from rostersync.tables.context import Context
from rostersync.tables.sql import literal, mark

_CREATED = literal(Cause.SOURCE_CREATED)


def compare(context: Context, differing: frozenset[str]) -> None:
    """Find the changes of every table.

    `differing` names the tables whose differing records were found while references were followed.
    """
    for table in context.tables:
        context.begin("compare", table)
        _changes(context, table, known=table.name in differing)


def _changes(context: Context, table: Table, *, known: bool) -> None:
    if not context.stored[table.name].active:
        context.sql(f"""
            CREATE OR REPLACE TEMP TABLE changes_{table.name} AS
            SELECT id, entity, entity AS new_entity, 'Create' AS change, {_CREATED} AS cause,
              NULL::UHUGEINT AS before_hash
            FROM fates_{table.name} WHERE fate IS NULL
        """)
    else:
        _differing(context, table, known=known)
    if context.stored[table.name].tombstones:
        context.sql(f"""
            UPDATE changes_{table.name} SET cause = {literal(Cause.RESTORED)}
            WHERE change = 'Create' AND id IN (SELECT id FROM store_{table.name} WHERE status = 'tobedeleted')
        """)


def _differing(context: Context, table: Table, *, known: bool) -> None:
    differing = f"SELECT *, FALSE AS trimmed FROM differing_{table.name}" if known else _joined(table)
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE changes_{table.name} AS
        WITH stored AS (SELECT id, entity, hash, {mark(table)} AS mark FROM store_{table.name} WHERE status = 'active'),
        differing AS ({differing})
        SELECT id, entity, new_entity, CASE WHEN before_hash IS NULL THEN 'Create' ELSE 'Update' END AS change,
          CASE WHEN before_hash IS NULL THEN {_CREATED} WHEN trimmed THEN {literal(Cause.CASCADE)}
            ELSE {literal(Cause.SOURCE_CHANGED)} END AS cause,
          before_hash
        FROM differing
        UNION ALL
        SELECT d.id, d.entity, d.entity, 'Delete', d.cause, s.hash
        FROM deletes_{table.name} d JOIN stored s ON s.id = d.id WHERE NOT d.deferred
    """)


def _joined(table: Table) -> str:
    """Records that are new or differ from the store's: id, entity, new_entity, before_hash, trimmed."""
    return f"""
        SELECT r.id, coalesce(s.entity, r.entity) AS entity, r.entity AS new_entity, s.hash AS before_hash, r.trimmed
        FROM (
            SELECT id, entity, {mark(table)} AS mark, FALSE AS trimmed FROM final_{table.name}
            UNION ALL SELECT id, entity, {mark(table)}, TRUE FROM trimmed_{table.name}) r
        LEFT JOIN stored s ON s.id = r.id
        WHERE s.id IS NULL OR s.mark <> r.mark"""
