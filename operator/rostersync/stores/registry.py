"""The one place that opens stores. There is one kind so far, the embedded one (`spec.store.embedded`)."""

from pathlib import Path

from rostersync.stores.embedded.store import EmbeddedStore


def open_store(
    path: Path, *, scratch: Path | None = None, memory_limit: int | None = None, threads: int | None = None
) -> EmbeddedStore:
    """The store in the file at `path`; see EmbeddedStore."""
    return EmbeddedStore(path, scratch=scratch, memory_limit=memory_limit, threads=threads)
