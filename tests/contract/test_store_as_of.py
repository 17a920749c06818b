"""The roster as of an earlier revision, from the views of a store of every kind."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from rostersync.errors import Permanent
from rostersync.model import Entity
from rostersync.plan.apply import apply
from rostersync.stores import as_of
from rostersync.stores.engine import connect
from support.plans import Row, create, delete, update, write_plan
from support.stores import Kept

DAY = datetime(2026, 1, 10, 3, tzinfo=UTC)
ANN: dict[str, Any] = {
    "role": "student",
    "givenName": "Ann",
    "grades": ["09"],
    "agentSourcedIds": ["p1"],
    "userIds": [{"type": "Local", "identifier": "1"}],
    "metadata": {"team": "red", "bus": "4"},
}
Applies = Callable[..., None]


@pytest.fixture
def applies(kept: Kept, tmp_path: Path) -> Applies:
    """Applies changes as the next revision, a day after the one before."""
    revision = 0

    def run(*rows: Row, **plan: Any) -> None:
        nonlocal revision
        folder = tmp_path / f"plan-{revision}"
        now = DAY + timedelta(days=revision)
        apply(
            write_plan(folder, list(rows), base=revision, run=f"run-{revision}", **plan), kept.store.writer(), now=now
        )
        revision += 1

    return run


@pytest.fixture
def con(kept: Kept) -> Iterator[duckdb.DuckDBPyConnection]:
    con = connect(None, 1, kept.scratch, kept.store.reader().folders)
    yield con
    con.close()


@pytest.fixture
def then(kept: Kept, con: duckdb.DuckDBPyConnection) -> Callable[..., list[tuple[Any, ...]]]:
    """Rows of a query over the views `then_<table>` of a revision."""

    def ask(revision: int, sql: str, source: str | None = "focus") -> list[tuple[Any, ...]]:
        kept.store.reader().attach(con, "springfield", source)
        try:
            as_of.as_of(con, revision, "then_")
            return con.execute(sql).fetchall()
        finally:
            as_of.drop(con, "then_")
            kept.store.reader().detach(con)

    return ask


def test_values_are_those_that_later_revisions_replaced(applies: Applies, then: Any) -> None:
    applies(create(Entity.STUDENT, "u1", **ANN), create(Entity.CONTACT, "p1", role="parent"))
    applies(update(Entity.STUDENT, "u1", ANN, givenName="Anna", grades=None, userIds=None, metadata={"team": "blue"}))
    anna = ANN | {"givenName": "Anna", "grades": None, "userIds": None, "metadata": {"team": "blue"}}
    applies(update(Entity.STUDENT, "u1", anna, grades=["10"], agentSourcedIds=None, metadata=None))

    sql = "SELECT givenName, grades, agentSourcedIds, userIds, metadata FROM then_users WHERE id = 'u1'"
    assert then(0, sql) == []
    assert then(1, sql) == [tuple(ANN[n] for n in ("givenName", "grades", "agentSourcedIds", "userIds", "metadata"))]
    assert then(2, sql) == [("Anna", None, ["p1"], None, {"team": "blue"})]
    assert then(3, sql) == [("Anna", ["10"], None, None, None)]
    assert then(1, "SELECT id, status FROM then_users ORDER BY id") == [("p1", "active"), ("u1", "active")]


def test_tombstones_are_there_again(applies: Applies, then: Any) -> None:
    bob = {"role": "student", "givenName": "Bob"}
    applies(create(Entity.STUDENT, "u1", **bob))
    applies(delete(Entity.STUDENT, "u1", bob))
    applies(create(Entity.TEACHER, "u1", cause="Restored", role="teacher", givenName="Robert"))

    sql = "SELECT entity, status, role, givenName FROM then_users"
    assert then(1, sql) == [("Student", "active", "student", "Bob")]
    assert then(2, sql) == [("Student", "tobedeleted", "student", "Bob")]
    assert then(3, sql) == [("Teacher", "active", "teacher", "Robert")]


def test_who_becomes_another_entity_was_the_former_one(applies: Applies, then: Any) -> None:
    applies(create(Entity.STUDENT, "u1", role="student"))
    applies(update(Entity.STUDENT, "u1", {"role": "student"}, Entity.TEACHER, role="teacher"))

    assert then(1, "SELECT entity, role FROM then_users") == [("Student", "student")]


def test_one_id_of_two_sources_is_two_records(applies: Applies, then: Any) -> None:
    applies(create(Entity.STUDENT, "u1", givenName="One"))
    applies(create(Entity.STUDENT, "u1", givenName="Other"), source="second")
    applies(update(Entity.STUDENT, "u1", {"givenName": "Other"}, givenName="Else"), source="second")

    sql = "SELECT source, givenName FROM then_users ORDER BY ALL"
    assert then(2, sql, None) == [("focus", "One"), ("second", "Other")]
    assert then(1, sql, None) == [("focus", "One")]
    assert then(2, sql) == [("focus", "One")]


def test_a_revision_whose_values_have_expired_is_refused_and_later_ones_are_told(
    applies: Applies, then: Any, kept: Kept
) -> None:
    applies(create(Entity.STUDENT, "u1", givenName="One"), create(Entity.STUDENT, "u2", givenName="Gone"))
    applies(update(Entity.STUDENT, "u1", {"givenName": "One"}, givenName="Two"))
    applies(delete(Entity.STUDENT, "u2", {"givenName": "Gone"}))
    applies(update(Entity.STUDENT, "u1", {"givenName": "Two"}, givenName="Three"))
    kept.store.writer().expire("springfield", timedelta(days=1), DAY + timedelta(days=4))

    with pytest.raises(Permanent) as refused:
        then(2, "FROM then_users")
    assert refused.value.reason == "HistoryExpired"
    assert "still whole is 3;" in str(refused.value)
    assert then(3, "SELECT id, givenName FROM then_users") == [("u1", "Two")]


def test_forgotten_people_were_never_there(applies: Applies, then: Any, kept: Kept) -> None:
    applies(create(Entity.STUDENT, "u1", **ANN), create(Entity.CONTACT, "p1", role="parent", givenName="Pat"))
    applies(update(Entity.STUDENT, "u1", ANN, agentSourcedIds=None))
    applies(delete(Entity.CONTACT, "p1", {"role": "parent", "givenName": "Pat"}))
    kept.store.writer().forget("springfield", "p1")

    assert then(1, "SELECT id, agentSourcedIds FROM then_users") == [("u1", None)]


def test_an_empty_store_was_always_empty(then: Any) -> None:
    assert then(0, "FROM then_users") == []
