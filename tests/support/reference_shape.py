"""The reference model's Attributes Mapping and Filter Rules. Plain Python, one record at a time."""

import re
from dataclasses import dataclass
from typing import Any

from rostersync.model import Entity
from rostersync.roster import BY_NAME, USERS
from support.reference_values import LISTS, clean, meets, transform

USER_ENTITIES = USERS.entities


@dataclass
class Record:
    """One pulled record on its way. `fate` None means accepted so far; references in `values` are raw until linked."""

    table: str
    raw: str
    id: str
    entity: Entity | None
    sent: dict[str, Any]
    values: dict[str, Any]
    stored: dict[str, Any] | None = None  # the active row in the store
    fate: str | None = None
    errors: bool = False


def map_attributes(record: Record, entries: list[dict[str, Any]]) -> None:
    """Attributes Mapping of one record: its entries lie over the identity mapping.

    Metadata that no entry maps stays readable for filters and requirements, and is dropped in the end.
    """
    table = BY_NAME[record.table]
    metadata = dict(record.sent.get("metadata") or {})
    for entry in entries:
        target = entry["attribute"]
        is_list = not target.startswith("metadata.") and table.attribute(target).kind in LISTS
        value = source_value(record, entry)
        if is_list:
            items = value if isinstance(value, list) else [] if value is None else [value]
            value = [v for v in (polish(item, entry) for item in items) if v is not None] or None
            if value is None and entry.get("default") is not None:
                value = [entry["default"]]
        else:
            if isinstance(value, list):
                value = ",".join(value)
            value = polish(value, entry)
            if value is None:
                value = entry.get("default")
        if target.startswith("metadata."):
            metadata[target.removeprefix("metadata.")] = value
        else:
            record.values[target] = value
    record.values["metadata"] = {k: v for k, v in metadata.items() if v is not None} or None


def read(record: Record, name: str) -> Any:
    """The raw value of an attribute path of a pulled record, as sent."""
    if name == "sourcedId":
        return record.raw
    if name.startswith("metadata."):
        return (record.sent.get("metadata") or {}).get(name.removeprefix("metadata."))
    if found := re.fullmatch(r"userIds\[type=(.*)\]\.identifier", name):
        ids = [u["identifier"] for u in record.sent.get("userIds") or [] if u["type"] == found[1]]
        return min(ids) if ids else None
    return record.sent.get(name)


def source_value(record: Record, entry: dict[str, Any]) -> Any:
    """What a mapping entry reads: a template's text, or the value of `from`."""
    if entry.get("template") is None:
        return read(record, entry["from"])
    text = ""
    for token in re.findall(r"\{\{|\}\}|\{[^{}]*\}|[^{}]+", entry["template"]):
        if token in ("{{", "}}"):
            text += token[0]
        elif token[0] == "{":
            value = read(record, token[1:-1])
            if value is None:
                return None
            text += ",".join(value) if isinstance(value, list) else value
        else:
            text += token
    return text


def polish(text: str | None, entry: dict[str, Any]) -> str | None:
    """Transforms in their order, then the value map, in canonical form."""
    if text is None:
        return None
    for name in entry.get("transforms") or []:
        text = transform(name, text)
    text = clean(text)
    values = entry.get("values") or {}
    return clean(values[text]) if text in values else text


def mapped_value(record: Record, name: str) -> Any:
    """The value that filters, requirements and domains see: after mapping, references raw."""
    if name == "sourcedId":
        return record.raw
    if name.startswith("metadata."):
        return (record.values.get("metadata") or {}).get(name.removeprefix("metadata."))
    return record.values.get(name)


def passes_rules(record: Record, rules: list[dict[str, Any]], today: str) -> bool:
    """Whether a record meets any of the rules of its entity, all conditions of it."""
    return any(all(meets(mapped_value(record, c["attribute"]), c, today) for c in r["conditions"]) for r in rules)


def apply_filters(spec: dict[str, Any], records: dict[str, list[Record]], today: str) -> None:
    """Filter Rules and Include Linked: what does not pass is FilteredOut."""
    rules: dict[str, list[dict[str, Any]]] = {}
    for rule in spec.get("filterRules") or []:
        rules.setdefault(rule["entity"], []).append(rule)
    in_scope = [r for rs in records.values() for r in rs if r.fate is None]
    failing = {(r.table, r.id) for r in in_scope if r.entity in rules and not passes_rules(r, rules[r.entity], today)}
    kept = [r for r in in_scope if (r.table, r.id) not in failing]
    listed: dict[str, set[str]] = {}
    for entity, several in rules.items():
        for rule in several:
            for other in rule.get("includeLinked") or []:
                listed.setdefault(other, set()).add(entity)
    linked = {other: {raw for e in by for raw in reached(e, other, kept, records)} for other, by in listed.items()}
    for r in in_scope:
        if (r.table, r.id) in failing or (r.entity in linked and r.raw not in linked[r.entity]):
            r.fate = "FilteredOut"


def reached(entity: str, other: str, kept: list[Record], records: dict[str, list[Record]]) -> set[str]:
    """Raw ids of records of entity `other` that are linked to a kept record of `entity`.

    Links are records too: only those that are in scope and pass their own filters link others.
    """
    mine = {r.raw for r in kept if r.entity == entity}
    alive = {(r.table, r.raw) for r in kept}
    taught = [
        (e.raw, e.sent.get("userSourcedId"), e.sent.get("classSourcedId"))
        for e in records["enrollments"]
        if ("enrollments", e.raw) in alive
    ]
    agents = [
        (u.raw, a)
        for u in records["users"]
        if ("users", u.raw) in alive and u.entity == "Student"
        for a in u.sent.get("agentSourcedIds") or []
    ]
    if other == "Contact" and entity == "Student":
        return {a for student, a in agents if student in mine}
    if other == "Student" and entity == "Contact":
        return {student for student, a in agents if a in mine}
    if entity in ("Enrollment", "Demographics") and other in USER_ENTITIES:
        people = {u for e, u, _ in taught if e in mine} if entity == "Enrollment" else mine
        return {a for student, a in agents if student in people} if other == "Contact" else {p for p in people if p}

    def standing_in_classes(whose: str) -> list[tuple[str | None, str | None]]:
        classes = [c for c in records["classes"] if ("classes", c.raw) in alive]
        if whose == "Class":
            return [(c.raw, c.raw) for c in classes]
        if whose == "Course":
            return [(c.raw, c.sent.get("courseSourcedId")) for c in classes]
        if whose == "Calendar":
            return [(c.raw, term) for c in classes for term in c.sent.get("termSourcedIds") or []]
        if whose == "Contact":
            return [(c, a) for _, u, c in taught for student, a in agents if student == u]
        if whose == "Enrollment":
            return [(c, e) for e, _, c in taught]
        return [(c, u) for _, u, c in taught]

    classes = {c for c, record in standing_in_classes(entity) if record in mine}
    return {record for c, record in standing_in_classes(other) if c in classes and record is not None}
