"""How long the store keeps tombstones, values before and after a change in the history, and what was delivered."""

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
    execute(con, "several.expire_former_links", district=district)
    sent = number(execute(con, "history.expire_sent", district=district, before=before))
    return Expired(tombstones=tombstones, history=values, sent=sent)
