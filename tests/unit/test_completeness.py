"""What a pull proves: total, next, order of ids, or the same twice; and what contradicts it."""

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostersync.reading.completeness import Proof, Pulled, Rule, best, prove
from rostersync.reading.id_order import IdOrder
from rostersync.sources.port import End

# A pull of ten rows that came out of order, to an empty page, with neither total nor next.
PLAIN = Pulled(End.EMPTY, total=None, recount=None, rows=10, distinct=10, without_id=0, ascending=False, ids="f00")
AGAIN = Proof(None, again=True)


def pull(**changes: Any) -> Pulled:
    return replace(PLAIN, **changes)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ({"total": 10, "recount": 10}, Proof(Rule.TOTAL)),
        ({"total": 10, "recount": 10, "end": End.TOTAL}, Proof(Rule.TOTAL)),
        ({"total": 10}, AGAIN),
        ({"total": 12, "recount": 10, "highest": 12}, AGAIN),
        ({"total": 9, "recount": 10, "highest": 10}, Proof(Rule.TOTAL)),
        ({"total": 11, "recount": 11, "rows": 11, "copies": 1}, Proof(Rule.TOTAL)),
        ({"total": 11, "recount": 11, "rows": 11}, AGAIN),
        ({"total": 11, "recount": 11, "rows": 12, "copies": 1}, AGAIN),
        ({"total": 10, "recount": 10, "doubts": ("x",)}, AGAIN),
        ({"end": End.NEXT, "rows": 11, "copies": 1}, Proof(Rule.NEXT_END)),
        ({"end": End.NEXT, "doubts": ("x",)}, AGAIN),
        ({"ascending": True, "rows": 11, "copies": 1}, Proof(Rule.ORDERED)),
        ({"ascending": True, "rows": 11}, AGAIN),
        ({"ascending": True, "doubts": ("x",)}, AGAIN),
        ({"ascending": True, "end": End.CUT}, AGAIN),
        ({"total": 9, "recount": 10}, Proof(Rule.TOTAL)),
        ({"total": 10, "recount": 11}, AGAIN),
        ({"total": 11, "recount": 11}, AGAIN),
        ({"total": 9, "recount": 9}, AGAIN),
        ({"total": 10, "recount": 10, "distinct": 9}, AGAIN),
        ({"total": 9, "recount": 9, "rows": 9, "distinct": 9}, Proof(Rule.TOTAL)),
        ({"total": 0, "recount": 0, "rows": 0, "distinct": 0}, Proof(Rule.TOTAL)),
        ({"end": End.NEXT}, Proof(Rule.NEXT_END)),
        ({"end": End.NEXT, "total": 10, "recount": 10}, Proof(Rule.TOTAL)),
        ({"end": End.NEXT, "total": 11, "recount": 11}, AGAIN),
        ({"end": End.NEXT, "distinct": 9}, AGAIN),
        ({"end": End.NEXT, "rows": 0, "distinct": 0}, AGAIN),
        ({"ascending": True}, Proof(Rule.ORDERED)),
        ({"ascending": True, "total": 11, "recount": 11}, AGAIN),
        ({"ascending": True, "rows": 0, "distinct": 0}, AGAIN),
        ({"ascending": True, "end": End.REFUSED}, AGAIN),
        ({}, AGAIN),
        ({"end": End.STUCK, "ascending": True}, AGAIN),
        ({"end": End.STUCK, "total": 10, "recount": 10}, AGAIN),
        ({"end": End.MOVED, "total": 10, "ascending": True}, AGAIN),
        ({"without_id": 1, "distinct": 9, "total": 10, "recount": 10}, Proof(None)),
        ({"without_id": 1, "distinct": 9, "end": End.NEXT}, Proof(None)),
        ({"end": End.PAGES, "still": True, "seamless": False}, Proof(Rule.STILL)),
        ({"end": End.PAGES, "still": True, "seamless": False, "rows": 11}, AGAIN),
        ({"end": End.PAGES, "still": True, "seamless": False, "rows": 0, "distinct": 0}, AGAIN),
        ({"end": End.PAGES, "seamless": False}, AGAIN),
        ({"end": End.PAGES, "ascending": True}, AGAIN),
        ({"end": End.STUCK, "still": True, "seamless": False}, AGAIN),
        ({"seamless": False, "total": 10, "recount": 10}, AGAIN),
        ({"seamless": False, "end": End.NEXT}, AGAIN),
        ({"seamless": False, "ascending": True}, AGAIN),
    ],
)
def test_one_pull(what: dict[str, Any], expected: Proof) -> None:
    assert prove([pull(**what)]) == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({}, {}, Proof(Rule.TWICE)),
        ({}, {"ids": "f01"}, AGAIN),
        ({}, {"distinct": 9}, AGAIN),
        ({}, {"rows": 12}, Proof(Rule.TWICE)),
        ({}, {"total": 11, "recount": 11}, AGAIN),
        ({}, {"total": 10, "recount": 10}, Proof(Rule.TOTAL)),
        ({"end": End.STUCK}, {}, AGAIN),
        ({"end": End.MOVED}, {}, AGAIN),
        ({}, {"end": End.STUCK}, AGAIN),
        ({"end": End.REFUSED}, {"end": End.REFUSED}, AGAIN),
        ({"end": End.CUT}, {"end": End.CUT}, AGAIN),
        ({"doubts": ("x",)}, {"doubts": ("x",)}, AGAIN),
        ({"doubts": ("x",)}, {}, AGAIN),
        ({"seamless": False}, {"seamless": False}, Proof(Rule.TWICE)),
        (
            {"seamless": False, "total": 10, "recount": 10},
            {"seamless": False, "total": 10, "recount": 10},
            Proof(Rule.TOTAL),
        ),
        ({"seamless": False, "end": End.NEXT}, {"seamless": False, "end": End.NEXT}, Proof(Rule.NEXT_END)),
        ({"seamless": False, "end": End.NEXT}, {"seamless": False, "end": End.NEXT, "ids": "f01"}, AGAIN),
        ({"ids": ""}, {"ids": ""}, AGAIN),
        ({"rows": 0, "distinct": 0, "ids": "0"}, {"rows": 0, "distinct": 0, "ids": "0"}, Proof(Rule.TWICE)),
        ({"rows": 11, "distinct": 11, "doubts": ("x",)}, {"ascending": True}, AGAIN),
        ({"rows": 11, "distinct": 11, "doubts": ("x",)}, {"end": End.NEXT}, AGAIN),
        ({"rows": 11, "distinct": 11, "doubts": ("x",)}, {"total": 10, "recount": 10}, AGAIN),
        ({"doubts": ("x",)}, {"ascending": True, "rows": 11, "distinct": 11}, Proof(Rule.ORDERED)),
    ],
)
def test_two_pulls(first: dict[str, Any], second: dict[str, Any], expected: Proof) -> None:
    assert prove([pull(**first), pull(**second)]) == expected


def test_three_pulls_are_the_last() -> None:
    assert prove([pull(ids="1"), pull(ids="2"), pull(ids="3")]) == Proof(None, again=False)


def test_the_third_pull_may_agree_with_the_first() -> None:
    assert prove([pull(ids="1"), pull(ids="2"), pull(ids="1")]) == Proof(Rule.TWICE)


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ([{"ascending": True, "ids": "1"}, {"ascending": True, "ids": "1"}], Proof(Rule.ORDERED)),
        ([{"ascending": True, "ids": "1"}, {"ascending": True, "ids": "2"}], Proof(None)),
        ([{"rows": 0, "distinct": 0, "ids": "0"}, {"rows": 0, "distinct": 0, "ids": "0"}], Proof(None)),
        ([{"total": 0, "recount": 0, "rows": 0, "distinct": 0, "ids": "0"}] * 2, Proof(None)),
    ],
    ids=["two alike", "two that differ", "two without rows", "two without rows, as their total says"],
)
def test_fewer_than_an_earlier_pull_brought_must_come_twice_and_nothing_is_never_believed(
    rest: list[dict[str, Any]], expected: Proof
) -> None:
    assert prove([pull(rows=11, distinct=11, doubts=("x",)), *(pull(**each) for each in rest)]) == expected


def test_unproved_the_pull_with_most_ids_is_kept_and_of_equals_the_latest() -> None:
    assert best([pull(distinct=9), pull(distinct=11), pull(distinct=11), pull(distinct=3)]) == 2


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ({"without_id": 1}, "1 row without a readable id"),
        ({"without_id": 3}, "3 rows without a readable id"),
        ({"total": 606, "recount": 606, "rows": 503, "distinct": 500}, "total 606, received 500, duplicates 3"),
        ({"total": 11, "recount": 11, "rows": 12, "copies": 1}, "total 11, received 10, duplicates 2"),
        ({"doubts": ("the page at offset 200 was refused (403)",)}, "the page at offset 200 was refused (403)"),
        ({"doubts": ("a", "b", "c")}, "a (and 2 more)"),
        ({"end": End.MOVED}, "the server's revision changed while pages were read"),
        ({"end": End.STUCK}, "the server sent the same page again and again after 10 rows"),
        ({"end": End.CUT}, "the server did not go on after 10 rows"),
        ({"total": 10}, "total 10 at first, and none when it was counted again"),
        ({"total": 12, "recount": 10, "highest": 12}, "the total fell from 12 to 10 while pages were read"),
        ({"end": End.NEXT, "rows": 12}, "received 10, duplicates 2"),
        (
            {"seamless": False, "end": End.NEXT},
            "nobody could see whether its pages join up, and no second pull gave the same ids",
        ),
        ({}, "no total, no order, and pulls that did not agree: 10 ids"),
        ({"end": End.NEXT}, None),
    ],
)
def test_what_is_not_proved_says_why_with_numbers(what: dict[str, Any], reason: str | None) -> None:
    assert prove([pull(**what)]).reason == reason


def test_duplicates_are_the_rows_that_repeated_an_id() -> None:
    assert pull(rows=12, distinct=9, without_id=1).duplicates == 2


@pytest.mark.parametrize(
    ("pages", "holds"),
    [
        ([(0, ["a", "b"]), (2, ["c"])], True),
        ([(2, ["c"]), (0, ["a", "b"])], True),
        ([(0, ["a", "b"]), (2, ["b"])], False),
        ([(0, ["b", "a"])], False),
        ([(0, ["a", "a"])], False),
        ([(0, ["2", "9", "10"]), (3, ["11", "100"])], True),
        ([(0, ["2", "9", "10"]), (3, ["9"])], False),
        ([(0, ["a", "B"]), (2, ["c", "D"])], True),
        ([(0, ["a", "B"]), (2, ["A"])], False),
        ([(0, ["2", "10"]), (2, ["a"])], False),
        ([(0, ["02", "2"])], True),
        ([(0, ["é", "z"])], False),
        ([(0, []), (0, ["a"])], True),
        ([], True),
        ([(0, ["a", "B", "é"])], False),  # nobody knows how a server folds what is not ASCII
    ],
)
def test_ids_are_in_order_by_code_point_folded_or_as_numbers(pages: list[tuple[int, list[str]]], holds: bool) -> None:
    ascending = IdOrder()
    for offset, ids in pages:
        ascending.add(offset, pa.array(ids, pa.string()))

    assert ascending.holds() == holds


@pytest.mark.parametrize(
    ("pages", "holds"),
    [
        ([(0, ["a", "b", "b"]), (3, ["c"])], True),
        ([(0, ["a", "b"]), (2, ["b", "c"])], True),
        ([(0, ["a", "b"]), (2, ["c", "b"])], False),
        ([(0, ["a", "b"]), (2, ["a"])], False),
        ([(0, ["2", "9", "9", "10"])], True),
    ],
)
def test_ids_that_repeat_side_by_side_are_still_in_order(pages: list[tuple[int, list[str]]], holds: bool) -> None:
    ascending = IdOrder()
    for offset, ids in pages:
        ascending.add(offset, pa.array(ids, pa.string()))

    assert (ascending.holds(), ascending.side_by_side()) == (False, holds)


@given(st.lists(st.text(st.sampled_from("aAbB129é"), min_size=1, max_size=3), max_size=12), st.integers(1, 4))
def test_ids_that_are_in_order_are_distinct(ids: list[str], size: int) -> None:
    ascending = IdOrder()
    for offset in range(0, len(ids), size):
        ascending.add(offset, pa.array(ids[offset : offset + size], pa.string()))

    assert not ascending.holds() or len(set(ids)) == len(ids)
