"""Whether the ids of a pull came in ascending order, in whatever order of pages.

A strict order proves them distinct at no cost. Otherwise, repeated ids may be side by side. Servers sort by their own
collation, so three orders count: by code point, with case folded, and as numbers.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

Span = tuple[int, Any, Any]  # offset of a page, its first and its last key
_NUMBER = r"^(0|[1-9][0-9]{0,17})$"


class IdOrder:
    """Takes the ids of every page. Holds three small values for each page and order."""

    def __init__(self) -> None:
        self._strict = dict.fromkeys(_KEYS, True)  # orders in which no id has repeated within a page
        self._spans: dict[str, list[Span]] = {name: [] for name in _KEYS}

    def add(self, offset: int, ids: pa.StringArray) -> None:
        """Add the ids of the page that begins at `offset`."""
        if not len(ids):
            return
        plain: list[bool | None] = []  # of the unchanged ids, which are the keys of more than one order
        for name in list(self._spans):
            keys = _KEYS[name](ids)
            rising = None if keys is None else plain[0] if keys is ids and plain else _rising(keys)
            if keys is ids:
                plain = [rising]
            if keys is None or rising is None:
                del self._spans[name]
            else:
                self._strict[name] &= rising
                self._spans[name].append((offset, keys[0].as_py(), keys[-1].as_py()))

    def holds(self) -> bool:
        """Whether all ids so far are strictly ascending in one of the orders."""
        return any(self._strict[name] and _linked(spans, strictly=True) for name, spans in self._spans.items())

    def side_by_side(self) -> bool:
        """Whether all ids so far are ascending in one of the orders, with repeated ones side by side."""
        return any(_linked(spans, strictly=False) for spans in self._spans.values())


def _rising(keys: pa.Array) -> bool | None:
    """Whether keys are strictly ascending. None when they are not even ascending."""
    if len(keys) < 2 or pc.all(pc.less(keys[:-1], keys[1:])).as_py():
        return True
    return False if pc.all(pc.less_equal(keys[:-1], keys[1:])).as_py() else None


def _linked(spans: list[Span], *, strictly: bool) -> bool:
    return all(a[2] < b[1] or (a[2] == b[1] and not strictly) for a, b in pairwise(sorted(spans, key=lambda s: s[0])))


def _folded(ids: pa.StringArray) -> pa.Array | None:
    raw = bytes(ids.buffers()[2] or b"")
    if not raw.isascii():
        return None
    return ids if raw == raw.lower() else pc.ascii_lower(ids)


def _numbers(ids: pa.StringArray) -> pa.Array | None:
    if not ids[0].as_py().isdecimal():
        return None
    return ids.cast(pa.int64()) if pc.all(pc.match_substring_regex(ids, _NUMBER)).as_py() else None


_KEYS: dict[str, Callable[[pa.StringArray], pa.Array | None]] = {
    "code point": lambda ids: ids,
    "case folded": _folded,
    "number": _numbers,
}
