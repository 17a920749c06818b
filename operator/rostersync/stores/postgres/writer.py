"""The writing side: each method is one transaction, under the lock of the district."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from rostersync.errors import Permanent, Retryable, Unsure
from rostersync.model import Consent
from rostersync.stores.engine import connect
from rostersync.stores.port import Applied, Expired, Forgotten, Mark, PlanToApply
from rostersync.stores.postgres import applying, copying, forgetting
from rostersync.stores.postgres.login import FIELD, Login
from rostersync.stores.postgres.migrating import bring_up_to_date
from rostersync.stores.postgres.session import READING, WRITING, Scope, Session
from rostersync.stores.postgres.state import ready, state


class PostgresWriter:
    """Writes with the writer's login. The engine that reads the plan takes `memory_limit` bytes and `threads`."""

    def __init__(self, login: Login, scratch: Path, memory_limit: int | None, threads: int | None) -> None:
        self._login = login
        self._scratch = scratch
        self._memory_limit = memory_limit
        self._threads = threads

    def apply(self, plan: PlanToApply, consent: Consent | None, now: datetime, mark: Mark) -> Applied:
        """See StoreWriter.apply. Makes the schema when there is none, but none beside the one that plans are made from."""
        self._check_schema(plan)
        reached: list[str] = []

        def marked(step: str) -> None:
            reached.append(step)
            mark(step)

        try:
            with self._session() as session, self._engine({path.parent for path in plan.files}) as con:
                bring_up_to_date(session)
                done = applying.apply(session, con, plan, consent, now, marked)
        except Exception as error:
            if "commit" not in reached:
                raise
            # The connection may be lost after COMMIT was sent. So ask whether the revision is there.
            found = self._committed(plan, error)
            if found is None:
                raise
            return replace(found, trouble=error)
        marked("closed")
        return done

    def _check_schema(self, plan: PlanToApply) -> None:
        """The reader's and the writer's Secret must name one schema. No Job of a cluster has both to compare them."""
        if plan.schema and plan.schema != self._login.schema:
            raise Permanent(
                f"The plan was made from schema {plan.schema} of the roster store, as the Secret of {FIELD}.readerSecretRef "
                f"says, but Secret {self._login.secret}, which {FIELD}.writerSecretRef names, writes to schema "
                f"{self._login.schema}; nothing was applied. Give both the same under the key schema, and make a new run.",
                reason="SecretsDisagree",
            )

    def _committed(self, plan: PlanToApply, error: Exception) -> Applied | None:
        """What the server says of a plan whose commit had begun. None when the commit failed. Raises Unsure."""
        scope = Scope(plan.district, plan.source)
        try:
            with self._session() as session, session.transaction(WRITING, "read", scope):
                session.run("scope.patience")
                session.run("scope.lock")  # the former transaction holds it until it has ended one way or the other
                revision = applying.applied_before(session, plan)
                pending = state(session, plan.source).outbox_pending
        except Exception as later:  # noqa: BLE001  (whatever it is, the question stays open)
            text = f"{error}\n{getattr(error, 'detail', None) or ''}\n\nThen, reading the store: {later}"
            raise Unsure(
                f"The commit was begun, and the roster store ({self._login.where}) could not be asked afterwards, so it is "
                "unknown whether the plan is applied. Run the same command again: it finds out, and applies the plan once.",
                detail=text,
            ) from None
        return None if revision is None else Applied(revision, already_applied=False, outbox_pending=pending)

    def fill(self, district: str, folder: Path) -> bool:
        """See StoreWriter.fill. Makes the schema when there is none."""
        with self._session() as session, self._engine([folder]) as con:
            bring_up_to_date(session)
            with session.transaction(WRITING, "copy a district into", Scope(district)):
                session.run("scope.patience")
                session.run("scope.lock")
                return copying.fill(con, session, district, folder)

    def expire(self, district: str, max_age: timedelta, now: datetime) -> Expired:
        """See StoreWriter.expire."""
        before = (now - max_age).astimezone(UTC).isoformat()
        with self._session() as session:
            if not self._made(session):
                return Expired(0, 0)
            with session.transaction(WRITING, "expire values of", Scope(district, before=before)):
                session.run("scope.patience")
                session.run("scope.lock")
                return forgetting.expire(session)

    def forget(self, district: str, record_id: str) -> Forgotten:
        """See StoreWriter.forget. Writes tables anew, since a deleted row's bytes stay until they are reused."""
        with self._session() as session:
            if not self._made(session):
                return Forgotten(0, 0, 0, 0, still_active=False)
            with session.transaction(WRITING, "remove a person from", Scope(district)):
                session.run("scope.patience")
                session.run("scope.lock")
                result = forgetting.forget(session, record_id)
            # Also when nothing was found: an earlier call may have been killed between its transaction and this.
            return replace(result, remains=forgetting.erase(session))

    def _made(self, session: Session) -> bool:
        with session.transaction(READING, "read"):
            return ready(session)

    def _session(self) -> Session:
        return Session(self._login, self._scratch)

    @contextmanager
    def _engine(self, folders: Iterable[Path]) -> Iterator[duckdb.DuckDBPyConnection]:
        con = connect(self._memory_limit, self._threads, self._scratch, sorted(folders))
        try:
            yield con
        except duckdb.Error as error:
            raise _unreadable(error) from None
        finally:
            con.close()


def _unreadable(error: duckdb.Error) -> Permanent | Retryable:
    """Our own sentence for an error of the engine that reads the plan. Its text may quote values."""
    text = str(error)
    if isinstance(error, duckdb.OutOfMemoryException):
        return Retryable(
            "Tried to read the plan; DuckDB ran out of memory. Raise the memory limit, or free space where it spills "
            "(scratch).",
            reason="OutOfMemory",
            detail=text,
        )
    if isinstance(error, duckdb.IOException):
        return Retryable(
            "Tried to read the plan; reading its files or writing to scratch failed. Check that the artifacts can be read "
            "and scratch has free space.",
            reason="StoreFailed",
            detail=text,
        )
    return Permanent(
        f"Tried to read the plan; DuckDB refused ({type(error).__name__}). The full text is in the run's errors folder.",
        reason="StoreFailed",
        detail=text,
    )
