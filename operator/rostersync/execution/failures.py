"""What people are told of an error: a sentence of our own. The full text goes to a file among the artifacts.

Texts of DuckDB, servers and libraries may quote records. They go nowhere else, not even to standard error with --debug.
"""

import errno
import os
import traceback
from collections.abc import Callable
from pathlib import Path

from rostersync.disks import is_full
from rostersync.errors import DiskFull, Permanent, Retryable, RostersyncError

PERMANENT_EXIT = 42
_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ENOENT)


Keep = Callable[[str, str], Path]


def told(error: Exception, stage: str, keep: Keep | None) -> RostersyncError:
    """The error to tell people. `keep(stage, text)` keeps texts that are not ours, and returns their file."""
    if isinstance(error, RostersyncError):
        if error.detail:
            _kept(keep, stage, error.detail)
        return error
    where = _kept(keep, stage, "".join(traceback.format_exception(error)))
    full = f" The full text is in {where}; it may hold records." if where else ""
    kind = type(error).__name__
    if isinstance(error, MemoryError) or kind == "OutOfMemoryException":
        return Retryable(
            f"Stage {stage} ran out of memory: give the process more, or set fewer threads.{full}", reason="OutOfMemory"
        )
    if is_full(error):
        return DiskFull(f"Stage {stage} found a disk full: make room and run the same command again.{full}")
    if isinstance(error, OSError) and error.errno in _UNWRITABLE and isinstance(error.filename, str | Path):
        return Permanent(
            f"Stage {stage} cannot use {error.filename} ({os.strerror(error.errno)}): check that the state folder "
            f"(--state) and the folders named on the command line are there and may be written.{full}",
            reason="NotWritable",
        )
    return Retryable(
        f"Stage {stage} failed for a reason that rostersync does not know ({kind}); the store is whole. "
        f"Run again; if it stays, report it with --debug.{full}",
        reason="Unexpected",
    )


def _kept(keep: Keep | None, stage: str, text: str) -> Path | None:
    """The file of the text, if it could be kept. A full disk must not hide the original error."""
    try:
        return keep(stage, text) if keep else None
    except OSError:
        return None


def attempt_exit(reason_permanent: bool) -> int:
    """Exit code of plan and apply after a failure."""
    return PERMANENT_EXIT if reason_permanent else 1


def is_permanent(error: RostersyncError) -> bool:
    """Whether retries fail until a person changes something."""
    return isinstance(error, Permanent)


def frames(error: BaseException) -> str:
    """Files, lines and functions of an error and its causes, without messages and values."""
    lines = []
    seen: BaseException | None = error
    while seen is not None:
        lines.append(type(seen).__name__)
        lines += [f"  {f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(seen.__traceback__)]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(lines)
