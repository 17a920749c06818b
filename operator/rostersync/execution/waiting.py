"""Waits for a store that another process uses."""

import time
from collections.abc import Callable
from typing import TypeVar

from rostersync.errors import StoreBusy

T = TypeVar("T")

BUSY_TRIES, BUSY_WAIT = 20, 0.5  # seconds; a reader or another connection's apply is soon done


def when_free(work: Callable[[], T]) -> T:
    """Return the result of `work` once no other process uses the store. Raises StoreBusy when one keeps using it."""
    for _ in range(BUSY_TRIES - 1):
        try:
            return work()
        except StoreBusy:
            time.sleep(BUSY_WAIT)
    return work()
