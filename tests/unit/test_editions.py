"""Which editions a delivery has to send, as a truth table: changes continue what the receiver has, without a gap."""

import pytest

from rostersync.execution.editions import Wanted, editions

ALL = Wanted(7)
# deltas, pending, what the receiver has, the oldest revision that is whole -> editions; the store is at 7
TABLE = {
    "nothing is pending": (True, (), 7, 0, ()),
    "bulk sends the newest alone": (False, (3, 5, 7), 2, 0, (ALL,)),
    "bulk of an older revision sends the newest": (False, (3,), None, 0, (ALL,)),
    "a receiver that has nothing gets everything": (True, (1, 2, 7), None, 0, (ALL,)),
    "changes, one revision after the other": (True, (5, 6, 7), 4, 0, (Wanted(5, 4), Wanted(6, 5), Wanted(7, 6))),
    "what was applied while nobody delivered comes with the next": (True, (7,), 3, 0, (Wanted(7, 3),)),
    "what the receiver has is not sent again": (True, (4, 5), 4, 0, (Wanted(5, 4),)),
    "all that is pending is there already": (True, (4,), 4, 0, (ALL,)),
    "what it has can no longer be told": (True, (5, 6, 7), 4, 5, (ALL,)),
    "what it has can just be told": (True, (7,), 5, 5, (Wanted(7, 5),)),
    "it has more than a store that was put back": (True, (7,), 9, 0, (ALL,)),
}


@pytest.mark.parametrize(("deltas", "pending", "had", "whole", "expected"), TABLE.values(), ids=TABLE)
def test_editions(
    deltas: bool, pending: tuple[int, ...], had: int | None, whole: int, expected: tuple[Wanted, ...]
) -> None:
    assert editions(deltas=deltas, pending=pending, newest=7, had=had, whole_since=whole) == expected
