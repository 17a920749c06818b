"""The reading side of the embedded store: TEMP VIEWs over the attached file, or empty ones when there is no file."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from rostersync.errors import Permanent
from rostersync.roster import TABLES
from rostersync.sent import Sent
from rostersync.stores.columns import columns, empty_columns
from rostersync.stores.embedded import copying, files, schema, several
from rostersync.stores.embedded.statements import execute
from rostersync.stores.port import AppliedCounts, Revision, StoreState
from rostersync.stores.several import ROSTER
from rostersync.stores.source_state import (
    changes_in,
    counts_from_text,
    files_from_text,
    memory_from_text,
    times_forgotten,
)

_VIEWS = (*(t.name for t in TABLES), "schools", "history")


class EmbeddedReader:
    """Reads the DuckDB file at `path`. If there is no file, the store is empty."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def folders(self) -> tuple[Path, ...]:
        """See StoreReader.folders."""
        return (self._path.parent,)

    @property
    def schema(self) -> str:
        """See StoreReader.schema."""
        return ""

    def attach(self, con: duckdb.DuckDBPyConnection, district: str, source: str | None) -> StoreState:
        """See StoreReader.attach."""
        self.detach(con)
        if not self._path.exists():
            self._views(con, empty=True)
            return StoreState()
        files.attach(con, self._path, read_only=True)
        try:
            schema.check_format(con, self._path)
            execute(con, "read.scope", district=district)
            execute(con, "read.scope_source", source=source or (ROSTER if several.memory(con, district) else None))
            self._views(con, empty=False)
            return state(con, district, source)
        except BaseException:
            self.detach(con)
            raise

    def attach_others(self, con: duckdb.DuckDBPyConnection, roster: str) -> None:
        """See StoreReader.attach_others."""
        several.attach_others(con, roster)

    def applied_since(
        self, con: duckdb.DuckDBPyConnection, district: str, source: str, since: datetime
    ) -> tuple[AppliedCounts, ...]:
        """See StoreReader.applied_since."""
        if not execute(con, "read.attached").fetchall():
            return ()  # there was no file, so nothing was ever applied
        found = execute(
            con,
            "read.applied_since",
            district=district,
            source=source,
            since=since.astimezone(UTC).replace(tzinfo=None),
        ).fetchall()
        return tuple(
            row for number, at, counts in found for row in counts_from_text(number, at.replace(tzinfo=UTC), counts)
        )

    def revisions(self, con: duckdb.DuckDBPyConnection, district: str, run: str) -> tuple[Revision, ...]:
        """See StoreReader.revisions."""
        return self._revisions(con, district, run=run)

    def revision(self, con: duckdb.DuckDBPyConnection, district: str, number: int) -> Revision | None:
        """See StoreReader.revision."""
        return next(iter(self._revisions(con, district, number=number)), None)

    def _revisions(
        self, con: duckdb.DuckDBPyConnection, district: str, *, run: str | None = None, number: int | None = None
    ) -> tuple[Revision, ...]:
        if not execute(con, "read.attached").fetchall():
            return ()
        found = execute(con, "read.revisions", district=district, run=run, number=number).fetchall()
        return tuple(
            Revision(made, source, name, digest, config, at.replace(tzinfo=UTC), changes_in(counts), *decided)
            for made, source, name, digest, config, at, counts, *decided in found
        )

    def outbox(self, con: duckdb.DuckDBPyConnection, district: str) -> dict[str, tuple[int, ...]]:
        """See StoreReader.outbox."""
        if not execute(con, "read.attached").fetchall():
            return {}
        found: dict[str, tuple[int, ...]] = {}
        for delivery, revision in execute(con, "read.outbox", district=district).fetchall():
            found[delivery] = (*found.get(delivery, ()), revision)
        return found

    def sent(self, con: duckdb.DuckDBPyConnection, district: str, limit: int | None) -> dict[str, tuple[Sent, ...]]:
        """See StoreReader.sent."""
        if not execute(con, "read.attached").fetchall() or not schema.has(con, "sent"):
            return {}
        found: dict[str, list[Sent]] = {}
        rows = execute(con, "read.sent", district=district, limit=limit).fetchall()
        for delivery, revision, place, at, files_, config in rows:
            made = Sent(revision, place, at.replace(tzinfo=UTC), files_from_text(files_), config)
            found.setdefault(delivery, []).append(made)
        return {delivery: tuple(each) for delivery, each in found.items()}

    def detach(self, con: duckdb.DuckDBPyConnection) -> None:
        """See StoreReader.detach."""
        for name in _VIEWS:
            execute(con, "read.drop_view", {"table": name})
        several.drop(con)
        con.execute("DETACH DATABASE IF EXISTS store")

    def districts(self, con: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
        """See StoreReader.districts."""
        with self._opened(con) as there:
            return tuple(row[0] for row in execute(con, "read.districts").fetchall()) if there else ()

    def applied(self, con: duckdb.DuckDBPyConnection, run: str, digest: str, base: int) -> int | None:
        """See StoreReader.applied."""
        with self._opened(con) as there:
            row = execute(con, "read.applied", run=run, digest=digest, base=base).fetchone() if there else None
            return int(row[0]) if row else None

    def same_person(self, con: duckdb.DuckDBPyConnection, district: str, record_id: str) -> tuple[str, ...]:
        """See StoreReader.same_person."""
        with self._opened(con) as there:
            if not there or not schema.has(con, "owners"):
                return (record_id,)
            found = execute(con, "forget.same_person", district=district, id=record_id).fetchall()
            return tuple(str(row[0]) for row in found)

    def save(self, con: duckdb.DuckDBPyConnection, district: str, folder: Path) -> None:
        """See StoreReader.save."""
        with self._opened(con) as there:
            if not there:
                raise Permanent(f"There is no store at {self._path} yet: nothing was ever applied.", reason="NoStore")
            copying.save(con, district, folder)

    @contextmanager
    def _opened(self, con: duckdb.DuckDBPyConnection) -> Iterator[bool]:
        """The file attached without views. Yields whether there is one."""
        if not self._path.exists():
            yield False
            return
        self.detach(con)
        files.attach(con, self._path, read_only=True)
        try:
            schema.check_format(con, self._path)
            yield True
        finally:
            self.detach(con)

    def _views(self, con: duckdb.DuckDBPyConnection, *, empty: bool) -> None:
        suffix = "_empty" if empty else ""
        for table in TABLES:
            names = {"table": table.name, "columns": empty_columns(table) if empty else columns(table)}
            execute(con, f"read.roster_view{suffix}", names)
        execute(con, f"read.schools_view{suffix}")
        execute(con, f"read.history_view{suffix}")


def state(con: duckdb.DuckDBPyConnection, district: str, source: str | None) -> StoreState:
    """The state of the store attached as `store`, for one source of a district (None: for all of them)."""
    revision = execute(con, "read.revision", district=district).fetchone()
    memories = dict(execute(con, "read.memories", district=district).fetchall())
    others = [name for name in memories if name != source] if source else []
    pending = execute(con, "read.outbox_pending", district=district).fetchone()
    return StoreState(
        revision=revision[0] if revision else 0,
        exists=bool(revision and revision[0]),
        other_sources=tuple(other for other in others if _has_records(con, district, other)),
        last=memory_from_text(memories[source]) if source in memories else None,
        outbox_pending=bool(pending and pending[0]),
        forgotten=times_forgotten(memories.values()),
        several=several.memory(con, district),
    )


def _has_records(con: duckdb.DuckDBPyConnection, district: str, source: str) -> bool:
    for table in TABLES:
        row = execute(con, "read.has_records", {"table": table.name}, district=district, source=source).fetchone()
        if row and row[0]:
            return True
    return False
