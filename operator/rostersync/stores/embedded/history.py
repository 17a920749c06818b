"""The change history: every change of every record, with the values before and after it."""

from datetime import datetime

import duckdb

from rostersync.roster import Table
from rostersync.stores.embedded import schema
from rostersync.stores.embedded.statements import execute


def record(
    con: duckdb.DuckDBPyConnection, table: Table, *, district: str, source: str, revision: int, now: datetime
) -> None:
    """Writes the changes in the view `changes` into the history, inside the caller's transaction."""
    names = {"after": _after(table)}
    execute(con, "history.insert_changes", names, district=district, source=source, revision=revision, now=now)


def _after(table: Table) -> str:
    """SQL for a JSON object of the new values of the attributes listed in `changed`, and of a new entity."""
    members = [
        f"CASE WHEN list_contains(changed, '{a}') "
        f"""THEN '"{a}":' || coalesce(to_json({schema.quoted(a)}), 'null') END"""
        for a in (*table.names, "metadata")
    ]
    one_key = "to_json(k) || ':' || coalesce(to_json(metadata[substr(k, 10)]), 'null')"
    members.append(
        "nullif(array_to_string(list_transform("
        f"list_filter(changed, lambda k: starts_with(k, 'metadata.')), lambda k: {one_key}), ','), '')"
    )
    members.append("""CASE WHEN new_entity <> entity THEN '"entity":' || to_json(new_entity) END""")
    return "'{' || concat_ws(',', " + ", ".join(members) + ") || '}'"
