"""The embedded store's file: attaching, creating, locking and replacing it.

A writer holds two locks: DuckDB's own on the file, and one on `<file>.lock`. The second keeps other writers out while a
compacted file replaces the store. It also keeps two writers of one process apart, where DuckDB's lock has no effect.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import duckdb

from rostersync import durable
from rostersync.errors import Permanent, Retryable, RostersyncError, StoreBusy
from rostersync.stores.embedded import schema
from rostersync.stores.engine import literal

_WHY = ("Permission denied", "Read-only file system", "Input/output error")  # of DuckDB's text, what quotes no value


def attach(con: duckdb.DuckDBPyConnection, path: Path, *, read_only: bool, alias: str = "store") -> None:
    """Attaches the file at `path`. Raises StoreBusy when another process writes it, Permanent when it is no store."""
    options = "READ_ONLY" if read_only else f"STORAGE_VERSION {literal(schema.STORAGE_VERSION)}"
    try:
        con.execute(f"ATTACH {literal(path)} AS {alias} ({options})")
    except duckdb.Error as error:
        raise translated(error, "open", path) from None


def translated(error: duckdb.Error, doing: str, path: Path | None = None) -> RostersyncError:
    """Our own sentence for DuckDB's error. DuckDB's text may quote values, and goes to `detail`. `path`: the file."""
    text = str(error)
    if isinstance(error, duckdb.IOException) and "lock" in text:
        return busy(detail=text)
    if isinstance(error, duckdb.OutOfMemoryException):
        return Retryable(
            f"Tried to {doing} the roster store; DuckDB ran out of memory. Raise the memory limit, "
            "or free space where it spills (scratch).",
            reason="OutOfMemory",
            detail=text,
        )
    if isinstance(error, duckdb.IOException):
        if "not a valid DuckDB database" in text:
            return Permanent(
                f"The store file{f' {path}' if path else ''} is not a DuckDB database; check the store's path, or restore "
                "a backup.",
                reason="NotAStore",
                detail=text,
            )
        why = next((f" ({words})" for words in _WHY if words in text), "")
        return Retryable(
            f"Tried to {doing} the roster store{f' {path}' if path else ''}; reading or writing its files failed{why}. Check "
            "that this user may write them, their folder and scratch, and that there is free space.",
            reason="StoreFailed",
            detail=text,
        )
    return Permanent(
        f"Tried to {doing} the roster store; DuckDB refused ({type(error).__name__}). The full text is in the run's "
        "errors folder.",
        reason="StoreFailed",
        detail=text,
    )


def busy(detail: str | None = None) -> StoreBusy:
    """The error for a store that another process uses."""
    return StoreBusy("The roster store is in use by another process; run the same command again later.", detail=detail)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the writers' lock of the store at `path`. Raises StoreBusy when another process holds it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(_beside(path, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy() from None
        yield
    finally:
        os.close(lock)


def make(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Creates an empty store at `path`, whole or not at all. The caller holds the lock."""
    with _new_file(con, path):
        schema.create(con)


def copy(con: duckdb.DuckDBPyConnection, to: Path) -> None:
    """Writes a compact copy of the attached `store` to `to`, replacing what is there, whole or not at all.

    `store` stays attached, so its lock is held while the copy replaces it. The caller checkpoints it first.
    """
    with _new_file(con, to, alias="copied"):
        con.execute("COPY FROM DATABASE store TO copied")


@contextlib.contextmanager
def _new_file(con: duckdb.DuckDBPyConnection, path: Path, alias: str = "store") -> Iterator[None]:
    """Attach a new database that is renamed to `path` once it is whole and closed."""
    durable.clear(path.parent, path.name)  # left by a killed process; no other process writes while we hold the lock
    with durable.made(path) as part:
        try:
            attach(con, part, read_only=False, alias=alias)
            yield
            con.execute(f"CHECKPOINT {alias}")
            con.execute(f"DETACH {alias}")
        except duckdb.Error as error:
            raise translated(error, "write", path) from None
        finally:
            with contextlib.suppress(duckdb.Error):
                con.execute(f"DETACH DATABASE IF EXISTS {alias}")
            durable.discard(_beside(part, ".wal"))


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
