"""One way to open DuckDB, for the pipeline, the store and the export alike: fenced, bounded, and tidy behind itself.

Fenced: no extension is fetched or loaded, and only the folders that are named can be read or written.
Bounded: memory from the container's limit, the rest spills to scratch. Tidy: spill files, which hold records in
clear, go when the connection closes, and those of a killed process go when the next one starts.
"""

import atexit
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path

import duckdb

from rostersync.stores.memory import default_memory_limit

_SPILL = "spill-"
_owned: dict[tuple[int, Path], tuple[Path, int]] = {}  # (pid, scratch) -> this process's spill folder and its lock


def connect(
    memory_limit: int | None, threads: int | None, scratch: Path, allowed: Iterable[Path] = ()
) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB that may touch `scratch` and the folders in `allowed` and nothing else.

    `memory_limit` in bytes, by default what the container's (else the machine's) memory leaves beside Python; `threads` by default
    all cores. Folders must exist when they are used, not when they are named. ATTACH of a store works when the
    folder that holds it is allowed. Rows without ORDER BY come in any order.
    """
    scratch = scratch.resolve()
    scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    con = duckdb.connect(":memory:", config=_config(memory_limit, threads, _spill_folder(scratch)))
    folders = [f"{folder}/" for folder in dict.fromkeys((scratch, *(Path(a).resolve() for a in allowed)))]
    # In this order: once external access is off, no folder can be allowed any more, and Parquet views would fail.
    con.execute("SET allowed_directories = $folders", {"folders": folders})
    con.execute("SET enable_external_access = false")
    return con


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


def _spill_folder(scratch: Path) -> Path:
    """A fresh folder for one connection, under one folder per process whose lock says that the process lives."""
    key = (os.getpid(), scratch)
    if key not in _owned or not _owned[key][0].exists():
        sweep(scratch)
        folder = scratch / f"{_SPILL}{os.getpid()}-{uuid.uuid4().hex[:8]}"
        folder.mkdir(mode=0o700)
        lock = os.open(folder / "owner", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _owned[key] = (folder, lock)
    return _owned[key][0] / uuid.uuid4().hex[:8]


def sweep(scratch: Path) -> int:
    """Removes the spill folders of processes that are gone (killed ones leave theirs); returns how many.

    A lock and not the process id tells who lives: in a container every process is number 1.
    """
    gone = 0
    for folder in scratch.glob(f"{_SPILL}*"):
        try:
            lock = os.open(folder / "owner", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue  # between mkdir and its owner file, or just being removed
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(folder, ignore_errors=True)
            gone += 1
        finally:
            os.close(lock)
    return gone


def release() -> None:
    """Removes this process's spill folders; called at exit, after which open connections can no longer spill."""
    for key, (folder, lock) in list(_owned.items()):
        if key[0] == os.getpid():  # a forked child inherits the table, not the folders
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
            del _owned[key]


atexit.register(release)
