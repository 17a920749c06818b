"""The reference model's view of rows that share an id. Plain Python, one group at a time."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rostersync.roster import BY_NAME, Kind

Row = dict[str, Any]
TORN = "torn"  # in a row that speaks for contradictory ones: the entity that all of them have, else None

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?\s*(Z|[+-]\d{2}(:?\d{2})?)?)?")


def one_of_each(table: str, rows: list[Row], entity_of: Callable[[str, Row], Any]) -> list[Row]:
    """One row for each id: the only one, the newest, or one that says nothing but that they contradict each other."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["sourcedId"], []).append(row)
    return [standing(table, group, entity_of) for group in groups.values()]


def standing(table: str, group: list[Row], entity_of: Callable[[str, Row], Any]) -> Row:
    """What a group of rows of one id comes to."""
    contents: dict[str, list[Row]] = {}
    for row in group:
        contents.setdefault(content(table, row), []).append(row)
    if len(contents) == 1:
        return group[0]
    times = {c: max(filter(None, (instant(r) for r in rows)), default=None) for c, rows in contents.items()}
    entities = {entity_of(table, row) for row in group}
    active = all((row.get("status") or "active").lower() == "active" for row in group)
    known = [time for time in times.values() if time is not None]
    if active and len(entities) == 1 and len(known) == len(times) and known.count(max(known)) == 1:
        return next(contents[c][0] for c, time in times.items() if time == max(known))
    speaker = next((r for r in group if table == "orgs" and (r.get("type") or "").lower() == "school"), group[0])
    return {**speaker, "status": "contradictory", TORN: entities.pop() if len(entities) == 1 else None}


def content(table: str, row: Row) -> str:
    """What a row says but for its time; lists without an order sorted."""
    said: Row = {"status": (row.get("status") or "").lower(), "metadata": row.get("metadata")}
    for a in BY_NAME[table].attributes:
        value = row.get(a.name)
        if value is not None and a.kind in (Kind.SET, Kind.REFS):
            value = sorted(set(value))
        if value is not None and a.kind is Kind.USER_IDS:
            value = sorted({(v["type"], v["identifier"]) for v in value}, key=str)
        said[a.name] = value
    return json.dumps(said, sort_keys=True)


def instant(row: Row) -> datetime | None:
    """When a row says that it was written; a time without a zone is UTC's."""
    text = row.get("dateLastModified")
    if text is None or not _TIME.fullmatch(text):
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
