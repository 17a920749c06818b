"""The history as the engine asks for it: a stream from the server at its first scan, and from a file in scratch later."""

import threading
import uuid
import weakref
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from rostersync.scratch import own
from rostersync.stores.postgres.login import Login
from rostersync.stores.postgres.session import READING, Scope, Session

_SCHEMA = pa.schema(
    [
        ("revision", pa.int64()),
        *((name, pa.string()) for name in ("entity", "id", "change", "cause", "before", "after")),
        ("applied_at", pa.timestamp("us")),
        ("source", pa.string()),
    ]
)


class History:
    """What the engine takes for a table. It scans it as often as a query names it, in several threads."""

    def __init__(self, login: Login, scratch: Path, scope: Scope) -> None:
        self._login, self._scratch, self._scope = login, scratch, scope
        self._file: Path | None = None
        self._lock = threading.Lock()

    def __arrow_c_schema__(self) -> object:
        return _SCHEMA.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        with self._lock:
            if self._file is None:
                self._file = self._copied()
        return pa.RecordBatchReader.from_batches(_SCHEMA, _batches(self._file)).__arrow_c_stream__(requested_schema)

    def _copied(self) -> Path:
        path = own(self._scratch) / f"history-{uuid.uuid4().hex[:8]}.arrow"
        weakref.finalize(self, path.unlink, missing_ok=True)
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with (
            Session(self._login, self._scratch) as session,
            session.transaction(READING, "read", self._scope),
            session.stream("read.history") as rows,
            pa.ipc.new_stream(str(path), _SCHEMA, options=options) as out,
        ):
            for batch in rows:
                out.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=_SCHEMA))
        return path


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as rows:
        yield from rows
