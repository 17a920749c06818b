"""A table's file: all batches in order, and what goes wrong with the disk names it."""

import errno
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from rostersync import disks
from rostersync.roster import USERS
from rostersync.stores.postgres import table_file
from rostersync.stores.postgres.table_file import TableFile

SCHEMA = pa.schema([("id", pa.string()), ("grades", pa.list_(pa.string()))])


def batch(begin: int, rows: int = 1_000) -> pa.RecordBatch:
    ids = [f"u{n:09d}" for n in range(begin, begin + rows)]
    return pa.record_batch([pa.array(ids), pa.array([["09", "10"]] * rows)], schema=SCHEMA)


def test_it_has_what_is_made_of_each_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_file, "_ROWS", 1_500)
    path = tmp_path / "users.parquet"
    with TableFile(path, USERS, SCHEMA, lambda one: (one.slice(0, 600), one.slice(600))) as file:
        for number in range(10):
            file.add(batch(number * 1_000))
    ids = duckdb.sql(f"SELECT id FROM read_parquet('{path}') WHERE grades = ['09', '10'] ORDER BY id").fetchall()  # noqa: S608
    assert ids == [(f"u{n:09d}",) for n in range(10_000)]


def test_without_batches_it_has_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "users.parquet"
    with TableFile(path, USERS, SCHEMA):
        pass
    assert duckdb.sql(f"SELECT * FROM read_parquet('{path}')").columns == ["id", "grades"]  # noqa: S608


def test_what_cannot_be_made_is_raised(tmp_path: Path) -> None:
    def refusing(_: pa.RecordBatch) -> list[pa.RecordBatch]:
        raise LookupError("no")

    with pytest.raises(LookupError), TableFile(tmp_path / "users.parquet", USERS, SCHEMA, refusing) as file:
        file.add(batch(0))


def test_a_full_disk_is_one_and_names_the_file() -> None:
    def write() -> None:
        with TableFile(Path("/dev/full"), USERS, SCHEMA) as file:
            for number in range(200):
                file.add(batch(number * 1_000))

    with pytest.raises(OSError, match="No space left") as error:
        write()
    assert (error.value.errno, error.value.filename) == (errno.ENOSPC, "/dev/full")
    assert disks.is_full(error.value)
