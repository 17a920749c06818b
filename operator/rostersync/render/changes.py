"""Which records a plan changes, and how: read batch by batch from the plan's files, never held as a whole."""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import IO, Any

from rich.console import Console

from rostersync.model import Change, Entity
from rostersync.render.tables import grid, say
from rostersync.render.words import plain

COLUMNS = ("entity", "id", "change", "cause", "schools", "attribute", "old", "new")
_FRAME = ("id", "entity", "new_entity", "change", "cause", "schools", "before_hash", "hash", "changed", "before")
# What tells a person which record it is, for changes that are shown as one line.
_TELLING = (
    "name", "title", "givenName", "familyName", "type", "userSourcedId", "classSourcedId", "role", "schoolSourcedId",
    "classCode", "courseCode", "email", "birthDate",
)  # fmt: skip
_BATCH = 4096


@dataclass(frozen=True)
class Filters:
    """Which changes to show. An empty filter shows all."""

    entities: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    schools: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RecordChange:
    """One record's change. `before` and `after` have the changed attributes of an Update, else the whole record."""

    entity: str
    id: str
    change: str
    cause: str
    schools: tuple[str, ...]
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """As diff's JSON output has it."""
        return {
            "entity": self.entity, "id": self.id, "change": self.change, "cause": self.cause,
            "schools": list(self.schools), "before": dict(self.before), "after": dict(self.after),
        }  # fmt: skip

    def attributes(self) -> Iterator[tuple[str, Any, Any]]:
        """(attribute, old value, new value) of everything that differs, in the table's order."""
        for name in dict.fromkeys((*self.before, *self.after)):
            yield name, self.before.get(name), self.after.get(name)


def read(plan: Path, filters: Filters | None = None) -> Iterator[RecordChange]:
    """The changes of a plan folder in the order of entities, each sorted by id."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    wanted = filters or Filters()
    for entity in Entity:
        path = plan / "changes" / f"{entity.value}.parquet"
        if not path.exists() or (wanted.entities and entity.value not in wanted.entities):
            continue
        for batch in pq.ParquetFile(path).iter_batches(batch_size=_BATCH):
            kept = batch
            for column, values in (("change", wanted.changes), ("cause", wanted.causes)):
                if values:
                    kept = kept.filter(pc.is_in(kept[column], value_set=_strings(values)))
            for row in kept.to_pylist():
                change = _change(row)
                if not wanted.schools or set(wanted.schools) & set(change.schools):
                    yield change


def page(out: Console, changes: Iterable[RecordChange], limit: int | None) -> None:
    """A table of at most `limit` records: each attribute of an Update, one line for a Create or Delete."""
    rows: list[tuple[object, ...]] = []
    shown, more = 0, False
    for change in changes:
        if limit is not None and shown >= limit:
            more = True
            break
        shown += 1
        rows += _lines(change)
    if not rows:
        say(out, "No changes.")
        return
    out.print(grid(("Entity", "Id", "Change", "Cause", "What"), rows))
    if more:
        say(out, f"The first {shown:,} records; --limit 0 shows all.")


def write_csv(stream: IO[str], changes: Iterable[RecordChange]) -> None:
    """One line an attribute, with a header."""
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    for c in changes:
        for name, old, new in c.attributes():
            row = (c.entity, c.id, c.change, c.cause, ",".join(c.schools), name, _csv(old), _csv(new))
            writer.writerow(row)


def write_json(stream: IO[str], changes: Iterable[RecordChange]) -> None:
    """A JSON array, one record a line, written as it is read."""
    stream.write("[")
    for i, change in enumerate(changes):
        stream.write(("," if i else "") + "\n" + json.dumps(change.as_dict(), ensure_ascii=False))
    stream.write("\n]\n")


def _lines(c: RecordChange) -> Iterator[tuple[object, ...]]:
    head: tuple[object, ...] = (c.entity, c.id, c.change, c.cause)
    if c.change != Change.UPDATE:
        record = c.after or c.before
        telling = ((n, record[n]) for n in _TELLING if record.get(n) not in (None, ""))
        yield (*head, ", ".join(f"{n} {plain(v)}" for n, v in list(telling)[:4]))
        return
    for name, old, new in c.attributes():
        yield (*head, f"{name}: {plain(old) or '∅'} → {plain(new) or '∅'}")
        head = ("", "", "", "")


def _change(row: dict[str, Any]) -> RecordChange:
    before: dict[str, Any] = json.loads(row["before"]) if row["before"] else {}
    after: dict[str, Any] = {}
    if row["change"] == Change.UPDATE:
        after = {name: _value(row, name) for name in row["changed"] or ()}
    elif row["change"] == Change.CREATE:
        after = {name: value for name in row if name not in _FRAME and (value := _value(row, name)) is not None}
    else:
        before = {name: value for name, value in before.items() if value is not None and name != "entity"}
    schools = tuple(row["schools"] or ())
    return RecordChange(row["entity"], row["id"], row["change"], row["cause"], schools, before, after)


def _value(row: Mapping[str, Any], name: str) -> Any:
    """A column's value as JSON has it; `metadata.key` is looked up in the map."""
    if name == "entity":
        return row["new_entity"]
    if name.startswith("metadata."):
        return dict(row["metadata"] or ()).get(name.removeprefix("metadata."))
    value = row.get(name)
    if name == "metadata":
        return dict(value) if value else None
    return value.isoformat() if isinstance(value, date) else value


def _csv(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(v, str) for v in value):
        return ",".join(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _strings(values: tuple[str, ...]) -> Any:
    import pyarrow as pa

    return pa.array(values, pa.string())
