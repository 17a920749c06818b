"""The roster as it was read, in the engine: a compressed file for each table, made from one snapshot of the server.

History is not copied: its view asks the server when somebody reads it, as far as the revision that was read.
"""

import shutil
import uuid
import weakref
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from rostersync.roster import METADATA_TYPE, SQL_TYPES, TABLES, Kind, Table
from rostersync.scratch import own
from rostersync.stores.columns import empty_columns, quoted
from rostersync.stores.engine import literal
from rostersync.stores.postgres import packed, several
from rostersync.stores.postgres.failures import is_of_server, translated
from rostersync.stores.postgres.history import History
from rostersync.stores.postgres.login import Login
from rostersync.stores.postgres.session import Scope, Session
from rostersync.stores.postgres.table_file import TableFile
from rostersync.stores.sql_files import statement

_STREAM = "postgres_stream"
_HISTORY = "postgres_history"
_SMALL = ("schools", "revisions", "outbox", "sent")


def keep(con: duckdb.DuckDBPyConnection, session: Session, scratch: Path, source: str | None) -> Path:
    """Copies the district of the session's transaction into `con`, and makes the views of StoreReader.attach.

    A source that was asked for is not sent with each of its records. Returns the folder of the copy.
    """
    folder = own(scratch) / f"base-{uuid.uuid4().hex[:8]}"
    folder.mkdir(mode=0o700)
    weakref.finalize(con, shutil.rmtree, folder, True)
    ask(con, "source", source=source)
    session.run("read.without_compiling")
    for table in TABLES:
        path = folder / f"{table.name}.parquet"
        if source and _keep_packed(session, table, path):
            rest = folder / f"{table.name}-removed.parquet"
            _keep_table(session, table, rest, None, "read.roster_removed")
            ask(con, "packed_view", _names(table, path) | {"entity": table.entities[0], "removed": literal(rest)})
        else:
            _keep_table(session, table, path, source)
            known = "getvariable('postgres_source') AS source" if source else "source"
            ask(con, "roster_view", _names(table, path) | {"source": known})
    for name in _SMALL:
        with session.stream(f"read.{name}") as rows:
            _read(con, session, "small_table", rows, {"name": name})
    ask(con, "schools_view")
    return folder


def keep_others(con: duckdb.DuckDBPyConnection, session: Session, folder: Path) -> None:
    """Copies what the district's other sources contributed, and what they make together, in the same transaction."""
    there = several.is_there(session)
    for name in ("aliases", "owners"):
        if there:
            with session.stream(f"several.{name}") as rows:
                _read(con, session, "small_table", rows, {"name": name})
    for table in TABLES:
        path = folder / f"others-{table.name}.parquet"
        _keep_table(session, table, path, None, "several.others")
        ask(con, "others_view", _names(table, path))
        ask(con, "kept_roster_view", _names(table, path))


def show_others(con: duckdb.DuckDBPyConnection, roster: str) -> None:
    """The views of StoreReader.attach_others, of what was copied."""
    ask(con, "roster_source", source=roster)
    ask(con, "links_view")
    ask(con, "owners_view")


def keep_history(con: duckdb.DuckDBPyConnection, login: Login, scratch: Path, scope: Scope) -> None:
    """Makes the view of the history, which is read when it is asked for."""
    con.register(_HISTORY, History(login, scratch, scope))
    ask(con, "history_view")


def keep_nothing(con: duckdb.DuckDBPyConnection) -> None:
    """The same views, without rows."""
    for table in TABLES:
        ask(con, "roster_view_empty", {"table": table.name, "columns": empty_columns(table)})
    ask(con, "schools_view_empty")
    ask(con, "history_view_empty")


def drop(con: duckdb.DuckDBPyConnection) -> None:
    """Drops views and tables. The files go when `con` does."""
    for name in (*(t.name for t in TABLES), "schools", "history"):
        ask(con, "drop_view", {"table": name})
    more = (f"{kind}_{table.name}" for table in TABLES for kind in ("others", "roster"))
    for view in (*more, "store_links", "store_owners"):
        ask(con, "drop_more", {"view": view})
    for name in (*_SMALL, "aliases", "owners"):
        ask(con, "drop_table", {"name": name})
    con.unregister(_HISTORY)


def ask(
    con: duckdb.DuckDBPyConnection, name: str, names: dict[str, str] | None = None, **values: Any
) -> duckdb.DuckDBPyConnection:
    """The statement `name` of base.sql, in the engine."""
    return con.execute(statement(Path(__file__).parent, f"base.{name}", names), values or None)


def _keep_packed(session: Session, table: Table, path: Path) -> bool:
    """Copies the active records of a large table. False if that cannot be done in this way."""
    names = packed.names(session, table)
    if names is None:
        return False
    try:
        with (
            session.stream("read.packed", names) as rows,
            TableFile(path, table, packed.schema(table), partial(packed.unpacked, table)) as file,
        ):
            for batch in rows:
                file.add(batch)
    except packed.Unpackable:
        return False
    return True


def _keep_table(session: Session, table: Table, path: Path, source: str | None, name: str = "read.roster") -> None:
    asked = {"table": table.name, "columns": ", ".join([*_as_sent(table), *([] if source else ["source"])])}
    with session.stream(name, asked) as rows, TableFile(path, table, rows.schema) as file:
        for batch in rows:
            file.add(batch)


def _read(
    con: duckdb.DuckDBPyConnection, session: Session, name: str, rows: pa.RecordBatchReader, names: dict[str, str]
) -> None:
    con.register(_STREAM, rows)
    try:
        ask(con, name, names)
    except duckdb.Error as error:
        if is_of_server(error):
            raise translated(error, "read", session.login) from None
        raise
    finally:
        con.unregister(_STREAM)


def _names(table: Table, path: Path) -> dict[str, str]:
    return {"table": table.name, "columns": ", ".join(_as_kept(table)), "path": literal(path)}


def _as_sent(table: Table) -> list[str]:
    """Columns as the server sends them: json as text."""
    names = [(quoted(a.name), a.kind is Kind.USER_IDS) for a in table.attributes]
    return [f"{name}::text AS {name}" if json else name for name, json in [*names, ("metadata", True)]]


def _as_kept(table: Table) -> list[str]:
    """Columns as the engine has them: lists of structs and maps made from json."""
    made = [
        f"CAST(CAST({quoted(a.name)} AS JSON) AS {SQL_TYPES[a.kind]}) AS {quoted(a.name)}"
        if a.kind is Kind.USER_IDS
        else quoted(a.name)
        for a in table.attributes
    ]
    return [*made, f"CAST(CAST(metadata AS JSON) AS {METADATA_TYPE}) AS metadata"]
