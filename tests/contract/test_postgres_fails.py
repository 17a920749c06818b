"""What goes wrong on the server in the middle of an apply: the old revision or the new one, an error that may be retried, and
a next attempt that goes through.
"""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import pytest

from rostersync.errors import DiskFull, Permanent, Retryable, StoreBusy
from rostersync.model import Entity
from rostersync.plan.apply import apply
from rostersync.stores.port import Store
from support import postgres
from support.cluster.processes import own_folder
from support.disks import Disk, disk, mounts_of_our_own
from support.plans import Row, create, table_rows, write_plan
from support.postgres import Server

KIB = 1024


@pytest.fixture
def name(tmp_path: Path) -> Iterator[str]:
    name = "fails_" + tmp_path.name[-16:].replace("-", "_")
    postgres.server().database(name)
    yield name
    postgres.server().drop(name)


@pytest.fixture
def store(tmp_path: Path, name: str) -> Store:
    """A store at revision 1."""
    store = postgres.opened(tmp_path / "s", postgres.server().secrets(name))
    apply(write_plan(tmp_path / "one", _rows("a")), store.writer())
    return store


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return write_plan(tmp_path / "two", _rows("b"), run="run-2", base=1)


def _rows(prefix: str, count: int = 3, length: int = 200) -> list[Row]:
    """`length`: of a name, in characters that cannot be compressed."""
    rows = [
        create(Entity.STUDENT, f"{prefix}-u{n}", givenName=f"G{n}", familyName=Random(n).randbytes(length // 2).hex())
        for n in range(count)
    ]
    return [*rows, *(create(Entity.ENROLLMENT, f"{prefix}-e{n}", userSourcedId=f"{prefix}-u{n}") for n in range(count))]


@contextmanager
def _locked(name: str, table: str, more: str = "SELECT 1") -> Iterator["postgres.driver.Cursor"]:
    """A transaction of somebody else that holds a table."""
    with postgres.server().connection(name) as cursor:
        for sql in (more, "BEGIN", f"LOCK TABLE rostersync.{table} IN EXCLUSIVE MODE"):
            cursor.execute(sql)
        yield cursor


def test_a_deadlock(store: Store, plan: Path, tmp_path: Path, name: str) -> None:
    with _locked(name, "enrollments", "SELECT set_config('deadlock_timeout', '60s', false)") as cursor:
        other = threading.Thread(target=lambda: cursor.execute("LOCK TABLE rostersync.users IN EXCLUSIVE MODE"))

        def mark(step: str) -> None:
            if step == "enrollments":
                other.start()

        with pytest.raises(Retryable, match="in favour of another transaction"):
            apply(plan, store.writer(), mark=mark)
        other.join()
    _old_then_new(store, plan, tmp_path)


def test_a_statement_that_takes_too_long(store: Store, plan: Path, tmp_path: Path, name: str) -> None:
    postgres.server().admin(f'ALTER DATABASE "{name}" SET statement_timeout = 400')
    with _locked(name, "users", "SET statement_timeout = 0"), pytest.raises(Retryable, match="cancelled a statement"):
        apply(plan, store.writer())
    postgres.server().admin(f'ALTER DATABASE "{name}" RESET statement_timeout')
    _old_then_new(store, plan, tmp_path)


def test_another_writer_that_keeps_the_district_to_itself(store: Store, plan: Path, tmp_path: Path, name: str) -> None:
    with _locked(name, "users"), pytest.raises(StoreBusy, match="another process is writing this district"):
        apply(plan, store.writer())
    _old_then_new(store, plan, tmp_path)


def test_another_writer_that_has_the_districts_lock(store: Store, plan: Path, tmp_path: Path, name: str) -> None:
    lock = "SELECT pg_advisory_lock(hashtextextended('rostersync/rostersync/springfield', 0))"
    with postgres.server().connection(name) as cursor:
        cursor.execute(lock)
        cursor.fetchall()
        with pytest.raises(StoreBusy, match="another process is writing this district"):
            apply(plan, store.writer())
    _old_then_new(store, plan, tmp_path)


def test_no_connection_is_left(store: Store, plan: Path, tmp_path: Path, name: str) -> None:
    postgres.server().admin("ALTER ROLE roster_writer CONNECTION LIMIT 0")
    try:
        with pytest.raises(Retryable, match="no free connection"):
            apply(plan, store.writer())
    finally:
        postgres.server().admin("ALTER ROLE roster_writer CONNECTION LIMIT -1")
    _old_then_new(store, plan, tmp_path)


def test_a_text_that_postgresql_does_not_keep(store: Store, plan: Path, tmp_path: Path) -> None:
    odd = write_plan(tmp_path / "odd", [create(Entity.STUDENT, "o-1", givenName="Zyx\0quil")], run="run-odd", base=1)
    with pytest.raises(Permanent, match="has a NUL character, which PostgreSQL does not keep") as error:
        apply(odd, store.writer())
    assert error.value.reason == "NotStorable"
    assert "Zyx" not in str(error.value)
    _old_then_new(store, plan, tmp_path)


def test_districts_are_written_side_by_side(store: Store, plan: Path, tmp_path: Path) -> None:
    """An apply that stands in the middle of its transaction keeps nobody of another district waiting."""
    elsewhere = write_plan(tmp_path / "elsewhere", _rows("a"), district="shelbyville")
    done: list[int] = []

    def mark(step: str) -> None:
        if step == "revision":
            done.append(apply(elsewhere, store.writer()).revision)
            assert len(table_rows(store, tmp_path, "SELECT id FROM store_users", "shelbyville")) == 3

    assert apply(plan, store.writer(), mark=mark).revision == 2
    assert done == [1]


@pytest.mark.parametrize("free", range(0, 1500, 500))
def test_a_full_disk_of_the_tables_has_its_own_reason(full: tuple[Server, Disk], tmp_path: Path, free: int) -> None:
    server, small = full
    name = f"full_{free}"
    store = postgres.opened(tmp_path / "s", server.database(name))
    apply(write_plan(tmp_path / "one", _rows("a")), store.writer())
    plan = write_plan(tmp_path / "two", _rows("b", 400, 10_000), run="run-2", base=1)
    server.admin("CHECKPOINT")
    small.leave(free * KIB)
    try:
        with pytest.raises(DiskFull, match="the server's disk is full: make room there") as error:
            apply(plan, store.writer())
    finally:
        small.resize(1 << 30)
    assert (error.value.reason, error.value.volume) == ("DiskFull", "store")
    assert server.runs
    assert len(table_rows(store, tmp_path, "SELECT id FROM store_users")) == 3
    assert apply(plan, store.writer()).revision == 2
    assert len(table_rows(store, tmp_path, "SELECT id FROM store_users")) == 403
    server.drop(name)


@pytest.mark.parametrize("free", [0, 1500, 3000])
def test_a_full_disk_of_the_log_leaves_the_old_revision_or_the_new_one(
    full_log: tuple[Server, Disk], tmp_path: Path, free: int
) -> None:
    """The server ends itself when its log finds no room, and then a client may only see that the connection is lost."""
    server, small = full_log
    name = f"full_log_{free}"
    store = postgres.opened(tmp_path / "s", server.database(name))
    apply(write_plan(tmp_path / "one", _rows("a")), store.writer())
    plan = write_plan(tmp_path / "two", _rows("b", 400, 10_000), run="run-2", base=1)
    server.admin("CHECKPOINT")
    small.leave(free * KIB)
    with suppress(Retryable):
        apply(plan, store.writer())
    small.resize(1 << 30)
    if not server.runs:
        server.begin()
    server.answers()
    found = len(table_rows(store, tmp_path, "SELECT id FROM store_users"))
    assert found in (3, 403)
    again = apply(plan, store.writer())
    assert (again.revision, again.already_applied) == (2, found == 403)
    assert len(table_rows(store, tmp_path, "SELECT id FROM store_users")) == 403
    server.drop(name)


@pytest.fixture(scope="module")
def full() -> Iterator[tuple[Server, Disk]]:
    """A server whose tables lie on a disk of their own, and its log on another."""
    with _on_a_small_disk(log_too=False) as made:
        yield made


@pytest.fixture(scope="module")
def full_log() -> Iterator[tuple[Server, Disk]]:
    """A server whose files all lie on a disk of their own."""
    with _on_a_small_disk(log_too=True) as made:
        yield made


@contextmanager
def _on_a_small_disk(*, log_too: bool) -> Iterator[tuple[Server, Disk]]:
    """It is started by this thread, which alone sees that disk."""
    mounts_of_our_own()
    with own_folder("full") as folder, own_folder("log") as beside, disk(folder) as small:
        log = beside / "wal"
        log.mkdir(mode=0o700)
        beside.chmod(0o711)
        server = postgres.make(folder, None if log_too else log)
        server.starts = _start
        server.begin()
        server.roles()
        yield server, small
        server.kill()


def _start(command: list[str | Path], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as output:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/")


def _old_then_new(store: Store, plan: Path, scratch: Path) -> None:
    assert table_rows(store, scratch, "SELECT count(*) FROM store_users") == [(3,)]
    done = apply(plan, store.writer())
    assert (done.revision, done.already_applied) == (2, False)
    assert table_rows(store, scratch, "SELECT count(*) FROM store_users") == [(6,)]
