"""Folders for what lies in the clear only while a process works on it: spill files, plans that were opened.

Each process has a folder of its own in a scratch folder, with a lock that says that it lives. The folder goes with the
process; that of a killed one goes when the next process comes to the same scratch folder.
"""

import atexit
import fcntl
import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path

_NAME = "spill-"
_owned: dict[tuple[int, Path], tuple[Path, int]] = {}  # (pid, scratch) -> this process's folder and its lock


def own(scratch: Path) -> Path:
    """This process's folder in `scratch`, made when it is not there; those of dead processes are removed first."""
    scratch = scratch.resolve()
    key = (os.getpid(), scratch)
    if key not in _owned or not _owned[key][0].exists():
        scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
        sweep(scratch)
        folder = scratch / f"{_NAME}{os.getpid()}-{uuid.uuid4().hex[:8]}"
        folder.mkdir(mode=0o700)
        lock = os.open(folder / "owner", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _owned[key] = (folder, lock)
    return _owned[key][0]


def sweep(scratch: Path) -> int:
    """Removes the folders of processes that are gone; returns how many.

    A lock and not the process id tells who lives: in a container every process is number 1.
    """
    gone = 0
    for folder in scratch.glob(f"{_NAME}*"):
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


def clear(scratch: Path) -> None:
    """Removes the folders of dead processes, and `scratch` itself when nothing is left in it."""
    sweep(scratch)
    with suppress(OSError):
        scratch.rmdir()


def release(scratch: Path | None = None) -> None:
    """Removes this process's folder in `scratch`, and that when it is empty; without it, all of this process's folders.

    Connections that are open can spill no more.
    """
    wanted = scratch.resolve() if scratch else None
    for key, (folder, lock) in list(_owned.items()):
        if key[0] == os.getpid() and wanted in (None, key[1]):  # a forked child inherits the table, not the folders
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
            del _owned[key]
    if wanted:
        with suppress(OSError):  # others are in there
            wanted.rmdir()


atexit.register(release)
