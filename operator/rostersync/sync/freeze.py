"""Freeze: a plan becomes a folder of files with a digest over what it would change.

Changes go to `changes/<Entity>.parquet` in order of id, hashes as UUID since Parquet has no integer of 128 bits. The digest covers source, effective configuration and every
change with the hash of its before-image and its after values, and nothing that differs from night to night without a
difference in data (rules 8.1).
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import rfc8785

from rostersync.model import Entity
from rostersync.roster import CLASSES, COURSES, ENROLLMENTS, ORGS, USERS, Table
from rostersync.sync.context import Context, literal, q, row_hash, row_json

FORMAT = 1
_LINES = 50_000  # changes hashed at a time
_SCHOOLS = {
    ORGS: "CASE WHEN {0}.entity = 'School' THEN [{0}.id] END",
    USERS: "{0}.orgSourcedIds",
    CLASSES: "[{0}.schoolSourcedId]",
    ENROLLMENTS: "[{0}.schoolSourcedId]",
    COURSES: "CASE WHEN {0}.orgSourcedId IS NOT NULL THEN [{0}.orgSourcedId] END",
}


def write_changes(context: Context, table: Table, folder: Path) -> dict[Entity, str]:
    """The changes of a table's entities as files; returns the SHA-256 of each entity's changes in order of id."""
    digests: dict[Entity, str] = {}
    present = {row[0] for row in context.con.execute(f"SELECT DISTINCT entity FROM changes_{table.name}").fetchall()}
    for entity in table.entities:
        if entity.value in present:
            file = folder / f"{entity.value}.parquet"
            context.con.execute(
                f"COPY ({_selected(context, table, entity)}) TO {literal(str(file))} (FORMAT parquet, COMPRESSION zstd)"
            )
            digests[entity] = _digest_of(context, table, file)
    return digests


def _selected(context: Context, table: Table, entity: Entity) -> str:
    """The change rows of one entity, in order of id. Hashes go as UUID: DuckDB writes UHUGEINT to Parquet as DOUBLE."""
    name = table.name
    after = ", ".join(f"r.{q(n)}" for n in (*table.names, "metadata"))
    schools = _SCHOOLS.get(table, "NULL::VARCHAR[]")
    if not context.exists(f"(SELECT 1 FROM store_{name} WHERE status = 'active')"):
        # Everything is new: what is accepted is what is created, and nothing needs to be looked up again.
        return f"""
            SELECT r.id, r.entity, r.entity AS new_entity, 'Create' AS change, {_first_cause(context, table)} AS cause,
              {schools.format("r")} AS schools, NULL::UUID AS before_hash, {row_hash(table, "r")}::UUID AS hash,
              NULL::VARCHAR[] AS changed, NULL::VARCHAR AS before, {after}
            FROM final_{name} r WHERE r.entity = {literal(entity.value)} ORDER BY r.id"""
    changed, before = _differences(table)
    attributes = ", ".join(q(n) for n in (*table.names, "metadata"))
    return f"""
        WITH c AS (SELECT * FROM changes_{name} WHERE entity = {literal(entity.value)}),
        r AS (SELECT * FROM (
                SELECT id, entity, {attributes} FROM final_{name} UNION ALL SELECT id, entity, {attributes} FROM trimmed_{name})
              SEMI JOIN (SELECT id FROM c WHERE change <> 'Delete') USING (id)),
        s AS (SELECT * FROM store_{name} SEMI JOIN c USING (id) WHERE status = 'active')
        SELECT c.id, c.entity, c.new_entity, c.change, c.cause,
          CASE WHEN c.change = 'Create' THEN {schools.format("r")} ELSE {schools.format("s")} END AS schools,
          c.before_hash::UUID AS before_hash, c.hash::UUID AS hash,
          CASE WHEN c.change = 'Update' THEN {changed} END AS changed,
          CASE c.change WHEN 'Update' THEN {before} WHEN 'Delete' THEN {row_json(table, "s")} END AS before,
          {after}
        FROM c LEFT JOIN r ON r.id = c.id LEFT JOIN s ON s.id = c.id ORDER BY c.id"""


def _first_cause(context: Context, table: Table) -> str:
    if not context.exists(f"(SELECT 1 FROM store_{table.name} WHERE status = 'tobedeleted')"):
        return "'SourceCreated'"
    gone = f"SELECT id FROM store_{table.name} WHERE status = 'tobedeleted'"
    return f"CASE WHEN r.id IN ({gone}) THEN 'Restored' ELSE 'SourceCreated' END"


def _differences(table: Table) -> tuple[str, str]:
    """(names of the attributes that differ, JSON object of their old values), metadata key by key."""
    names, values = [], []
    for name in ("entity", *table.names):
        differs = f"r.{q(name)} IS DISTINCT FROM s.{q(name)}"
        names.append(f"CASE WHEN {differs} THEN {literal(name)} END")
        pair = f"{literal(json.dumps(name) + ':')} || coalesce(to_json(s.{q(name)})::VARCHAR, 'null')"
        values.append(f"CASE WHEN {differs} THEN {pair} END")
    keys = (
        "list_sort(list_distinct(list_concat(coalesce(map_keys(r.metadata), []), coalesce(map_keys(s.metadata), []))))"
    )
    differing = f"list_filter({keys}, lambda k: map_extract_value(r.metadata, k) IS DISTINCT FROM map_extract_value(s.metadata, k))"
    old = "coalesce(to_json(map_extract_value(s.metadata, k))::VARCHAR, 'null')"
    changed = (
        f"list_concat(list_filter([{', '.join(names)}], lambda x: x IS NOT NULL), "
        f"list_transform({differing}, lambda k: 'metadata.' || k))"
    )
    before = (
        f"'{{' || array_to_string(list_concat(list_filter([{', '.join(values)}], lambda x: x IS NOT NULL), "
        f"list_transform({differing}, lambda k: to_json('metadata.' || k)::VARCHAR || ':' || {old})), ',') || '}}'"
    )
    return changed, before


def _digest_of(context: Context, table: Table, file: Path) -> str:
    """SHA-256 of one canonical line for each change: id, change, cause, hash of the before-image, after values."""
    context.con.execute("SET preserve_insertion_order = true")
    lines = f"""
        SELECT '[' || to_json(id)::VARCHAR || ',"' || change || '","' || cause || '",'
          || coalesce('"' || before_hash::VARCHAR || '"', 'null') || ','
          || CASE WHEN change = 'Delete' THEN 'null' ELSE {row_json_of_change(table)} END || ']' || chr(10) AS line
        FROM read_parquet({literal(str(file))})"""
    digest = hashlib.sha256()
    reader: Iterable[Any] = context.con.sql(lines).to_arrow_reader(_LINES)
    for batch in reader:
        column = batch.column(0)
        # The text of all lines lies in one buffer, in order: no line becomes an object.
        buffers = column.buffers()
        offsets, text = buffers[1], buffers[2]
        first, last = _ends(offsets, column.offset, len(column), 8 if str(column.type) == "large_string" else 4)
        digest.update(memoryview(text)[first:last])
    context.con.execute("SET preserve_insertion_order = false")
    return digest.hexdigest()


def _ends(offsets: Any, start: int, length: int, width: int) -> tuple[int, int]:
    view = memoryview(offsets)
    first = int.from_bytes(view[start * width : (start + 1) * width], "little")
    last = int.from_bytes(view[(start + length) * width : (start + length + 1) * width], "little")
    return first, last


def row_json_of_change(table: Table) -> str:
    """The after values of a change row, under the entity it will have."""
    fields = ", ".join(f"{q(n)} := {q(n)}" for n in (*table.names, "metadata"))
    return f"to_json(struct_pack(entity := new_entity, {fields}))::VARCHAR"


def digest(
    district: str, source: str, config_hash: str, counts: dict[Entity, dict[str, int]], changes: dict[Entity, str]
) -> str:
    """The digest of a plan: `sha256:` and the hash of its canonical JSON (RFC 8785)."""
    document: dict[str, Any] = {
        "format": FORMAT,
        "source": {"district": district, "sourceID": source},
        "effectiveConfig": config_hash,
        "entities": {e.value: {**counts[e], "changes": changes[e]} for e in Entity if e in changes},
    }
    return "sha256:" + hashlib.sha256(rfc8785.dumps(document)).hexdigest()


def write_issues(context: Context, folder: Path) -> list[dict[str, Any]]:
    """`issues.parquet`, and the issues grouped: {code, entity, attribute, class, count}, most frequent first."""
    file = folder / "issues.parquet"
    context.con.execute(
        f"COPY (SELECT * FROM issues ORDER BY entity, id, class, code, attribute, rule) TO {literal(str(file))} (FORMAT parquet)"
    )
    rows = context.con.execute("""
        SELECT code, entity, attribute, class, count(*) FROM issues GROUP BY ALL ORDER BY 5 DESC, 1, 2, 3, 4
    """).fetchall()
    names = ("code", "entity", "attribute", "class", "count")
    return [{k: v for k, v in zip(names, row, strict=True) if v is not None} for row in rows]


def write_rekeyed(context: Context, folder: Path) -> None:
    """`rekeyed.parquet`: which old id became which new one, where a plan looks like new ids for the same things."""
    if context.exists("rekeyed"):
        file = folder / "rekeyed.parquet"
        context.con.execute(
            f"COPY (SELECT * FROM rekeyed ORDER BY entity, old_id) TO {literal(str(file))} (FORMAT parquet)"
        )


def file_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a plan, by its path inside the folder."""
    found = {}
    for file in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "manifest.json"):
        with file.open("rb") as opened:
            found[str(file.relative_to(folder))] = hashlib.file_digest(opened, "sha256").hexdigest()
    return found
