"""The outbox, in a store of every kind: filled with the revision, emptied by what was carried out, and by nothing else."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rostersync.errors import BaseMoved, Permanent
from rostersync.model import Entity
from rostersync.plan.apply import apply
from rostersync.stores.engine import connect
from rostersync.stores.port import Store
from support.plans import create, update, write_plan
from support.stores import Kept

NOW = datetime(2026, 9, 1, 2, 30, tzinfo=UTC)
PUPIL: dict[str, Any] = {"role": "student", "givenName": "One"}
DISTRICT, FEED, OTHER = "springfield", "springfield/feed", "springfield/other"


@pytest.fixture
def store(kept: Kept) -> Store:
    return kept.store


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return write_plan(tmp_path / "first", [create(Entity.STUDENT, "FOC-u1", **PUPIL)])


def outbox(store: Store, scratch: Path, district: str = DISTRICT) -> dict[str, tuple[int, ...]]:
    reader = store.reader()
    con = connect(None, 1, scratch, reader.folders)
    try:
        state = reader.attach(con, district, None)
        found = reader.outbox(con, district)
        assert state.outbox_pending == bool(found)
        return found
    finally:
        con.close()


def changed(folder: Path) -> Path:
    return write_plan(folder, [update(Entity.STUDENT, "FOC-u1", PUPIL, givenName="Two")], run="run-2", base=1)


def test_a_store_without_a_roster_has_nothing_to_deliver(store: Store, tmp_path: Path) -> None:
    assert outbox(store, tmp_path) == {}


def test_an_apply_writes_down_who_has_to_carry_it_out(store: Store, plan: Path, tmp_path: Path) -> None:
    applied = apply(plan, store.writer(), deliveries=(FEED, OTHER), now=NOW)

    assert applied.outbox_pending
    assert outbox(store, tmp_path) == {FEED: (1,), OTHER: (1,)}
    assert outbox(store, tmp_path, "shelbyville") == {}


def test_an_apply_that_nobody_delivers_leaves_no_trace(store: Store, plan: Path, tmp_path: Path) -> None:
    assert not apply(plan, store.writer(), now=NOW).outbox_pending
    assert outbox(store, tmp_path) == {}


def test_applying_again_asks_for_no_second_delivery(store: Store, plan: Path, tmp_path: Path) -> None:
    apply(plan, store.writer(), deliveries=(FEED,), now=NOW)
    store.outbox().settle(DISTRICT, FEED, 1, None)
    again = apply(plan, store.writer(), deliveries=(FEED,), now=NOW)

    assert (again.already_applied, again.outbox_pending) == (True, False)
    assert outbox(store, tmp_path) == {}


def test_an_apply_that_is_refused_asks_for_no_delivery(store: Store, plan: Path, tmp_path: Path) -> None:
    with pytest.raises(BaseMoved):
        apply(changed(tmp_path / "p"), store.writer(), deliveries=(FEED,), now=NOW)

    assert outbox(store, tmp_path) == {}


def test_what_was_carried_out_is_settled_and_what_came_since_is_not(store: Store, plan: Path, tmp_path: Path) -> None:
    for each in (plan, changed(tmp_path / "p")):
        apply(each, store.writer(), deliveries=(FEED, OTHER), now=NOW)
    assert outbox(store, tmp_path) == {FEED: (1, 2), OTHER: (1, 2)}

    store.outbox().settle(DISTRICT, FEED, 1, None)
    store.outbox().settle(DISTRICT, FEED, 1, None)
    store.outbox().settle("shelbyville", OTHER, 2, None)
    assert outbox(store, tmp_path) == {FEED: (2,), OTHER: (1, 2)}

    store.outbox().settle(DISTRICT, OTHER, 2, None)
    assert outbox(store, tmp_path) == {FEED: (2,)}


def test_the_reader_s_secrets_are_enough_to_settle_and_for_no_other_writing(
    kept: Kept, store: Store, plan: Path, tmp_path: Path
) -> None:
    apply(plan, store.writer(), deliveries=(FEED, OTHER), now=NOW)
    reading = kept.for_reading()
    if reading is None:
        return  # who may mount its volume to write may write

    reading.outbox().check()
    reading.outbox().settle(DISTRICT, FEED, 1, None)

    assert outbox(store, tmp_path) == {OTHER: (1,)}
    with pytest.raises(Permanent):
        reading.writer()
