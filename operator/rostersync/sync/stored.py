"""What the store has of each table, asked once a plan: much is left out of a plan where there is nothing."""

from dataclasses import dataclass

from rostersync.roster import TABLES
from rostersync.sync.context import Context


@dataclass(frozen=True)
class Stored:
    """Of one table: whether there are active records and tombstones, and the metadata keys of active ones."""

    active: bool = False
    tombstones: bool = False
    keys: frozenset[str] = frozenset()


def stored(context: Context) -> dict[str, Stored]:
    """What `store_<table>` has, by name of the table."""
    names = [table.name for table in TABLES]
    rows = context.con.execute(_all(names, """
        SELECT '{0}', coalesce(bool_or(status = 'active'), FALSE), coalesce(bool_or(status = 'tobedeleted'), FALSE)
        FROM store_{0}""")).fetchall()  # fmt: skip
    keys: dict[str, set[str]] = {name: set() for name in names}
    for name, key in context.con.execute(_all([name for name, active, _ in rows if active], """
        SELECT DISTINCT '{0}', unnest(map_keys(metadata)) FROM store_{0}
        WHERE status = 'active' AND metadata IS NOT NULL""")).fetchall() if any(row[1] for row in rows) else ():  # fmt: skip
        keys[name].add(key)
    return {name: Stored(active, tombstones, frozenset(keys[name])) for name, active, tombstones in rows}


def _all(names: list[str], select: str) -> str:
    return " UNION ALL ".join(select.format(name) for name in names)
