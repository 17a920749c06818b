"""One table as a file in scratch, compressed, each part written while the next is on its way."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from rostersync.one_behind import OneBehind
from rostersync.roster import Table

Made = Callable[[pa.RecordBatch], Iterable[pa.RecordBatch]]
_ROWS = 65_536  # at least, in a part of the file
_OF_MANY = ("users", "classes")  # references to these hardly repeat, as ids and hashes do not


def as_they_are(batch: pa.RecordBatch) -> Iterable[pa.RecordBatch]:
    """For batches that need nothing made of them."""
    return (batch,)


class TableFile:
    """Writes what `made` makes of batches. Neither is done in the thread that waits for the server."""

    def __init__(self, path: Path, table: Table, schema: pa.Schema, made: Made = as_they_are) -> None:
        self._path, self._schema, self._made = path, schema, made
        self._kept: list[pa.RecordBatch] = []
        self._behind = OneBehind("base")
        with _told(path):
            self._writer = pq.ParquetWriter(
                path, schema, compression="lz4", write_statistics=False, use_dictionary=_repeating(table, schema)
            )

    def add(self, batch: pa.RecordBatch) -> None:
        """Add a batch. Raises what went wrong with the one before."""
        self._behind.do(partial(self._take, batch))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._behind.finish()
                self._write()
        finally:
            self._behind.close()
            with _told(self._path):
                self._writer.close()

    def _take(self, batch: pa.RecordBatch) -> None:
        for made in self._made(batch):
            self._kept.append(made)
            if sum(part.num_rows for part in self._kept) >= _ROWS:
                self._write()

    def _write(self) -> None:
        kept, self._kept = self._kept, []
        if kept:
            with _told(self._path):
                self._writer.write_table(pa.Table.from_batches(kept, self._schema))


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Names the file in errors of the disk, which Arrow leaves out."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, str(error), str(path)) from None


def _repeating(table: Table, schema: pa.Schema) -> list[str]:
    """The columns that are worth a dictionary, as Parquet calls them."""
    unique = {"id", "hash", *(a.name for a in table.references if a.target in _OF_MANY)}
    return [
        f"{column.name}.list.element" if pa.types.is_list(column.type) else column.name
        for column in schema
        if column.name not in unique
    ]
