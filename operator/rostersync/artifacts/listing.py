"""The list of a run's files in a bucket. Pure.

Files are written under names of their own, and then one object, the list, is replaced: what it names is what the run has.
So whoever reads finds all of the former state or all of the new one, whenever a writer was killed.
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rostersync.buckets.objects import Size

NAME = "files.json"
FORMAT = 1
LARGEST = 5 * 1024**4  # bytes; S3 has no larger object
RECORDS = ("extract", "plan")  # folders of a run that hold records; everything else is small
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")


@dataclass(frozen=True)
class Kept:
    """One file: the key of its object, within the run's folder, and what it must be."""

    key: str
    size: Size


@dataclass(frozen=True)
class Listing:
    """The files of a run, by path. `uid`: of the run. `writer`: who may replace this list, anew for each process."""

    uid: str
    writer: str
    files: Mapping[str, Kept] = field(default_factory=dict)

    @property
    def keys(self) -> frozenset[str]:
        """The keys of all objects that it names."""
        return frozenset(kept.key for kept in self.files.values())

    def of(self, parts: Collection[str]) -> dict[str, Kept]:
        """Its files in these parts of a run: `extract`, `plan`, or with an empty name, everything else."""
        return {path: kept for path, kept in self.files.items() if part_of(path) in parts}


def part_of(path: str) -> str:
    """The part of a run that a file belongs to."""
    top = path.partition("/")[0]
    return top if top in RECORDS else ""


def renewed(
    before: Listing, found: Mapping[str, Size], parts: Collection[str], folder: str
) -> tuple[Listing, dict[str, str]]:
    """The list after `parts` of a run have become what was `found`, and the keys of the files to write first.

    A file that has not changed keeps its object. Others get one in `folder`, which nobody else uses.
    """
    files = {path: kept for path, kept in before.files.items() if part_of(path) not in parts}
    sent: dict[str, str] = {}
    for path, size in found.items():
        former = before.files.get(path)
        if former is None or former.size != size:
            sent[path] = f"{folder}/{path}"
        files[path] = former if former and former.size == size else Kept(sent[path], size)
    return replace(before, files=files), sent


def to_json(listing: Listing) -> bytes:
    """The list as it is written."""
    files = {
        path: {"object": kept.key, "bytes": kept.size.bytes, "sha256": kept.size.sha256}
        for path, kept in sorted(listing.files.items())
    }
    data = {"format": FORMAT, "uid": listing.uid, "writer": listing.writer, "files": files}
    return json.dumps(data, indent=1).encode() + b"\n"


def from_json(data: bytes) -> Listing:
    """The list that was written. Raises ValueError for anything else, such as paths that lead out of the run's folder."""
    try:
        found: Any = json.loads(data)
        if found["format"] != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        files = {_path(path): _kept(each) for path, each in found["files"].items()}
        return Listing(str(found["uid"]), str(found["writer"]), files)
    except (KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise ValueError("it is not what a list is") from None


def _kept(each: Any) -> Kept:
    size = int(each["bytes"])
    if not 0 <= size <= LARGEST:
        raise ValueError("it names a file of a size that none has")
    return Kept(_path(each["object"]), Size(size, str(each["sha256"])))


def _path(text: str) -> str:
    if not _PATH.fullmatch(text):
        raise ValueError("it names a file outside of the run")
    return text
