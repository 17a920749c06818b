"""The tables of the embedded store, built from roster.TABLES so that an attribute cannot be forgotten here."""

from pathlib import Path

import duckdb

from rostersync.errors import Permanent
from rostersync.roster import TABLES
from rostersync.stores.columns import attributes
from rostersync.stores.embedded.statements import execute

FORMAT = "1"
OF_SEVERAL = "2"  # of a file with the roster of several sources, which versions without them would misread
# The oldest DuckDB that can read the file. Raised only on purpose, with FORMAT: otherwise a newer DuckDB would
# silently lock the older ones out.
STORAGE_VERSION = "v2.0.0"

_OTHERS = ("revisions", "sources", "schools", "history", "aliases", "outbox", "meta")
# Tables that came later. Versions without them read and write the file as before, so FORMAT stays.
LATER = ("sent", "owners")


def create(con: duckdb.DuckDBPyConnection) -> None:
    """Creates all tables in the empty database attached as `store`."""
    for table in TABLES:
        body = ",\n  ".join(f"{column} {kind}" for column, kind in attributes(table))
        execute(con, "schema.roster_table", {"table": table.name, "columns": body})
    for name in _OTHERS:
        execute(con, f"schema.{name}")
    add_later(con)
    execute(con, "schema.set_format", format=FORMAT)


def add_later(con: duckdb.DuckDBPyConnection) -> None:
    """Creates the tables that a store of an earlier version lacks, in the database attached as `store`."""
    for name in (*LATER, "aliases_tbl"):
        execute(con, f"schema.{name}")


def has(con: duckdb.DuckDBPyConnection, table: str) -> bool:
    """Whether the database attached as `store` has a table that came later. Nothing has written to it without."""
    return execute(con, "schema.has", table=table).fetchone() is not None


def check_format(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Refuses a store of another format, attached as `store` from the file at `path`."""
    try:
        row = execute(con, "schema.format").fetchone()
    except duckdb.Error as error:
        raise Permanent(
            f"The store file {path} is a DuckDB database, but not a roster store; check the store's path.",
            reason="NotAStore",
            detail=str(error),
        ) from None
    if row is None or row[0] not in (FORMAT, OF_SEVERAL):
        raise Permanent(
            f"The store {path} has format {row[0] if row else 'none'}, this version reads formats {FORMAT} and "
            f"{OF_SEVERAL}; use the version of rostersync that wrote it, or a newer one.",
            reason="StoreFormat",
        )
