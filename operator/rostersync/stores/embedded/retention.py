"""How long the store keeps former values: tombstones, and the values before and after a change in the history."""

from datetime import datetime

import duckdb

from rostersync.roster import TABLES
from rostersync.stores.embedded.statements import execute, number
from rostersync.stores.port import Expired


def expire(con: duckdb.DuckDBPyConnection, district: str, before: datetime) -> Expired:
    """Removes values of changes applied before `before` (UTC, no zone), inside the caller's transaction.

    The history keeps that a record changed, when and why.
    """
    values = number(execute(con, "history.expire_values", district=district, before=before))
    tombstones = sum(
        number(execute(con, "history.expire_tombstones", {"table": t.name}, district=district, before=before))
        for t in TABLES
    )
    return Expired(tombstones=tombstones, history=values)
