"""Deliveries are recorded with the reader's login: by one function, which does nothing else, whoever calls it in whatever way."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rostersync.errors import Permanent, Retryable
from rostersync.model import Entity
from rostersync.plan.apply import apply
from support import postgres
from support.plans import create, write_plan
from support.postgres_desk import READER, Desk, desk_in


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_in(tmp_path, "settles") as made:
        yield made


_SETTLE = "SELECT rostersync.settle('springfield', 'x/feed', {}, {}, '2026-09-01T02:30:00Z', '{}', 'asked')"


@pytest.mark.parametrize(
    ("revision", "where", "files"),
    [
        ("2", "'a'", "[]"),  # a revision that there is not
        ("0", "'a'", "[]"),
        ("-1", "NULL", "[]"),
        ("NULL", "'a'", "[]"),
        ("9223372036854775807", "NULL", "[]"),  # would take away what comes later
        ("1", "''", "[]"),
        ("1", "'a'", "{{}}"),
        ("1", "'a'", "["),
        ("1", "repeat('a', 6000)", "[]"),
    ],
)
def test_what_the_reader_may_record_has_limits(desk: Desk, revision: str, where: str, files: str) -> None:
    desk.apply(deliveries=("x/feed",))
    with pytest.raises(postgres.DriverError):
        desk.as_reader().admin(_SETTLE.format(revision, where, files), desk.name)
    assert desk.admin("SELECT count(*) FROM rostersync.outbox") == [(1,)]
    assert desk.admin("SELECT count(*) FROM rostersync.sent") == [(0,)]


def test_nothing_of_the_reader_s_session_leads_the_function_astray(desk: Desk) -> None:
    """Tables, functions and operators of the same names, in front of the search path: it writes its own tables."""
    desk.apply(deliveries=("x/feed",))
    with desk.as_reader().connection(desk.name) as cursor:
        for table in ("outbox", "sent", "revisions"):
            cursor.execute(f"CREATE TEMP TABLE {table} (LIKE rostersync.{table})")
        cursor.execute("INSERT INTO pg_temp.revisions SELECT * FROM rostersync.revisions")
        cursor.execute("SET search_path = pg_temp, rostersync")
        cursor.execute(_SETTLE.format("1", "'a'", "[]"))
        cursor.execute("SELECT count(*) FROM pg_temp.sent")
        assert cursor.fetchall() == [(0,)]
    assert desk.admin("SELECT count(*) FROM rostersync.outbox") == [(0,)]
    assert desk.admin("SELECT place FROM rostersync.sent") == [("a",)]


def test_nobody_but_the_reader_and_the_writer_may_record(desk: Desk) -> None:
    desk.apply(deliveries=("x/feed",))
    [(owner, config, rights)] = desk.admin(
        "SELECT proowner::regrole::text, proconfig::text, "
        "array(SELECT grantee::regrole::text FROM aclexplode(proacl) ORDER BY 1)::text FROM pg_proc WHERE proname = 'settle'"
    )
    assert (owner, config) == ("roster_writer", '{"search_path=pg_catalog, pg_temp"}')
    assert rights == "{roster_reader,roster_writer}"


def test_a_schema_of_the_version_before_records_with_the_writer_and_moves_forward(desk: Desk) -> None:
    desk.apply(deliveries=("x/feed",))
    for sql in ("DROP FUNCTION rostersync.settle", "DELETE FROM rostersync.migrations WHERE version >= 2"):
        desk.admin(sql)
    secrets = desk.server.secrets(desk.name)
    reading = postgres.opened(desk.folder / "s", {READER: secrets[READER]})
    with pytest.raises(
        Retryable, match="still has schema 1, in which the reader's role cannot record deliveries"
    ) as error:
        reading.outbox().check()
    assert error.value.reason == "StoreTooOld"

    both = postgres.opened(desk.folder / "s", secrets)
    both.outbox().check()
    reading.outbox().settle("springfield", "x/feed", 1, None)
    assert desk.admin("SELECT count(*) FROM rostersync.outbox") == [(0,)]


def test_a_reader_that_nobody_granted_to_is_told_before_anything_is_sent(desk: Desk) -> None:
    desk.apply()
    desk.admin("REVOKE ALL ON FUNCTION rostersync.settle FROM roster_reader")
    reading = postgres.opened(desk.folder / "s", {READER: desk.server.secrets(desk.name)[READER]})
    with pytest.raises(Permanent, match="Once, as the writer: GRANT EXECUTE ON FUNCTION") as error:
        reading.outbox().check()
    assert error.value.reason == "StoreRefused"
    apply(write_plan(desk.folder / "q", [create(Entity.STUDENT, "FOC-u2")], run="run-2", base=1), desk.store().writer())
    reading.outbox().check()
