"""When a schedule is due: each start at most once, missed ones made up or left out as the connection says. Pure."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from rostersync.api.v1alpha1.connection import ConnectionSpec
from rostersync.instants import instant

_SPANS = tuple(timedelta(days=d) for d in (1 / 24, 2, 62, 400, 3000))  # an hour, …, past every 29th of February


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


def timetable(spec: ConnectionSpec, uid: str) -> Timetable | None:
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
    """Every start later than `after` (both with zone; starts are UTC), in order. None for a time that never comes."""
    local = (after - table.jitter).astimezone(table.zone).replace(tzinfo=None)
    last = after
    try:
        # By wall clock, without a zone: what does not exist or comes twice, `instant` decides for every form of cron.
        for at in CronSim(table.cron, local - timedelta(minutes=1)):
            start = instant(at, table.zone) + table.jitter
            if table.end is not None and start.astimezone(table.zone).date() > table.end:
                return  # the day on which it starts: jitter, or clocks that jump, may carry it into the next one
            if start > last:
                yield start
                last = start
    except CronSimError:
        return


def due(table: Timetable, promised: datetime | None, now: datetime) -> Due:
    """What is due at `now`, given the next start that was promised (status.nextRunTime).

    A schedule that is new, or is another than the one that promised, owes nothing for the past.
    """
    if promised is None or next(starts(table, promised - timedelta(seconds=1)), None) != promised:
        return Due(None, next(starts(table, now), None))
    if promised > now:
        return Due(None, promised)
    newest = _newest(table, promised, now)
    after = next(starts(table, now), None)
    if table.deadline is not None and now - newest > table.deadline:
        return Due(None, after, missed=True)
    return Due(newest, after)


def _newest(table: Timetable, promised: datetime, now: datetime) -> datetime:
    """The newest start up to `now`: looked for in ever longer spans, so that few starts are walked through."""
    for back in _SPANS:
        begin = max(promised - timedelta(seconds=1), now - back)
        found = None
        for start in starts(table, begin):
            if start > now:
                break
            found = start
        if found is not None:
            return found
    return promised
