"""Words and numbers as people read them."""

import json
import unicodedata
from collections.abc import Mapping
from typing import Any

from rostersync.model import Entity, Mode
from rostersync.roster import counted

VERBS = {"Create": "Creates", "Update": "Updates", "Delete": "Deletes", "Any": "Changes"}


def of_counts(spec: Mapping[str, Any], outcome: str | None, *, several: bool = False) -> str:
    """The title of a plan's counts. An import of some schools counts their records alone. `several`: sources make the roster."""
    title = "What the plan changes" if outcome is None else "What the plan would change"
    if outcome in ("Applied", "AppliedIncomplete", "DeliveryFailed"):
        title = "What the plan changed"
    schools = () if spec.get("mode") == Mode.RESTORE else spec.get("schools") or ()
    whose = f", of {'this school' if len(schools) == 1 else 'these schools'} alone" if schools else ""
    return title + (" of this source" if several else "") + whose


def part_of(spec: Mapping[str, Any]) -> dict[str, str]:
    """What a run is limited to, and what it takes back, with a name for each. Empty texts where it is about everything."""
    return {
        "Takes back": " ".join(filter(None, (spec.get("restoreOf"), *spec.get("entities", ())))),
        "Only schools": ", ".join(spec.get("schools", ())),
    }


def number(n: int) -> str:
    """`1,204`."""
    return f"{n:,}"


def some(n: int, entity: Entity | None) -> str:
    """`1 Student`, `1,204 Students`; `records` if the entity is unknown."""
    if entity is None:
        return f"{number(n)} record{'' if n == 1 else 's'}"
    return counted(n, entity)


def percent(part: int, whole: int) -> str:
    """`25.9 %`, rounded down so that it never exceeds the true share; empty without a whole."""
    if not whole:
        return ""
    tenths = part * 1000 // whole
    return f"{tenths // 10}.{tenths % 10} %"


def plain(value: Any) -> str:
    """A value from a record, for a terminal: lists joined, objects as JSON, control characters made visible."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        value = ", ".join(value)
    elif isinstance(value, list | tuple | dict):
        value = json.dumps(value, ensure_ascii=False, default=str)
    return "".join(_visible(c) for c in str(value))


def _visible(c: str) -> str:
    """A character made visible if it is a control character, so that no terminal obeys escape sequences in names."""
    return f"\\x{ord(c):02x}" if unicodedata.category(c) in ("Cc", "Cf") else c
