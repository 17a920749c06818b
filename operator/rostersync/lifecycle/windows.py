"""Which window of Data Rollover is open."""

from collections.abc import Iterable
from datetime import datetime

from rostersync.lifecycle.observed import Window


def open_window(windows: Iterable[Window], at: datetime) -> Window | None:
    """The first window that `at` is in. Starts belong to windows, ends do not."""
    return next((w for w in windows if w.start <= at < w.end), None)
