"""Reads and writes a plan's manifest.json. No other code knows its keys.

Manifests of earlier versions can be read, since keys that came later have defaults. Unknown keys are ignored.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import msgspec

from rostersync import durable
from rostersync.errors import Permanent
from rostersync.instants import parse_instant
from rostersync.plan.digest import FORMAT
from rostersync.plan.folder import MANIFEST
from rostersync.plan.manifest import Manifest
from rostersync.stores.several import several_as_dict, several_from_dict
from rostersync.stores.source_state import judged_as_dict, memory_as_dict, memory_from_dict

# Every field and its key, in the order of the file.
KEYS = {
    "run": "run",
    "district": "district",
    "source": "source",
    "connection": "connection",  # an object in the file, three fields in the record
    "digest": "digest",
    "base_revision": "baseRevision",
    "as_of": "asOf",
    "restores": "restores",
    "only_schools": "onlySchools",
    "effective_config": "effectiveConfig",
    "config_hash": "configHash",
    "memory": "memory",
    "memory_of_whole": "memoryOfWhole",
    "entities": "entities",
    "judged": "judged",
    "holds": "holds",
    "holds_total": "holdsTotal",
    "schools": "schools",
    "schools_imported": "schoolsImported",
    "incomplete": "incomplete",
    "not_offered": "notOffered",
    "causes": "causes",
    "blast_radius": "blastRadius",
    "usual": "usual",
    "proof": "proof",
    "issues": "issues",
    "no_changes": "noChanges",
    "previous_connection": "previousConnection",
    "four_eyes": "fourEyes",
    "store_schema": "storeSchema",
    "several": "several",
    "taken_from": "takenFrom",
    "roster": "roster",
    "roster_causes": "rosterCauses",
    "files": "files",
}
_CONNECTION = ("name", "namespace", "uid")
# Absent for a plan of a whole district from its only source, and for a store without schemas.
_ONLY_IF_SET = (
    "restores",
    "only_schools",
    "memory_of_whole",
    "store_schema",
    "several",
    "taken_from",
    "roster",
    "roster_causes",
)
_NEEDED = tuple(KEYS[f.name] for f in fields(Manifest) if f.default is f.default_factory is MISSING)


def write(folder: Path, manifest: Manifest) -> None:
    """Write a plan's manifest into its folder."""
    (folder / MANIFEST).write_text(encode(manifest), encoding="utf-8")


def read(folder: Path) -> Manifest:
    """The manifest in a plan's folder. Raises Permanent: PlanCorrupt, or PlanFormat for that of another version."""
    try:
        text = durable.read_text(folder / MANIFEST)
    except (OSError, ValueError) as error:
        raise corrupt(f"has no readable {MANIFEST}", str(error)) from None
    return decode(text)


def encode(manifest: Manifest) -> str:
    """The text of manifest.json."""
    m = manifest
    made: dict[str, Any] = {
        "connection": {k: getattr(m, f"connection_{k}") for k in _CONNECTION},
        "as_of": m.as_of.isoformat() if m.as_of else None,
        "memory": memory_as_dict(m.memory),
        "memory_of_whole": memory_as_dict(m.memory_of_whole) if m.memory_of_whole else None,
        "several": several_as_dict(m.several) if m.several else None,
        "roster": [vars(c) for c in m.roster],
        "entities": [vars(c) for c in m.entities],
        "judged": [judged_as_dict(c) for c in m.judged],
        "holds": [h.as_dict() for h in m.holds],
        "schools": vars(m.schools),
        "not_offered": [n.as_dict() for n in m.not_offered],
        "usual": vars(m.usual) if m.usual.runs else {},
        "issues": [i.as_dict() for i in m.issues],
    }
    keys = {f: key for f, key in KEYS.items() if f not in _ONLY_IF_SET or getattr(m, f)}
    document = {"format": FORMAT} | {key: made[f] if f in made else getattr(m, f) for f, key in keys.items()}
    return json.dumps(document, indent=1, ensure_ascii=False)


def decode(text: str) -> Manifest:
    """The reverse. Raises Permanent as `read` does."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise corrupt(f"has no readable {MANIFEST}", str(error)) from None
    if not isinstance(data, dict) or type(data.get("format")) is not int:
        raise corrupt(f"has no readable {MANIFEST}")
    if data["format"] != FORMAT:
        raise Permanent(
            f"The plan's {MANIFEST} has format {data['format']} and this version of rostersync reads format {FORMAT}: the "
            "plan was made by another version of rostersync; plan again.",
            reason="PlanFormat",
        )
    if missing := [key for key in _NEEDED if key not in data]:
        raise corrupt(f"has a {MANIFEST} without {', '.join(missing)}")
    found: dict[str, Any] = {}
    for field, key in KEYS.items():
        try:
            if key in data:
                found |= _FIELDS[field](data[key]) if field in _FIELDS else {field: data[key]}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _wrong(key, error) from None
    try:
        return msgspec.convert(found, Manifest)
    except msgspec.ValidationError as error:
        at = re.search(r"at `\$\.(\w+)", str(error))
        field = re.sub("^connection_.*", "connection", at[1] if at else "")
        raise _wrong(KEYS.get(field, "value"), error) from None


def corrupt(what: str, detail: str | None = None) -> Permanent:
    """The error for a plan's folder that was changed or damaged. `detail` may quote it."""
    return Permanent(f"The plan's folder {what}; nothing was applied. Plan again.", reason="PlanCorrupt", detail=detail)


def _wrong(key: str, error: Exception) -> Permanent:
    return corrupt(f"has a {MANIFEST} with a wrong {key}", str(error))


def _renamed(rows: list[Mapping[str, Any]], key: str, field: str) -> list[dict[str, Any]]:
    return [{field if k == key else k: value for k, value in row.items()} for row in rows]


# Fields whose form in the file differs from that in the record. msgspec checks the types of all others.
_FIELDS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "connection": lambda data: {f"connection_{k}": data.get(k) for k in _CONNECTION},
    "as_of": lambda text: {"as_of": None if text is None else parse_instant(text)},
    "memory": lambda data: {"memory": vars(memory_from_dict(data))},
    "memory_of_whole": lambda data: {"memory_of_whole": vars(memory_from_dict(data))},
    "several": lambda data: {"several": vars(several_from_dict(data))},
    "judged": lambda rows: {"judged": _renamed(rows, "takesBack", "takes_back")},
    "not_offered": lambda rows: {"not_offered": _renamed(rows, "heldBack", "held_back")},
    "issues": lambda rows: {"issues": _renamed(rows, "class", "of_class")},
}
