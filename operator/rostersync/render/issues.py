"""Issues of a plan: grouped with counts, or record by record."""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from rich.console import Console

from rostersync.plan.folder import ISSUES, NOTES
from rostersync.render import csvcells
from rostersync.render.tables import say, table

GROUP = ("class", "code", "entity", "attribute", "rule", "action")
_CODE = GROUP.index("code")
FOLLOWS = "DanglingReference"  # mostly of what a filter leaves out: thousands of records on which nobody must act
RECORD = ("entity", "id", "class", "code", "attribute", "rule", "action", "name")
# What a code means, for people who have not read the documentation.
MEANINGS = {
    "Missing": "has no value, and a data requirement asks for one",
    "FormatFailed": "has a value that a data requirement does not allow",
    "Malformed": "has a value that is not a date, or neither true nor false",
    "UnknownValue": "has a value that OneRoster does not know",
    "UnknownStatus": "has a status that OneRoster does not know, so nothing is decided by it",
    "UnknownRole": "has a role that OneRoster does not know, so nothing is decided by it",
    "Duplicate": "has the same value as another record where it must be unique",
    "IdTaken": "has the id of another source's record, and no domain says that they are one: give one source a SIS ID prefix",
    "Unmatched": "is in none of the sources that bring records, and its own source only adds to these",
    "ContradictoryRows": "came in several rows that contradict each other",
    "NotImportable": "has no value: importers of the exported CSV may refuse the record",
    "NoSchool": "is not there at all: importers of the exported CSV have nowhere to put people and classes",
    "RepeatedRows": "came in several rows, so the collection is not proved complete and deletes are deferred",
    "WithoutID": "came without an id that can be read (rows are counted as sent), so deletes are deferred",
    "StillThere": "was not sent, but is there when asked for by id, so deletes are deferred",
    "LastOrganisation": "is mapped or sent no more, but is all that somebody who stays belongs to, so it stays",
    "DanglingReference": "refers to a record that is not imported: it is missing in the source, filtered out or held back",
    "ChangedSince": "was changed by a later run, so the restore leaves it alone",
    "StillNeeded": "is all that somebody belongs to, so the restore leaves it",
    "Forgotten": "was removed by forget, so it cannot be restored",
}
ACTIONS = {
    "Error": "reported",
    "Skip": "held back",
    "DropValue": "value dropped",
    "Default": "default used",
    "Hold": "holds the run",
    "Fail": "fails the run",
    "Export": "accepted",
}


def read(plan: Path) -> Iterator[dict[str, Any]]:
    """All issues of a plan folder in stored order, its notes, and then what follows from filters and other issues."""
    import pyarrow.parquet as pq

    for later in (False, True):
        for path in (plan / ISSUES, plan / NOTES):
            if path.exists():
                for batch in pq.ParquetFile(path).iter_batches(batch_size=4096):
                    yield from (issue for issue in batch.to_pylist() if (issue["code"] == FOLLOWS) is later)


def groups(issues: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Issues grouped by everything but the record, with counts: what somebody must act on first, the most frequent first."""
    found = Counter(tuple(i.get(k) for k in GROUP) for i in issues)
    ordered = sorted(found.items(), key=lambda item: (item[0][_CODE] == FOLLOWS, -item[1], [str(v) for v in item[0]]))
    return [{k: v for k, v in zip(GROUP, key, strict=True) if v is not None} | {"count": n} for key, n in ordered]


def page(out: Console, issues: Iterable[dict[str, Any]], records: bool, limit: int | None, run: str = "RUN") -> None:
    """The groups; with `records`, at most `limit` single issues."""
    if not records:
        found: list[tuple[object, ...]] = [
            (g["count"], g.get("entity"), g.get("attribute"), g["code"], *_words(g)) for g in groups(issues)
        ]
        _print(out, ("Count", "Entity", "Attribute", "Code", "What", "Done"), found, ("Code",))
        if found:
            say(out, f"To list single records: `rostersync issues {run} --records`.")
        return
    rows: list[tuple[object, ...]] = []
    more = False
    for issue in issues:
        if limit is not None and len(rows) >= limit:
            more = True
            break
        what, done = _words(issue)
        cells = (issue.get(key) for key in ("entity", "attribute", "code", "name", "id"))
        rows.append((*cells, what, done))
    _print(out, ("Entity", "Attribute", "Code", "Name", "Id", "What", "Done"), rows, ("What", "Done", "Code"))
    if more:
        say(out, f"The first {len(rows):,}; --limit 0 shows all.")


def _words(issue: dict[str, Any]) -> tuple[str, str]:
    """What a code means, and what was done about it."""
    action = issue.get("action") or ""
    return MEANINGS.get(issue.get("code") or "", ""), ACTIONS.get(action, action)


def write_csv(stream: IO[str], issues: Iterable[dict[str, Any]]) -> None:
    """One line per issue, after a header."""
    writer = csv.writer(stream)
    writer.writerow(RECORD)
    writer.writerows(csvcells.row(i.get(k) for k in RECORD) for i in issues)


def write_json(stream: IO[str], issues: Iterable[dict[str, Any]], records: bool) -> None:
    """A JSON array of groups, or of single issues."""
    stream.write("[")
    for i, issue in enumerate(issues if records else groups(issues)):
        stream.write(("," if i else "") + "\n" + json.dumps(issue, ensure_ascii=False))
    stream.write("\n]\n")


def _print(out: Console, columns: tuple[str, ...], rows: list[tuple[object, ...]], drop: tuple[str, ...]) -> None:
    if not rows:
        say(out, "No issues.")
        return
    told = [i for i, c in enumerate(columns) if c != "Name" or any(row[i] for row in rows)]
    columns, rows = tuple(columns[i] for i in told), [tuple(row[i] for i in told) for row in rows]
    below = tuple(c for c in ("What", "Name", "Id") if c in columns and c not in drop)
    table(out, columns, rows, ("Count",), drop=drop, fold="What", below=below)
