"""Artifacts in a bucket: a Job fetches what it needs of its run into an empty folder, and hands in what it made."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rostersync.api.kinds import Ref
from rostersync.api.v1alpha1.connection import Connection
from rostersync.artifacts.bucket import EVERYTHING, IN_USE, BucketRuns
from rostersync.artifacts.folder import FinishedRun
from rostersync.buckets import objects
from rostersync.buckets.bucket import Bucket
from rostersync.buckets.failures import Failures, NotThere
from rostersync.disks import naming
from rostersync.durable import TooLarge
from rostersync.errors import ArtifactsAway, DiskFull, Permanent, Retryable, RostersyncError
from rostersync.execution import ownership
from rostersync.execution.home_kind import BUCKET_FIELD as FIELD
from rostersync.execution.layout import Layout
from rostersync.execution.progress import log
from rostersync.execution.purge import History, Named
from rostersync.lifecycle.names import connection_label

if TYPE_CHECKING:
    from rostersync.sources.network import Network

_SMALL, _READ = ("",), ("", "extract")  # parts of a run: neither extract nor plan; what a retry of its reading needs
_PROBES = ".rostersync-probe"
PATIENCE = 300.0  # seconds for which a plan that is made waits to be handed in
_PAUSES = (2.0, 30.0)  # between two tries: the first, and the longest
_EVERY = 30.0  # seconds between two checkpoints


class InBucket:
    """A bucket, as execution/home.py has it. `sealed`: the extract is in the folder only once it is whole."""

    def __init__(
        self,
        layout: Layout,
        runs: BucketRuns,
        *,
        sealed: bool,
        every: float = _EVERY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._layout, self._runs, self._sealed = layout, runs, sealed
        self._every, self._clock = every, clock
        self._checked = clock()

    def begin(self, run: str, uid: str, *, again: bool) -> None:
        """Its marked list in the bucket is also the proof that the bucket can be written, before hours of reading."""
        with _away(), naming(artifacts=self._layout.artifacts):
            self._runs.take(run, uid)
            self._runs.fetch(run, EVERYTHING if again else _SMALL)
            if not again and not self._sealed:
                try:
                    self._runs.fetch(run, ("extract",))
                except Permanent as error:
                    log("warning", stage="fetch", reason=error.reason, message=f"Everything is read anew. {error}")
            ownership.take(self._layout, run, uid)
        self._checked = self._clock()

    def open(self, run: str, uid: str) -> None:
        """The extract stays where it is: an apply has no use for it."""
        with _away(), naming(artifacts=self._layout.artifacts):
            ownership.check_uid(self._runs.uid_of(run), run, uid)
            self._runs.take(run, uid)
            self._runs.fetch(run, ("", "plan"))
        ownership.check(self._layout, run, uid)

    def checkpoint(self, run: str) -> None:
        """Not after every little collection, and never a reason to stop reading."""
        if self._sealed or self._clock() - self._checked < self._every:
            return
        try:
            self._runs.keep(run, _READ)
        except (RostersyncError, OSError) as error:
            log(
                "warning",
                stage="extract",
                message="What was read so far could not be kept for a retry.",
                kind=type(error).__name__,
            )
        self._checked = self._clock()

    def keep(self, run: str) -> None:
        """The plan, the extract, and everything else. What took an hour to make is worth some minutes of waiting."""
        until, pause = self._clock() + PATIENCE, _PAUSES[0]
        with _away():
            while True:
                try:
                    return self._runs.keep(run, EVERYTHING)
                except DiskFull:
                    raise
                except Retryable as error:
                    if error.reason == IN_USE or self._clock() + pause > until:
                        raise
                    log(
                        "warning",
                        stage="keep",
                        reason=error.reason,
                        message=f"{error} Tried again in {pause:.0f} seconds.",
                    )
                time.sleep(pause)
                pause = min(pause * 2, _PAUSES[1])

    def keep_read(self, run: str) -> None:
        """Reports, error texts, and what was read."""
        self._runs.keep(run, _SMALL if self._sealed else _READ)

    def keep_reports(self, run: str) -> None:
        """Reports and error texts."""
        self._runs.keep(run, _SMALL)

    def finish(self, run: str) -> None:
        """The extract goes; nothing else is only needed until then."""
        self._runs.drop(run, "extract")

    def prune(self, run: str, history: History) -> None:
        """A bucket has no end, so a failure is no reason not to plan."""
        try:
            finished = [FinishedRun(name, good) for name, good in history.finished if name != run]
            known = {*history.known, run} if history.known else set()
            gone = self._runs.purge(finished, history.successful, history.failed, known, run)
        except RostersyncError as error:
            log(
                "warning",
                stage="purge",
                reason=error.reason,
                message=f"Artifacts of earlier runs could not be removed. {error}",
            )
        else:
            for name in gone:
                log("info", stage="purge", what=name)

    def purge(self, ended: Sequence[Named], removed: Sequence[Named]) -> None:
        """Each run by itself. Raises what went wrong with the first, with the names of all that could not be removed."""
        failed: dict[str, RostersyncError] = {}
        for names, what in ((ended, self.finish), (removed, self._runs.remove)):
            for name, uid in names:
                try:
                    if uid is None or self._owner(name) in (None, uid):
                        what(name)
                        log("info", stage="purge", what=name, **({"removed": True} if names is removed else {}))
                except RostersyncError as error:
                    failed[name] = error
        if failed:
            first = next(iter(failed.values()))
            kind = Permanent if all(isinstance(e, Permanent) for e in failed.values()) else Retryable
            raise kind(f"{first} Not removed: {', '.join(failed)}.", reason=first.reason, detail=first.detail)

    def forget(self, ids: Sequence[str], key: str | None, scratch: Path) -> list[str]:
        """Objects are rewritten or removed; what a bucket keeps of removed objects is beyond reach."""
        return self._runs.forget(ids, key, scratch)

    def _owner(self, run: str) -> str | None:
        with suppress(Permanent):  # a damaged list says nothing
            return self._runs.uid_of(run)
        return None


@contextmanager
def _away() -> Iterator[None]:
    """Say of what passes that the artifacts are away. A full disk has a reason of its own."""
    try:
        yield
    except DiskFull:
        raise
    except Retryable as error:
        raise ArtifactsAway(str(error), detail=error.detail) from None


def bucket_of(connection: Connection, secret: Mapping[str, str], network: "Network | None") -> Bucket:
    """The bucket of a connection's artifacts, which it must have."""
    storage = connection.spec.artifacts.objectStorage
    if storage is None:
        raise ValueError(f"{FIELD} is not given")
    failures = Failures(storage, "The Job", FIELD, "artifacts")
    return Bucket(storage, secret, failures, network.refusal if network else lambda _: None)


def folder_of(connection: Connection) -> str:
    """The connection's folder in the bucket: several connections, of several namespaces, may share one."""
    meta = connection.metadata
    return f"{meta.namespace or 'default'}/{connection_label(Ref(connection.kind, meta.name))}"


def in_bucket(layout: Layout, connection: Connection, secret: Mapping[str, str], network: "Network | None") -> InBucket:
    """The home of a connection's artifacts, which are in a bucket."""
    runs = BucketRuns(bucket_of(connection, secret, network), folder_of(connection), layout.artifacts)
    return InBucket(layout, runs, sealed=connection.spec.artifacts.encryptionKeySecretRef is not None)


def probe(connection: Connection, secret: Mapping[str, str], network: "Network | None") -> None:
    """Write a small object, read it back, find it in the list, and remove it. Raises RostersyncError."""
    bucket, folder = bucket_of(connection, secret, network), folder_of(connection)
    # one name for each connection, so that a key that may not remove it leaves one small object at most
    key, data = f"{_PROBES}/{hashlib.sha256(folder.encode()).hexdigest()[:16]}", b"probe"
    bucket.put(key, data)
    try:
        found, _ = objects.get(bucket, key)
        listed = key in objects.keys(bucket, _PROBES)
    except (NotThere, TooLarge):
        found, listed = b"", False
    if found != data or not listed:
        raise Retryable(
            f"What was written to {bucket.url} is not found there again. Check that {FIELD}.endpoint is one service, which "
            "keeps what it has confirmed.",
            reason="BucketForgets",
        )
    bucket.remove([key])
