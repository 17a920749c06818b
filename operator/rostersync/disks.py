"""Recognizes errors that mean a full disk, and names the disk by what it holds: store, artifacts, scratch.

The same failure may be an OSError, an error of DuckDB or pyrage whose message says so, or one of ours with that message
as its detail.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rostersync.errors import DiskFull, RostersyncError

_NUMBERS = (errno.ENOSPC, errno.EDQUOT)
_SPILLING = "max_temp_directory_size"  # DuckDB's limit for spill files was reached before it tried to write them
_WORDS = ("No space left on device", "Disk quota exceeded", _SPILLING)


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk is full."""
    if isinstance(error, DiskFull):
        return True
    return (isinstance(error, OSError) and error.errno in _NUMBERS) or any(w in _text(error) for w in _WORDS)


@contextmanager
def naming(**places: Path) -> Iterator[None]:
    """Turn errors that mean a full disk into DiskFull, which names the one of `places` that the error is about.

    An error without a path is about the first place.
    """
    try:
        yield
    except DiskFull:
        raise
    except Exception as error:
        if not is_full(error):
            raise
        raise full(error, places) from None


def full(error: BaseException, places: dict[str, Path]) -> DiskFull:
    """The DiskFull for an error that means a full disk. Pure, except that it resolves paths."""
    name = _named(error, places)
    return DiskFull(
        f"The disk of the {name} is full (at {places[name]}): make room there, then run the same command again. What "
        "was approved stays approved.",
        volume=name,
        detail=_text(error),
    )


def _named(error: BaseException, places: dict[str, Path]) -> str:
    text = _text(error)
    if _SPILLING in text and "scratch" in places:
        return "scratch"
    found = [name for name, folder in places.items() if f"{folder}/" in text or f"{folder.resolve()}/" in text]
    return max(found, key=lambda name: len(str(places[name].resolve())), default=next(iter(places)))


def _text(error: BaseException) -> str:
    """The whole text of an error. It may quote records, so it only goes into a file among the artifacts."""
    detail = error.detail if isinstance(error, RostersyncError) else None
    path = error.filename if isinstance(error, OSError) else None
    return f"{error} {detail or ''} {path or ''}".strip()
