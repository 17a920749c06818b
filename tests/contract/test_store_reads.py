"""Reading, from a store of every kind: the same views over an empty one and a full one, and nothing held afterwards."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from rostersync.errors import Permanent
from rostersync.model import Consent, Entity
from rostersync.plan import codec
from rostersync.plan.apply import apply
from rostersync.roster import SQL_TYPES, TABLES
from rostersync.stores.engine import connect
from rostersync.stores.port import Revision, StoreState
from support.plans import create, write_plan
from support.stores import Kept

VIEWS = [*(f"store_{t.name}" for t in TABLES), "store_schools", "store_history"]


@pytest.fixture
def con(kept: Kept) -> Iterator[duckdb.DuckDBPyConnection]:
    con = connect(None, 1, kept.scratch, kept.store.reader().folders)
    yield con
    con.close()


@pytest.fixture
def first(kept: Kept, tmp_path: Path) -> Path:
    plan = write_plan(tmp_path / "p1", [create(Entity.STUDENT, "FOC-u1", givenName="One")])
    apply(plan, kept.store.writer())
    return plan


def test_an_empty_store_has_the_columns_of_a_full_one(
    kept: Kept, con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    reader = kept.store.reader()
    assert reader.attach(con, "springfield", "focus") == StoreState()
    empty = [_columns(con, view) for view in VIEWS]
    assert con.execute("SELECT count(*) FROM store_users").fetchone() == (0,)
    reader.detach(con)
    apply(write_plan(tmp_path / "p1", [create(Entity.STUDENT, "FOC-u1", givenName="One")]), kept.store.writer())

    reader.attach(con, "springfield", "focus")

    assert [_columns(con, view) for view in VIEWS] == empty
    assert [column for column, _ in empty[4]][:4] == ["id", "entity", "status", "hash"]
    assert dict(empty[4])["grades"] == SQL_TYPES[TABLES[4].attribute("grades").kind]


def test_it_is_there_once_something_was_applied(kept: Kept, con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    assert not kept.store.exists()
    assert kept.store.reader().districts(con) == ()

    apply(write_plan(tmp_path / "p1", [create(Entity.STUDENT, "FOC-u1")]), kept.store.writer())

    assert kept.store.exists()
    assert kept.store.where
    assert kept.store.reader().districts(con) == ("springfield",)


def test_what_lists_districts_lets_the_store_go(
    kept: Kept, first: Path, con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    kept.store.reader().districts(con)

    more = write_plan(tmp_path / "p2", [create(Entity.STUDENT, "FOC-u2")], run="run-2", base=1)
    assert apply(more, kept.store.writer()).revision == 2


def test_its_views_go_when_it_is_let_go(kept: Kept, first: Path, con: duckdb.DuckDBPyConnection) -> None:
    reader = kept.store.reader()
    assert reader.attach(con, "springfield", "focus").revision == 1
    assert con.execute("SELECT id FROM store_users").fetchall() == [("FOC-u1",)]
    reader.detach(con)
    views = {name for (name,) in con.execute("SELECT view_name FROM duckdb_views()").fetchall()}
    assert not views & set(VIEWS)


def test_a_plan_that_was_applied_is_known_by_run_digest_and_base(
    kept: Kept, first: Path, con: duckdb.DuckDBPyConnection
) -> None:
    [recorded] = kept.revisions()
    reader = kept.store.reader()
    assert reader.applied(con, "run-1", recorded.digest, 0) == 1
    assert reader.applied(con, "run-1", recorded.digest, 1) is None
    assert reader.applied(con, "run-1", "sha256:other", 0) is None
    assert reader.applied(con, "run-2", recorded.digest, 0) is None


def test_the_reader_s_secrets_alone_write_nothing(kept: Kept, first: Path, tmp_path: Path) -> None:
    reading = kept.for_reading()
    if reading is None:
        return  # who may mount its volume to write may write
    plan = write_plan(tmp_path / "p2", [create(Entity.STUDENT, "FOC-u2")], run="run-2", base=1)

    with pytest.raises(Permanent):
        apply(plan, reading.writer())

    assert [r.revision for r in kept.revisions()] == [1]


def _columns(con: duckdb.DuckDBPyConnection, view: str) -> list[tuple[str, str]]:
    return [(name, kind) for name, kind, *_ in con.execute(f"DESCRIBE {view}").fetchall()]


def test_the_revisions_of_a_run_say_who_approved_what(
    kept: Kept, con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    reader, writer = kept.store.reader(), kept.store.writer()
    reader.attach(con, "springfield", "focus")
    assert reader.revisions(con, "springfield", "run-1") == ()
    reader.detach(con)
    held = write_plan(
        tmp_path / "p1",
        [create(Entity.STUDENT, "FOC-u1"), create(Entity.STUDENT, "FOC-u2")],
        holds=[{"reason": "Preview"}],
        fourEyes=True,
    )
    digest = codec.read(held).digest
    consent = Consent("dana", digest, "looked at", approval_uid="uid-1", four_eyes_enforced=True)
    apply(held, writer, consent, now=datetime(2026, 9, 1, 2, 30, tzinfo=UTC))
    apply(write_plan(tmp_path / "p2", [create(Entity.STUDENT, "FOC-u3")], run="run-2", base=1), writer)
    again = apply(write_plan(tmp_path / "p3", [create(Entity.STUDENT, "FOC-u4")], base=2), writer)

    reader.attach(con, "springfield", "focus")
    first, third = reader.revisions(con, "springfield", "run-1")

    at = datetime(2026, 9, 1, 2, 30, tzinfo=UTC)
    assert first == Revision(1, "focus", "run-1", digest, "c0", at, 2, "dana", "uid-1", "looked at", True)
    assert (third.number, third.changes, third.decided_by, third.four_eyes) == (again.revision, 1, None, None)
    assert reader.revisions(con, "shelbyville", "run-1") == ()
