"""forget, in a store of every kind: a person leaves records, history and the bytes on the disk; everybody else stays. Retention likewise."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rostersync.model import Entity
from rostersync.plan.apply import apply
from rostersync.stores.engine import connect
from rostersync.stores.port import Store
from support.plans import create, delete, table_rows, update, write_plan
from support.stores import Kept

MARK = "Zyxquil"  # nobody is called that
PERSON: dict[str, Any] = {"givenName": MARK, "role": "guardian", "grades": None}
PUPIL: dict[str, Any] = {"givenName": "One", "agentSourcedIds": ["FOC-a1", "FOC-a2"]}
ONE_AGENT: dict[str, Any] = {"givenName": "Two", "agentSourcedIds": ["FOC-a1"]}
ENROLLED = {"classSourcedId": "FOC-c", "userSourcedId": "FOC-a1"}
DAY = datetime(2026, 9, 1, tzinfo=UTC)


@pytest.fixture
def store(kept: Kept, tmp_path: Path) -> Store:
    """Two revisions: the person comes, changes, and an agent of pupils changes with it."""
    store = kept.store
    rows = [
        create(Entity.CONTACT, "FOC-a1", **PERSON),
        create(Entity.CONTACT, "FOC-a2", givenName="Kept"),
        create(Entity.STUDENT, "FOC-u1", **PUPIL),
        create(Entity.STUDENT, "FOC-u2", **ONE_AGENT),
        create(Entity.ENROLLMENT, "FOC-e1", **ENROLLED),
        create(Entity.ENROLLMENT, "FOC-e2", classSourcedId="FOC-c", userSourcedId="FOC-u1"),
        create(Entity.DEMOGRAPHICS, "FOC-a1", cityOfBirth=f"{MARK}ville"),
    ]
    apply(write_plan(tmp_path / "p1", rows), store.writer(), now=DAY)
    rows = [
        update(Entity.CONTACT, "FOC-a1", PERSON, familyName=f"{MARK}son"),
        update(Entity.STUDENT, "FOC-u1", PUPIL, agentSourcedIds=["FOC-a1"]),
        delete(Entity.ENROLLMENT, "FOC-e1", ENROLLED),
    ]
    apply(write_plan(tmp_path / "p2", rows, run="run-2", base=1), store.writer(), now=DAY + timedelta(days=1))
    return store


def test_a_forgotten_person_is_nowhere_in_the_store(kept: Kept, store: Store) -> None:
    assert kept.holds(MARK)
    forgotten = store.writer().forget("springfield", "FOC-a1")
    assert (forgotten.rows, forgotten.enrollments, forgotten.still_active) == (2, 1, True)
    assert not kept.holds(MARK)
    assert not kept.holds("FOC-a1")


def test_the_store_counts_how_often_somebody_was_forgotten(store: Store, tmp_path: Path) -> None:
    def times() -> int:
        reader = store.reader()
        con = connect(None, 1, tmp_path, reader.folders)
        try:
            return reader.attach(con, "springfield", None).forgotten
        finally:
            con.close()

    found = [times()]
    for person in ("FOC-a1", "FOC-a1", "FOC-u2"):  # the second time, nothing is left of the first
        store.writer().forget("springfield", person)
        found.append(times())
    assert found == [0, 1, 1, 2]


def test_everybody_else_stays(store: Store, tmp_path: Path) -> None:
    assert store.writer().forget("springfield", "FOC-a1").references == 3
    assert table_rows(store, tmp_path, 'SELECT id, "agentSourcedIds" FROM store_users ORDER BY id') == [
        ("FOC-a2", None),
        ("FOC-u1", None),
        ("FOC-u2", None),
    ]
    assert table_rows(store, tmp_path, "SELECT id FROM store_enrollments") == [("FOC-e2",)]
    history = "SELECT id, before, after FROM store_history WHERE change = 'Update'"
    [(record, before, after)] = table_rows(store, tmp_path, history)
    assert (record, json.loads(before), json.loads(after)) == (
        "FOC-u1",
        {"agentSourcedIds": ["FOC-a2"]},
        {"agentSourcedIds": []},
    )


def test_a_tombstone_is_forgotten_too(kept: Kept, store: Store, tmp_path: Path) -> None:
    gone = PERSON | {"familyName": f"{MARK}son"}
    plan = write_plan(tmp_path / "p3", [delete(Entity.CONTACT, "FOC-a1", gone)], run="run-3", base=2)
    apply(plan, store.writer())
    forgotten = store.writer().forget("springfield", "FOC-a1")
    assert forgotten.rows == 2
    assert not kept.holds(MARK)


def test_an_unknown_person_changes_nothing(store: Store, tmp_path: Path) -> None:
    forgotten = store.writer().forget("springfield", "FOC-nobody")
    assert (forgotten.rows, forgotten.history, forgotten.still_active) == (0, 0, False)
    assert store.writer().forget("elsewhere", "FOC-a1").rows == 0
    assert len(table_rows(store, tmp_path, "SELECT * FROM store_users")) == 4


def test_the_store_can_be_applied_to_after_forgetting(store: Store, tmp_path: Path) -> None:
    store.writer().forget("springfield", "FOC-a1")
    memory = {"prefix": "FOC-", "host": "focus.example", "configHash": "c0", "forgotten": 1}
    rows = [create(Entity.CONTACT, "FOC-a1", **PERSON)]
    plan = write_plan(tmp_path / "p3", rows, run="run-3", base=2, memory=memory)
    assert apply(plan, store.writer()).revision == 3


def test_values_and_tombstones_older_than_the_limit_go_and_the_rest_stays(store: Store, tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "p3", [delete(Entity.CONTACT, "FOC-a2", {"givenName": "Kept"})], run="r3", base=2)
    apply(plan, store.writer(), now=DAY + timedelta(days=10))
    expired = store.writer().expire("springfield", timedelta(days=5), DAY + timedelta(days=10))
    assert (expired.tombstones, expired.history) == (1, 3)
    assert table_rows(store, tmp_path, "SELECT id, status FROM store_enrollments") == [("FOC-e2", "active")]
    assert table_rows(store, tmp_path, "SELECT id, status FROM store_users WHERE id = 'FOC-a2'") == [
        ("FOC-a2", "tobedeleted")
    ]
    kept = table_rows(store, tmp_path, "SELECT id FROM store_history WHERE coalesce(before, after) IS NOT NULL")
    assert kept == [("FOC-a2",)]
    assert table_rows(store, tmp_path, "SELECT count(*) FROM store_history") == [(11,)]
