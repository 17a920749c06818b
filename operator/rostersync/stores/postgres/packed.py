"""Many records in few fields: the server joins the values of a column, and here they are taken apart again.

The driver spends most of its time on each field of each record, and the server some of its own. Of a large table, a column
of some pages is therefore asked for as one value. Texts are joined by a character that they hardly have, and null is the
empty text. Both are counted, so it is known when a text has that character or is empty itself: then nothing of the table is
taken this way (Unpackable).
"""

import sys
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from rostersync.roster import Kind, Table
from rostersync.stores.columns import quoted
from rostersync.stores.postgres.session import Session

_SEPARATOR = "\x1f"
_FROM_PAGES = 1_024  # of a table, from which on it is worth it
_EPOCH = pa.scalar(10_957, pa.int32())  # from 1970 to 2000, in days
_NO_DATE, _NO_BOOLEAN = 0x7FFFFFFE, 2  # what neither can be


class Unpackable(Exception):  # noqa: N818 - about what is read, not a mistake
    """Some text cannot be told apart from what stands between texts, or from null."""


@dataclass(frozen=True)
class _Packing:
    """How columns of a type are asked for, and taken apart: with the number of records, and of those that have a value."""

    sql: str
    type: pa.DataType
    take: Callable[[pa.Array, int, int], pa.Array]
    counted: bool = False


def _texts(packed: pa.Array, rows: int, known: int) -> pa.Array:
    joined = _joined(packed)
    ends = pa.py_buffer(array("i", [0, joined.size - 1]))  # without the separator behind the last one
    # As one text: of many, each would make Arrow's buffer grow by what it needs, and copy all before it.
    found = pc.split_pattern(pa.Array.from_buffers(pa.string(), 1, [None, ends, joined]), _SEPARATOR).flatten()
    if len(found) != rows:
        raise Unpackable
    if known == rows:
        return found
    empty = pc.equal(found, "")
    if pc.sum(empty).as_py() != rows - known:
        raise Unpackable
    return pc.if_else(empty, pa.scalar(None, pa.string()), found) if known else pa.nulls(rows, pa.string())


def _dates(packed: pa.Array, rows: int, _: int) -> pa.Array:
    days = array("i")
    days.frombytes(_joined(packed))
    if sys.byteorder == "little":
        days.byteswap()
    found = pa.Array.from_buffers(pa.int32(), rows, [None, pa.py_buffer(days)])
    return pc.if_else(pc.equal(found, _NO_DATE), None, pc.add(found, _EPOCH)).cast(pa.date32())


def _booleans(packed: pa.Array, rows: int, _: int) -> pa.Array:
    found = pa.Array.from_buffers(pa.uint8(), rows, [None, _joined(packed)])
    return pc.if_else(pc.equal(found, _NO_BOOLEAN), None, pc.equal(found, 1))


def _hashes(packed: pa.Array, rows: int, _: int) -> pa.Array:
    return pa.ExtensionArray.from_storage(
        pa.uuid(), pa.Array.from_buffers(pa.binary(16), rows, [None, _joined(packed)])
    )


def _joined(packed: pa.Array) -> pa.Buffer:
    """The bytes of all values, which lie one after the other."""
    _, offsets, data = packed.buffers()
    ends = pa.Array.from_buffers(pa.int32(), len(packed) + 1, [None, offsets], offset=packed.offset)
    begin, end = ends[0].as_py(), ends[-1].as_py()
    return data.slice(begin, end - begin)


_TEXT = _Packing("string_agg(coalesce({0}, ''), E'\\x1f') || E'\\x1f'", pa.string(), _texts, counted=True)
_JSON = _Packing("string_agg(coalesce({0}::text, ''), E'\\x1f') || E'\\x1f'", pa.string(), _texts, counted=True)
_HASH = _Packing("string_agg(uuid_send({0}), '')", pa.uuid(), _hashes)
_PACKINGS = {
    Kind.TEXT: _TEXT,
    Kind.REF: _TEXT,
    Kind.DATE: _Packing("string_agg(coalesce(date_send({0}), '\\x7ffffffe'), '')", pa.date32(), _dates),
    Kind.BOOLEAN: _Packing("string_agg(coalesce(boolsend({0}), '\\x02'), '')", pa.bool_(), _booleans),
}


def names(session: Session, table: Table) -> dict[str, str] | None:
    """The names in the statement read.packed. None where it is not worth it, or cannot be done.

    That is so for lists, and where texts lie beside the table: nobody knows how large a value would be.
    """
    if len(table.entities) > 1 or any(a.kind not in _PACKINGS for a in table.attributes):
        return None
    pages, beside = session.rows("read.pages", names={"table": table.name})[0]
    if pages < _FROM_PAGES or beside:
        return None
    return {"table": table.name, "columns": ", ".join(_asked(table))}


def schema(table: Table) -> pa.Schema:
    """What `unpacked` gives: id, hash, attributes, metadata."""
    return pa.schema([(name, packing.type) for name, packing in _columns(table)])


def unpacked(table: Table, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The records of a batch of read.packed. Raises Unpackable."""
    rows = pc.sum(batch.column("rows")).as_py()
    if not rows:
        return
    taken = []
    for name, packing in _columns(table):
        known = pc.sum(batch.column(_known(name))).as_py() if packing.counted else rows
        taken.append(packing.take(batch.column(name), rows, known))
    yield pa.record_batch(taken, schema=schema(table))


def _columns(table: Table) -> Iterator[tuple[str, _Packing]]:
    yield "id", _TEXT
    yield "hash", _HASH
    for attribute in table.attributes:
        yield attribute.name, _PACKINGS[attribute.kind]
    yield "metadata", _JSON


def _asked(table: Table) -> Iterator[str]:
    yield "count(*) AS rows"
    for name, packing in _columns(table):
        if packing.counted:
            yield f"count({quoted(name)}) AS {quoted(_known(name))}"
        yield f"{packing.sql.format(quoted(name))} AS {quoted(name)}"


def _known(name: str) -> str:
    """How many records have something there."""
    return f"known_{name}"
