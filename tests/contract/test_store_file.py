"""The embedded store's file: one writer, readers fenced off, backed up and compacted whole."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from rostersync.errors import Permanent, StoreBusy
from rostersync.model import Entity
from rostersync.plan.apply import apply
from rostersync.stores.embedded import files
from rostersync.stores.embedded.store import EmbeddedStore
from rostersync.stores.engine import connect
from support.plans import create, table_rows, write_plan


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    store = EmbeddedStore(tmp_path / "o'store" / "roster.duckdb", memory_limit=200_000_000, threads=1)
    apply(write_plan(tmp_path / "p1", [create(Entity.STUDENT, "FOC-u1", givenName="One")]), store.writer())
    return store


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    con = connect(None, 1, tmp_path / "scratch", [tmp_path])
    yield con
    con.close()


def test_a_store_that_is_read_makes_no_file(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    EmbeddedStore(tmp_path / "none" / "roster.duckdb").reader().attach(con, "springfield", "focus")
    assert not (tmp_path / "none").exists()


def test_a_second_process_that_writes_finds_the_store_busy(store: EmbeddedStore, tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "p2", [create(Entity.STUDENT, "FOC-u2")], run="run-2", base=1)
    with _held(store.path, "exclusive"), pytest.raises(StoreBusy, match="in use by another process"):
        apply(plan, store.writer())
    with _held(store.path, "read"), pytest.raises(StoreBusy):
        apply(plan, store.writer())
    assert apply(plan, store.writer()).revision == 2


def test_a_reader_finds_the_store_busy_while_another_process_writes(
    store: EmbeddedStore, con: duckdb.DuckDBPyConnection
) -> None:
    with _held(store.path, "write"), pytest.raises(StoreBusy) as error:
        store.reader().attach(con, "springfield", "focus")
    assert str(store.path) not in str(error.value)
    assert store.reader().attach(con, "springfield", "focus").revision == 1


def test_a_second_writer_of_the_same_process_finds_the_store_busy(store: EmbeddedStore) -> None:
    with files.locked(store.path), pytest.raises(StoreBusy):
        store.writer().compact()


def test_a_file_that_is_no_store_is_refused(tmp_path: Path, con: duckdb.DuckDBPyConnection) -> None:
    for name, content in (("text", b"not a database" * 1000), ("other", None)):
        path = tmp_path / name
        if content:
            path.write_bytes(content)
        else:
            duckdb.connect(str(path)).close()
        with pytest.raises(Permanent) as error:
            EmbeddedStore(path).reader().attach(con, "springfield", "focus")
        assert error.value.reason == "NotAStore"


def test_a_store_of_another_format_is_refused(store: EmbeddedStore, con: duckdb.DuckDBPyConnection) -> None:
    other = duckdb.connect(str(store.path))
    other.execute("UPDATE meta SET value = '99'")
    other.close()
    with pytest.raises(Permanent, match="format 99"):
        store.reader().attach(con, "springfield", "focus")


def test_the_storage_version_is_pinned(store: EmbeddedStore, con: duckdb.DuckDBPyConnection) -> None:
    store.reader().attach(con, "springfield", "focus")
    [tags] = con.execute("SELECT tags FROM duckdb_databases() WHERE database_name = 'store'").fetchone() or ()
    assert tags["storage_version"].startswith("v2.0.0")


def test_a_backup_is_a_store(store: EmbeddedStore, tmp_path: Path) -> None:
    store.writer().backup(tmp_path / "copies" / "backup.duckdb")
    copied = EmbeddedStore(tmp_path / "copies" / "backup.duckdb")
    assert table_rows(copied, tmp_path, 'SELECT id, "givenName" FROM store_users') == [("FOC-u1", "One")]
    plan = write_plan(tmp_path / "p2", [create(Entity.STUDENT, "FOC-u2")], run="run-2", base=1)
    assert apply(plan, copied.writer()).revision == 2


def test_compacting_keeps_everything_and_gives_back_space(store: EmbeddedStore, tmp_path: Path) -> None:
    rows = [create(Entity.STUDENT, f"FOC-x{n}", givenName=f"{n}" * 2000) for n in range(300)]
    apply(write_plan(tmp_path / "p2", rows, run="run-2", base=1), store.writer())
    filler = duckdb.connect(str(store.path))
    filler.execute("CREATE TABLE filler AS SELECT md5(i::VARCHAR) FROM range(300000) t(i)")
    filler.execute("CHECKPOINT")
    filler.execute("DROP TABLE filler")
    filler.close()
    everything = "SELECT id, status, hash FROM store_users ORDER BY id"
    before = table_rows(store, tmp_path, everything)
    was, now = store.writer().compact()
    assert now < was
    assert table_rows(store, tmp_path, everything) == before
    assert store.path.stat().st_mode & 0o077 == 0


@contextmanager
def _held(path: Path, how: str) -> Iterator[None]:
    """Another process that has the store open, to write or to read, or that holds the writers' lock."""
    code = {
        "write": "import duckdb, sys; con = duckdb.connect(sys.argv[1])",
        "read": "import duckdb, sys; con = duckdb.connect(sys.argv[1], read_only=True)",
        "exclusive": "import fcntl, sys; f = open(sys.argv[1] + '.lock', 'a'); fcntl.flock(f, fcntl.LOCK_EX)",
    }[how]
    code += "; print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield
        process.communicate()
