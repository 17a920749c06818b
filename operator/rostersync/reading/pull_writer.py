"""Writes the pages of one pull to Parquet and counts rows. It holds a row group in memory, never a collection."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from rostersync.errors import Retryable
from rostersync.reading import repeated
from rostersync.reading.completeness import Pulled
from rostersync.reading.id_order import IdOrder
from rostersync.sources.port import Page, Reading
from rostersync.sources.staged import CONTRADICTORY, NAMED, REPEATED, WITHOUT_ID, schema

GROUP_ROWS = 65_536
GROUP_BYTES = 16 * 2**20
MEMORY = "256MB"  # for counting and resolving duplicates; more spills to the pull's own folder

_DISTINCT = """
    SELECT count(*), coalesce(bit_xor(md5_number(sourcedId)), 0::UHUGEINT)
    FROM (SELECT sourcedId FROM read_parquet($1) GROUP BY sourcedId)
"""
# Rows that are exact copies of another row of their id.
_COPIES = """
    SELECT coalesce(sum(rows - 1), 0)::BIGINT FROM (
        SELECT count(*) AS rows FROM read_parquet($1) r GROUP BY sourcedId
        HAVING count(*) > 1 AND count(DISTINCT CAST(r AS VARCHAR)) = 1)
"""


class PullWriter:
    """One pull of one collection into a folder of its own. `compared`: its ids will be compared with those of another."""

    def __init__(self, collection: str, folder: Path, *, compared: bool = False) -> None:
        self.folder = folder
        self._compared = compared
        self.rows = 0
        self._collection, self._schema = collection, schema(collection)
        self._without_id = 0
        self._unread: list[int] = []
        self._ascending = IdOrder()
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._raw = folder / "part-00000.parquet"
        self._writer = _writer(self._raw, self._schema)

    def write(self, page: Page) -> None:
        """Add a page. Pages may come in any order."""
        self.rows += page.batch.num_rows + page.without_id
        self._without_id += page.without_id
        if page.unread:
            self._unread = sorted([*self._unread, *(page.offset + position + 1 for position in page.unread)])[:NAMED]
        self._ascending.add(page.offset, page.batch.column("sourcedId"))
        self._waiting.append(page.batch)
        self._waiting_rows += page.batch.num_rows
        self._waiting_bytes += page.batch.nbytes
        if self._waiting_rows >= GROUP_ROWS or self._waiting_bytes >= GROUP_BYTES:
            self._flush()

    def finish(self, reading: Reading) -> Pulled:
        """Close the files, count distinct ids, and leave one row for each id."""
        self._flush()
        self._writer.close()
        rows = self.rows - self._without_id
        ascending = self._ascending.holds()
        # Ordered ids are distinct without counting. Their set is only compared where order alone proves nothing, or where
        # an earlier pull may have had more.
        ordered = ascending and reading.seamless and not reading.doubts and not (self._compared and rows)
        distinct, ids = (rows, "") if ordered else self._count()
        # A copy counts as received only if pages were seen to join up. Else it may stand where another record was lost.
        copies_count = self._ascending.side_by_side() and not reading.linked
        copies = self._copies() if distinct != rows and copies_count else 0
        if distinct != rows:
            resolve(self.folder, self._collection, copies_count=copies_count)
        if self._without_id:
            numbers = [*self._unread, *[None] * (self._without_id - len(self._unread))]
            pq.write_table(pa.table({"row": pa.array(numbers, pa.int64())}), self.folder / WITHOUT_ID)
        return Pulled(
            end=reading.end,
            total=reading.total,
            recount=reading.recount,
            highest=reading.highest,
            rows=self.rows,
            distinct=distinct,
            copies=copies,
            without_id=self._without_id,
            ascending=self._ascending.side_by_side(),
            ids=ids,
            seamless=reading.seamless,
            still=reading.still,
            doubts=reading.doubts,
        )

    def discard(self) -> None:
        """Remove the folder, even after an error halfway."""
        with suppress(OSError):  # on a full disk, closing fails too
            self._writer.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _flush(self) -> None:
        if self._waiting:
            table = pa.Table.from_batches(self._waiting, self._schema)
            self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0
            self._writer.write_table(table, row_group_size=GROUP_ROWS)

    def _count(self) -> tuple[int, str]:
        with _database(self.folder) as con:
            row = con.execute(_DISTINCT, [str(self._raw)]).fetchone()
        return (int(row[0]), format(row[1], "x")) if row else (0, "")

    def _copies(self) -> int:
        with _database(self.folder) as con:
            row = con.execute(_COPIES, [str(self._raw)]).fetchone()
        return int(row[0]) if row else 0


def resolve(folder: Path, collection: str, copies_count: bool = False) -> None:
    """Replace a pull's only part by one row for each id, and list the ids that are contradictory or not received.

    Not received are ids in several rows, except for exact copies if `copies_count`.
    """
    raw = (folder / "part-00000.parquet").rename(folder / "raw")
    form = schema(collection)
    with _database(folder) as con:
        standing, contradictory = repeated.judge(con, collection, raw)
        rows = con.sql(repeated.ONCE, params=[str(raw)]), con.sql(standing)
        for number, found in enumerate(rows):
            with _writer(folder / f"part-{number:05d}.parquet", form) as writer:
                for batch in found.to_arrow_reader(GROUP_ROWS):
                    writer.write_table(pa.Table.from_batches([batch]).cast(form))
        ids = con.sql(contradictory).to_arrow_table()
        if ids.num_rows:
            pq.write_table(ids, folder / CONTRADICTORY)
        ids = con.sql(repeated.NOT_RECEIVED, params=[str(raw), copies_count]).to_arrow_table()
        if ids.num_rows:
            pq.write_table(ids, folder / REPEATED)
    raw.unlink()


def _writer(path: Path, form: pa.Schema) -> pq.ParquetWriter:
    repeating = [name for name in form.names if name != "sourcedId"]  # a dictionary of ids would be wasted
    return pq.ParquetWriter(path, form, compression="zstd", compression_level=1, use_dictionary=repeating)


@contextmanager
def _database(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory database that spills into the folder and leaves nothing there."""
    spill = folder / "spill"
    con = duckdb.connect(
        config={
            "memory_limit": MEMORY,
            "temp_directory": str(spill),
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    try:
        yield con
    except duckdb.Error as error:
        # Its text may quote records.
        raise Retryable("The staged extract could not be counted", reason="StagingFailed", detail=str(error)) from None
    finally:
        con.close()
        shutil.rmtree(spill, ignore_errors=True)
