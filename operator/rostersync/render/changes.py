"""Which records a plan changes, and how. Read in batches from the plan's files, so that memory stays small."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import IO, Any

from rich.console import Console

from rostersync.model import Change, Entity
from rostersync.plan.folder import changes_of, roster_changes_of
from rostersync.render import csvcells, whose
from rostersync.render import joined as joining
from rostersync.render.joined import Joined, Links
from rostersync.render.orgs import NAMELESS, Orgs
from rostersync.render.tables import Row, say, table
from rostersync.render.whose import Otherwise
from rostersync.render.words import plain
from rostersync.roster import BY_ENTITY

COLUMNS = ("entity", "id", "change", "cause", "schools", "attribute", "old", "new", "name", "schoolNames")
WIDE = ("entity", "id", "name", "school", "change", "cause", "old", "new")
OF_ROSTER = ("source", "otherwise", "otherwiseSource")
WIDE_OF_ROSTER = ("source", "otherwise")
EVERY = "*"
TOLD_BY, OTHERWISE = "told_by", "otherwise"
_FRAME = (
    TOLD_BY,
    OTHERWISE,
    "id",
    "entity",
    "new_entity",
    "change",
    "cause",
    "schools",
    "before_hash",
    "hash",
    "changed",
    "before",
)
_ORGS = ("orgSourcedIds", "schoolSourcedId", "orgSourcedId")  # attributes that say where a record belongs
# What identifies a record for people, if it has no name.
_TELLING = ("userSourcedId", "classSourcedId", "role", "birthDate")
_BATCH = 4096


@dataclass(frozen=True)
class Filters:
    """Which changes to show. An empty filter shows all of them."""

    entities: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    schools: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RecordChange:
    """The change of one record. `before` and `after` have the changed attributes of an Update, else the whole record.

    `schools` are the store's ids of where it was and where it will be.
    """

    entity: str
    id: str
    change: str
    cause: str
    schools: tuple[str, ...]
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    name: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)  # of the roster's values: who has them; "*" of all
    otherwise: Otherwise | None = None  # of the roster's values, without their sources; None if a plan does not say
    joined: Sequence[Joined] = ()  # of the roster's: sources' records that come into it or leave it

    def source_of(self, attribute: str) -> str:
        """Whose value an attribute has in the roster. "" if nobody said."""
        return self.sources.get(attribute) or self.sources.get(EVERY, "")

    def then(self, attribute: str) -> Sequence[Mapping[str, Any]] | None:
        """What an attribute's value would be without its sources. None if the plan does not say."""
        return None if self.otherwise is None else self.otherwise.get(attribute, ())

    def as_dict(self) -> dict[str, Any]:
        """As in diff's JSON output."""
        return {
            "entity": self.entity,
            "id": self.id,
            "name": self.name,
            "change": self.change,
            "cause": self.cause,
            "schools": list(self.schools),
            "before": dict(self.before),
            "after": dict(self.after),
            **({"otherwise": dict(self.otherwise)} if self.otherwise else {}),
            **joining.as_dict(self.joined),
            **({"sources": {n: self.source_of(n) for n in self.after if self.source_of(n)}} if self.sources else {}),
        }

    def attributes(self) -> Iterator[tuple[str, Any, Any]]:
        """(attribute, old value, new value) of each attribute that differs, in the table's order."""
        for name in dict.fromkeys((*self.before, *self.after)):
            yield name, self.before.get(name), self.after.get(name)


def read(plan: Path, filters: Filters | None = None, *, roster: bool = False) -> Iterator[RecordChange]:
    """The changes of a plan folder by entity, and by id within one. `roster`: those of the roster that several sources make."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    wanted, links = filters or Filters(), Links(plan) if roster else None
    for entity in Entity:
        path = plan / (roster_changes_of if roster else changes_of)(entity)
        if not path.exists() or (wanted.entities and entity.value not in wanted.entities):
            continue
        for batch in pq.ParquetFile(path).iter_batches(batch_size=_BATCH):
            kept = batch
            for column, values in (("change", wanted.changes), ("cause", wanted.causes)):
                if values:
                    kept = kept.filter(pc.is_in(kept[column], value_set=_strings(values)))
            joined = links.of(BY_ENTITY[entity].name, kept["id"]) if links else {}
            for row in kept.to_pylist():
                change = _change(row, joined.get(row["id"], ()))
                if not wanted.schools or set(wanted.schools) & set(change.schools):
                    yield change


def page(out: Console, changes: Iterable[RecordChange], limit: int | None, orgs: Orgs = NAMELESS) -> None:
    """A table of at most `limit` records. What an Update changes is listed below the record."""
    rows: list[Row] = []
    more = False
    for change in changes:
        if limit is not None and len(rows) >= limit:
            more = True
            break
        schools = " · ".join(orgs.name(i) for i in change.schools)
        cells = (change.entity, change.change, change.name, change.id, schools, change.cause)
        rows.append(Row(cells, list(_lines(change, orgs))))
    if not rows:
        say(out, "No changes.")
        return
    columns = ("Entity", "Change", "Name", "Id", "School", "Cause")
    named = [i for i, c in enumerate(columns) if c not in ("Name", "School") or any(r.cells[i] for r in rows)]
    shown = [Row([r.cells[i] for i in named], r.under) for r in rows]
    table(out, [columns[i] for i in named], shown, drop=("Cause",), below=("School", "Id"))
    if more:
        say(out, f"The first {'record' if len(rows) == 1 else f'{len(rows):,} records'}; --limit 0 shows all.")


def write_csv(
    stream: IO[str], changes: Iterable[RecordChange], orgs: Orgs = NAMELESS, *, sources: bool = False
) -> None:
    """One line per attribute, after a header. `sources`: with whose each value is, and what it would be without that one."""
    writer = csv.writer(stream)
    writer.writerow((*COLUMNS, *OF_ROSTER) if sources else COLUMNS)
    for c in changes:
        names = [orgs.name(i) for i in c.schools]
        for name, old, new in c.attributes():
            cells = (c.entity, c.id, c.change, c.cause, c.schools, name, old, new, c.name, "; ".join(names))
            source = c.source_of(name) if new is not None else ""
            then = whose.as_cells(source, new, c.then(name) or ()) if source else ("", "")
            writer.writerow(csvcells.row((*cells, source, *then) if sources else cells))


def write_wide(
    stream: IO[str], changes: Iterable[RecordChange], orgs: Orgs = NAMELESS, *, sources: bool = False
) -> None:
    """One line per record, for a spreadsheet: with a byte-order mark, and `attribute: value` in columns old and new.

    `sources`: with whose each new value is, and what it would be without that one.
    """
    stream.write(csvcells.BOM)
    writer = csv.writer(stream)
    writer.writerow((*WIDE, *WIDE_OF_ROSTER) if sources else WIDE)
    for c in changes:
        schools = "; ".join(orgs.called(i) for i in c.schools)
        old, new = ("; ".join(f"{n}: {csvcells.text(v)}" for n, v in values.items()) for values in (c.before, c.after))
        cells = (c.entity, c.id, c.name, schools, c.change, c.cause, old, new)
        writer.writerow(csvcells.row((*cells, *_whose_wide(c)) if sources else cells))


def _whose_wide(c: RecordChange) -> tuple[str, str]:
    if EVERY in c.sources:
        return (f"{c.sources[EVERY]} alone", "")
    told = [(n, v, c.source_of(n)) for n, v in c.after.items() if v is not None and c.source_of(n)]
    then = [(n, *whose.as_cells(source, v, c.then(n) or ())) for n, v, source in told]
    others = [f"{n}: {csvcells.text(v) or whose.NOBODY}{f' ({of})' if of else ''}" for n, v, of in then if c.then(n)]
    return "; ".join(f"{n}: {source}" for n, _, source in told), "; ".join(others)


def write_json(stream: IO[str], changes: Iterable[RecordChange]) -> None:
    """A JSON array with one record per line, written as it is read."""
    stream.write("[")
    for i, change in enumerate(changes):
        stream.write(("," if i else "") + "\n" + json.dumps(change.as_dict(), ensure_ascii=False))
    stream.write("\n]\n")


def _lines(c: RecordChange, orgs: Orgs) -> Iterator[str]:
    yield from joining.lines(c.joined)
    if c.change != Change.UPDATE:
        record = c.after or c.before
        if c.sources and c.change == Change.CREATE:
            yield _of_sources(c)
        if not c.name:
            yield from (f"{n}: {plain(record[n])}" for n in _TELLING if record.get(n) not in (None, ""))
        return
    for name, old, new in c.attributes():
        told = partial(_called, orgs=orgs) if name in _ORGS else plain
        source = c.source_of(name) if new is not None else ""
        of = whose.in_words(source, EVERY in c.sources, new, c.then(name), told)
        yield f"{name}: {told(old) or '∅'} → {told(new) or '∅'}{f' ({of})' if of else ''}"


def _of_sources(c: RecordChange) -> str:
    """Whose the values of a new record are, by source."""
    if EVERY in c.sources:
        return f"All of it is of {c.sources[EVERY]}."
    by: dict[str, list[str]] = {}
    for name, source in c.sources.items():
        by.setdefault(source.replace(",", " and "), []).append(name)
    return "; ".join(f"of {source}: {', '.join(names)}" for source, names in by.items())


def _called(value: Any, orgs: Orgs) -> str:
    ids = value if isinstance(value, list) else [value] if value else []
    return ", ".join(orgs.called(i) for i in ids)


def _change(row: dict[str, Any], joined: Sequence[Joined]) -> RecordChange:
    before: dict[str, Any] = json.loads(row["before"]) if row["before"] else {}
    after: dict[str, Any] = {}
    schools = [*(row["schools"] or ())]
    if row["change"] == Change.UPDATE:
        after = {name: _value(row, name) for name in row["changed"] or ()}
        moved = [after[name] for name in _ORGS if after.get(name)]
        schools += [i for value in moved for i in (value if isinstance(value, list) else [value])]
    elif row["change"] == Change.CREATE:
        after = {name: value for name in row if name not in _FRAME and (value := _value(row, name)) is not None}
    else:
        before = {name: value for name, value in before.items() if value is not None and name != "entity"}
    return RecordChange(
        row["entity"],
        row["id"],
        row["change"],
        row["cause"],
        tuple(dict.fromkeys(schools)),
        before,
        after,
        name_of(before if row["change"] == Change.DELETE else row),
        _sources(row.get(TOLD_BY)),
        json.loads(row[OTHERWISE]) if row.get(OTHERWISE) else None,
        joined,
    )


def _sources(text: str | None) -> dict[str, str]:
    """The source of each value, from a source that has all of them or an object by attribute."""
    told = json.loads(text) if text else {}
    return {EVERY: told} if isinstance(told, str) else told


def name_of(record: Mapping[str, Any]) -> str:
    """The name by which people know a record: a person's names or a title; empty if it has none."""
    given = " ".join(str(record[n]) for n in ("givenName", "familyName") if record.get(n))
    return given or str(record.get("name") or record.get("title") or "")


def _value(row: Mapping[str, Any], name: str) -> Any:
    """A column's value as JSON. `metadata.key` is looked up in the map."""
    if name == "entity":
        return row["new_entity"]
    if name.startswith("metadata."):
        return dict(row["metadata"] or ()).get(name.removeprefix("metadata."))
    value = row.get(name)
    if name == "metadata":
        return dict(value) if value else None
    return value.isoformat() if isinstance(value, date) else value


def _strings(values: tuple[str, ...]) -> Any:
    import pyarrow as pa

    return pa.array(values, pa.string())
