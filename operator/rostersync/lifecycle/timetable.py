"""When a schedule is due: each start at most once, missed ones made up or left out as the connection says. Pure."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from rostersync.api.v1alpha1.focusconnection import FocusConnectionSpec

_MANY = 1000  # missed starts that are looked at one by one


@dataclass(frozen=True)
class Timetable:
    """A schedule with its zone. `jitter` is added to every start; a start later than `deadline` is left out."""

    cron: str
    zone: ZoneInfo
    end: date | None = None
    jitter: timedelta = timedelta()
    deadline: timedelta | None = None


@dataclass(frozen=True)
class Due:
    """`start`: the start that is due now, the newest of several; `next`: the one after it, None when there is none."""

    start: datetime | None
    next: datetime | None
    missed: bool = False  # a start was left out because it is too late


def timetable(spec: FocusConnectionSpec, uid: str) -> Timetable | None:
    """The timetable of a connection; its jitter is the same every time, spread over connections by their UID."""
    schedule = spec.schedule
    if schedule is None:
        return None
    spread = int(hashlib.sha256(uid.encode()).hexdigest()[:12], 16) % (schedule.jitterMinutes * 60 or 1)
    return Timetable(
        schedule.cron, ZoneInfo(spec.timeZone), date.fromisoformat(schedule.endDate) if schedule.endDate else None,
        timedelta(seconds=spread),
        timedelta(seconds=schedule.startingDeadlineSeconds) if schedule.startingDeadlineSeconds else None,
    )  # fmt: skip


def starts(table: Timetable, after: datetime) -> Iterator[datetime]:
    """Every start later than `after` (both with zone; starts are UTC), in order."""
    local = (after - table.jitter).astimezone(table.zone)
    last = None
    for at in CronSim(table.cron, local):
        if table.end is not None and at.date() > table.end:
            return
        start = at.astimezone(UTC) + table.jitter
        if start > after and start != last:
            yield start
        last = start


def due(table: Timetable, promised: datetime | None, now: datetime) -> Due:
    """What is due at `now`, given the next start that was promised (status.nextRunTime).

    A schedule that is new, or is another than the one that promised, owes nothing for the past.
    """
    if promised is None or next(starts(table, promised - timedelta(seconds=1)), None) != promised:
        return Due(None, next(starts(table, now), None))
    if promised > now:
        return Due(None, promised)
    newest = promised
    for count, start in enumerate(starts(table, promised)):
        if start > now:
            break
        newest = start
        if count > _MANY:
            newest = _newest(table, newest, now)
            break
    after = next(starts(table, now), None)
    if table.deadline is not None and now - newest > table.deadline:
        return Due(None, after, missed=True)
    return Due(newest, after)


def _newest(table: Timetable, known: datetime, now: datetime) -> datetime:
    """The newest start up to `now`, after an absence with more starts than anybody wants to walk through."""
    for back in (timedelta(hours=1), timedelta(days=2), timedelta(days=62)):
        found = None
        for start in starts(table, max(known, now - back)):
            if start > now:
                break
            found = start
        if found is not None:
            return found
    return known
