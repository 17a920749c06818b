"""Stage extract: every collection of the source to Parquet in staged form, with the proof of what was read.

Writes <folder>/<collection>/part-*.parquet and <folder>/proof.json. A finished collection has a done.json. While it is
young, a retry of the same run reuses it. A collection appears whole, by a rename, or not at all.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rostersync import durable
from rostersync.instants import parse_instant
from rostersync.reading import confirming
from rostersync.reading.completeness import MAX_PULLS, Pulled, best, prove
from rostersync.reading.pull_writer import PullWriter
from rostersync.sources.port import COLLECTIONS, Page, Source

FORMAT = 1
FRESH = timedelta(hours=6)  # how long a retry of the same run may reuse a finished collection
Progress = Callable[[str, str, int, int | None], None]


@dataclass(frozen=True)
class Wanted:
    """What to read: collections, and the metadata keys wanted of each."""

    collections: tuple[str, ...] = COLLECTIONS
    metadata: dict[str, frozenset[str]] = field(default_factory=dict)


def extract(
    source: Source,
    folder: Path,
    wanted: Wanted,
    progress: Progress = lambda stage, what, done, total: None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    finished: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Read what is wanted into `folder` and return the proof, as in proof.json. Raises Permanent or Retryable.

    `progress(stage, collection, rows, total)` is called for every page, and `finished()` after every collection.
    """
    folder.mkdir(parents=True, exist_ok=True)
    durable.clear(folder)
    (folder / confirming.FILE).unlink(missing_ok=True)  # it was about an earlier pull
    source.on_wait(lambda why, waited, patience: progress("waiting", why, int(waited), int(patience)))
    done: dict[str, dict[str, Any]] = {}
    for collection in (c for c in COLLECTIONS if c in wanted.collections):
        keys = wanted.metadata.get(collection, frozenset())
        done[collection] = _checkpoint(folder / collection, keys, source.version, now()) or _read(
            source, folder, collection, keys, progress, now
        )
        finished()
    _one_revision(source, folder, wanted, progress, now, done)
    proof = {
        "format": FORMAT,
        "collections": {name: done[name]["proof"] for name in COLLECTIONS if name in done},
        "extractedAt": now().isoformat(),
        "version": source.version,
    }
    _write_json(folder / "proof.json", proof)
    return proof


def _one_revision(
    source: Source,
    folder: Path,
    wanted: Wanted,
    progress: Progress,
    now: Callable[[], datetime],
    done: dict[str, dict[str, Any]],
) -> None:
    """Read everything at one revision, if the server has revisions. Collections of an older one prove nothing."""
    for _ in range(MAX_PULLS):
        for name in _of_older_revision(done):
            keys = wanted.metadata.get(name, frozenset())
            del done[name]
            done[name] = _read(source, folder, name, keys, progress, now)  # now the last, and so the latest
    for name in _of_older_revision(done):
        done[name]["proof"] |= {"complete": False, "rule": None, "reason": "read at another revision than the last one"}


def _of_older_revision(done: dict[str, dict[str, Any]]) -> list[str]:
    """Collections with another revision than the collection that was read last."""
    told = [(entry["finishedAt"], i, entry["revision"]) for i, entry in enumerate(done.values()) if entry["revision"]]
    return [name for name, entry in done.items() if entry["revision"] and entry["revision"] != max(told)[2]]


def _read(
    source: Source, folder: Path, collection: str, keys: frozenset[str], progress: Progress, now: Callable[[], datetime]
) -> dict[str, Any]:
    """Pull a collection until it is proved, at most three times. Keeps the best pull. Returns its done.json."""
    pulls: list[Pulled] = []
    writers: list[PullWriter] = []
    requests = 0
    try:
        while True:
            writer = PullWriter(collection, durable.part_of(folder / collection), compared=bool(pulls))
            writers.append(writer)

            def sink(page: Page, writer: PullWriter = writer) -> None:
                writer.write(page)
                progress("extract", collection, writer.rows, page.total)

            reading = source.pull(collection, keys, sink)
            requests += reading.requests
            if not reading.offered:
                durable.remove(folder / collection)
                return {
                    "revision": None,
                    "finishedAt": now().isoformat(),
                    "proof": _not_offered(requests, reading.status, reading.scope),
                }
            pulls.append(writer.finish(reading))
            proof = prove(pulls)
            if not proof.again:
                break
            for loser in (i for i in range(len(writers)) if i != best(pulls)):
                writers[loser].discard()
        kept = len(pulls) - 1 if proof.complete else best(pulls)
        entry = {
            "format": FORMAT,
            "version": source.version,
            "metadata": sorted(keys),
            "revision": reading.revision,
            "finishedAt": now().isoformat(),
            "proof": {
                "offered": True,
                "complete": proof.complete,
                "rule": proof.rule,
                "total": pulls[kept].expected,
                "rows": pulls[kept].rows,
                "distinct": pulls[kept].distinct,
                "withoutID": pulls[kept].without_id,
                "pulls": len(pulls),
                "duplicates": pulls[kept].duplicates,
                "pageSize": reading.page_size,
                "requests": requests,
                "reason": proof.reason,
                **({"leftOut": reading.left_out} if reading.left_out else {}),
            },
        }
        _publish(writers[kept].folder, folder / collection, entry)
        progress("extract", collection, pulls[kept].rows, pulls[kept].rows)  # its end, whatever total the server named
        return entry
    finally:
        for writer in writers:
            writer.discard()


def _publish(pulled: Path, target: Path, entry: dict[str, Any]) -> None:
    """Move a finished pull into place, done.json included, by a rename."""
    entry["files"] = {path.name: path.stat().st_size for path in sorted(pulled.glob("*.parquet"))}
    _write_json(pulled / "done.json", entry)
    durable.settle(pulled, target, lasting=False)  # a retry checks the sizes of the files


def _checkpoint(target: Path, keys: frozenset[str], version: str, now: datetime) -> dict[str, Any] | None:
    """The done.json of a complete collection that is young, was read for the same keys, and has its files."""
    try:
        entry: dict[str, Any] = json.loads(durable.read(target / "done.json"))
        same = (entry["format"], entry["version"], entry["metadata"]) == (FORMAT, version, sorted(keys))
        young = timedelta(0) <= now - parse_instant(entry["finishedAt"]) < FRESH
        whole = all((target / name).stat().st_size == size for name, size in entry["files"].items())
        return entry if same and young and whole and entry["proof"]["complete"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # the checkpoint cannot be trusted, so read the collection again


def _not_offered(requests: int, status: int | None, scope: str) -> dict[str, Any]:
    return {
        "offered": False,
        "complete": False,
        "rule": None,
        "total": None,
        "rows": 0,
        "distinct": 0,
        "withoutID": 0,
        "pulls": 1,
        "duplicates": 0,
        "pageSize": 0,
        "requests": requests,
        "reason": "not offered",
        "status": status,
        **({"scope": scope} if scope else {}),
    }


def _write_json(path: Path, value: dict[str, Any]) -> None:
    durable.write(path, json.dumps(value, indent=1, sort_keys=True), lasting=False)
