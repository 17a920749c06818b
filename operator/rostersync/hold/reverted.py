"""Records that a restore brought back lately, and that a plan would change back to what they were before it."""

from collections.abc import Collection
from datetime import UTC, timedelta

from rostersync.model import Cause
from rostersync.roster import Table
from rostersync.tables.context import Context
from rostersync.tables.recorded import METADATA, by_key, value, values_of
from rostersync.tables.sql import in_list, literal, q

REMEMBERED = timedelta(days=30)


def reverted(context: Context, restores: Collection[int]) -> int:
    """How many such records the changes of a plan have. `restores`: the revisions that were restores.

    Brought back and deleted again, removed and created again, or an attribute that would have the value that the restore
    replaced. Of several restores of a record, the newest counts. Who approved a plan that undid it has decided about the
    record, so it counts no more.
    """
    if not restores:
        return 0
    context.con.execute(
        "SET VARIABLE restored_since = ?::TIMESTAMP",
        [(context.as_of - REMEMBERED).astimezone(UTC).replace(tzinfo=None)],
    )
    revisions = ", ".join(str(int(r)) for r in restores)
    return sum(_reverted(context, table, revisions) for table in context.tables)


def _reverted(context: Context, table: Table, revisions: str) -> int:
    entities = in_list(e.value for e in table.entities)
    columns = ", ".join(q(n) for n in ("id", "entity", *table.names, "metadata"))
    back = " OR ".join(_back(table, name) for name in ("entity", *table.names))
    undone = " OR ".join(_undone(table, name) for name in ("entity", *table.names))
    return int(
        context.one(f"""
        WITH every AS (
            SELECT id, revision, change, before FROM store_history
            WHERE revision IN ({revisions}) AND cause = {literal(Cause.RESTORED)} AND entity IN {entities}
              AND applied_at > getvariable('restored_since')),
        restored AS (
            SELECT id, revision, change, {values_of(table, "before")} AS b, {by_key("before")} AS bk,
              coalesce(map_keys({by_key("before")}), []) AS keys
            FROM every SEMI JOIN (SELECT id, max(revision) AS revision FROM every GROUP BY id) USING (id, revision)),
        later AS (
            SELECT h.id, h.revision, h.change, {values_of(table, "h.after")} AS x, {by_key("h.after")} AS xk,
              coalesce(map_keys({by_key("h.before")}), []) AS keys
            FROM store_history h JOIN restored o ON o.id = h.id AND h.revision > o.revision WHERE h.entity IN {entities}),
        decided AS (
            SELECT o.id FROM restored o JOIN later h ON h.id = o.id
            WHERE (o.change = 'Create' AND h.change = 'Delete') OR (o.change = 'Delete' AND h.change = 'Create')
              OR (o.change = 'Update' AND h.change = 'Update' AND ({undone} OR {_keys_undone()}))),
        coming AS (
            SELECT {columns} FROM (SELECT {columns} FROM final_{table.name} UNION ALL SELECT {columns} FROM trimmed_{table.name})
            SEMI JOIN restored USING (id)),
        there AS (SELECT {columns} FROM store_{table.name} SEMI JOIN restored USING (id) WHERE status = 'active')
        SELECT count(*) FROM restored o JOIN changes_{table.name} c ON c.id = o.id
        LEFT JOIN coming r ON r.id = o.id LEFT JOIN there s ON s.id = o.id
        WHERE o.id NOT IN (FROM decided) AND (
          (o.change = 'Create' AND c.change = 'Delete') OR (o.change = 'Delete' AND c.change = 'Create')
          OR (o.change = 'Update' AND c.change = 'Update' AND ({back} OR {_keys_back()})))
        """)
    )


def _back(table: Table, name: str) -> str:
    """Whether an attribute gets the value that the restore replaced."""
    was = value(table, "o.b", name)
    named = f"list_contains(o.keys, {literal(name)})"
    return f"({named} AND r.{q(name)} IS NOT DISTINCT FROM {was} AND s.{q(name)} IS DISTINCT FROM {was})"


def _keys_back() -> str:
    """The same for single keys of metadata."""
    was = "(map_extract_value(o.bk, k)->>'$')"
    new, now = (f"map_extract_value({of}.metadata, substr(k, {len(METADATA) + 1}))" for of in "rs")
    return (
        f"len(list_filter(o.keys, lambda k: starts_with(k, {literal(METADATA)}) "
        f"AND {new} IS NOT DISTINCT FROM {was} AND {now} IS DISTINCT FROM {was})) > 0"
    )


def _undone(table: Table, name: str) -> str:
    """Whether a later plan gave an attribute the value that the restore replaced."""
    was, then = value(table, "o.b", name), value(table, "h.x", name)
    both = f"list_contains(o.keys, {literal(name)}) AND list_contains(h.keys, {literal(name)})"
    return f"({both} AND {then} IS NOT DISTINCT FROM {was})"


def _keys_undone() -> str:
    """The same for single keys of metadata."""
    was, then = "(map_extract_value(o.bk, k)->>'$')", "(map_extract_value(h.xk, k)->>'$')"
    return (
        f"len(list_filter(o.keys, lambda k: starts_with(k, {literal(METADATA)}) AND list_contains(h.keys, k) "
        f"AND {then} IS NOT DISTINCT FROM {was})) > 0"
    )
