"""Turns the values of one page, as JSON gave them, into Arrow columns in canonical form.

Canonical text is NFC and trimmed, and empty text is null. Whole columns are converted at once; only a column that holds
more than strings takes a slower way.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from rostersync.roster import Kind
from rostersync.sources.staged import CLOCK, DAY, METADATA, TEXTS, USER_ID, ZONE

MAX_ID = 1024  # bytes of an id
MAX_TEXT = 2**20  # bytes of one text
MARKS = 64  # combining marks in a row: no script stacks as many on one letter
_MARKS = rf"\p{{M}}{{{MARKS}}}"
_TRUE = ("true", "True", "TRUE", "t", "1", "yes", "Yes", "YES", "y", "Y")
_FALSE = ("false", "False", "FALSE", "f", "0", "no", "No", "NO", "n", "N")
_BOOLEANS: dict[Any, str] = {
    True: "true",
    False: "false",
    **dict.fromkeys(_TRUE, "true"),
    **dict.fromkeys(_FALSE, "false"),
}
_ZERO, _DATE_LENGTH = (
    pa.scalar(0, pa.int32()),
    pa.scalar(10, pa.int32()),
)  # made once, since making a scalar costs more than converting a column
_NO_TEXT, _NO_TEXTS = pa.scalar(None, pa.string()), pa.scalar(None, TEXTS)
_SPACES = tuple(bytes((c,)) for c in (*range(0x09, 0x0E), *range(0x1C, 0x20), 0x20))
# Dates written as times: without a zone, or at midnight of the zone that they name.
_DATE = rf"^{DAY}[T ](?:{CLOCK}|00:00(?::00(?:\.0+)?)?\s*{ZONE})$"
_SPLIT = frozenset({"grades", "subjects", "subjectCodes", "periods"})  # a single string holds several, with commas


class Unreadable(Exception):  # noqa: N818 - named for what it says of a value
    """A value that no roster has. Its whole row counts as unreadable."""


def text(values: Sequence[Any]) -> pa.StringArray:
    """Strings; numbers and booleans as JSON would write them. Raises Unreadable."""
    column = _strings(values)
    _check_size(column)
    if "" not in values and _nothing_to_trim(column):
        return column
    return canonical(column)


def _nothing_to_trim(column: pa.StringArray) -> bool:
    """Whether a column is obviously canonical, apart from empty texts: ASCII without white space, as ids and dates are.

    Does without compute functions: each of them releases the interpreter lock and has to wait for it again.
    """
    data = column.buffers()[2]
    if data is None:
        return True
    raw = bytes(data)
    return raw.isascii() and not any(space in raw for space in _SPACES)


def date(values: Sequence[Any]) -> pa.StringArray:
    """`YYYY-MM-DD` for a date, also where it comes with midnight or with a time without zone; other texts as sent.

    The day of any other time with a zone depends on the district's time zone, so the plan works that out.
    """
    column = text(values)
    if (pc.max(pc.binary_length(column)).as_py() or 0) > len("2026-08-15"):
        longer = pc.greater(pc.utf8_length(column), _DATE_LENGTH)
        cut = pc.and_(longer, pc.match_substring_regex(column, _DATE))
        column = pc.if_else(cut, pc.utf8_slice_codeunits(column, 0, 10), column)
    return column


def boolean(values: Sequence[Any]) -> pa.StringArray:
    """'true' or 'false' where the value means one of them; other values as sent."""
    told = {v: _BOOLEANS.get(v.strip() if v.__class__ is str else v, v) for v in set(values)}
    return text([told[v] for v in values])


def texts(values: Sequence[Any], *, split: bool = False) -> pa.ListArray:
    """Lists of strings without null items; an empty list is null.

    A single string is one item, or several with commas.
    """
    lists = [v if v is None or v.__class__ is list else _one(v, split) for v in values]
    try:
        column = pa.array(lists, TEXTS)
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        column = pa.array([None if v is None else [_scalar(i) for i in v] for v in lists], TEXTS)
    items = column.values if column.offset == 0 else column.flatten()
    _check_size(items)
    clean = canonical(items)
    if clean.null_count:
        return pa.array([_filled(v) for v in pa.ListArray.from_arrays(_offsets(column), clean).to_pylist()], TEXTS)
    if not clean.equals(items):
        column = pa.ListArray.from_arrays(_offsets(column), clean)
    lengths = pc.list_value_length(column)
    if pc.min(lengths).as_py() == 0:
        column = pc.if_else(pc.equal(lengths, _ZERO), _NO_TEXTS, column)
    return column


def user_ids(values: Sequence[Sequence[tuple[Any, Any]] | None]) -> pa.ListArray:
    """Lists of (type, identifier) without pairs that lack the identifier; an empty list is null."""
    flat = [pair for pairs in values if pairs for pair in pairs]
    types, identifiers = text([p[0] for p in flat]), text([p[1] for p in flat])
    if not identifiers.null_count:
        offsets = _running(len(v) if v else None for v in values)
        structs = pa.StructArray.from_arrays([types, identifiers], fields=list(USER_ID))
        return pa.ListArray.from_arrays(offsets, structs).cast(pa.list_(USER_ID))
    pairs = iter(zip(types.to_pylist(), identifiers.to_pylist(), strict=True))
    rows = [
        [{"type": t, "identifier": i} for t, i in (next(pairs) for _ in v) if i is not None] if v else None
        for v in values
    ]
    return pa.array([r or None for r in rows], pa.list_(USER_ID))


def metadata(values: Sequence[Any], wanted: frozenset[str] | None) -> pa.MapArray:
    """Maps of the wanted keys (None: all), sorted. A key with dots is looked up as a whole first, then as a path."""
    maps = [wanted_metadata(v, wanted) for v in values]
    filled = [m for m in maps if m]
    keys = pa.array([k for m in filled for k in m], pa.string())
    items = text([v for m in filled for v in m.values()])
    if items.null_count:
        pairs = iter(items.to_pylist())
        maps = [
            {k: v for k, v in zip(m, [next(pairs) for _ in m], strict=True) if v is not None} if m else None
            for m in maps
        ]
        return pa.array([list(m.items()) if m else None for m in maps], METADATA)
    return pa.MapArray.from_arrays(_running(len(m) if m else None for m in maps), keys, items).cast(METADATA)


def wanted_metadata(value: Any, wanted: frozenset[str] | None) -> dict[str, Any] | None:
    """The wanted keys of one metadata object that are not null. A value that is no object has none."""
    if value.__class__ is not dict or not value:
        return None
    if wanted is None:
        return {k: value[k] for k in sorted(value) if value[k] is not None}
    found = {key: _at(value, key) for key in sorted(wanted)}
    return {k: v for k, v in found.items() if v is not None}


def canonical(column: pa.StringArray) -> pa.StringArray:
    """NFC, trimmed, empty is null. Raises Unreadable."""
    data = column.buffers()[2]
    if data is None:
        return column
    if not bytes(data).isascii():
        if _longest(column) > 2 * MARKS and pc.any(pc.match_substring_regex(column, _MARKS)).as_py():
            raise Unreadable  # normalizing sorts them one by one: half a million take hours
        column = pc.utf8_normalize(column, "NFC")
    column = pc.utf8_trim_whitespace(column)
    if pc.min(pc.binary_length(column)).as_py() == 0:
        column = pc.if_else(pc.equal(pc.binary_length(column), _ZERO), _NO_TEXT, column)
    return column


def check_ids(ids: pa.StringArray) -> None:
    """Raises Unreadable when an id is longer than ids may be."""
    if _longest(ids) > MAX_ID:
        raise Unreadable


def _check_size(column: pa.StringArray) -> None:
    data = column.buffers()[2]
    if data is not None and data.size > MAX_TEXT and _longest(column) > MAX_TEXT:
        raise Unreadable


def _longest(column: pa.StringArray) -> int:
    return pc.max(pc.binary_length(column)).as_py() or 0


BY_KIND: dict[Kind, Callable[[Sequence[Any]], pa.Array]] = {
    Kind.TEXT: text,
    Kind.REF: text,
    Kind.DATE: date,
    Kind.BOOLEAN: boolean,
    Kind.LIST: texts,
    Kind.SET: texts,
    Kind.REFS: texts,
    Kind.USER_IDS: user_ids,
}


def build(name: str, kind: Kind, values: Sequence[Any]) -> pa.Array:
    """The column of an attribute."""
    if kind in (Kind.LIST, Kind.SET):
        return texts(values, split=name in _SPLIT)
    return BY_KIND[kind](values)


def _strings(values: Sequence[Any]) -> pa.StringArray:
    try:
        return pa.array(values, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.array([_scalar(v) for v in values], pa.string())


def _scalar(value: Any) -> str | None:
    if value is None or value.__class__ is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    return msgspec.json.encode(value, order="sorted").decode()


def _one(value: Any, split: bool) -> list[Any]:
    return value.split(",") if split and isinstance(value, str) else [value]


def _filled(items: list[str | None] | None) -> list[str] | None:
    return [i for i in items if i is not None] or None if items else None


def _at(value: Any, key: str) -> Any:
    """The value of `a.b` as one key, else of b within a."""
    if key in value:
        return value[key]
    head, dot, rest = key.partition(".")
    inner = value.get(head) if dot else None
    return _at(inner, rest) if isinstance(inner, dict) else None


def _offsets(column: pa.ListArray) -> pa.Array:
    """Offsets that carry the column's nulls."""
    return _running(None if v is None else v for v in pc.list_value_length(column).to_pylist())


def _running(lengths: Iterable[int | None]) -> pa.Array:
    """List offsets for these lengths; None makes a null."""
    offsets: list[int | None] = []
    end = 0
    for length in lengths:
        offsets.append(None if length is None else end)
        end += length or 0
    offsets.append(end)
    return pa.array(offsets, pa.int32())
