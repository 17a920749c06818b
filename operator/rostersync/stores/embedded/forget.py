"""Removes one person from the store: the record or its tombstone, its dependents, its history, and references to it."""

from typing import Any

import duckdb

from rostersync.stores.embedded import schema
from rostersync.stores.embedded.statements import execute, number
from rostersync.stores.port import Forgotten, total
from rostersync.stores.source_state import forgotten_once_more


def forget(con: duckdb.DuckDBPyConnection, district: str, record_id: str) -> Forgotten:
    """Deletes the person from the tables, inside the caller's transaction. The bytes go when the file is rewritten.

    Whatever source knows the person under whatever id, all of it goes.
    """
    ids = [row[0] for row in execute(con, "forget.same_person", district=district, id=record_id).fetchall()]
    result = total({each: _forget(con, district, each) for each in ids})
    for each in ids:
        for name in ("forget_links", "forget_owners"):
            execute(con, f"forget.{name}", district=district, id=each)
    if result.removed:
        for source, memory in execute(con, "read.memories", district=district).fetchall():
            execute(con, "forget.set_memory", district=district, source=source, memory=forgotten_once_more(memory))
    return result


def _forget(con: duckdb.DuckDBPyConnection, district: str, record_id: str) -> Forgotten:
    """What is known under one id."""
    scope: dict[str, Any] = {"district": district, "id": record_id}
    active = execute(con, "forget.person", **scope).fetchone()
    execute(con, "forget.forgotten_enrollments", **scope)
    if schema.has(con, "sent"):
        execute(con, "forget.forget_receivers", district=district)
    rows = sum(number(execute(con, f"forget.{name}", **scope)) for name in ("delete_user", "delete_demographics"))
    return Forgotten(
        rows=rows,
        enrollments=number(execute(con, "forget.delete_enrollments", **scope)),
        history=sum(
            number(execute(con, f"forget.{name}", **scope)) for name in ("delete_history", "delete_enrollment_history")
        ),
        references=sum(
            number(execute(con, f"forget.{name}", **scope)) for name in ("cut_references", "cut_history_references")
        ),
        still_active=bool(active and active[0]),
    )
