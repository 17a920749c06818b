"""The writing side of the embedded store: one process at a time, each method one transaction or an atomic swap."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from rostersync import durable
from rostersync.disks import naming
from rostersync.errors import Permanent, Unsure
from rostersync.model import Consent
from rostersync.sent import Sent
from rostersync.stores.embedded import applying, copying, files, forget, retention, schema
from rostersync.stores.embedded.reader import state
from rostersync.stores.engine import connect
from rostersync.stores.port import Applied, Expired, Forgotten, Mark, PlanToApply


class EmbeddedWriter:
    """Writes the DuckDB file at `path`. `memory_limit` is in bytes, and the rest spills to `scratch`."""

    def __init__(self, path: Path, scratch: Path, memory_limit: int | None = None, threads: int | None = None) -> None:
        self._path = path
        self._scratch = scratch
        self._memory_limit = memory_limit
        self._threads = threads

    def apply(self, plan: PlanToApply, consent: Consent | None, now: datetime, mark: Mark) -> Applied:
        """See StoreWriter.apply. Creates the file when there is none."""
        reached: list[str] = []

        def marked(step: str) -> None:
            reached.append(step)
            mark(step)

        folders = {path.parent for path in plan.files}
        try:
            with self._opened(make=True, mark=marked, allowed=folders) as con:
                return applying.apply(con, plan, consent, now, marked)
        except Exception as error:
            if "commit" not in reached:
                raise
            # COMMIT can fail after everything is written, and DETACH moves the log into the file. So read it.
            found = self._committed(plan, error)
            if found is None:
                raise
            return replace(found, trouble=error)

    def _committed(self, plan: PlanToApply, error: Exception) -> Applied | None:
        """What the file says of a plan whose commit had begun. None when the commit failed. Raises Unsure."""
        try:
            con = connect(self._memory_limit, self._threads, self._scratch, [self._path.parent])
            try:
                files.attach(con, self._path, read_only=True)
                revision = applying.applied_before(con, plan)
                pending = state(con, plan.district, plan.source).outbox_pending
            finally:
                con.close()
        except Exception as later:  # noqa: BLE001  (whatever it is, the question stays open)
            text = f"{error}\n{getattr(error, 'detail', None) or ''}\n\nThen, reading the store: {later}"
            raise Unsure(
                "The commit was begun, and the store could not be read afterwards, so it is unknown whether "
                "the plan is applied. Run the same command again: it finds out, and applies what is not applied.",
                detail=text,
            ) from None
        return None if revision is None else Applied(revision, already_applied=False, outbox_pending=pending)

    def check(self) -> None:
        """See Outbox.check. Who can read the volume can settle."""

    def settle(self, district: str, delivery: str, revision: int, sent: Sent | None) -> None:
        """See Outbox.settle."""
        with self._opened() as con, applying.transaction(con, "settle a delivery in"):
            applying.settle(con, district, delivery, revision, sent)

    def fill(self, district: str, folder: Path) -> bool:
        """See StoreWriter.fill. Creates the file when there is none."""
        with (
            self._opened(make=True, allowed={folder.resolve()}) as con,
            applying.transaction(con, "copy a district into"),
        ):
            return copying.fill(con, district, folder, str(self._path))

    def expire(self, district: str, max_age: timedelta, now: datetime) -> Expired:
        """See StoreWriter.expire. Later applies reuse the file's free space, and compact returns it."""
        if not self._path.exists():
            return Expired(0, 0)
        with self._opened() as con, applying.transaction(con, "remove expired values from"):
            return retention.expire(con, district, applying.utc(now - max_age))

    def forget(self, district: str, record_id: str) -> Forgotten:
        """See StoreWriter.forget. Rewrites the file, since a deleted row's bytes stay in it until they are reused."""
        if not self._path.exists():
            return Forgotten(0, 0, 0, 0, still_active=False)
        with self._opened() as con:
            with applying.transaction(con, "remove a person from"):
                result = forget.forget(con, district, record_id)
            # Also when nothing was found: an earlier call may have been killed between its transaction and this.
            self._rewrite(con, self._path)
            return result

    def compact(self) -> tuple[int, int]:
        """See StoreFile.compact."""
        if not self._path.exists():
            return (0, 0)
        with self._opened() as con:
            con.execute("CHECKPOINT store")
            before = self._path.stat().st_size
            self._rewrite(con, self._path)
            return (before, self._path.stat().st_size)

    def check_target(self, to: Path) -> None:
        """See StoreFile.check_target. Whatever is at `to` is only read. An empty file is nothing to lose."""
        if not to.exists():
            return
        if self._path.exists() and to.samefile(self._path):
            raise Permanent(
                f"{to} is the store itself; nothing was written. Name another file for the copy.",
                reason="TheStoreItself",
            )
        if to.is_file() and to.stat().st_size == 0:
            return
        to = to.resolve()
        try:
            con = connect(self._memory_limit, self._threads, self._scratch, [to.parent])
            try:
                files.attach(con, to, read_only=True)
                schema.check_format(con, to)
            finally:
                con.close()
        except Permanent as error:
            if error.reason == "StoreFormat":  # another version's
                return
            raise Permanent(
                f"{to} is there, and is no backup of a store; nothing was written. Name another file, or remove that one.",
                reason="NotABackup",
                detail=error.detail,
            ) from None

    def backup(self, to: Path) -> None:
        """See StoreFile.backup."""
        self.check_target(to)
        if not self._path.exists():
            raise Permanent("There is no roster store yet, so nothing to back up.", reason="NoStore")
        to = to.resolve()
        to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._opened(allowed={to.parent}) as con, naming(backup=to.parent, store=self._path.parent):
            self._rewrite(con, to)

    def _rewrite(self, con: duckdb.DuckDBPyConnection, to: Path) -> None:
        con.execute("CHECKPOINT store")
        files.copy(con, to)

    @contextmanager
    def _opened(
        self, *, make: bool = False, mark: Mark = lambda _: None, allowed: set[Path] | None = None
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        with files.locked(self._path), naming(store=self._path.parent, scratch=self._scratch):
            durable.clear(self._path.parent)
            con = connect(self._memory_limit, self._threads, self._scratch, (self._path.parent, *sorted(allowed or ())))
            try:
                if make and not self._path.exists():
                    mark("make")
                    files.make(con, self._path)
                files.attach(con, self._path, read_only=False)
                schema.check_format(con, self._path)
                schema.add_later(con)
                yield con
                con.execute("DETACH store")
            except duckdb.Error as error:
                raise files.translated(error, "write", self._path) from None
            finally:
                con.close()
        mark("closed")
