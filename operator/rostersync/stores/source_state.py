"""What the store keeps as JSON text, and back: SourceMemory (`sources`), counts (`revisions`), files (`sent`).

A plan's manifest has the first two in the same form."""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from rostersync.instants import parse_instant
from rostersync.model import EntityCounts, JudgedCounts
from rostersync.sent import SentFile
from rostersync.stores.port import AppliedCounts, SourceMemory

_PART = {"part": True}  # among a revision's counts: it is no import of the whole district


def memory_as_dict(memory: SourceMemory) -> dict[str, Any]:
    """The manifest's form. `appliedAt` is ISO 8601 or null."""
    return {
        "prefix": memory.prefix,
        "host": memory.host,
        "clientIDHash": memory.client_id_hash,
        "version": memory.version,
        "configHash": memory.config_hash,
        "safety": memory.safety,
        "vanished": list(memory.vanished),
        **({"restores": list(memory.restores)} if memory.restores else {}),
        **({"forgotten": memory.forgotten} if memory.forgotten else {}),
        **({"settings": memory.settings} if memory.settings else {}),
        "connectionUID": memory.connection_uid,
        "connectionKind": memory.connection_kind,
        "connectionName": memory.connection_name,
        "revision": memory.revision,
        "appliedAt": memory.applied_at.isoformat() if memory.applied_at else None,
    }


def memory_from_dict(data: dict[str, Any]) -> SourceMemory:
    """The reverse. Absent keys default to those of the empty memory."""
    applied_at = data.get("appliedAt")
    return SourceMemory(
        prefix=data.get("prefix") or "",
        host=data.get("host") or "",
        client_id_hash=data.get("clientIDHash") or "",
        version=data.get("version") or "",
        config_hash=data.get("configHash") or "",
        safety=data.get("safety") or {},
        vanished=tuple(data.get("vanished") or ()),
        restores=tuple(data.get("restores") or ()),
        forgotten=data.get("forgotten") or 0,
        settings=data.get("settings") or "",
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


def forgotten_once_more(text: str) -> str:
    """The memory of a source of which somebody was forgotten."""
    memory = memory_from_text(text)
    return memory_as_text(replace(memory, forgotten=memory.forgotten + 1))


def times_forgotten(texts: Iterable[str]) -> int:
    """How often somebody of a district was forgotten, by the memories of all its sources."""
    return sum(memory_from_text(text).forgotten for text in texts)


def judged_as_dict(counts: JudgedCounts) -> dict[str, Any]:
    """Marked as `judged`, to distinguish it from the plan's own counts."""
    return {
        "judged": True,
        "entity": counts.entity.value,
        **({"school": counts.school} if counts.school else {}),
        "created": counts.created,
        "updated": counts.updated,
        "deleted": counts.deleted,
        "population": counts.population,
        **({"takesBack": counts.takes_back} if counts.takes_back is not None else {}),
    }


def counts_as_text(entities: Iterable[EntityCounts], judged: Iterable[JudgedCounts], *, whole: bool) -> str:
    """What a revision changed, as the plan counts it and as limits count it. `whole` as in AppliedCounts."""
    rows = [*(vars(c) for c in entities), *(judged_as_dict(c) for c in judged), *([] if whole else [_PART])]
    return json.dumps(rows, sort_keys=True)


def counts_from_text(revision: int, at: datetime, text: str) -> list[AppliedCounts]:
    """What this revision changed, applied at this time. Empty if it changed nothing.

    Rows as limits count are marked `judged`. Old revisions without such rows have only the plan's own counts.
    """
    every = json.loads(text)
    rows, whole = [r for r in every if r.get("entity")], _PART not in every
    names = ("created", "updated", "deleted")
    return [
        AppliedCounts(
            at,
            r["entity"],
            r.get("school"),
            **{n: r.get(n, 0) for n in (*names, "population")},
            revision=revision,
            takes_back=r.get("takesBack"),
            whole=whole,
        )
        for r in [r for r in rows if r.get("judged")] or rows
        if any(r.get(n) for n in names)
    ]


def changes_in(text: str) -> int:
    """How many records a revision changed."""
    names = ("created", "updated", "deleted")
    return sum(row.get(name, 0) for row in json.loads(text) if not row.get("judged") for name in names)


def files_as_text(files: Iterable[SentFile]) -> str:
    """The files of a delivery, in order."""
    return json.dumps([vars(file) for file in files], ensure_ascii=False)


def files_from_text(text: str) -> tuple[SentFile, ...]:
    """The reverse. What is no file is left out: readers of a database may record deliveries, and none may spoil the rest."""
    found = json.loads(text)
    return tuple(SentFile(each["name"], each["bytes"], each["sha256"]) for each in found if _is_file(each))


def _is_file(each: Any) -> bool:
    if not isinstance(each, dict):
        return False
    texts = isinstance(each.get("name"), str) and isinstance(each.get("sha256"), str)
    return texts and isinstance(each.get("bytes"), int)
