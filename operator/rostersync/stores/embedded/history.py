"""The change history: every change of every record, with the values before and after it."""

from datetime import datetime

import duckdb

from rostersync.roster import Table
from rostersync.stores.changes import values_after
from rostersync.stores.embedded.statements import execute


def record(
    con: duckdb.DuckDBPyConnection, table: Table, *, district: str, source: str, revision: int, now: datetime
) -> None:
    """Writes the changes in the view `changes` into the history, inside the caller's transaction."""
    names = {"after": values_after(table)}
    execute(con, "history.insert_changes", names, district=district, source=source, revision=revision, now=now)
