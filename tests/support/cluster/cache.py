"""Where everything that is built for test clusters lies: outside the tree, so that clones share it and `make clean` is quick."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


def cache() -> Path:
    """The folder: $ROSTERSYNC_CACHE, or ~/.cache/rostersync."""
    folder = Path(os.environ.get("ROSTERSYNC_CACHE") or Path.home() / ".cache" / "rostersync")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(name: str) -> Generator[None]:
    """Only one process at a time is in here, of all that use this cache; the lock goes with the process, also when it is killed."""
    with (cache() / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
