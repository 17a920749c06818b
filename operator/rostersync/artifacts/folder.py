"""The files of a run: on a volume under `<root>/<run>/`, readable by this user alone, and sealed when there is a key.

`plan/` and `extract/` hold records; each appears whole or not at all. `errors/<stage>.txt` has the full texts of
errors, which may quote records. Nothing else belongs here.
"""

import json
import re
import shutil
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rostersync import durable, sealing
from rostersync.disks import is_full
from rostersync.errors import Permanent
from rostersync.scratch import clear as clear_scratch

_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_UNTIL_FINAL = ("extract", "scratch")  # folders of a run
_BATCH = 65_536  # rows searched at a time


@dataclass(frozen=True)
class FinishedRun:
    """A run that has ended, for `to_purge`, which takes the oldest first."""

    name: str
    successful: bool


def to_purge(runs: Sequence[FinishedRun], keep_successful: int, keep_failed: int) -> list[str]:
    """The names of the finished runs that exceed the limits, oldest first."""
    gone: set[str] = set()
    for successful, keep in ((True, keep_successful), (False, keep_failed)):
        same = [r.name for r in runs if r.successful is successful]
        gone.update(same[: max(0, len(same) - keep)])
    return [r.name for r in runs if r.name in gone]


def is_name(run: str) -> bool:
    """Whether this can be the name of a run."""
    return bool(_RUN.fullmatch(run))


def check_name(run: str) -> None:
    """Raises Permanent unless this can be the name of a run, so that no name leads elsewhere."""
    if not is_name(run):
        raise Permanent(f"{run!r} is no name of a run.", reason="InvalidRun")


class Artifacts:
    """The artifacts under `root`. `key` is an age identity or a passphrase; with None, files are not sealed."""

    def __init__(self, root: Path, key: str | None = None) -> None:
        self.root = root.resolve()
        self._key = key or None

    @property
    def sealed(self) -> bool:
        """Whether records must first be written to scratch, and then handed to `keep`."""
        return self._key is not None

    def run_folder(self, run: str) -> Path:
        """The folder of a run. It is made if it is not there."""
        folder = self._folder(run)
        for each in (self.root, folder):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def runs(self) -> list[str]:
        """The names of the runs that have artifacts."""
        return sorted(p.name for p in self.root.glob("*") if p.is_dir() and _RUN.fullmatch(p.name))

    def has(self, run: str, name: str) -> bool:
        """Whether the run has a finished folder `name` (`plan`, `extract`)."""
        return (self._folder(run) / name).is_dir()

    def keep(self, run: str, name: str, made: Path) -> Path:
        """Move the finished folder `made` into the run as `name`, whole or not at all, sealed if there is a key.

        What was there is replaced. `made` is gone afterwards.
        """
        target = self.run_folder(run) / name
        with durable.made(target) as part:
            if self._key is not None:
                sealing.seal(made, part, self._key)
            else:
                shutil.copytree(made, part) if _other_volume(made, target.parent) else made.rename(part)
        durable.discard(made)
        return target

    def open(self, run: str, name: str, scratch: Path) -> Path:
        """The folder `name` of a run for reading: itself, or an unsealed copy in `scratch`, which the caller removes.

        Raises Permanent when it is not there (NoArtifact), and when it is sealed and the key is missing or wrong.
        """
        folder = self._folder(run) / name
        if not folder.is_dir():
            raise Permanent(
                f"Run {run} has no {name} among its artifacts; it was purged, or the run did not come so far.",
                reason="NoArtifact",
            )
        if not sealing.is_sealed(folder):
            return folder
        if self._key is None:
            raise Permanent(
                f"The {name} of run {run} is sealed; give the artifacts' encryption key.", reason="ArtifactKeyMissing"
            )
        opened = scratch / f"opened-{uuid.uuid4().hex[:8]}"
        try:
            sealing.unseal(folder, opened, self._key)
        except BaseException:
            shutil.rmtree(opened, ignore_errors=True)
            raise
        return opened

    def errors(self, run: str, stage: str, text: str) -> Path:
        """Write the full text of an error, which may quote records, to `errors/<stage>.txt`.

        Returns the file's path.
        """
        folder = self.run_folder(run) / "errors"
        folder.mkdir(mode=0o700, exist_ok=True)
        data, suffix = text.encode(), ""
        if self._key is not None:
            data, suffix = sealing.seal_text(data, self._key), sealing.SUFFIX
        path = folder / f"{stage}.txt{suffix}"
        durable.write(path, data)
        return path

    def drop(self, run: str, name: str) -> None:
        """Remove one folder of a run."""
        durable.remove(self._folder(run) / name)

    def finish(self, run: str) -> None:
        """Remove what a run only needs until it ends, and what killed processes left of it."""
        for name in _UNTIL_FINAL:
            self.drop(run, name)
        self.clear(run)

    def clear(self, run: str) -> None:
        """Remove what killed processes left half made or half removed of a run. Nobody else may be using the run."""
        folder = self._folder(run)
        for each in (folder, folder / "extract", folder / "errors", folder / "reports"):
            durable.clear(each)
        clear_scratch(folder / "scratch")

    def remove(self, run: str) -> None:
        """Remove all artifacts of a run."""
        durable.remove(self._folder(run))

    def purge(self, finished: Sequence[FinishedRun], keep_successful: int, keep_failed: int) -> list[str]:
        """Remove the artifacts of finished runs that exceed the limits, and of runs that were half removed.

        Returns the runs.
        """
        durable.clear(self.root)
        kept = set(self.runs())
        gone = [run for run in to_purge(finished, keep_successful, keep_failed) if run in kept]
        for run in gone:
            self.remove(run)
        return gone

    def forget(self, ids: Sequence[str], scratch: Path) -> list[str]:
        """Remove the artifacts of every run that `mentioning` finds. Returns these runs."""
        gone = self.mentioning(ids, scratch)
        for run in gone:
            self.remove(run)
        return gone

    def mentioning(self, ids: Sequence[str], scratch: Path) -> list[str]:
        """The runs whose plan or extract names one of `ids`, or cannot be searched: sealed without the key, or unreadable.

        `ids` are a person's ids in the store and the raw sourcedIds. Error texts and what killed processes left are removed
        from all runs.
        """
        found = []
        durable.clear(self.root)
        for run in self.runs():
            self.clear(run)
            self.drop(run, "errors")
            if any(self._names(run, name, ids, scratch) for name in ("plan", "extract") if self.has(run, name)):
                found.append(run)
        return found

    def _names(self, run: str, name: str, ids: Sequence[str], scratch: Path) -> bool:
        try:
            folder = self.open(run, name, scratch)
        except Permanent:
            return True
        try:
            return any(_mentions(file, ids) for file in folder.rglob("*.parquet"))
        except (OSError, pa.ArrowException) as error:
            if is_full(error):
                raise
            return True  # an unfinished or damaged file, which cannot be searched
        finally:
            if folder != self._folder(run) / name:
                shutil.rmtree(folder, ignore_errors=True)

    def _folder(self, run: str) -> Path:
        check_name(run)
        return self.root / run


def _other_volume(a: Path, b: Path) -> bool:
    return a.stat().st_dev != b.stat().st_dev


def _mentions(file: Path, ids: Sequence[str]) -> bool:
    """Whether a text in a Parquet file is one of the ids, or JSON with one as a value."""
    exact = pa.array(ids, pa.string())
    quoted = [json.dumps(each, ensure_ascii=False) for each in ids]
    with pq.ParquetFile(file) as parquet:
        return any(
            pc.any(pc.is_in(texts, exact)).as_py() or any(pc.any(pc.match_substring(texts, q)).as_py() for q in quoted)
            for batch in parquet.iter_batches(_BATCH)
            for column in batch.columns
            for texts in _texts(column)
        )


def _texts(array: pa.Array) -> Iterator[pa.Array]:
    """All strings of a column, however deeply nested."""
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        yield array
    elif pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
        yield from _texts(array.flatten())
    elif pa.types.is_map(array.type):
        yield from _texts(array.keys)
        yield from _texts(array.items)
    elif pa.types.is_struct(array.type):
        for child in array.flatten():
            yield from _texts(child)
