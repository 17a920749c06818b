"""Windows of Data Rollover: local times of a zone, made into instants."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from rostersync.lifecycle.observed import Window


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """A wall-clock time as an instant. One that does not exist is the next that does; of a repeated one, the first.

    A time that already has a zone is taken as it is.
    """
    if local.tzinfo is not None:
        return local.astimezone(UTC)
    wall = local.replace(fold=0)
    while _skipped(wall, zone):
        wall += timedelta(minutes=1) - timedelta(seconds=wall.second, microseconds=wall.microsecond)
    return wall.replace(tzinfo=zone).astimezone(UTC)


def window(start: datetime, end: datetime, zone: ZoneInfo) -> Window:
    """The window between two wall-clock times of a zone."""
    return Window(instant(start, zone), instant(end, zone))


def open_window(windows: Iterable[Window], at: datetime) -> Window | None:
    """The first window that `at` (with zone) is in: starts belong to windows, ends do not."""
    return next((w for w in windows if w.start <= at < w.end), None)


def _skipped(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether clocks jump over this time: then the way to UTC and back gives another one."""
    return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wall
