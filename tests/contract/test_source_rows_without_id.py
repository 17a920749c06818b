"""Rows without an id that can be read: counted, left out, and known by their number in the order sent."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from rostersync.sources.staged import WITHOUT_ID
from support.quirky import Quirky, Staged, staged


@pytest.mark.parametrize("bad", [{"role": "student"}, {"sourcedId": None}, {"sourcedId": "  "}, None, "text", 5])
def test_a_record_without_an_id_is_counted_left_out_and_makes_the_collection_incomplete(
    bad: Any, tmp_path: Path
) -> None:
    with Quirky({"users": [{"sourcedId": "u1"}, bad]}, sorts=False) as server:
        result = staged(server, tmp_path, "users")

    proof = result.proof["users"]
    assert (proof["complete"], proof["withoutID"], proof["rows"], proof["distinct"]) == (False, 1, 2, 1)
    assert set(result.rows("users")) == {"u1"}
    assert proof["pulls"] == 1
    assert without_id(result, "users") == [2]


def test_the_first_rows_without_an_id_are_known_by_their_number(tmp_path: Path) -> None:
    """On whatever page they come, and however they are wrong."""
    bad = {
        3: {"sourcedId": ""},
        4: None,
        11: {"sourcedId": "x" * 2000},
        12: {},
        30: {"sourcedId": "u", "email": "x" * 2**21},
    }
    rows = [bad.get(n, {"sourcedId": f"u{n:03}"}) for n in range(1, 60)]
    with Quirky({"users": rows, "classes": [{}] * 12}, sorts=False) as server:
        result = staged(server, tmp_path, "users", "classes", page_size=10)

    assert without_id(result, "users") == sorted(bad)
    assert without_id(result, "classes") == [*range(1, 11), None, None]


def without_id(found: Staged, collection: str) -> list[int | None]:
    numbers: list[int | None] = pq.read_table(found.folder / collection / WITHOUT_ID).column("row").to_pylist()
    return numbers
