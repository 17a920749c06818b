"""The embedded store: one DuckDB file, one writer at a time. See port.py for what its two sides do."""

from pathlib import Path

from rostersync.stores.embedded.reader import EmbeddedReader
from rostersync.stores.embedded.writer import EmbeddedWriter
from rostersync.stores.port import Outbox


class EmbeddedStore:
    """The store in the file at `path`, created by the first apply.

    Writes spill to `scratch`, by default a folder beside the file. `memory_limit` in bytes and `threads` are as in
    engine.connect.
    """

    def __init__(
        self,
        path: Path,
        *,
        scratch: Path | None = None,
        memory_limit: int | None = None,
        threads: int | None = None,
    ) -> None:
        self.where, self.path = str(path), path.resolve()
        self._scratch = scratch or self.path.parent / "scratch"
        self._memory_limit = memory_limit
        self._threads = threads

    def exists(self) -> bool:
        """See Store.exists. The first apply creates the file."""
        return self.path.exists()

    def reader(self) -> EmbeddedReader:
        """The reading side. It opens nothing until it is attached."""
        return EmbeddedReader(self.path)

    def writer(self) -> EmbeddedWriter:
        """The writing side. It opens the file for each call, and closes it again."""
        return EmbeddedWriter(self.path, self._scratch, self._memory_limit, self._threads)

    def outbox(self) -> Outbox:
        """The side that settles deliveries. It opens the file for each call, and closes it again."""
        return self.writer()
