"""Undo: what it takes to have each record as it was before a revision, from the store's history alone.

Writes `undone_<table>`: id, entity, verdict, schools (before and after), left_alone (attributes that were changed since),
expired, and the values that the record would have. The verdict is:

- `Same`: the record is as it was already
- `Create`, `Update`, `Delete`: what brings it back
- `Conflict`: somebody else changed it since, so it is left alone

What is again as the revision left it was not changed since, whatever happened to it in between.
"""

from rostersync.roster import TABLES, Table
from rostersync.stores.as_of import as_of, drop, whole_since
from rostersync.tables.belonging import PLACED_BY, schools_of
from rostersync.tables.context import Context
from rostersync.tables.recorded import METADATA, by_key, value, values_of
from rostersync.tables.sql import in_list, literal, q

_LEFT = "left_"  # begins the views of the roster as a revision left it


def lay_out_changed_since(context: Context, revision: int) -> None:
    """Make `changed_since_<table>` (id): records that a revision created and that are not as it left them.

    Where values of later revisions have expired, every record that one of them changed counts as changed.
    """
    for table in TABLES:
        context.sql(f"""
            CREATE OR REPLACE TEMP TABLE changed_since_{table.name} AS
            SELECT DISTINCT h.id FROM store_history h
            SEMI JOIN (FROM store_history WHERE revision > {revision}) later ON later.id = h.id
              AND later.entity IN {_entities(table)}
            WHERE h.revision = {revision} AND h.change = 'Create' AND h.entity IN {_entities(table)}
        """)
    touched = [table for table in TABLES if context.exists(f"changed_since_{table.name}")]
    if not touched or whole_since(context.con) > revision:
        return
    as_of(context.con, revision, _LEFT)
    for table in touched:
        same = " AND ".join(f"s.{q(n)} IS NOT DISTINCT FROM l.{q(n)}" for n in ("entity", *table.names))
        keys = " IS NOT DISTINCT FROM ".join(f"list_sort(map_entries({of}.metadata))" for of in "sl")
        context.sql(f"""
            DELETE FROM changed_since_{table.name} WHERE id IN (
                SELECT s.id FROM store_{table.name} s JOIN {_LEFT}{table.name} l ON l.id = s.id AND l.status = s.status
                WHERE s.status = 'active' AND {same} AND {keys})
        """)
    drop(context.con, _LEFT)


def lay_out_undone(context: Context, table: Table, revision: int) -> None:
    """Make `undone_<table>` for the changes of a revision, from `changed_since_<table>`, the store and its history."""
    names = ("entity", *table.names)
    before = {name: value(table, "h.b", name) for name in names} | {"entity": "coalesce(h.b.entity, h.counted)"}
    stands = {name: f"s.{q(name)} IS NOT DISTINCT FROM {value(table, 'h.x', name)}" for name in names}
    differs = {name: f"s.{q(name)} IS DISTINCT FROM {before[name]}" for name in names}
    undone = {
        name: f"CASE h.change WHEN 'Update' THEN CASE WHEN list_contains(h.keys, {literal(name)}) AND {stands[name]} "
        f"THEN {before[name]} ELSE s.{q(name)} END WHEN 'Delete' THEN {before[name]} ELSE s.{q(name)} END"
        for name in names
    }
    named = {name: f"list_contains(h.keys, {literal(name)})" for name in names}
    back = ", ".join(f"CASE WHEN {named[n]} AND {stands[n]} AND {differs[n]} THEN {literal(n)} END" for n in names)
    away = ", ".join(f"CASE WHEN {named[n]} AND NOT {stands[n]} AND {differs[n]} THEN {literal(n)} END" for n in names)
    equal = " AND ".join(f"NOT {differs[n]}" for n in names) + " AND s.metadata IS NOT DISTINCT FROM h.b.metadata"
    columns = ", ".join(q(n) for n in (*table.names, "metadata"))
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE undone_{table.name} AS
        WITH h AS (
            SELECT id, entity AS counted, change, (change <> 'Create' AND before IS NULL) AS expired,
              {values_of(table, "before")} AS b, {values_of(table, "after")} AS x,
              {by_key("before")} AS bk, {by_key("after")} AS xk, coalesce(map_keys({by_key("before")}), []) AS keys
            FROM store_history WHERE revision = {revision} AND entity IN {_entities(table)}),
        judged AS (
            SELECT h.id, h.counted, h.change, h.expired, s.id IS NOT NULL AS there, since.id IS NOT NULL AS since,
              list_concat(list_filter([{back}], lambda n: n IS NOT NULL), {_keys(stand=True)}) AS back,
              list_concat(list_filter([{away}], lambda n: n IS NOT NULL), {_keys(stand=False)}) AS away,
              ({equal}) AS equal, {schools_of(table, "s")} AS now, {schools_of(table, "h.b2")} AS was,
              {", ".join(f"{undone[n]} AS {q(n)}" for n in names)}, {_metadata()} AS metadata
            FROM (SELECT *, struct_pack(id := id, {_located(table)}) AS b2 FROM h) h
            LEFT JOIN (SELECT * FROM store_{table.name} WHERE status = 'active') s ON s.id = h.id
            LEFT JOIN changed_since_{table.name} since ON since.id = h.id)
        SELECT id, counted, coalesce(expired, FALSE) AS expired,
          CASE
            WHEN change = 'Create' AND NOT there THEN 'Same'
            WHEN change = 'Create' THEN CASE WHEN since THEN 'Conflict' ELSE 'Delete' END
            WHEN change = 'Delete' AND there THEN CASE WHEN equal THEN 'Same' ELSE 'Conflict' END
            WHEN change = 'Delete' THEN 'Create'
            WHEN NOT there THEN 'Conflict'
            WHEN len(back) > 0 THEN 'Update' WHEN len(away) > 0 THEN 'Conflict' ELSE 'Same' END AS verdict,
          CASE WHEN change = 'Update' AND there THEN away ELSE [] END AS left_alone,
          list_filter(list_concat(coalesce(now, []), coalesce(was, [])), lambda o: o IS NOT NULL) AS schools,
          coalesce(entity, counted) AS entity, {columns}
        FROM judged
    """)


def _entities(table: Table) -> str:
    return in_list(e.value for e in table.entities)


def _located(table: Table) -> str:
    """The members of a record that place it in a school, as they were before."""
    name = PLACED_BY.get(table)
    return f"{name} := b.{name}" if name else "entity := b.entity"


def _keys(*, stand: bool) -> str:
    """Metadata keys of the change that are not as before: those that still have the revision's value, or the others."""
    now = f"map_extract_value(s.metadata, substr(k, {len(METADATA) + 1}))"
    before, after = "(map_extract_value(h.bk, k)->>'$')", "(map_extract_value(h.xk, k)->>'$')"
    stands = f"{now} IS NOT DISTINCT FROM {after}"
    which = f"({stands})" if stand else f"NOT ({stands})"
    return (
        f"list_filter(h.keys, lambda k: starts_with(k, {literal(METADATA)}) AND {which} "
        f"AND {now} IS DISTINCT FROM {before})"
    )


def _metadata() -> str:
    """The metadata that a record would have: before a Delete all of it, before an Update single keys."""
    start = len(METADATA) + 1
    now, after = f"map_extract_value(s.metadata, substr(k, {start}))", "(map_extract_value(h.xk, k)->>'$')"
    mine = f"list_filter(h.keys, lambda k: starts_with(k, {literal(METADATA)}) AND {now} IS NOT DISTINCT FROM {after})"
    others = f"list_filter(coalesce(map_entries(s.metadata), []), lambda e: NOT list_contains({mine}, {literal(METADATA)} || e.key))"
    old = (
        f"list_filter(list_transform({mine}, lambda k: struct_pack(key := substr(k, {start}), "
        "value := map_extract_value(h.bk, k)->>'$')), lambda e: e.value IS NOT NULL)"
    )
    both = f"list_sort(list_concat({others}, {old}))"
    updated = f"CASE WHEN len({both}) > 0 THEN map_from_entries({both}) END"
    return f"CASE h.change WHEN 'Delete' THEN h.b.metadata WHEN 'Update' THEN {updated} ELSE s.metadata END"
