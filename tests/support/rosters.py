"""Rosters to serve that a test can change by hand, and what a store holds, to be compared."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import duckdb

from rostersync.roster import TABLES
from rostersync.simulator.events import COLLECTIONS
from rostersync.simulator.roster import Roster, Row

Content = dict[str, dict[str, Any]]


class Rows:
    """Plain rows by collection, as a Roster for the simulator."""

    name = "district by hand"

    def __init__(self, rows: dict[str, list[Row]]) -> None:
        self._rows = {name: sorted(rows.get(name, []), key=lambda row: str(row["sourcedId"])) for name in COLLECTIONS}

    def total(self, collection: str) -> int:
        """How many."""
        return len(self._rows[collection])

    def rows(self, collection: str, start: int, stop: int, base: str = "") -> Iterable[Row]:
        """Rows number start … stop-1."""
        return [dict(row) for row in self._rows[collection][max(0, start) : max(0, stop)]]

    def one(self, collection: str, sourced_id: str, base: str = "") -> Row | None:
        """The row with that id."""
        return next((dict(row) for row in self._rows[collection] if row["sourcedId"] == sourced_id), None)


def by_hand(roster: Roster) -> dict[str, list[Row]]:
    """All rows of a roster, to be changed."""
    return {name: list(roster.rows(name, 0, roster.total(name), "")) for name in COLLECTIONS}


def without(rows: list[Row], wrong: Callable[[Row], bool]) -> list[Row]:
    """The rows but those."""
    return [row for row in rows if not wrong(row)]


def ref(row: Row, key: str) -> str | None:
    """The id that a reference of a row names."""
    return (row.get(key) or {}).get("sourcedId")


def content(store: Path) -> Content:
    """Active records of a store: table -> id -> hash; empty when there is no store. Nothing is changed by looking."""
    if not store.exists():
        return {t.name: {} for t in TABLES}
    with duckdb.connect(":memory:", config={"threads": 1}) as con:
        con.execute(f"ATTACH '{store}' AS s (READ_ONLY)")
        return {
            t.name: dict(con.execute(f"SELECT id, hash FROM s.{t.name} WHERE status = 'active'").fetchall())  # noqa: S608
            for t in TABLES
        }


def revision(store: Path) -> int:
    """The store's revision; 0 when there is none."""
    if not store.exists():
        return 0
    with duckdb.connect(":memory:", config={"threads": 1}) as con:
        con.execute(f"ATTACH '{store}' AS s (READ_ONLY)")
        found = con.execute("SELECT coalesce(max(revision), 0) FROM s.revisions").fetchone()
    return int(found[0]) if found else 0


def ids(found: Content) -> dict[str, set[str]]:
    """Only the ids."""
    return {name: set(rows) for name, rows in found.items()}
