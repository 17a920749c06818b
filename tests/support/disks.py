"""Disks of any size, mounted for this process and its children alone: a file system in memory that can be made larger."""

import ctypes
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

_LIBC = ctypes.CDLL(None, use_errno=True)
_NEW_MOUNTS, _PRIVATE, _REMOUNT, _DETACH = 0x00020000, 0x00040000 | 0x00004000, 32, 2
BLOCK = 4096


@dataclass(frozen=True)
class Disk:
    """A mounted disk."""

    folder: Path

    def resize(self, size: int) -> None:
        """Make it as large as so many bytes, what is on it not being touched."""
        _check(_LIBC.mount(b"none", str(self.folder).encode(), b"tmpfs", _REMOUNT, f"size={size}".encode()))

    def leave(self, free: int) -> None:
        """Make it as large as what is on it and so many bytes."""
        found = os.statvfs(self.folder)
        self.resize(max(BLOCK, (found.f_blocks - found.f_bfree) * found.f_bsize + free))


@contextmanager
def disk(folder: Path, size: int = 1 << 30) -> Iterator[Disk]:
    """A disk of so many bytes at `folder`, which keeps what is in the folder; gone at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder.with_name(folder.name + "-before")
    folder.rename(beside)
    folder.mkdir()
    _check(_LIBC.mount(b"none", str(folder).encode(), b"tmpfs", 0, f"size={size}".encode()))
    try:
        shutil.copytree(beside, folder, dirs_exist_ok=True)
        shutil.rmtree(beside)
        yield Disk(folder)
    finally:
        _check(_LIBC.umount2(str(folder).encode(), _DETACH))


def mounts_of_our_own() -> None:
    """From now on what this process mounts is seen by itself and its children alone. Skips where that is not allowed."""
    try:
        _check(_LIBC.unshare(_NEW_MOUNTS))
        _check(_LIBC.mount(b"none", b"/", None, _PRIVATE, None))
    except OSError as error:
        pytest.skip(f"this user may mount nothing ({error}): run as root on Linux")


def _check(code: int) -> None:
    if code:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


with suppress(AttributeError):
    _LIBC.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)
