"""Files and folders that are whole or absent whenever the process is killed, and that survive a power cut.

Each is made next to its final place, under a name that begins with a dot and ends in `.part-…`, and then renamed. What
is removed or replaced is first renamed to `.gone-…`. So the name tells what a killed process has left.
"""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LARGEST = 64 * 1024 * 1024  # bytes of a file that is read whole; those of rostersync are far smaller


class TooLarge(ValueError):  # noqa: N818 - as our other errors are named
    """A file is larger than any that is meant to be read whole."""


def part_of(path: Path) -> Path:
    """The name of `path` while it is being made."""
    return path.with_name(f".{path.name}.part-{uuid.uuid4().hex[:8]}")


@contextmanager
def made(path: Path, *, lasting: bool = True) -> Iterator[Path]:
    """A temporary name under which to make a file or folder.

    At the end it is renamed to `path`, and replaces what was there.
    After an error it is removed, and what was there before stays. `lasting`: it then also survives a power cut.
    """
    part = part_of(path)
    try:
        yield part
        settle(part, path, lasting=lasting)
    finally:
        discard(part)


def settle(part: Path, path: Path, *, lasting: bool = True) -> None:
    """Give a finished file or folder its final name. Only this user can read it."""
    for each in (*(part.rglob("*") if part.is_dir() else ()), part):
        each.chmod(0o700 if each.is_dir() else 0o600)
        if lasting:
            sync(each)
    if part.is_dir():
        with _out_of_the_way(path):
            part.rename(path)
    else:
        part.replace(path)
    if lasting:
        sync(path.parent)


def write(path: Path, data: str | bytes, *, lasting: bool = True) -> None:
    """Replace a file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with made(path, lasting=lasting) as part:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)


def read(path: Path) -> bytes:
    """A small file that is read whole. Raises OSError, and TooLarge: whatever else lies there must not fill the memory."""
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise TooLarge(f"larger than {LARGEST // 2**20} MiB")
    return data


def read_text(path: Path) -> str:
    """The same as text. Raises ValueError where it is not UTF-8, too."""
    return read(path).decode("utf-8")


def remove(path: Path) -> None:
    """Remove a folder. It is renamed first, so that a half removed folder is never taken for a whole one."""
    with suppress(FileNotFoundError), _out_of_the_way(path):
        pass


def discard(path: Path) -> None:
    """Remove a file or a folder in place, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def clear(folder: Path, name: str = "*") -> None:
    """Remove what killed processes left in `folder`, or only what they left of `name`. Nobody else may be using it."""
    for mark in ("part", "gone"):
        for left in folder.glob(f".{name}.{mark}-*"):
            discard(left)


def sync(path: Path) -> None:
    """fsync of a file or a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _out_of_the_way(path: Path) -> Iterator[None]:
    """Move what is at `path` out of the way. It comes back if its successor does not take its place."""
    gone = path.with_name(f".{path.name}.gone-{uuid.uuid4().hex[:8]}")
    there = path.exists()
    if there:
        path.rename(gone)
    try:
        yield
    except BaseException:
        if there and not path.exists():
            gone.rename(path)
        raise
    discard(gone)
