"""Folders for data that is only unencrypted while a process works on it: spill files, unsealed plans.

Each process has its own folder inside a scratch folder, with a lock that shows that the process lives. It is removed
when the process ends; if the process was killed, the next one that uses the same scratch folder removes it.
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
    """This process's folder in `scratch`, made if need be. Folders of dead processes are removed first."""
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
    """Remove the folders of dead processes. Returns how many there were.

    A lock tells who lives, and not the process id: in a container, every process is number 1.
    """
    gone = 0
    for folder in scratch.glob(f"{_NAME}*"):
        try:
            lock = os.open(folder / "owner", os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            continue  # made a moment ago and not locked yet, or being removed
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
    """Remove the folders of dead processes, and `scratch` itself if it is empty then."""
    sweep(scratch)
    with suppress(OSError):
        scratch.rmdir()


def release(scratch: Path | None = None) -> None:
    """Remove this process's folder in `scratch`, and `scratch` if it is empty then. With None, in every scratch folder.

    Open connections can no longer spill.
    """
    wanted = scratch.resolve() if scratch else None
    for key, (folder, lock) in list(_owned.items()):
        if key[0] == os.getpid() and wanted in (None, key[1]):  # a forked child inherits the table, not the folders
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
            del _owned[key]
    if wanted:
        with suppress(OSError):  # other processes use it
            wanted.rmdir()


atexit.register(release)
