"""An apply looks a few changes up by key; many may be joined with the whole table. Both refuse what the plan did not see."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rostersync.errors import BaseMoved
from rostersync.model import Entity
from rostersync.plan.apply import apply
from support.plans import Row, create, delete, table_rows, update, write_plan
from support.postgres_desk import Desk, desk_in

NOW = datetime(2026, 9, 1, 2, 30, tzinfo=UTC)
PEOPLE = 600  # more than the pages that they fill


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_in(tmp_path, "looks_up") as made:
        yield made


def person(number: int, name: str = "One") -> dict[str, Any]:
    return {"role": "student", "givenName": name, "email": f"{number:0150d}@example.org"}


def carry_out(desk: Desk, folder: Path, rows: list[Row], base: int) -> None:
    plan = write_plan(folder, rows, run=folder.name, base=base)
    apply(plan, desk.store().writer(), now=NOW + timedelta(days=base))


def rows_read(desk: Desk) -> int:
    """Rows of users that were read by scans of the whole table."""
    [(count,)] = desk.admin("SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'users'")
    return int(str(count))


@pytest.fixture
def full(desk: Desk, tmp_path: Path) -> Desk:
    carry_out(desk, tmp_path / "first", [create(Entity.STUDENT, f"u{n}", **person(n)) for n in range(PEOPLE)], 0)
    return desk


@pytest.mark.parametrize("analyzed", [False, True])
def test_a_few_changes_do_not_read_the_whole_table(full: Desk, tmp_path: Path, analyzed: bool) -> None:
    if analyzed:
        full.admin("ANALYZE")
    before = rows_read(full)
    changes = [
        update(Entity.STUDENT, "u7", person(7), **person(7, "Seven")),
        delete(Entity.STUDENT, "u8", person(8)),
        create(Entity.STUDENT, "new", **person(PEOPLE)),
    ]
    carry_out(full, tmp_path / "next", changes, 1)
    assert rows_read(full) == before
    found = table_rows(
        full.store(), tmp_path, "SELECT id, status, givenName FROM store_users WHERE id IN ('u7', 'u8', 'new')"
    )
    assert sorted(found) == [("new", "active", "One"), ("u7", "active", "Seven"), ("u8", "tobedeleted", "One")]


@pytest.mark.parametrize("count", [3, PEOPLE])
@pytest.mark.parametrize("moved", ["updated", "deleted", "there"])
def test_what_the_plan_did_not_see_is_refused_however_many_changes_there_are(
    full: Desk, tmp_path: Path, count: int, moved: str
) -> None:
    was = {n: person(n) for n in range(count)}
    rows = [update(Entity.STUDENT, f"u{n}", was[n], **person(n, "Two")) for n in range(1, count)]
    rows.append(
        {
            "updated": update(Entity.STUDENT, "u0", person(0, "Other"), **person(0, "Two")),
            "deleted": delete(Entity.STUDENT, "gone", person(0)),
            "there": create(Entity.STUDENT, "u0", **person(0)),
        }[moved]
    )
    with pytest.raises(BaseMoved, match="1 records of users in the store are not what the plan saw"):
        carry_out(full, tmp_path / "next", rows, 1)
    assert table_rows(full.store(), tmp_path, "SELECT DISTINCT givenName, status FROM store_users") == [
        ("One", "active")
    ]
