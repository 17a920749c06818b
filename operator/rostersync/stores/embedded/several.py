"""The roster that several sources make together, in the file: what plans read of it, and what an apply writes beside it."""

from typing import Any

import duckdb

from rostersync.roster import TABLES
from rostersync.stores.columns import columns
from rostersync.stores.embedded import schema
from rostersync.stores.embedded.statements import execute
from rostersync.stores.several import ROSTER, RosterToApply, Several, several_as_text, several_from_text


def memory(con: duckdb.DuckDBPyConnection, district: str) -> Several | None:
    """What is kept of a district with several sources. None: it has one, or never had more."""
    found = execute(con, "several.memory", district=district, roster=ROSTER).fetchone()
    return several_from_text(found[0]) if found else None


def attach_others(con: duckdb.DuckDBPyConnection, roster: str) -> None:
    """The views of StoreReader.attach_others, beside those of a source. `roster`: the source that the roster is kept under."""
    execute(con, "several.roster_source", source=roster)
    for table in TABLES:
        names = {"table": table.name, "columns": columns(table)}
        execute(con, "several.others_view", names)
        execute(con, "several.roster_view", names)
    empty = "" if schema.has(con, "owners") else "_empty"
    for name in ("links_view", "owners_view"):
        execute(con, f"several.{name}{empty}")


def drop(con: duckdb.DuckDBPyConnection) -> None:
    """Drop these views."""
    for view in (*(f"{kind}_{t.name}" for t in TABLES for kind in ("others", "roster")), "store_links", "store_owners"):
        execute(con, "several.drop_view", {"view": view})


def begin(con: duckdb.DuckDBPyConnection, district: str, roster: RosterToApply) -> None:
    """Take the one source's records for the roster so far, if there is none yet."""
    if not roster.taken_from or memory(con, district) is not None:
        return
    scope: dict[str, Any] = {"district": district, "roster": ROSTER, "taken_from": roster.taken_from}
    for table in TABLES:
        execute(con, "several.take_records", {"table": table.name}, **scope)
    execute(con, "several.take_history", **scope)
    set_format(con)


def set_format(con: duckdb.DuckDBPyConnection) -> None:
    """Keep versions away that would misread the file."""
    execute(con, "several.set_format", format=schema.OF_SEVERAL)


def remember(con: duckdb.DuckDBPyConnection, district: str, roster: RosterToApply) -> None:
    """Write which contributions are one, whose values stand, and what is kept of the district."""
    execute(con, "several.open_links", file=str(roster.links))
    execute(con, "several.open_owners", file=str(roster.owners))
    former = ("forget_former_links", "keep_former_links", "drop_former_links")
    for name in (*former, "delete_links", "insert_links", "delete_owners", "insert_owners"):
        execute(con, f"several.{name}", district=district)
    execute(con, "several.insert_memory", district=district, roster=ROSTER, memory=several_as_text(roster.memory))
