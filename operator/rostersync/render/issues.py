"""Issues of a plan: grouped with counts, or record by record."""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from rich.console import Console

from rostersync.render.tables import grid, say

GROUP = ("class", "code", "entity", "attribute", "rule", "action")
RECORD = ("entity", "id", "class", "code", "attribute", "rule", "action")


def read(plan: Path) -> Iterator[dict[str, Any]]:
    """Every issue of a plan folder, in stored order."""
    import pyarrow.parquet as pq

    path = plan / "issues.parquet"
    if path.exists():
        for batch in pq.ParquetFile(path).iter_batches(batch_size=4096):
            yield from batch.to_pylist()


def groups(issues: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Issues that differ in their record only, counted; most frequent first."""
    found = Counter(tuple(i.get(k) for k in GROUP) for i in issues)
    ordered = sorted(found.items(), key=lambda item: (-item[1], [str(v) for v in item[0]]))
    return [{k: v for k, v in zip(GROUP, key, strict=True) if v is not None} | {"count": n} for key, n in ordered]


def page(out: Console, issues: Iterable[dict[str, Any]], records: bool, limit: int | None) -> None:
    """The groups, or with `records` at most `limit` single issues."""
    if not records:
        found = groups(issues)
        columns = (*(k.capitalize() for k in GROUP), "Count")
        rows: list[list[object]] = [[g.get(k) for k in (*GROUP, "count")] for g in found]
        _print(out, columns, rows)
        return
    rows, more = [], False
    for issue in issues:
        if limit is not None and len(rows) >= limit:
            more = True
            break
        rows.append([issue.get(k) for k in RECORD])
    _print(out, [k.capitalize() for k in RECORD], rows)
    if more:
        say(out, f"The first {len(rows):,}; --limit 0 shows all.")


def write_csv(stream: IO[str], issues: Iterable[dict[str, Any]]) -> None:
    """One line an issue, with a header."""
    writer = csv.writer(stream)
    writer.writerow(RECORD)
    writer.writerows([i.get(k) or "" for k in RECORD] for i in issues)


def write_json(stream: IO[str], issues: Iterable[dict[str, Any]], records: bool) -> None:
    """A JSON array of groups, or of single issues."""
    stream.write("[")
    for i, issue in enumerate(issues if records else groups(issues)):
        stream.write(("," if i else "") + "\n" + json.dumps(issue, ensure_ascii=False))
    stream.write("\n]\n")


def _print(out: Console, columns: Iterable[str], rows: list[list[object]]) -> None:
    if rows:
        out.print(grid(tuple(columns), rows, ("Count",)))
    else:
        say(out, "No issues.")
