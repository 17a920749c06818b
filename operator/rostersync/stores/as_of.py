"""The roster as it was right after an earlier revision, told from the views of any store.

The history says what each change replaced: the attributes that an Update changed, and the whole record for a Delete. So a
record is as it is now where nothing happened to it since; elsewhere an attribute has the value that the first later change
replaced. Before a Create there was a tombstone, whose values the Delete before it has, or nothing.

Two things are as if they had never been, as they are in the store itself: people who were forgotten, and tombstones that have
expired.
"""

import json
from typing import NamedTuple

import duckdb

from rostersync.errors import Permanent
from rostersync.roster import METADATA_TYPE, SQL_TYPES, TABLES, Kind, Table


def whole_since(con: duckdb.DuckDBPyConnection) -> int:
    """The oldest revision whose roster the attached store can still tell."""
    found = con.execute(
        "SELECT max(revision) FROM store_history WHERE change <> 'Create' AND before IS NULL"
    ).fetchone()
    return int(found[0] or 0) if found else 0


def as_of(con: duckdb.DuckDBPyConnection, revision: int, prefix: str) -> None:
    """Create TEMP VIEWs `<prefix><table>` with the columns of `store_<table>`, as they were right after a revision.

    `con` has a store attached, with one source or with all. They hold until it is detached; calling this again replaces
    them. Revision 0 is the empty roster. Raises Permanent (HistoryExpired).
    """
    oldest = whole_since(con)
    if revision < oldest:
        raise Permanent(
            f"The roster of revision {revision} cannot be told any more: values that later revisions replaced have expired. "
            f"The oldest revision that is still whole is {oldest}; history.records.maxAge says how long values are kept.",
            reason="HistoryExpired",
        )
    found = con.execute(f"SELECT DISTINCT entity FROM store_history WHERE revision > {revision:d}").fetchall()
    changed = {entity for (entity,) in found}
    for table in TABLES:
        _lay_out(con, table, revision, prefix, changed=not changed.isdisjoint(table.entities))


def drop(con: duckdb.DuckDBPyConnection, prefix: str) -> None:
    """Remove the views, and what they are made from."""
    for table in TABLES:
        con.execute(f"DROP VIEW IF EXISTS {prefix}{table.name}")
        con.execute(f"DROP TABLE IF EXISTS {_former(table, prefix)}")


def _lay_out(con: duckdb.DuckDBPyConnection, table: Table, revision: int, prefix: str, *, changed: bool) -> None:
    """One table. Records that changed since are made now; the others are read from the store when they are asked for."""
    former = _former(table, prefix)
    if not changed:
        con.execute(f"CREATE OR REPLACE TEMP VIEW {prefix}{table.name} AS FROM store_{table.name}")
        return
    values = [_attribute(name, kind) for name, kind in _attributes(table)]
    columns = ", ".join(f'"{name}"' for name in (*table.names, "metadata"))
    hashed = ", ".join(f'"{name}" := "{name}"' for name in ("entity", *table.names, "metadata"))
    con.execute(f"DROP VIEW IF EXISTS {prefix}{table.name}")
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE {former} AS
        WITH {_replaced(table, revision)},
        made AS (
          SELECT f.id, f.source, f.entity, f.status, {", ".join(v.made for v in values)}
          FROM firsts f
          LEFT JOIN former r ON r.id = f.id AND r.source = f.source
          LEFT JOIN keys k ON k.id = f.id AND k.source = f.source
          LEFT JOIN store_{table.name} s ON s.id = f.id AND s.source = f.source AND f.whole_at IS NULL
          WHERE f.status IS NULL OR f.whole_at IS NOT NULL OR s.id IS NOT NULL)
        SELECT id, entity, status, md5_number(to_json(struct_pack({hashed}))::VARCHAR) AS hash, {columns}, source FROM made""")
    con.execute(f"""
        CREATE TEMP VIEW {prefix}{table.name} AS
        SELECT id, entity, status, hash, {columns}, source FROM store_{table.name} s
        WHERE NOT EXISTS (FROM {former} f WHERE f.id = s.id AND f.source = s.source)
        UNION ALL
        SELECT * FROM {former} WHERE status IS NOT NULL""")


def _replaced(table: Table, revision: int) -> str:
    """The CTEs `firsts` (records that changed since, and what they were), `former` and `keys` (values that were replaced).

    `whole_at`: the revision of the Delete that has all values. Without one, what did not change is as it is now.
    """
    entities = ", ".join(f"'{entity}'" for entity in table.entities)
    values = ", ".join(
        f'arg_min(json_extract(before, \'$."{name}"\'), revision) AS "{name}"' for name in (*table.names, "metadata")
    )
    return f"""
        history AS (SELECT id, source, revision, entity, change, before FROM store_history WHERE entity IN ({entities})),
        later AS (
          SELECT id, source, min(revision) AS first, arg_min(change, revision) AS change,
            arg_min(entity, revision) AS entity, min(revision) FILTER (change = 'Delete') AS deleted
          FROM history WHERE revision > {revision:d} GROUP BY id, source),
        tombs AS (
          SELECT h.id, h.source, max(h.revision) AS deleted, arg_max(h.entity, h.revision) AS entity,
            arg_max(h.before IS NOT NULL, h.revision) AS told
          FROM history h JOIN later l ON l.id = h.id AND l.source = h.source
          WHERE l.change = 'Create' AND h.revision <= {revision:d} AND h.change = 'Delete' GROUP BY h.id, h.source),
        firsts AS (
          SELECT l.id, l.source, coalesce(t.entity, l.entity) AS entity,
            CASE WHEN l.change <> 'Create' THEN 'active' WHEN t.told THEN 'tobedeleted' END AS status,
            CASE WHEN l.change = 'Create' THEN t.deleted ELSE l.first END AS begins_at,
            CASE WHEN l.change = 'Create' THEN coalesce(t.deleted, 0) ELSE l.deleted END AS whole_at
          FROM later l LEFT JOIN tombs t ON t.id = l.id AND t.source = l.source),
        replaced AS (
          SELECT h.id, h.source, h.revision, h.before FROM history h JOIN firsts f ON f.id = h.id AND f.source = h.source
          WHERE h.revision >= f.begins_at AND (f.whole_at IS NULL OR h.revision <= f.whole_at) AND h.before IS NOT NULL),
        former AS (SELECT id, source, {values}, min(revision) FILTER (json_exists(before, '$."metadata"')) AS all_keys_at
          FROM replaced GROUP BY id, source),
        pairs AS (
          SELECT id, source, revision, unnest(map_entries(from_json(before, '"MAP(VARCHAR, JSON)"'))) AS pair FROM replaced
          WHERE contains(before, '"metadata.')),
        key AS (
          SELECT p.id, p.source, substr(p.pair.key, 10) AS key, arg_min({{v: p.pair.value}}, p.revision).v AS value
          FROM pairs p JOIN former r ON r.id = p.id AND r.source = p.source
          WHERE starts_with(p.pair.key, 'metadata.') AND (r.all_keys_at IS NULL OR p.revision < r.all_keys_at) GROUP BY ALL),
        keys AS (
          SELECT id, source, list({{key: key, value: from_json(value, '"VARCHAR"')}}) AS pairs FROM key GROUP BY id, source)"""


class _Value(NamedTuple):
    name: str
    made: str


def _attribute(name: str, kind: str) -> _Value:
    """SQL for what an attribute was, of the relations r, k, f and s of `_lay_out`."""
    was = f"from_json(r.\"{name}\", '{json.dumps(kind)}')"
    if name == "metadata":
        base = f"map_entries(CASE WHEN r.metadata IS NULL THEN s.metadata ELSE {was} END)"
        others = f"list_filter(coalesce({base}, []), lambda e: NOT list_contains(coalesce(list_transform(k.pairs, lambda p: p.key), []), e.key))"
        changed = "list_filter(coalesce(k.pairs, []), lambda p: p.value IS NOT NULL)"
        both = f"list_sort(list_concat({others}, {changed}))"
        return _Value(name, f"CASE WHEN len({both}) > 0 THEN map_from_entries({both}) END AS metadata")
    # forget leaves an empty list where the only reference was to the person, and a roster has none.
    was = f"nullif({was}, [])" if kind == SQL_TYPES[Kind.REFS] and name.endswith("s") else was
    return _Value(name, f'CASE WHEN r."{name}" IS NULL THEN s."{name}" ELSE {was} END AS "{name}"')


def _attributes(table: Table) -> list[tuple[str, str]]:
    return [*((a.name, SQL_TYPES[a.kind]) for a in table.attributes), ("metadata", METADATA_TYPE)]


def _former(table: Table, prefix: str) -> str:
    return f"{prefix}former_{table.name}"
