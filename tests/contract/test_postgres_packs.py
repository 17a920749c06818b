"""Large tables are read with many records in a field. What is found is what is read record by record, whatever the texts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rostersync.errors import Retryable
from rostersync.model import Entity
from rostersync.plan.apply import apply
from rostersync.stores.postgres import base, packed
from rostersync.stores.postgres.table_file import TableFile
from support.plans import Row, create, delete, table_rows, write_plan
from support.postgres_desk import Desk, desk_in

MANY = 5_000  # more than fit into the pages of one value
TABLES = ("enrollments", "demographics", "academicSessions")
Rows = dict[str, list[tuple[Any, ...]]]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with desk_in(tmp_path, "packs") as made:
        yield made


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, bool]]]:
    """Which tables were tried to be read as packed, and whether it went."""
    seen: list[tuple[str, bool]] = []
    there = base._keep_packed

    def watched(session: Any, table: Any, path: Path) -> bool:
        went = there(session, table, path)
        seen.append((table.name, went))
        return went

    monkeypatch.setattr(base, "_keep_packed", watched)
    return seen


def enrollment(number: int, **changes: Any) -> dict[str, Any]:
    """Values of all types; every third is null somewhere."""
    values = {
        "classSourcedId": f"c{number % 30}",
        "schoolSourcedId": f"school Ä{number % 3} \t\n\\N 日本",
        "userSourcedId": f"u{number}",
        "role": None if number % 3 == 1 else "student",
        "primary": [True, False, None][number % 3],
        "beginDate": None if number % 3 == 2 else "2026-08-10",
        "endDate": ["1899-12-31", "2000-01-01", None][number % 3],
        "metadata": {"seat": f"{number}", "row": "a b"} if number % 5 == 0 else None,
    }
    return values | changes


def filled(desk: Desk, folder: Path, rows: list[Row]) -> None:
    sessions = [create(Entity.CALENDAR, "t1", title="Year", startDate="2026-08-10", type="schoolYear")]
    people = [
        create(Entity.DEMOGRAPHICS, f"u{n}", sex="female", asian=n % 2 == 0, birthDate="2010-02-28") for n in range(9)
    ]
    apply(write_plan(folder / "first", [*rows, *sessions, *people]), desk.store().writer())


def read(desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch, *, pages: int) -> Rows:
    monkeypatch.setattr(packed, "_FROM_PAGES", pages)
    asked = {name: f"SELECT * FROM store_{name} ORDER BY id" for name in TABLES}  # noqa: S608
    return {name: table_rows(desk.store(), folder, sql) for name, sql in asked.items()}


def equal_both_ways(desk: Desk, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Rows:
    found = read(desk, folder, monkeypatch, pages=0)
    assert found == read(desk, folder, monkeypatch, pages=1_000_000)
    return found


def test_values_of_every_type_are_what_they_are(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ways: list[tuple[str, bool]]
) -> None:
    filled(desk, tmp_path, [create(Entity.ENROLLMENT, f"e{n:05d}", **enrollment(n)) for n in range(MANY)])
    found = equal_both_ways(desk, tmp_path, monkeypatch)
    assert len(found["enrollments"]) == MANY
    assert {name for name, went in ways if went} == set(TABLES)


def test_what_was_deleted_is_there_as_deleted(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ways: list[tuple[str, bool]]
) -> None:
    filled(desk, tmp_path, [create(Entity.ENROLLMENT, f"e{n}", **enrollment(n)) for n in range(9)])
    gone = [delete(Entity.ENROLLMENT, f"e{n}", enrollment(n)) for n in (2, 5)]
    apply(write_plan(tmp_path / "second", gone, run="run-2", base=1), desk.store().writer())
    found = equal_both_ways(desk, tmp_path, monkeypatch)
    assert [row[2] for row in found["enrollments"]].count("tobedeleted") == 2
    assert ("enrollments", True) in ways


@pytest.mark.parametrize("text", ["a\x1fb", "\x1f", "a\x1f", ""])
@pytest.mark.parametrize("column", ["role", "schoolSourcedId"])
def test_a_text_that_cannot_be_told_apart_is_read_record_by_record(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ways: list[tuple[str, bool]], text: str, column: str
) -> None:
    rows = [create(Entity.ENROLLMENT, f"e{n}", **enrollment(n)) for n in range(6)]
    filled(desk, tmp_path, [*rows, create(Entity.ENROLLMENT, "odd", **enrollment(3, **{column: text}))])
    found = equal_both_ways(desk, tmp_path, monkeypatch)
    assert text in {row[4 + 3 if column == "role" else 4 + 1] for row in found["enrollments"]}
    assert ("enrollments", False) in ways
    assert ("demographics", True) in ways


def test_texts_that_lie_beside_the_table_are_read_record_by_record(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ways: list[tuple[str, bool]]
) -> None:
    long = "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(20_000))
    filled(desk, tmp_path, [create(Entity.ENROLLMENT, f"e{n}", **enrollment(n, role=long)) for n in range(3)])
    equal_both_ways(desk, tmp_path, monkeypatch)
    assert ("enrollments", True) not in ways


def test_a_table_in_which_all_was_deleted_is_empty_but_for_that(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(desk, tmp_path, [create(Entity.ENROLLMENT, "e1", **enrollment(1))])
    apply(
        write_plan(tmp_path / "second", [delete(Entity.ENROLLMENT, "e1", enrollment(1))], run="run-2", base=1),
        desk.store().writer(),
    )
    found = equal_both_ways(desk, tmp_path, monkeypatch)
    assert [row[:3] for row in found["enrollments"]] == [("e1", "Enrollment", "tobedeleted")]


def multiplied(desk: Desk, folder: Path, times: int, role: str) -> None:
    """An enrolment, and as many others that are like it."""
    filled(desk, folder, [create(Entity.ENROLLMENT, "e", **enrollment(1, role=role))])
    every = '"classSourcedId", "schoolSourcedId", "userSourcedId", role, revision, changed_at'
    desk.admin(
        f"INSERT INTO rostersync.enrollments (district, source, id, entity, status, hash, {every}) "  # noqa: S608
        f"SELECT district, source, id || n, entity, status, hash, {every} "
        f"FROM rostersync.enrollments, generate_series(1, {times}) AS n"
    )


def test_what_is_not_taken_any_more_does_not_block_the_connection(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ways: list[tuple[str, bool]]
) -> None:
    multiplied(desk, tmp_path, 120_000, "a long\x1frole " * 20)
    monkeypatch.setattr(packed, "_FROM_PAGES", 0)
    [(count,)] = table_rows(desk.store(), tmp_path, "SELECT count(DISTINCT id) FROM store_enrollments")
    assert count == 120_001
    assert ("enrollments", False) in ways


@pytest.mark.parametrize("pages", [0, 1_000_000])
def test_a_connection_that_ends_while_records_come_can_be_retried(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    multiplied(desk, tmp_path, 120_000, "a long role " * 20)
    add = TableFile.add

    def ended(file: TableFile, batch: Any) -> None:
        if batch.nbytes > 1_000_000:
            desk.admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'roster_reader'")
        add(file, batch)

    monkeypatch.setattr(TableFile, "add", ended)
    with pytest.raises(Retryable, match="Nothing is half done") as error:
        read(desk, tmp_path, monkeypatch, pages=pages)
    assert error.value.reason == "StoreFailed"
