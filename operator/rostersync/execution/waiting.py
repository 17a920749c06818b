"""Waiting for a store that another process has."""

import time
from collections.abc import Callable
from typing import TypeVar

from rostersync.errors import StoreBusy

T = TypeVar("T")

BUSY_TRIES, BUSY_WAIT = 20, 0.5  # a reader or another connection's apply is soon done; seconds


def when_free(work: Callable[[], T]) -> T:
    """What `work` returns, once no other process has the store. Raises StoreBusy when it stays in use."""
    for _ in range(BUSY_TRIES - 1):
        try:
            return work()
        except StoreBusy:
            time.sleep(BUSY_WAIT)
    return work()
