"""Whether the ids of a pull came strictly ascending, in whatever order of pages: proves them distinct for free.

Servers sort by their own collation, so three orders count: by code point, with case folded, and as numbers.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

Span = tuple[int, Any, Any]  # offset of a page, its first and its last key
_NUMBER = r"^(0|[1-9][0-9]{0,17})$"


class Ascending:
    """Fed with the ids of every page; holds three small values for each page and order."""

    def __init__(self) -> None:
        self._spans: dict[str, list[Span]] = {name: [] for name in _KEYS}

    def add(self, offset: int, ids: pa.StringArray) -> None:
        """The ids of the page that begins at `offset`."""
        if not len(ids):
            return
        plain: bool | None = None  # of the ids as they are, which are the keys of more than one order
        for name in list(self._spans):
            keys = _KEYS[name](ids)
            rising = plain if keys is ids else None
            if keys is not None and rising is None:
                rising = len(keys) < 2 or bool(pc.all(pc.less(keys[:-1], keys[1:])).as_py())
                plain = rising if keys is ids else plain
            if keys is None or not rising:
                del self._spans[name]
            else:
                self._spans[name].append((offset, keys[0].as_py(), keys[-1].as_py()))

    def holds(self) -> bool:
        """Whether all ids so far are strictly ascending in one of the orders."""
        return any(_linked(sorted(spans, key=lambda s: s[0])) for spans in self._spans.values())


def _linked(spans: list[Span]) -> bool:
    return all(a[2] < b[1] for a, b in pairwise(spans))


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
