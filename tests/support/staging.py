"""Writes staged extracts: rows as the source sent them, one folder of Parquet parts a collection, and the proof."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rostersync.reading.pull_writer import resolve
from rostersync.roster import TABLES, Kind, Table

TYPES = {
    Kind.TEXT: pa.string(),
    Kind.REF: pa.string(),
    Kind.DATE: pa.string(),
    Kind.BOOLEAN: pa.string(),
    Kind.LIST: pa.list_(pa.string()),
    Kind.SET: pa.list_(pa.string()),
    Kind.REFS: pa.list_(pa.string()),
    Kind.USER_IDS: pa.list_(pa.struct([("type", pa.string()), ("identifier", pa.string())])),
}


def schema(table: Table) -> pa.Schema:
    """Columns of one collection, in their order."""
    return pa.schema(
        [
            pa.field("sourcedId", pa.string(), nullable=False),
            ("status", pa.string()),
            ("dateLastModified", pa.string()),
            *((a.name, TYPES[a.kind]) for a in table.attributes),
            ("metadata", pa.map_(pa.string(), pa.string())),
        ]
    )


def stage(
    folder: Path,
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    proof: Mapping[str, Mapping[str, Any]] | None = None,
    parts: int = 1,
) -> Path:
    """Write an extract: every collection that the proof offers (all, without one), each in so many part files."""
    folder.mkdir(parents=True, exist_ok=True)
    told = {}
    for table in TABLES:
        mine = list(rows.get(table.name, ()))
        said = (proof or {}).get(table.name, {"offered": True, "complete": True})
        if said["offered"]:
            write(folder / table.name, table, mine, parts)
        told[table.name] = {
            "offered": said["offered"],
            "complete": said["complete"],
            "rule": "Total" if said["complete"] else None,
            "total": len(mine),
            "rows": len(mine),
            "distinct": len(mine),
            "withoutID": 0,
            "pulls": 1,
            "duplicates": 0,
            "pageSize": 500,
            "requests": 1,
        }
    document = {"format": 1, "collections": told, "extractedAt": "2026-01-11T02:30:00+00:00", "version": "1.1"}
    (folder / "proof.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def write(folder: Path, table: Table, rows: Sequence[Mapping[str, Any]], parts: int) -> None:
    """One collection in `parts` files, the last ones perhaps empty."""
    folder.mkdir(parents=True, exist_ok=True)
    names = schema(table).names
    if len({row["sourcedId"] for row in rows}) < len(rows):
        parts = 1
    size = max(1, -(-len(rows) // parts))
    for number in range(parts):
        piece = [{n: staged(row.get(n), n) for n in names} for row in rows[number * size : (number + 1) * size]]
        pq.write_table(pa.Table.from_pylist(piece, schema=schema(table)), folder / f"part-{number:05d}.parquet")
    if parts == 1 and len({row["sourcedId"] for row in rows}) < len(rows):
        resolve(folder, table.name)


def staged(value: Any, name: str) -> Any:
    """A value as Arrow takes it: maps as pairs."""
    return list(value.items()) if name == "metadata" and value is not None else value
