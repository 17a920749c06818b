"""Test Connection of the database: each login that is given, what it may do there, and of which version all of it is."""

import uuid
from contextlib import suppress
from pathlib import Path

from rostersync.errors import Permanent, Retryable
from rostersync.stores.postgres import sentences
from rostersync.stores.postgres.login import Login
from rostersync.stores.postgres.session import READING, WRITING, Scope, Session
from rostersync.stores.postgres.state import check_reader_exists, check_version, newest, ready, refuse_writers

OLDEST = 150000  # PostgreSQL 15 has MERGE
_PATIENCE = "20s"  # for each statement


def probe_reader(login: Login, scratch: Path) -> str:
    """Whether the login can read the roster, and nothing more. Returns what was found. Raises RostersyncError."""
    with Session(login, scratch) as session, session.transaction(READING, "test", Scope()):
        found = _server(session)
        refuse_writers(session)
        version = check_version(session) if ready(session) else None
    return sentences.of_reader(login, found, version)


def probe_writer(login: Login, scratch: Path) -> str:
    """Whether the login can make the schema or bring it up to date, and write. Nothing is changed. Raises RostersyncError."""
    with Session(login, scratch) as session:
        version, there = _rights_of_writer(session)
        _write(session, there=there)
    return sentences.of_writer(login, version, newest())


def _rights_of_writer(session: Session) -> tuple[int, bool]:
    """The version of our tables, 0 without any, and whether there is a schema. Raises RostersyncError for a missing right."""
    login = session.login
    with session.transaction(READING, "test", Scope(reader=login.reader)):
        _server(session)
        [(only_reads, may_make, owns)] = session.rows("scope.may_migrate")
        if only_reads:
            raise Retryable(
                f"The server of the roster store ({login.where}) only reads: it is a standby, or is just being promoted. Name "
                f"the primary in Secret {login.secret}; with several hosts in a uri, add target_session_attrs=read-write.",
                reason="StoreReadOnly",
            )
        [(there, _, made)] = session.rows("scope.exists")
        if not may_make or not owns:
            right = "make it the owner of the schema and its tables" if made else "GRANT CREATE ON DATABASE to it"
            raise Permanent(
                f"Role {login.user} of Secret {login.secret} cannot {'bring up to date' if made else 'make'} the schema of the "
                f"roster store ({login.where}); {right}.",
                reason="StoreRefused",
            )
        version = check_version(session) if made else 0
        check_reader_exists(session)
    return version, bool(there)


class _TakenBackError(Exception):
    """Ends a transaction that was only a test."""


def _write(session: Session, *, there: bool) -> None:
    """Write to a table of its own, in a schema of its own unless ours is `there`, and take everything back.

    Rights do not tell what else may refuse a write: a full disk, a trigger on commands, a default tablespace that is gone.
    """
    own = f"rostersync_test_{uuid.uuid4().hex}"
    with suppress(_TakenBackError), session.transaction(WRITING, "test writing to", Scope()):
        session.run("scope.patience_of_test", _PATIENCE)
        if not there:
            session.run("scope.make_schema_of_test", names={"schema": own})
        table = {"table": own if there else f"{own}.{own}"}  # else where the search path leads
        session.run("scope.make_table_of_test", names=table)
        session.run("scope.write_of_test", names=table)
        raise _TakenBackError


def _server(session: Session) -> str:
    """The server in words. Raises Permanent for a version that is too old."""
    session.run("scope.patience_of_test", _PATIENCE)
    [(number, version, tls)] = session.rows("scope.server")
    if number < OLDEST:
        raise Permanent(
            f"The server of the roster store ({session.login.where}) is PostgreSQL {version}; it must be 15 or later. Upgrade "
            "it, or name another one.",
            reason="StoreTooOld",
        )
    return f"PostgreSQL {version}, {tls or 'without TLS'}"
