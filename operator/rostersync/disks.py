"""Disks that are full, told from other failures and by the name of what lies on them: store, artifacts, scratch.

The same failure comes as an OSError, as an error of DuckDB or pyrage with a sentence in it, or as one of ours that keeps
that sentence as its detail.
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rostersync.errors import DiskFull, RostersyncError

_NUMBERS = (errno.ENOSPC, errno.EDQUOT)
_SPILLING = "max_temp_directory_size"  # DuckDB found no room for its spill files before it tried to write them
_WORDS = ("No space left on device", "Disk quota exceeded", _SPILLING)


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk is full."""
    if isinstance(error, DiskFull):
        return True
    return (isinstance(error, OSError) and error.errno in _NUMBERS) or any(w in _text(error) for w in _WORDS)


@contextmanager
def naming(**places: Path) -> Iterator[None]:
    """Errors of a full disk come out as DiskFull, which names one of `places`: the one that the error speaks of.

    An error that speaks of no path is about the first place.
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
    """The error of ours for one that says that a disk is full. Pure but for resolving paths."""
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
    """Everything that the error says. It may quote records: for a file among the artifacts, and to be looked through."""
    detail = error.detail if isinstance(error, RostersyncError) else None
    path = error.filename if isinstance(error, OSError) else None
    return f"{error} {detail or ''} {path or ''}".strip()
