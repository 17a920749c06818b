"""When a schedule is due: clock changes, jitter, the end date, missed starts, and each start exactly once."""

import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostersync.api.kinds import Ref
from rostersync.api.v1alpha1.focusconnection import FocusConnectionSpec
from rostersync.api.v1alpha1.times import check_cron
from rostersync.lifecycle.timetable import Due, Timetable, due, starts, timetable
from rostersync.lifecycle.triggers import Asked, answer

NEW_YORK, LONDON = ZoneInfo("America/New_York"), ZoneInfo("Europe/London")
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NIGHTLY = Timetable("30 2 * * *", NEW_YORK)


def utc(month, day, hour=0, minute=0, year=2026):
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def first(table, after, count=1):
    return list(islice(starts(table, after), count))


def spec(uid="u", **schedule):
    made = FocusConnectionSpec.model_validate(
        {
            "termsOfUse": {"accepted": True},
            "deliveryConfig": {"serviceURL": "https://focus.example/v1p1", "credentialsSecretRef": {"name": "focus"}},
            "timeZone": "America/New_York",
            "schedule": {"cron": "30 2 * * *"} | schedule,
        }
    )
    return timetable(made, uid)


# This table and the next ones are laid out by hand, a case a line: instants are compared by looking down.
CLOCKS = {
    "an ordinary night": (NIGHTLY, utc(7, 1), [utc(7, 1, 6, 30), utc(7, 2, 6, 30)]),
    "clocks go forward over the start: the next time that exists": (
        NIGHTLY, utc(3, 7, 12), [utc(3, 8, 7), utc(3, 9, 6, 30)],
    ),
    "clocks go forward over two starts: both are one": (
        replace(NIGHTLY, cron="15,45 2 * * *"), utc(3, 8, 4), [utc(3, 8, 7), utc(3, 9, 6, 15)],
    ),
    "clocks go forward onto a start: it stays one": (
        replace(NIGHTLY, cron="0 2,3 * * *"), utc(3, 8, 4), [utc(3, 8, 7), utc(3, 9, 6)],
    ),
    "clocks go forward over a start given by a step": (
        replace(NIGHTLY, cron="*/30 2 * * *"), utc(3, 8, 4), [utc(3, 8, 7), utc(3, 9, 6)],
    ),
    "clocks go back over the start: once, the first time": (
        replace(NIGHTLY, cron="30 1 * * *"), utc(10, 31, 12), [utc(11, 1, 5, 30), utc(11, 2, 6, 30)],
    ),
    "clocks go back over starts given by a step: once each": (
        replace(NIGHTLY, cron="*/30 1 * * *"), utc(11, 1, 4), [utc(11, 1, 5), utc(11, 1, 5, 30), utc(11, 2, 6)],
    ),
    "clocks go back, another zone": (
        Timetable("30 1 * * *", LONDON), utc(10, 24, 12), [utc(10, 25, 0, 30), utc(10, 26, 1, 30)],
    ),
    "asked between the two times that repeat: the next night": (
        replace(NIGHTLY, cron="30 1 * * *"), utc(11, 1, 6), [utc(11, 2, 6, 30)],
    ),
    "asked at the very start: the one after it": (NIGHTLY, utc(7, 1, 6, 30), [utc(7, 2, 6, 30)]),
    "every hour goes on by the hour": (
        replace(NIGHTLY, cron="0 * * * *"), utc(3, 8, 6, 30), [utc(3, 8, 7), utc(3, 8, 8)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("table", "after", "expected"), CLOCKS.values(), ids=CLOCKS)
def test_starts(table, after, expected):
    assert first(table, after, len(expected)) == expected


@pytest.mark.parametrize("cron", ["0 0 30 2 *", "0 0 31 2,4,6 *"])
def test_a_schedule_that_never_comes_is_never_due(cron):
    table = Timetable(check_cron(cron), NEW_YORK)

    assert due(table, None, utc(7, 1)) == Due(None, None)


FIELDS = st.tuples(
    *(
        st.sampled_from(
            [*(str(n) for n in range(low, high + 1)), "*", "*/2", f"{low}-{high}", f"{low}-{high}/3", *more]
        )
        for low, high, more in (
            (0, 59, ["5,10", "0-5,30/10"]),
            (0, 23, ["7,19"]),
            (1, 31, ["1,31"]),
            (1, 12, ["feb", "JAN-jun"]),
            (0, 7, ["mon-fri", "5-7", "sun", "SAT"]),
        )
    )
).map(" ".join)


@given(FIELDS)
def test_what_the_api_takes_for_cron_is_a_schedule(cron):
    table = Timetable(check_cron(cron), NEW_YORK)

    ahead = first(table, utc(7, 1), 3)

    assert ahead == sorted(set(ahead))
    assert all(at > utc(7, 1) for at in ahead)


def test_jitter_is_the_same_every_time_and_within_its_bounds():
    spreads = {uid: spec(uid, jitterMinutes=15).jitter for uid in map(str, range(300))}

    assert spreads == {uid: spec(uid, jitterMinutes=15).jitter for uid in spreads}
    assert all(timedelta() <= s < 15 * MINUTE for s in spreads.values())
    assert max(spreads.values()) - min(spreads.values()) > 13 * MINUTE
    assert spec("u").jitter == timedelta()


def test_jitter_moves_every_start_by_the_same():
    table = replace(NIGHTLY, jitter=7 * MINUTE)

    assert first(table, utc(7, 1), 2) == [utc(7, 1, 6, 37), utc(7, 2, 6, 37)]
    assert first(table, utc(7, 1, 6, 33)) == [utc(7, 1, 6, 37)]


def test_the_end_date_is_the_last_local_day_with_a_start():
    table = replace(NIGHTLY, cron="30 23 * * *", end=date(2026, 7, 2))  # 03:30 of the next day in UTC

    assert list(starts(table, utc(7, 1))) == [utc(7, 1, 3, 30), utc(7, 2, 3, 30), utc(7, 3, 3, 30)]
    assert due(table, None, utc(7, 3, 3, 30)) == Due(None, None)


def test_jitter_carries_no_start_beyond_the_end_date():
    table = replace(NIGHTLY, cron="30 23 * * *", end=date(2026, 7, 2), jitter=HOUR)  # of the 2nd: 00:30 of the 3rd

    assert first(table, utc(7, 1, 12), 5) == [utc(7, 2, 4, 30)]


def test_a_manifest_means_its_timetable():
    made = spec(endDate="2027-06-30", startingDeadlineSeconds=3600)

    assert made == Timetable("30 2 * * *", NEW_YORK, date(2027, 6, 30), timedelta(), HOUR)
    assert (
        timetable(
            FocusConnectionSpec.model_validate(
                {
                    "termsOfUse": {"accepted": True},
                    "deliveryConfig": {
                        "serviceURL": "https://focus.example/v1p1",
                        "credentialsSecretRef": {"name": "focus"},
                    },
                }
            ),
            "u",
        )
        is None
    )


START = utc(7, 1, 6, 30)
DUE = {
    "a new schedule owes nothing for the past": (NIGHTLY, None, START + MINUTE, Due(None, utc(7, 2, 6, 30))),
    "what is promised for later is not due": (NIGHTLY, START, START - MINUTE, Due(None, START)),
    "what is promised for now is due": (NIGHTLY, START, START, Due(START, utc(7, 2, 6, 30))),
    "a missed start is made up": (NIGHTLY, START, START + 5 * HOUR, Due(START, utc(7, 2, 6, 30))),
    "of several missed starts the newest is made up": (
        NIGHTLY, START, utc(7, 4, 7), Due(utc(7, 4, 6, 30), utc(7, 5, 6, 30)),
    ),
    "within the deadline it is made up": (
        replace(NIGHTLY, deadline=HOUR), START, START + HOUR, Due(START, utc(7, 2, 6, 30)),
    ),
    "after the deadline it is left out, and said": (
        replace(NIGHTLY, deadline=HOUR), START, START + HOUR + MINUTE, Due(None, utc(7, 2, 6, 30), missed=True),
    ),
    "of several the newest is held against the deadline": (
        replace(NIGHTLY, deadline=HOUR), START, utc(7, 4, 7), Due(utc(7, 4, 6, 30), utc(7, 5, 6, 30)),
    ),
    "another cron owes nothing": (
        replace(NIGHTLY, cron="31 2 * * *"), START, START + HOUR, Due(None, utc(7, 2, 6, 31)),
    ),
    "another zone owes nothing": (replace(NIGHTLY, zone=LONDON), START, START + HOUR, Due(None, utc(7, 2, 1, 30))),
    "another jitter owes nothing": (
        replace(NIGHTLY, jitter=MINUTE), START, START + HOUR, Due(None, utc(7, 2, 6, 31)),
    ),
    "an end date that has passed meanwhile owes nothing": (
        replace(NIGHTLY, end=date(2026, 6, 30)), START, START + HOUR, Due(None, None),
    ),
    "the last start before the end is due, with none after it": (
        replace(NIGHTLY, end=date(2026, 7, 1)), START, START + HOUR, Due(START, None),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("table", "promised", "now", "expected"), DUE.values(), ids=DUE)
def test_due(table, promised, now, expected):
    assert due(table, promised, now) == expected


ABSENCES = {
    "every minute for a year": ("* * * * *", utc(7, 1, 12, year=2025), utc(7, 1, 12, 0), utc(7, 1, 12, 0)),
    "every minute on workdays, seen on a Sunday": (
        "* * * * 1-5",
        utc(7, 1, 12, year=2025),
        utc(7, 5, 12),
        utc(7, 4, 3, 59),
    ),
    "every minute of the first of a month, seen on its last day": (
        "* * 1 * *",
        utc(7, 1, 12, year=2025),
        utc(7, 31, 12),
        utc(7, 2, 3, 59),
    ),
    "every minute of one day a year, seen half a year later": (
        "* * 1 1 *",
        utc(1, 1, 12, year=2024),
        utc(7, 1, 12),
        utc(1, 2, 4, 59),
    ),
}


@pytest.mark.parametrize(("cron", "promised", "now", "newest"), ABSENCES.values(), ids=ABSENCES)
def test_thousands_of_missed_starts_are_one(cron, promised, now, newest):
    begun = time.process_time()

    found = due(Timetable(cron, NEW_YORK), promised, now)

    assert found.start == newest
    assert time.process_time() - begun < 2


@st.composite
def weeks(draw):
    """A schedule, and instants of a week with a clock change at which somebody looks, some of which are killed."""
    table = Timetable(
        draw(st.sampled_from(["30 2 * * *", "30 1,2 * * *", "0 */6 * * *", "15 0,3,12 * * 1-5", "0 2 * * sun"])),
        NEW_YORK,
        jitter=timedelta(seconds=draw(st.integers(0, 7200))),
    )
    begin = draw(st.sampled_from([utc(3, 5), utc(10, 29), utc(7, 1)]))
    seconds = draw(st.lists(st.integers(0, 7 * 86400), max_size=40))
    killed = draw(st.sets(st.integers(0, 120), max_size=20))
    return table, begin, sorted(begin + timedelta(seconds=s) for s in seconds), killed


@given(weeks())
def test_every_start_is_made_exactly_once_however_often_somebody_looks(week):
    table, begin, looks, killed = week
    end = begin + timedelta(days=7)
    promised, made, now, count = None, Counter(), begin, 0
    names = set()
    while now < end:
        asked = Asked(Ref("FocusConnection", "springfield"), "uid", 1, "h", table, promised=promised)
        answered = answer(asked, now)
        for run in answered.runs:
            if run.name not in names:  # the API server refuses a name that is taken
                names.add(run.name)
                made[run.reason] += 1
        count += 1
        if count in killed:  # the process ends before the status is written, and looks again when it is back
            now += timedelta(seconds=3)
            continue
        promised = answered.next_run
        ahead = [at for at in looks if at > now] + ([promised] if promised and promised > now else [])
        now = min(ahead, default=end)

    wanted = takewhile(lambda at: at < end, starts(table, begin))
    assert made == Counter(f"schedule, {at:%Y-%m-%dT%H:%MZ}" for at in wanted)
