"""Records that come back under another id: old id → new id, as found by a plan."""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from rich.console import Console

from rostersync.plan.folder import REKEYED
from rostersync.render import csvcells
from rostersync.render.tables import say, table

COLUMNS = ("entity", "old_id", "new_id")


def count(plan: Path) -> int:
    """How many records a plan re-keys."""
    import pyarrow.parquet as pq

    path = plan / REKEYED
    return int(pq.read_metadata(path).num_rows) if path.exists() else 0


def read(plan: Path) -> Iterator[dict[str, Any]]:
    """All pairs of a plan folder, in stored order."""
    import pyarrow.parquet as pq

    path = plan / REKEYED
    if path.exists():
        for batch in pq.ParquetFile(path).iter_batches(batch_size=4096):
            yield from batch.to_pylist()


def page(out: Console, pairs: Iterable[dict[str, Any]], limit: int | None) -> None:
    """A table of at most `limit` pairs."""
    rows: list[tuple[str, str]] = []
    more = False
    for pair in pairs:
        if limit is not None and len(rows) >= limit:
            more = True
            break
        rows.append((pair["entity"], f"{pair['old_id']} → {pair['new_id']}"))
    if not rows:
        say(out, "No record comes back under another id.")
        return
    table(out, ("Entity", "Old id → new id"), rows, drop=("Entity",))
    if more:
        say(out, f"The first {len(rows):,}; --limit 0 shows all.")


def write_csv(stream: IO[str], pairs: Iterable[dict[str, Any]]) -> None:
    """One line per pair, after a header."""
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    writer.writerows(csvcells.row(pair[c] for c in COLUMNS) for pair in pairs)


def write_json(stream: IO[str], pairs: Iterable[dict[str, Any]]) -> None:
    """A JSON array with one pair per line."""
    stream.write("[")
    for i, pair in enumerate(pairs):
        line = {"entity": pair["entity"], "oldID": pair["old_id"], "newID": pair["new_id"]}
        stream.write(("," if i else "") + "\n" + json.dumps(line, ensure_ascii=False))
    stream.write("\n]\n")
