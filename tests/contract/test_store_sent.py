"""The record of what was delivered, in a store of every kind: kept with the settling, listed, and expired but for the newest."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pytest

from rostersync.model import Entity
from rostersync.plan.apply import apply
from rostersync.sent import Sent, SentFile
from rostersync.stores.embedded.store import EmbeddedStore
from rostersync.stores.engine import connect
from rostersync.stores.port import Store, StoreReader
from support.plans import create, update, write_plan
from support.stores import Kept

T = TypeVar("T")
NOW = datetime(2026, 9, 1, 2, 30, tzinfo=UTC)
DAY = timedelta(days=1)
DISTRICT, FEED, OTHER = "springfield", "springfield/feed", "springfield/other"
PUPIL: dict[str, Any] = {"role": "student", "givenName": "One"}
FILES = (SentFile("springfield-000001.zip", 4_294_967_297, "ab" * 32), SentFile('Übersicht, "neu".csv', 0, "cd" * 32))
FIRST = Sent(1, "sftp://school.example:22/inbox", NOW, FILES, "asked-1")


@pytest.fixture
def store(kept: Kept, tmp_path: Path) -> Store:
    """Two revisions, which two deliveries have to deliver."""
    rows = [create(Entity.STUDENT, "FOC-u1", **PUPIL)]
    apply(write_plan(tmp_path / "p1", rows), kept.store.writer(), deliveries=(FEED, OTHER), now=NOW)
    rows = [update(Entity.STUDENT, "FOC-u1", PUPIL, givenName="Two")]
    again = write_plan(tmp_path / "p2", rows, run="run-2", base=1)
    apply(again, kept.store.writer(), deliveries=(FEED, OTHER), now=NOW + DAY)
    return kept.store


def ask(store: Store, scratch: Path, what: Callable[[StoreReader, duckdb.DuckDBPyConnection], T]) -> T:
    reader = store.reader()
    con = connect(None, 1, scratch, reader.folders)
    try:
        reader.attach(con, DISTRICT, None)
        return what(reader, con)
    finally:
        con.close()


def sent(
    store: Store, scratch: Path, limit: int | None = None, district: str = DISTRICT
) -> dict[str, tuple[Sent, ...]]:
    return ask(store, scratch, lambda reader, con: reader.sent(con, district, limit))


def outbox(store: Store, scratch: Path) -> dict[str, tuple[int, ...]]:
    return ask(store, scratch, lambda reader, con: reader.outbox(con, DISTRICT))


def test_a_store_without_a_roster_has_sent_nothing(kept: Kept, tmp_path: Path) -> None:
    assert sent(kept.store, tmp_path) == {}


def test_what_was_sent_is_kept_as_it_was_said(store: Store, tmp_path: Path) -> None:
    assert sent(store, tmp_path) == {}
    store.outbox().settle(DISTRICT, FEED, 1, FIRST)

    assert sent(store, tmp_path) == {FEED: (FIRST,)}
    assert sent(store, tmp_path, district="shelbyville") == {}
    assert outbox(store, tmp_path) == {FEED: (2,), OTHER: (1, 2)}


def test_settling_again_makes_no_second_record(store: Store, tmp_path: Path) -> None:
    for _ in range(2):
        store.outbox().settle(DISTRICT, FEED, 1, FIRST)
    store.outbox().settle(DISTRICT, FEED, 1, None)

    assert sent(store, tmp_path) == {FEED: (FIRST,)}


def test_one_that_was_sent_twice_has_two_records(store: Store, tmp_path: Path) -> None:
    again = replace(FIRST, at=NOW + DAY)
    for each in (FIRST, again):
        store.outbox().settle(DISTRICT, FEED, 1, each)

    assert sent(store, tmp_path) == {FEED: (again, FIRST)}


def test_the_newest_come_first_and_no_more_than_asked_for(store: Store, tmp_path: Path) -> None:
    feed = [replace(FIRST, revision=1 + number // 4, at=NOW + number * DAY) for number in range(1, 6)]
    same_moment = [replace(FIRST, revision=number) for number in (2, 1)]
    for each in feed:
        store.outbox().settle(DISTRICT, FEED, each.revision, each)
    for each in reversed(same_moment):
        store.outbox().settle(DISTRICT, OTHER, each.revision, each)

    assert sent(store, tmp_path) == {FEED: tuple(reversed(feed)), OTHER: tuple(same_moment)}
    assert sent(store, tmp_path, 2) == {FEED: (feed[4], feed[3]), OTHER: tuple(same_moment)}


def test_records_expire_with_the_values_but_the_newest_of_each_receiver_stays(store: Store, tmp_path: Path) -> None:
    old, newest = FIRST, replace(FIRST, revision=2, at=NOW + DAY)
    elsewhere = replace(FIRST, at=NOW - DAY, config_hash="asked-2", where="another place")
    for each in (old, newest, elsewhere):
        store.outbox().settle(DISTRICT, FEED, each.revision, each)
    store.outbox().settle(DISTRICT, OTHER, 1, old)

    expired = store.writer().expire(DISTRICT, timedelta(days=5), NOW + 30 * DAY)

    assert expired.sent == 1
    assert sent(store, tmp_path) == {FEED: (newest, elsewhere), OTHER: (old,)}
    assert store.writer().expire("shelbyville", timedelta(0), NOW + 30 * DAY).sent == 0


def test_a_revision_is_found_by_its_number(store: Store, tmp_path: Path) -> None:
    found = ask(store, tmp_path, lambda reader, con: [reader.revision(con, DISTRICT, n) for n in (1, 2, 3)])

    assert [(r.number, r.run, r.applied_at) if r else None for r in found] == [
        (1, "run-1", NOW),
        (2, "run-2", NOW + DAY),
        None,
    ]
    assert ask(store, tmp_path, lambda reader, con: reader.revision(con, "shelbyville", 1)) is None


def test_a_file_of_an_earlier_version_gets_its_table_with_the_first_record(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store" / "roster.duckdb", memory_limit=200_000_000, threads=1)
    apply(write_plan(tmp_path / "p1", [create(Entity.STUDENT, "FOC-u1")]), store.writer(), deliveries=(FEED,))
    with duckdb.connect(str(store.path)) as con:
        con.execute("DROP TABLE sent")
    assert sent(store, tmp_path) == {}
    assert outbox(store, tmp_path) == {FEED: (1,)}

    store.outbox().settle(DISTRICT, FEED, 1, FIRST)

    assert sent(store, tmp_path) == {FEED: (FIRST,)}
    store.writer().compact()
    store.writer().backup(tmp_path / "copy" / "roster.duckdb")
    assert sent(EmbeddedStore(tmp_path / "copy" / "roster.duckdb"), tmp_path) == {FEED: (FIRST,)}
