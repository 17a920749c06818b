"""What the store has of each table, read once a plan. Much work is skipped where it has nothing."""

from collections.abc import Mapping

from duckdb import DuckDBPyConnection

from rostersync.roster import TABLES
from rostersync.tables.context import Stored, read_only

_HAS = """
    SELECT '{0}', coalesce(bool_or(status = 'active'), FALSE), coalesce(bool_or(status = 'tobedeleted'), FALSE)
    FROM store_{0}"""
_KEYS = """
    SELECT DISTINCT '{0}', unnest(map_keys(metadata)) FROM store_{0} WHERE status = 'active' AND metadata IS NOT NULL"""


def stored(con: DuckDBPyConnection) -> Mapping[str, Stored]:
    """What `store_<table>` has, by name of the table."""
    known = con.execute(_of_each(_HAS, [table.name for table in TABLES])).fetchall()
    filled = [name for name, active, _ in known if active]
    keys: dict[str, set[str]] = {}
    for name, key in con.execute(_of_each(_KEYS, filled)).fetchall() if filled else ():
        keys.setdefault(name, set()).add(key)
    return read_only(
        {name: Stored(active, tombstones, frozenset(keys.get(name, ()))) for name, active, tombstones in known}
    )


def _of_each(select: str, names: list[str]) -> str:
    return " UNION ALL ".join(select.format(name) for name in names)
