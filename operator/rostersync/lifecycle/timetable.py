"""When a schedule is due.

Each start happens at most once; the connection says whether a missed start is caught up. Pure.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from rostersync.api.v1alpha1.connection import ConnectionSpec
from rostersync.instants import instant

_SPANS = tuple(
    timedelta(days=d) for d in (1 / 24, 2, 62, 400, 3000)
)  # an hour, …, longer than between any two 29ths of February


@dataclass(frozen=True)
class Timetable:
    """A schedule with its zone.

    `jitter` is added to every start. A start that is late by more than `deadline` is skipped.
    """

    cron: str
    zone: ZoneInfo
    end: date | None = None
    jitter: timedelta = timedelta()
    deadline: timedelta | None = None


@dataclass(frozen=True)
class Due:
    """`start` is the start that is due now, the newest of several; `next` is the one after it.

    None where there is none.
    """

    start: datetime | None
    next: datetime | None
    missed: bool = False  # a start was skipped because it is too late


def timetable(spec: ConnectionSpec, uid: str) -> Timetable | None:
    """The timetable of a connection. Its jitter depends on the connection's UID, so it is always the same."""
    schedule = spec.schedule
    if schedule is None:
        return None
    spread = int(hashlib.sha256(uid.encode()).hexdigest()[:12], 16) % (schedule.jitterMinutes * 60 or 1)
    return Timetable(
        schedule.cron,
        ZoneInfo(spec.timeZone),
        date.fromisoformat(schedule.endDate) if schedule.endDate else None,
        timedelta(seconds=spread),
        timedelta(seconds=schedule.startingDeadlineSeconds) if schedule.startingDeadlineSeconds else None,
    )


def starts(table: Timetable, after: datetime) -> Iterator[datetime]:
    """All starts after `after`, in order and in UTC. There are none for a time that never comes."""
    local = (after - table.jitter).astimezone(table.zone).replace(tzinfo=None)
    last = after
    try:
        # By local time, without a zone. `instant` decides about times that are skipped or come twice, for every form of
        # cron.
        for at in CronSim(table.cron, local - timedelta(minutes=1)):
            start = instant(at, table.zone) + table.jitter
            if table.end is not None and start.astimezone(table.zone).date() > table.end:
                return  # by the day of the start: jitter and clock changes may move it into the next day
            if start > last:
                yield start
                last = start
    except CronSimError:
        return


def due(table: Timetable, promised: datetime | None, now: datetime) -> Due:
    """What is due at `now`, given the next start that was announced (status.nextRunTime).

    A schedule that is new, or differs from the one that announced it, has no missed starts.
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
    """The newest start up to `now`. It is searched in ever longer spans, so that few starts have to be computed."""
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
