"""Writes one entity's changes to a Parquet file and hashes them, in one pass over batches in order of id."""

import hashlib
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rostersync.one_behind import OneBehind

DISTINCT = frozenset({"id", "hash", "before_hash", "before"})
LINE = "line"  # the column that is hashed and not written


class ChangeFile:
    """Writes batches to `file` and hashes their lines. One batch is written while the next is being made."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._writer: pq.ParquetWriter | None = None
        self._behind = OneBehind("changes")
        self._last = ""

    def add(self, batch: Any) -> None:
        """Add a record batch with the columns of a change and LINE. Its ids follow those of the batch before."""
        if not batch.num_rows:
            return
        self._ascending(batch.column("id"))
        add_lines(self._hash, batch.column(LINE))
        self._behind.do(partial(self._write, batch.drop_columns([LINE])))

    @property
    def sha256(self) -> str:
        """The hash of all lines so far, in hexadecimal."""
        return self._hash.hexdigest()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._behind.finish()
        finally:
            self._behind.close()
            if self._writer is not None:
                self._writer.close()

    def _ascending(self, ids: Any) -> None:
        # The digest is over lines in order of id, so a batch out of order would change the digest of the same plan.
        in_order = pc.all(pc.less(ids.slice(0, len(ids) - 1), ids.slice(1))).as_py()
        if in_order is False or ids[0].as_py() <= self._last:
            raise AssertionError("changes came out of order")
        self._last = ids[-1].as_py()

    def _write(self, batch: Any) -> None:
        # With lossless UUIDs, DuckDB passes booleans as bytes.
        columns = [c.storage.cast(pa.bool_()) if c.type == pa.bool8() else c for c in batch.columns]
        plain = pa.record_batch(columns, names=batch.schema.names)
        if self._writer is None:
            # Columns whose values all differ gain nothing from a dictionary.
            repeating = [
                f.name + ".list.element" * pa.types.is_list(f.type) for f in plain.schema if f.name not in DISTINCT
            ]
            self._writer = pq.ParquetWriter(self._file, plain.schema, compression="zstd", use_dictionary=repeating)
        self._writer.write_batch(plain)


def add_lines(digest: "hashlib._Hash", lines: Any) -> None:
    """Hash a column of lines, one after the other."""
    # The text of all lines is in one buffer, in order, so no line becomes an object.
    _, offsets, text = lines.buffers()
    width = 8 if pa.types.is_large_string(lines.type) else 4
    view = memoryview(offsets)
    ends = (lines.offset * width, (lines.offset + len(lines)) * width)
    first, last = (int.from_bytes(view[at : at + width], "little") for at in ends)
    digest.update(memoryview(text)[first:last])
