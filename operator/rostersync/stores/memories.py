"""SourceMemory as JSON text and back: in the store's table `sources`, and in a plan's manifest (camelCase)."""

import json
from typing import Any

from rostersync.instants import parse_instant
from rostersync.stores.port import SourceMemory


def memory_as_dict(memory: SourceMemory) -> dict[str, Any]:
    """The manifest's form; `appliedAt` is ISO 8601 or null."""
    return {
        "prefix": memory.prefix,
        "host": memory.host,
        "clientIDHash": memory.client_id_hash,
        "version": memory.version,
        "configHash": memory.config_hash,
        "safety": memory.safety,
        "vanished": list(memory.vanished),
        "connectionUID": memory.connection_uid,
        "connectionKind": memory.connection_kind,
        "connectionName": memory.connection_name,
        "revision": memory.revision,
        "appliedAt": memory.applied_at.isoformat() if memory.applied_at else None,
    }


def memory_from_dict(data: dict[str, Any]) -> SourceMemory:
    """The reverse; absent keys are the empty memory's."""
    applied_at = data.get("appliedAt")
    return SourceMemory(
        prefix=data.get("prefix") or "",
        host=data.get("host") or "",
        client_id_hash=data.get("clientIDHash") or "",
        version=data.get("version") or "",
        config_hash=data.get("configHash") or "",
        safety=data.get("safety") or {},
        vanished=tuple(data.get("vanished") or ()),
        connection_uid=data.get("connectionUID"),
        connection_kind=data.get("connectionKind") or "",
        connection_name=data.get("connectionName") or "",
        revision=data.get("revision") or 0,
        applied_at=parse_instant(applied_at) if applied_at else None,
    )


def memory_as_text(memory: SourceMemory) -> str:
    """One canonical line of JSON."""
    return json.dumps(memory_as_dict(memory), sort_keys=True, ensure_ascii=False)


def memory_from_text(text: str) -> SourceMemory:
    """The reverse."""
    return memory_from_dict(json.loads(text))
