"""A plan's changes of one table, from its Parquet files, as every store writes them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from rostersync.errors import BaseMoved, Permanent
from rostersync.roster import Table
from rostersync.stores.columns import quoted
from rostersync.stores.port import PlanToApply, StoreState
from rostersync.stores.sql_files import statement


def open_changes(con: duckdb.DuckDBPyConnection, changes: Mapping[str, Path], table: Table) -> bool:
    """Makes the TEMP VIEW `changes` of the table's changes, from files by entity. Returns whether there are any.

    Raises Permanent (PlanCorrupt) for hashes that lost bits and for records that change twice.
    """
    files = [str(changes[e]) for e in table.entities if e in changes]
    if not files:
        return False
    _run(con, "plan_files", files=files)
    if {kind for (kind,) in _run(con, "hash_types").fetchall()} != {"UUID"}:
        raise Permanent(f"The plan's changes of {table.name} have hashes that are not UUIDs.", reason="PlanCorrupt")
    _run(con, "changes_view")
    [(repeated,)] = _run(con, "repeated_ids").fetchall()
    if repeated:
        raise Permanent(f"The plan changes {repeated} records of {table.name} twice; plan again.", reason="PlanCorrupt")
    return True


def check_base(found: StoreState, plan: PlanToApply) -> None:
    """Refuses a plan that was made on another revision than the one found, or before somebody was forgotten.

    Such a plan could bring the person back: it may have values of the former record, or references to it. Raises
    BaseMoved.
    """
    if found.revision != plan.base_revision:
        raise BaseMoved(
            f"The plan was made on revision {plan.base_revision} of the store, which is at {found.revision} now; "
            "plan again from the staged extract."
        )
    if found.last is not None and found.last.forgotten != plan.memory.forgotten:
        raise BaseMoved("Somebody was forgotten after the plan was made, and it may name the person; plan again.")


def check_records(moved: int, table: Table) -> None:
    """Refuses a plan if records are not what it saw. Raises BaseMoved."""
    if moved:
        raise BaseMoved(
            f"{moved} records of {table.name} in the store are not what the plan saw; plan again from the staged "
            "extract."
        )


def values_after(table: Table) -> str:
    """SQL over `changes`: a JSON object of the new values of the attributes listed in `changed`, and of a new entity."""
    members = [
        f"CASE WHEN list_contains(changed, '{a}') THEN '\"{a}\":' || coalesce(to_json({quoted(a)}), 'null') END"
        for a in (*table.names, "metadata")
    ]
    one_key = "to_json(k) || ':' || coalesce(to_json(metadata[substr(k, 10)]), 'null')"
    members.append(
        "nullif(array_to_string(list_transform("
        f"list_filter(changed, lambda k: starts_with(k, 'metadata.')), lambda k: {one_key}), ','), '')"
    )
    members.append("""CASE WHEN new_entity <> entity THEN '"entity":' || to_json(new_entity) END""")
    return "'{' || concat_ws(',', " + ", ".join(members) + ") || '}'"


def _run(con: duckdb.DuckDBPyConnection, name: str, **values: Any) -> duckdb.DuckDBPyConnection:
    return con.execute(statement(Path(__file__).parent, f"changes.{name}"), values or None)
