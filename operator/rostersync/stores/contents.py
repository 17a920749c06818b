"""All that a store has of a district, as files of one form, so that a district can move from one kind of store to another.

A file for each table, whatever kind of store wrote it. Hashes are UUIDs in it, times are UTC. The digest of a table does not depend on
the order of its rows.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

import duckdb

from rostersync.errors import Permanent
from rostersync.roster import BY_NAME, TABLES
from rostersync.stores.columns import attributes
from rostersync.stores.engine import literal

Columns = list[tuple[str, str]]  # (quoted name, the engine's type)
Digest = tuple[int, int]  # how many rows, and the sum of their hashes

_OTHERS = {
    "revisions": "district, revision:BIGINT, source, run, digest, decided_by, approval_uid, approver_reason, "
    "four_eyes_enforced:BOOLEAN, applied_at:TIMESTAMP, counts, config_hash",
    "sources": "district, source, memory",
    "schools": "district, source, sis_id, target_id, revision:BIGINT",
    "history": "district, source, revision:BIGINT, entity, id, change, cause, before, after, applied_at:TIMESTAMP",
    "aliases": "district, tbl, source, id, record_id",
    "owners": "district, tbl, id, attribute, source",
    "outbox": "district, revision:BIGINT, delivery, state",
    "sent": "district, delivery, revision:BIGINT, place, sent_at:TIMESTAMP, files, config_hash",
}
NAMES = (*(t.name for t in TABLES), *_OTHERS)


def columns_of(name: str) -> Columns:
    """The columns of a table's file, in order."""
    if name in _OTHERS:
        return [(f'"{n}"', kind or "VARCHAR") for n, _, kind in (c.partition(":") for c in _OTHERS[name].split(", "))]
    begin = [(f'"{n}"', "VARCHAR") for n in ("district", "source", "id", "entity", "status")]
    return [
        *begin,
        ('"hash"', "UUID"),
        *attributes(BY_NAME[name]),
        ('"revision"', "BIGINT"),
        ('"changed_at"', "TIMESTAMP"),
    ]


def typed(name: str) -> str:
    """The columns of a table, as a select list that makes them from what a store has under these names."""
    return ", ".join(f"CAST({column} AS {kind}) AS {column}" for column, kind in columns_of(name))


def file_of(folder: Path, name: str) -> Path:
    """The file of a table."""
    return folder / f"{name}.parquet"


def rows_of(folder: Path, name: str) -> str:
    """A table's file in a statement."""
    return f"read_parquet({literal(file_of(folder, name))})"


def write_table(con: duckdb.DuckDBPyConnection, folder: Path, name: str, rows: str) -> None:
    """Writes a table's file from `rows`, a relation in a statement."""
    con.execute(f"COPY (SELECT {typed(name)} FROM {rows}) TO {literal(file_of(folder, name))} (FORMAT parquet)")


def table_digest(con: duckdb.DuckDBPyConnection, name: str, rows: str) -> Digest:
    """Of the rows of a table, whatever store they are in."""
    members = ", ".join(f"{column} := {column}" for column, _ in columns_of(name))
    [(count, total)] = con.execute(
        f"SELECT count(*), coalesce(sum(CAST(md5_number(to_json(struct_pack({members}))::VARCHAR) >> 40 AS HUGEINT)), 0) "
        f"FROM (SELECT {typed(name)} FROM {rows})"
    ).fetchall()
    return int(count), int(total)


def check(
    con: duckdb.DuckDBPyConnection, folder: Path, there: Callable[[str], Digest], names: Iterable[str] = NAMES
) -> None:
    """Compares what is `there` with the files. Raises Permanent (CopyDiffers)."""
    wrong = [name for name in names if there(name) != table_digest(con, name, rows_of(folder, name))]
    if wrong:
        raise Permanent(
            f"The copy would not be equal to what was read (in {', '.join(wrong)}); nothing was written. Run it again; if it "
            "stays, report it.",
            reason="CopyDiffers",
        )


def refuse_not_empty(where: str, district: str) -> NoReturn:
    """Refuse a target that has something else of the district."""
    raise Permanent(
        f"The target ({where}) already has a roster of district {district}, which differs; nothing was written. Copy into an "
        "empty store, or take that district out of it first.",
        reason="TargetNotEmpty",
    )
