"""The digest of a plan: what it would change, and nothing that differs between runs over the same data.

It covers source, effective configuration, the schools that it is limited to, and every change with the hash of its before-image and its after values. The
same source, store and configuration give the same digest.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import rfc8785

from rostersync.model import Entity
from rostersync.plan.changefile import LINE
from rostersync.roster import Table

FORMAT = 1  # of the digest's document and of manifest.json


@dataclass(frozen=True)
class Changed:
    """What a plan does to one entity. `changes` is the SHA-256 of its change lines in order of id."""

    created: int
    updated: int
    deleted: int
    changes: str


@dataclass(frozen=True)
class ChangedRoster:
    """What a plan does to the roster of several sources. `links` and `owners` are the SHA-256 of those that change."""

    entities: Mapping[Entity, Changed]
    links: str
    owners: str
    sources: Collection[tuple[str, bool]]
    settings: Mapping[str, Any]


def digest(
    district: str,
    source: str,
    config_hash: str,
    changed: Mapping[Entity, Changed],
    schools: Collection[str] = (),
    roster: ChangedRoster | None = None,
) -> str:
    """The digest of a plan: `sha256:` and the hash of its canonical JSON (RFC 8785).

    `schools`: ids in the store of those that the plan is about; none if it is about the whole district. `roster`: None if the
    district has one source.
    """
    document: dict[str, Any] = {
        "format": FORMAT,
        "source": {"district": district, "sourceID": source},
        "effectiveConfig": config_hash,
        "entities": {e.value: vars(c) for e, c in changed.items()},
    }
    if schools:
        document["schools"] = sorted(schools)
    if roster is not None:
        document["roster"] = {
            "entities": {e.value: vars(c) for e, c in roster.entities.items()},
            "links": roster.links,
            "owners": roster.owners,
            "sources": [list(source) for source in roster.sources],
            "settings": dict(roster.settings),
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
