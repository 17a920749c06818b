"""What a restore plans, told from the rosters before and after a run and the one of today: slow, and plain to read."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from rostersync.roster import TABLES, Kind, Table

Key = tuple[str, str]  # table, id
Row = dict[str, Any]
Rows = Mapping[Key, Row]


@dataclass
class Restore:
    """The plan: (entity, change, cause, after) by record, the codes of what is left alone, and the roster that results."""

    changes: dict[Key, tuple[str, str, str, Row | None]] = field(default_factory=dict)
    held: dict[Key, str] = field(default_factory=dict)
    roster: dict[Key, Row] = field(default_factory=dict)


@dataclass
class _Wanted:
    """What it would take: records as they should be (Create, Update), and records that should go.

    `left` are those of which something was changed since.
    """

    rows: dict[Key, Row] = field(default_factory=dict)
    gone: set[Key] = field(default_factory=set)
    left: set[Key] = field(default_factory=set)


def restore(
    changed: Mapping[Key, tuple[str, str]],
    before: Rows,
    after: Rows,
    now: Rows,
    later: Collection[Key],
    only: set[str],
    schools: Collection[str] = (),
) -> Restore:
    """Take back what a run changed: (entity, change) by record. `later`: what a later plan changed.

    The rosters have active records alone. `only`, `schools`: what it is limited to; none given means all.
    """
    out, wanted = Restore(), _Wanted()
    for key, (entity, change) in changed.items():
        _undo(key, change, entity, before, after, now, later, only, wanted)
    if schools:
        _narrow(wanted, changed, before, after, now, {*schools})
    out.held = dict.fromkeys(wanted.left, "ChangedSince")
    for key in _needed(now, wanted):
        wanted.gone.discard(key)
        out.held[key] = "StillNeeded"
    there: dict[str, set[str]] = {}
    gone: dict[str, set[str]] = {}
    for table in TABLES:
        _resolve(table, now, out, wanted, there, gone)
    for key, row in now.items():
        kept = _cut(key, row, lambda target, i: i in gone[target])
        if key not in wanted.gone and key not in wanted.rows and kept != row:
            out.changes[key] = (row["entity"], "Update", "Cascade", kept)
    for key, row in wanted.rows.items():
        final = _cut(key, row, lambda target, i: i not in there[target])
        if key not in now:
            out.changes[key] = (final["entity"], "Create", "Restored", final)
        elif final != now[key]:
            out.changes[key] = (now[key]["entity"], "Update", "Restored", final)
    out.roster = {key: row for key, row in now.items() if key not in wanted.gone}
    out.roster |= {key: after for key, (_, _, _, after) in out.changes.items() if after is not None}
    return out


def _undo(
    key: Key,
    change: str,
    entity: str,
    before: Rows,
    after: Rows,
    now: Rows,
    later: Collection[Key],
    only: set[str],
    wanted: _Wanted,
) -> None:
    """One record by itself."""
    current, target = now.get(key), None
    left = False
    if change == "Update" and current is not None:
        target, left = _put_back(before[key], after[key], current)
    elif change == "Delete":
        target = before[key]
    of = {entity, (target or current or {"entity": entity})["entity"]}
    if only and not of & only:
        return
    match change:
        case "Create" if current is None:
            return
        case "Create" if key not in later or current == after[key]:  # whatever happened in between
            wanted.gone.add(key)
            return
        case "Delete" if current == target:
            return
        case "Delete" if current is None:
            wanted.rows[key] = before[key]
            return
        case "Update" if target is not None and (target != current or not left):
            if target != current:
                wanted.rows[key] = target
            if not left:
                return
    wanted.left.add(key)


def _narrow(
    wanted: _Wanted,
    changed: Mapping[Key, tuple[str, str]],
    before: Rows,
    after: Rows,
    now: Rows,
    schools: set[str],
) -> None:
    """Only what belongs to these schools, and what that refers to and the run deleted."""

    def at(key: Key) -> bool:
        table, i = key
        if table == "demographics":
            return at(("users", i))
        return bool(schools & (_placed(table, i, now.get(key)) | _taken_from(key)))

    def _taken_from(key: Key) -> set[str]:
        """Where the run took a record from: where it was, if the run deleted or moved it."""
        if changed.get(key, ("", ""))[1] not in ("Delete", "Update"):
            return set()
        was = _placed(*key, before.get(key))
        return set() if key in after and was == _placed(*key, after[key]) else was

    mine = {key for key in [*wanted.rows, *wanted.gone, *wanted.left] if at(key)}
    waiting = [key for key in mine if key in wanted.rows]
    while waiting:
        table, i = waiting.pop()
        row = wanted.rows[table, i]
        for a in next(t for t in TABLES if t.name == table).references:
            values = row[a.name] if a.kind is Kind.REFS else [row[a.name]]
            for target in [(str(a.target), v) for v in values or () if v is not None]:
                back = wanted.rows.get(target)
                if back is None or target in now or target in mine:
                    continue
                if back["entity"] == "School" or (target[0] == "users" and back["entity"] != "Contact"):
                    continue  # it belongs to a school by itself, and may come back without this one
                mine.add(target)
                waiting.append(target)
    wanted.rows = {key: row for key, row in wanted.rows.items() if key in mine}
    wanted.gone &= mine
    wanted.left &= mine


def _placed(table: str, i: str, row: Row | None) -> set[str]:
    """The organisations that a record is at."""
    if row is None:
        return set()
    if table == "orgs":
        return {i} if row["entity"] == "School" else set()
    name = {"users": "orgSourcedIds", "courses": "orgSourcedId", "classes": "schoolSourcedId"}.get(table)
    name = "schoolSourcedId" if table == "enrollments" else name
    value = row[name] if name else None
    return {*(value if isinstance(value, list) else [value])} - {None}


def _put_back(before: Row, after: Row, now: Row) -> tuple[Row, bool]:
    """The record with its earlier values where the run's still stand, and whether any others do not."""
    made, left = dict(now), False
    for name in before.keys() - {"metadata"}:
        if before[name] != after[name]:
            if now[name] == after[name]:
                made[name] = before[name]
            elif now[name] != before[name]:
                left = True
    was, became, metadata = before["metadata"] or {}, after["metadata"] or {}, dict(now["metadata"] or {})
    for name in was.keys() | became.keys():
        if was.get(name) != became.get(name):
            if metadata.get(name) == became.get(name):
                metadata[name] = was.get(name)
            elif metadata.get(name) != was.get(name):
                left = True
    made["metadata"] = {k: v for k, v in sorted(metadata.items()) if v is not None} or None
    return made, left


def _needed(now: Rows, wanted: _Wanted) -> set[Key]:
    """Organisations that would go, and are all that somebody who stays or comes back belongs to."""
    going = {i for table, i in wanted.gone if table == "orgs"}
    people = [row for key, row in now.items() if key[0] == "users" and key not in wanted.gone | wanted.rows.keys()]
    people += [row for key, row in wanted.rows.items() if key[0] == "users"]
    lists = [set(row["orgSourcedIds"] or ()) for row in people]
    return {("orgs", i) for orgs in lists if orgs and orgs <= going for i in orgs}


def _resolve(
    table: Table, now: Rows, out: Restore, wanted: _Wanted, there: dict[str, set[str]], gone: dict[str, set[str]]
) -> None:
    """What a table will have: nothing without what it needs."""
    for key in [k for k in wanted.rows if k[0] == table.name]:
        row = wanted.rows[key]
        orgs = row.get("orgSourcedIds") if table.name == "users" else None
        nowhere = orgs and not set(orgs) & there["orgs"]
        if nowhere or any(i not in there[target] for target, i in _needs(table, key, row)):
            del wanted.rows[key]
            out.held[key] = "DanglingReference"
    for key, row in now.items():
        if key[0] != table.name or key in wanted.rows:
            continue
        if key in wanted.gone:
            out.changes[key] = (row["entity"], "Delete", "Restored", None)
        elif any(i in gone[target] for target, i in _needs(table, key, row)):
            wanted.gone.add(key)
            out.changes[key] = (row["entity"], "Delete", "Cascade", None)
    gone[table.name] = {i for name, i in wanted.gone if name == table.name}
    stays = {i for name, i in now if name == table.name} - gone[table.name]
    there[table.name] = stays | {i for name, i in wanted.rows if name == table.name}


def _needs(table: Table, key: Key, row: Row) -> list[tuple[str, str]]:
    """(table, id) of what a record cannot be without."""
    if table.name == "demographics":
        return [("users", key[1])]
    return [(str(a.target), row[a.name]) for a in table.references if a.required and row[a.name] is not None]


def _cut(key: Key, row: Row, lost: Any) -> Row:
    """The record without optional references that are lost."""
    made = dict(row)
    for attribute in next(t for t in TABLES if t.name == key[0]).references:
        value = row[attribute.name]
        if attribute.required or value is None:
            continue
        if attribute.kind is Kind.REFS:
            made[attribute.name] = [i for i in value if not lost(attribute.target, i)] or None
        elif lost(attribute.target, value):
            made[attribute.name] = None
    return made
