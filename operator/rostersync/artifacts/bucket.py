"""The runs of a connection in a bucket: `<folder>/<run>/files.json`, and beside it the objects that this names.

The files themselves are made and read in a folder of the pod (artifacts/folder.py), which is empty at its start. What an
attempt needs is fetched before, and what it made is kept afterwards. Who takes a run marks its list, so that another process,
which may still be alive somewhere, cannot replace it any more.
"""

import uuid
from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from rostersync import durable
from rostersync.artifacts import listing
from rostersync.artifacts.folder import Artifacts, FinishedRun, check_name, is_name, to_purge
from rostersync.artifacts.listing import RECORDS, Listing
from rostersync.buckets import objects
from rostersync.buckets.bucket import Bucket
from rostersync.buckets.failures import Changed, NotThere
from rostersync.durable import TooLarge
from rostersync.errors import Permanent, Retryable, RostersyncError

EVERYTHING = ("", *RECORDS)
IN_USE = "ArtifactsInUse"


class There(NamedTuple):
    """What a run has in a bucket: its list, and any object of an extract."""

    list: bool = False
    extract: bool = False


class BucketRuns:
    """Runs in `folder` of a bucket. `root`: where their files are in this pod."""

    def __init__(self, bucket: Bucket, folder: str, root: Path) -> None:
        self._bucket, self._folder, self.root = bucket, folder, root
        self._writer = uuid.uuid4().hex
        self._known: dict[str, tuple[Listing, str | None]] = {}  # as this process has read or written it

    def runs(self) -> dict[str, "There"]:
        """The runs that have objects; without a list, a run was removed in part, or never begun."""
        found: dict[str, There] = {}

        def see(key: str) -> bool:
            run, _, name = key.removeprefix(f"{self._folder}/").partition("/")
            if name and is_name(run):
                known = found.get(run, There())
                found[run] = There(known.list or name == listing.NAME, known.extract or "/extract/" in name)
            return True

        objects.each(self._bucket, self._folder, see)
        return found

    def uid_of(self, run: str) -> str | None:
        """The UID of the run that has objects under this name. None when nothing whole is there."""
        found = self._read(run)
        return found[0].uid if found else None

    def take(self, run: str, uid: str) -> None:
        """Make the run this process's. What an earlier run of that name left there is removed first."""
        found = self._read(run)
        if found and found[0].uid != uid:
            self.remove(run)
            found = None
        before, tag = found or (Listing(uid, ""), None)
        self._write(run, Listing(uid, self._writer, before.files), tag)
        self._sweep(run)

    def resume(self, run: str) -> bool:
        """Make a run this process's that is there, whoever's it is. Returns whether it is."""
        found = self._read(run)
        if found is None:
            return False
        self._write(run, Listing(found[0].uid, self._writer, found[0].files), found[1])
        return True

    def fetch(self, run: str, parts: Collection[str]) -> None:
        """Bring these parts of a run that was taken into its folder, each file as it was kept.

        Raises Permanent when an object is missing, cut short or altered; its part is not in the folder then.
        """
        kept = self._known[run][0].of(parts)
        wanted = {f"{self._of(run)}/{k.key}": (self.root / run / path, k.size.bytes) for path, k in kept.items()}
        whole = False
        try:
            found = objects.get_all(self._bucket, wanted)
            wrong = {
                path: each.key for path, each in kept.items() if found.get(f"{self._of(run)}/{each.key}") != each.size
            }
            whole = not wrong
        finally:
            if not whole:
                for file, _ in wanted.values():
                    file.unlink(missing_ok=True)
        for path, name in wrong.items():
            key = f"{self._of(run)}/{name}"
            raise _not_as_kept(run, path, key, missing=found.get(key) is None)

    def keep(self, run: str, parts: Collection[str]) -> None:
        """Let these parts of a run that was taken be in the bucket as they are in its folder, all of it or nothing."""
        folder = self.root / run
        files = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file() and _ours(p, folder)}
        found = {path: objects.size_of(file) for path, file in files.items() if listing.part_of(path) in parts}
        before, tag = self._known[run]
        made, sent = listing.renewed(before, found, parts, f"{_now()}-{uuid.uuid4().hex[:8]}")
        if made == before:
            return
        objects.put_all(self._bucket, {f"{self._of(run)}/{key}": files[path] for path, key in sent.items()})
        self._write(run, made, tag)
        with suppress(RostersyncError):  # it is kept; what is left over goes with the next sweep
            self._bucket.remove(f"{self._of(run)}/{key}" for key in sorted(before.keys - made.keys))

    def drop(self, run: str, part: str) -> None:
        """Remove one part of a run, in the bucket and in the folder. Nothing happens when the run is not there."""
        if run in self._known or self.resume(run):
            durable.remove(self.root / run / part)
            self.keep(run, (part,))
            self._sweep(run)

    def remove(self, run: str) -> None:
        """Remove all objects of a run. Its list is the first, so that what is left is never taken for a run."""
        self._known.pop(run, None)
        first, before = f"{self._of(run)}/{listing.NAME}", list[str]()
        while (there := objects.keys(self._bucket, self._of(run))) and there != before:
            self._bucket.remove([first])
            self._bucket.remove(key for key in there if key != first)
            if len(there) < objects.MOST:
                return
            before = there

    def purge(
        self, finished: Sequence[FinishedRun], keep_successful: int, keep_failed: int, known: Collection[str], run: str
    ) -> list[str]:
        """Remove runs over the limits, runs that were removed in part, and unless it is empty, runs that are not `known`.

        Finished runs lose their extract, if the bucket was away when they ended. `run` is left alone. Returns the runs.
        """
        there = self.runs()
        over = set(to_purge(finished, keep_successful, keep_failed))
        gone = [
            name
            for name, found in sorted(there.items())
            if name != run and (name in over or not found.list or (known and name not in known))
        ]
        for name in gone:
            self.remove(name)
        ended = {each.name for each in finished} - {run, *gone}
        for name in sorted(ended & there.keys()):
            if there[name].extract:
                self.drop(name, "extract")
        return gone

    def forget(self, ids: Sequence[str], key: str | None, scratch: Path) -> list[str]:
        """Remove every run whose plan or extract names one of `ids`, or that cannot be searched; and error texts of all.

        Returns the runs that were removed.
        """
        gone = []
        local = Artifacts(self.root, key)
        for run, there in sorted(self.runs().items()):
            try:
                try:
                    searched = there.list and self._searched(run, ids, local, scratch)
                except Permanent as error:
                    if not isinstance(error, _NotAsKept):
                        raise
                    searched = False
                if not searched:
                    self.remove(run)
                    gone.append(run)
            finally:
                local.remove(run)
        return gone

    def _searched(self, run: str, ids: Sequence[str], local: Artifacts, scratch: Path) -> bool:
        """Whether a run was searched and names none of the ids. Its error texts are gone then, and what is left over."""
        if not self.resume(run):
            return False
        self.fetch(run, EVERYTHING)
        if run in local.forget(ids, scratch):
            return False
        self.keep(run, EVERYTHING)
        self._sweep(run)
        return True

    def _read(self, run: str) -> tuple[Listing, str | None] | None:
        """The list of a run as it is now, and its tag. Raises _NotAsKept when it cannot be read."""
        key = f"{self._of(run)}/{listing.NAME}"
        try:
            data, tag = objects.get(self._bucket, key)
        except NotThere:
            return None
        except TooLarge:
            raise _not_as_kept(run, listing.NAME, key, missing=False) from None
        try:
            return listing.from_json(data), tag
        except ValueError:
            raise _not_as_kept(run, listing.NAME, key, missing=False) from None

    def _write(self, run: str, made: Listing, tag: str | None) -> None:
        key, data = f"{self._of(run)}/{listing.NAME}", listing.to_json(made)
        try:
            self._known[run] = (made, objects.put_over(self._bucket, key, data, tag))
        except NotThere:
            raise Permanent(
                f"Run {run} has no artifacts any more: its objects were removed while it was worked on. Make a new run.",
                reason="ArtifactsGone",
            ) from None
        except Changed:
            now = self._read(run)  # an answer may have been lost, and the request repeated
            if now is None or now[0] != made:
                raise _in_use(run) from None
            self._known[run] = (made, now[1])

    def _sweep(self, run: str) -> None:
        """Remove what killed processes left of a run that was taken.

        The list is read after the objects were: if it is still this process's, none of them is of one that took the run later.
        """
        mine = self._named(run, self._known[run][0])
        before: list[str] = []
        while True:
            there = objects.keys(self._bucket, self._of(run), lambda key: key not in mine)
            found = self._read(run)
            if found is None or found[0].writer != self._writer:
                raise _in_use(run)
            gone = sorted(set(there) - self._named(run, found[0]))
            self._bucket.remove(gone)
            if len(there) < objects.MOST or gone == before:
                return
            before = gone

    def _named(self, run: str, kept: Listing) -> set[str]:
        return {f"{self._of(run)}/{name}" for name in (listing.NAME, *kept.keys)}

    def _of(self, run: str) -> str:
        check_name(run)
        return f"{self._folder}/{run}"


class _NotAsKept(Permanent):
    """What is in the bucket is not what was put there."""


def _in_use(run: str) -> Retryable:
    return Retryable(
        f"Another pod works on run {run}, and has written its artifacts in the meantime. This one gives way.",
        reason=IN_USE,
    )


def _not_as_kept(run: str, path: str, key: str, *, missing: bool) -> RostersyncError:
    what = "is missing" if missing else "is not as it was written: it was cut short or altered"
    return _NotAsKept(
        f"The artifacts of run {run} are spoiled: {path} (object {key}) {what}. Nothing of it is used. Make a new run, and see "
        "that nobody else writes or expires objects there.",
        reason="ArtifactsSpoiled",
    )


def _ours(file: Path, folder: Path) -> bool:
    """Whether a file is finished. Names of others begin with a dot, as do those of folders that are being made."""
    inside = file.relative_to(folder).parts
    return inside[0] != "scratch" and not any(part.startswith(".") for part in inside)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
