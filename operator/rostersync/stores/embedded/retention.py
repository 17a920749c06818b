"""How long the store keeps values that are no longer the roster's: tombstones, and before and after in the history."""

from datetime import datetime

import duckdb

from rostersync.roster import TABLES
from rostersync.stores.embedded.statements import execute, number
from rostersync.stores.port import Expired


def expire(con: duckdb.DuckDBPyConnection, district: str, before: datetime) -> Expired:
    """Removes those of changes applied before `before` (UTC, no zone), inside the caller's transaction.

    That a record changed, when and why stays in the history.
    """
    values = number(execute(con, "history.expire_values", district=district, before=before))
    tombstones = sum(
        number(execute(con, "history.expire_tombstones", {"table": t.name}, district=district, before=before))
        for t in TABLES
    )
    return Expired(tombstones=tombstones, history=values)
