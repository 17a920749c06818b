"""The digest of a plan: what it would change, and nothing that differs from night to night without a difference in data.

It covers source, effective configuration and every change with the hash of its before-image and its after values. The
same source, store and configuration give the same digest.
"""

import hashlib
from typing import Any

import rfc8785

from rostersync.model import Entity
from rostersync.plan.changefile import LINE
from rostersync.roster import Table

FORMAT = 1  # of the digest's document and of manifest.json


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


def with_line(table: Table, rows: str) -> str:
    """Change rows with one canonical line each: id, change, cause, hash of the before-image, after values.

    Hashes become UUIDs, since Parquet has no integer of 128 bits: DuckDB would write a DOUBLE.
    """
    fields = ", ".join(f'"{n}" := "{n}"' for n in (*table.names, "metadata"))
    return f"""
        SELECT * EXCLUDE (after) REPLACE (
            before_hash::UUID AS before_hash, CASE WHEN change <> 'Delete' THEN md5_number(after) END::UUID AS hash),
          '[' || to_json(id)::VARCHAR || ',"' || change || '","' || cause || '",'
          || coalesce('"' || before_hash::UUID::VARCHAR || '"', 'null') || ','
          || CASE WHEN change = 'Delete' THEN 'null' ELSE after END || ']' || chr(10) AS {LINE}
        FROM (SELECT *, to_json(struct_pack(entity := new_entity, {fields}))::VARCHAR AS after FROM ({rows}))"""
