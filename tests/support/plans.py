"""Plans written by hand: folders as the pipeline freezes them, so that the store can be tested without it."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from rostersync.model import Entity
from rostersync.roster import BY_ENTITY, METADATA_TYPE, SQL_TYPES, Table
from rostersync.stores.engine import connect
from rostersync.stores.port import Store

DISTRICT = "springfield"
SOURCE = "focus"


@dataclass
class Row:
    """One change. `values` are the after values (Create, Update); `was` the stored ones (Update, Delete)."""

    id: str
    entity: Entity
    change: str
    cause: str = "SourceChanged"
    values: dict[str, Any] = field(default_factory=dict)
    was: dict[str, Any] = field(default_factory=dict)
    new_entity: Entity | None = None
    names: list[str] | None = None  # of what changed, where not the attributes that differ

    @property
    def changed(self) -> list[str]:
        """Names of the attributes that differ."""
        if self.names is not None:
            return self.names
        names = sorted(k for k in self.values.keys() | self.was.keys() if self.values.get(k) != self.was.get(k))
        return (["entity"] if self.new_entity else []) + names


def create(entity: Entity, id: str, cause: str = "SourceCreated", **values: Any) -> Row:  # noqa: A002
    """A record that the store does not have."""
    return Row(id, entity, "Create", cause, values)


def update(entity: Entity, id: str, was: dict[str, Any], new_entity: Entity | None = None, **values: Any) -> Row:  # noqa: A002
    """A record that the store has as `was`, and that gets `values` besides."""
    return Row(id, entity, "Update", "SourceChanged", was | values, was, new_entity)


def delete(entity: Entity, id: str, was: dict[str, Any], cause: str = "SourceMissing") -> Row:  # noqa: A002
    """A record that the store has as `was`."""
    return Row(id, entity, "Delete", cause, {}, was)


def row_hash(values: dict[str, Any]) -> int:
    """Any 128 bits that depend on the values; the pipeline has its own."""
    text = json.dumps({k: v for k, v in sorted(values.items()) if v is not None}, default=str)
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(), 16)


def write_plan(
    folder: Path,
    rows: list[Row],
    *,
    run: str = "run-1",
    base: int = 0,
    district: str = DISTRICT,
    source: str = SOURCE,
    holds: list[dict[str, Any]] | None = None,
    schools: list[list[str]] | None = None,
    **manifest: Any,
) -> Path:
    """Writes the plan of these changes to `folder` and returns it; the digest is over the changes."""
    (folder / "changes").mkdir(parents=True)
    con = duckdb.connect()
    for entity in dict.fromkeys(r.entity for r in rows):
        mine = [r for r in rows if r.entity == entity]
        _write_changes(con, BY_ENTITY[entity], folder / f"changes/{entity}.parquet", mine)
    con.close()
    digest = "sha256:" + hashlib.sha256(repr(sorted(rows, key=lambda r: (r.entity, r.id))).encode()).hexdigest()
    write_manifest(
        folder,
        digest,
        **{
            "run": run,
            "district": district,
            "source": source,
            "baseRevision": base,
            "holds": holds or [],
            "holdsTotal": len(holds or []),
            "schoolsImported": schools or [],
            "noChanges": not rows,
            "entities": [{"entity": e, "created": sum(r.entity == e for r in rows)} for e in {r.entity for r in rows}],
        }
        | manifest,
    )
    return folder


def write_manifest(folder: Path, digest: str, **fields: Any) -> None:
    """manifest.json over the files that lie in `folder`."""
    files = {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != "manifest.json"
    }
    manifest = {
        "format": 1,
        "run": "run-1",
        "district": DISTRICT,
        "source": SOURCE,
        "digest": digest,
        "baseRevision": 0,
        "configHash": "c0",
        "memory": {"prefix": "FOC-", "host": "focus.example", "configHash": "c0"},
        "entities": [],
        "connection": {"name": "springfield", "namespace": None, "uid": None},
        "holds": [],
        "holdsTotal": 0,
        "schoolsImported": [],
        "noChanges": False,
        "fourEyes": False,
        "files": files,
    } | fields
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _write_changes(con: duckdb.DuckDBPyConnection, table: Table, file: Path, rows: list[Row]) -> None:
    columns = [
        ("id", "VARCHAR"),
        ("entity", "VARCHAR"),
        ("new_entity", "VARCHAR"),
        ("change", "VARCHAR"),
        ("cause", "VARCHAR"),
        ("schools", "VARCHAR[]"),
        ("before_hash", "UHUGEINT"),
        ("hash", "UHUGEINT"),
        ("changed", "VARCHAR[]"),
        ("before", "VARCHAR"),
        *((a.name, SQL_TYPES[a.kind]) for a in table.attributes),
        ("metadata", METADATA_TYPE),
    ]
    cells = [dict(zip((n for n, _ in columns), _cells(row, [n for n, _ in columns[10:]]), strict=True)) for row in rows]
    con.execute(  # as one text: bound one by one, thousands of rows take minutes
        "CREATE OR REPLACE TEMP TABLE c AS SELECT unnest(r) FROM (SELECT unnest(from_json(?::JSON, ?)) AS r)",
        [json.dumps(cells, default=str), json.dumps([dict(columns)])],
    )
    as_uuid = "before_hash::UUID AS before_hash, hash::UUID AS hash"
    con.execute(f"COPY (SELECT * REPLACE ({as_uuid}) FROM c ORDER BY id) TO '{file}' (FORMAT parquet)")  # noqa: S608


def _cells(row: Row, names: list[str]) -> list[Any]:
    before = {
        "Create": None,
        "Update": json.dumps({k: row.was.get(k) for k in row.changed}, default=str),
        "Delete": json.dumps(row.was, default=str),
    }[row.change]
    return [
        row.id,
        row.entity,
        row.new_entity or row.entity,
        row.change,
        row.cause,
        row.values.get("schools"),
        None if row.change == "Create" else row_hash(row.was),
        None if row.change == "Delete" else row_hash(row.values),
        row.changed if row.change == "Update" else None,
        before,
        *(row.values.get(n) for n in names),
    ]


def table_rows(
    store: Store, scratch: Path, sql: str, district: str = DISTRICT, source: str | None = SOURCE
) -> list[tuple[Any, ...]]:
    """The rows of a query over the store's views (store_<table>, store_schools, store_history)."""
    con = connect(None, 1, scratch, store.reader().folders)
    try:
        store.reader().attach(con, district, source)
        return con.execute(sql).fetchall()
    finally:
        con.close()
