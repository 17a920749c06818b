"""One way to open DuckDB, for pipeline, stores and exports: fenced, bounded, and tidy.

Fenced: no extension is fetched or loaded, and only named folders can be read or written. Bounded: memory comes from the
container's limit, and the rest spills to scratch. Tidy: spill files hold records in the clear, so they are removed when
the connection closes. Those of a killed process are removed when the next one starts (scratch.py).
"""

import uuid
import weakref
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import duckdb

from rostersync.scratch import own
from rostersync.stores.memory_limit import default_memory_limit


class Interruptible(Protocol):
    """What another thread can stop."""

    def interrupt(self) -> None:
        """Stop what runs, which then raises."""
        ...


_open: "weakref.WeakSet[Interruptible]" = weakref.WeakSet()


def connect(
    memory_limit: int | None, threads: int | None, scratch: Path, allowed: Iterable[Path] = ()
) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB that may touch only `scratch` and the folders in `allowed`.

    `memory_limit` is in bytes, by default what the container (else the machine) has left beside Python. `threads`
    defaults to all cores. Folders must exist when they are used, not when they are named. ATTACH of a store works when
    its folder is allowed. Rows without ORDER BY come in any order.
    """
    scratch = scratch.resolve()
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    con = duckdb.connect(":memory:", config=_config(memory_limit, threads, own(scratch) / uuid.uuid4().hex[:8]))
    folders = [f"{folder}/" for folder in dict.fromkeys((scratch, *(Path(a).resolve() for a in allowed)))]
    # In this order, since no folder can be allowed once external access is off.
    con.execute("SET allowed_directories = $folders", {"folders": folders})
    con.execute("SET enable_external_access = false")
    _open.add(con)
    return con


def interruptible(connection: Interruptible) -> None:
    """Interrupt this connection, too, when queries are."""
    _open.add(connection)


def interrupt() -> None:
    """Interrupt the queries of all open connections, which then raise. Call it from another thread."""
    for con in list(_open):
        with suppress(duckdb.Error):  # already closed
            con.interrupt()


def _config(
    memory_limit: int | None, threads: int | None, spill: Path
) -> dict[str, str | bool | int | float | list[str]]:
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "allow_persistent_secrets": False,
        "preserve_insertion_order": False,
        "temp_directory": str(spill),
        "memory_limit": f"{memory_limit or default_memory_limit()}B",
    }
    if threads is not None:
        config["threads"] = threads
    return config


def literal(value: Path | str) -> str:
    """A quoted SQL string, for the few statements that take no parameters (ATTACH)."""
    return "'" + str(value).replace("'", "''") + "'"
