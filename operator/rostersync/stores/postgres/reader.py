"""The reading side: a snapshot of the district, copied into the engine, and nothing held on the server afterwards."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import duckdb

from rostersync.sent import Sent
from rostersync.stores.port import AppliedCounts, Revision, StoreState
from rostersync.stores.postgres import base, copying, several
from rostersync.stores.postgres.login import Login
from rostersync.stores.postgres.session import EVERYTHING, READING, Scope, Session
from rostersync.stores.postgres.state import ready, refuse_writers, state
from rostersync.stores.several import ROSTER
from rostersync.stores.source_state import changes_in, counts_from_text, files_from_text

T = TypeVar("T")


class PostgresReader:
    """Reads with the given login. `own_role`: it is the reader's, which must not be able to write."""

    def __init__(self, login: Login, scratch: Path, *, own_role: bool) -> None:
        self._login = login
        self._scratch = scratch.resolve()
        self._own_role = own_role

    @property
    def folders(self) -> tuple[Path, ...]:
        """See StoreReader.folders."""
        return (self._scratch,)

    @property
    def schema(self) -> str:
        """See StoreReader.schema."""
        return self._login.schema

    def attach(self, con: duckdb.DuckDBPyConnection, district: str, source: str | None) -> StoreState:
        """See StoreReader.attach."""
        self.detach(con)
        scope = Scope(district, source or "")
        try:
            with self._session() as session, session.transaction(READING, "read", scope):
                if not self._ready(session):
                    base.keep_nothing(con)
                    return StoreState()
                found = state(session, source)
                if source is None and found.several is not None:
                    session.run("several.about", ROSTER)
                    scope = replace(scope, source=ROSTER)
                folder = base.keep(con, session, self._scratch, source)
                if source is not None and (found.several is not None or found.other_sources):
                    base.keep_others(con, session, folder)
            base.keep_history(con, self._login, self._scratch, replace(scope, revision=str(found.revision)))
        except BaseException:
            self.detach(con)
            raise
        return found

    def attach_others(self, con: duckdb.DuckDBPyConnection, roster: str) -> None:
        """See StoreReader.attach_others."""
        base.show_others(con, roster)

    def applied_since(
        self, con: duckdb.DuckDBPyConnection, district: str, source: str, since: datetime
    ) -> tuple[AppliedCounts, ...]:
        """See StoreReader.applied_since."""
        if not _attached(con):
            return ()
        found = base.ask(
            con, "applied_since", district=district, source=source, since=since.astimezone(UTC).replace(tzinfo=None)
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
        if not _attached(con):
            return ()
        found = base.ask(con, "revisions", district=district, run=run, number=number).fetchall()
        return tuple(
            Revision(made, source, name, digest, config, at.replace(tzinfo=UTC), changes_in(counts), *decided)
            for made, source, name, digest, config, at, counts, *decided in found
        )

    def outbox(self, con: duckdb.DuckDBPyConnection, district: str) -> dict[str, tuple[int, ...]]:
        """See StoreReader.outbox."""
        found: dict[str, tuple[int, ...]] = {}
        if _attached(con):
            for delivery, revision in base.ask(con, "outbox", district=district).fetchall():
                found[delivery] = (*found.get(delivery, ()), revision)
        return found

    def sent(self, con: duckdb.DuckDBPyConnection, district: str, limit: int | None) -> dict[str, tuple[Sent, ...]]:
        """See StoreReader.sent."""
        found: dict[str, list[Sent]] = {}
        rows = base.ask(con, "sent", district=district, limit=limit).fetchall() if _attached(con) else []
        for delivery, revision, place, at, files, config in rows:
            made = Sent(revision, place, at.replace(tzinfo=UTC), files_from_text(files), config)
            found.setdefault(delivery, []).append(made)
        return {delivery: tuple(each) for delivery, each in found.items()}

    def detach(self, con: duckdb.DuckDBPyConnection) -> None:
        """See StoreReader.detach."""
        base.drop(con)

    def districts(self, con: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
        """See StoreReader.districts."""
        return self._asked(lambda session: tuple(name for (name,) in session.rows("read.districts"))) or ()

    def applied(self, con: duckdb.DuckDBPyConnection, run: str, digest: str, base: int) -> int | None:
        """See StoreReader.applied."""
        found = self._asked(lambda session: session.rows("read.applied", run, digest, base))
        return int(found[0][0]) if found else None

    def same_person(self, con: duckdb.DuckDBPyConnection, district: str, record_id: str) -> tuple[str, ...]:
        """See StoreReader.same_person."""
        found = self._asked(lambda session: several.same_person(session, record_id), Scope(district))
        return found or (record_id,)

    def save(self, con: duckdb.DuckDBPyConnection, district: str, folder: Path) -> None:
        """See StoreReader.save."""
        with self._session() as session, session.transaction(READING, "read", Scope(district)):
            copying.check_there(self._ready(session), self._login.where)
            copying.save(con, session, folder)

    def anything(self) -> bool:
        """Whether anything was ever applied."""
        return bool(self._asked(lambda session: session.rows("read.anything")[0][0]))

    def _asked(self, question: Callable[[Session], T], scope: Scope = EVERYTHING) -> T | None:
        """The answer of the server. None when there are no tables yet."""
        with self._session() as session, session.transaction(READING, "read", scope):
            return question(session) if self._ready(session) else None

    def _ready(self, session: Session) -> bool:
        if self._own_role:
            refuse_writers(session)
        return ready(session)

    def _session(self) -> Session:
        return Session(self._login, self._scratch)


def _attached(con: duckdb.DuckDBPyConnection) -> bool:
    return bool(base.ask(con, "attached").fetchall())
