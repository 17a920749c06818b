"""Local times and texts as instants: what the clocks skip, what they show twice, in every zone; and who goes by it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostersync.api.v1alpha1.focusconnection import FocusConnection
from rostersync.api.v1alpha1.times import Window
from rostersync.execution.supported import supported
from rostersync.instants import instant, parse_instant
from rostersync.lifecycle.configured import connection_of
from rostersync.lifecycle.windows import open_window
from support.everybody import connection

NEW_YORK = ZoneInfo("America/New_York")
ZONES = sorted(available_timezones())
SECOND = timedelta(seconds=1)

INSTANTS = {
    "an ordinary time": (datetime(2026, 7, 1, 0, 0), datetime(2026, 7, 1, 4, 0, tzinfo=UTC)),
    "a time that does not exist": (datetime(2026, 3, 8, 2, 30, 10), datetime(2026, 3, 8, 7, 0, tzinfo=UTC)),
    "a time that repeats": (datetime(2026, 11, 1, 1, 30), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
    "a time that does not exist, to the second": (
        datetime(2026, 3, 8, 2, 0, 1),
        datetime(2026, 3, 8, 7, 0, tzinfo=UTC),
    ),
    "the first time after a jump": (datetime(2026, 3, 8, 3, 0), datetime(2026, 3, 8, 7, 0, tzinfo=UTC)),
    "the last day that can be written": (datetime(9999, 12, 31, 23, 59), datetime(9999, 12, 29, 5, 0, tzinfo=UTC)),
    "a time with a zone": (datetime(2026, 7, 1, 0, 0, tzinfo=UTC), datetime(2026, 7, 1, 0, 0, tzinfo=UTC)),
}


@pytest.mark.parametrize(("local", "expected"), INSTANTS.values(), ids=INSTANTS)
def test_instant(local, expected):
    assert instant(local, NEW_YORK) == expected


def test_a_day_that_a_zone_left_out_begins_with_the_next():
    assert instant(datetime(2011, 12, 30, 12), ZoneInfo("Pacific/Apia")) == datetime(2011, 12, 30, 10, tzinfo=UTC)


def jumps(zone):
    """The moments near which a zone's clocks jump, by the hour."""
    at, end, found = datetime(1930, 1, 1, tzinfo=UTC), datetime(2037, 12, 1, tzinfo=UTC), []
    step = timedelta(days=7)
    while at < end:
        if at.astimezone(zone).utcoffset() != (at + step).astimezone(zone).utcoffset():
            low, high = at, at + step
            while high - low > SECOND:
                middle = low + (high - low) // 2
                same = middle.astimezone(zone).utcoffset() == low.astimezone(zone).utcoffset()
                low, high = (middle, high) if same else (low, middle)
            found.append(high)
        at += step
    return found


@given(st.data())
def test_an_instant_is_the_first_at_which_the_clocks_show_the_time_or_a_later_one(data):
    zone = ZoneInfo(data.draw(st.sampled_from(ZONES)))
    moment = data.draw(st.sampled_from(jumps(zone) or [datetime(2026, 7, 1, tzinfo=UTC)]))
    shown = moment.astimezone(zone).replace(tzinfo=None, fold=0, microsecond=0)
    local = shown + timedelta(seconds=data.draw(st.integers(-7200, 7200)))

    def clocks(at):
        return at.astimezone(zone).replace(tzinfo=None, fold=0)

    found = instant(local, zone)

    assert clocks(found) >= local
    assert clocks(found - SECOND) < local
    if clocks(found) != local:  # it does not exist: no reading of it shows it
        assert all(clocks(local.replace(tzinfo=zone, fold=f).astimezone(UTC)) != local for f in (0, 1))


@given(
    st.datetimes(datetime(2026, 3, 6), datetime(2026, 3, 10))
    | st.datetimes(datetime(2026, 10, 30), datetime(2026, 11, 3)),
    st.integers(1, 300),
    st.integers(-400, 400),
)
def test_both_sides_of_data_rollover_open_and_close_at_one_moment(start, minutes, off):
    """What stops imports and what stops deletes go by the same clock."""
    start = start.replace(microsecond=0)
    texts = {"start": start.isoformat(), "end": (start + timedelta(minutes=minutes)).isoformat()}
    made = FocusConnection.model_validate(
        connection(timeZone="America/New_York", dataRollover={"suspendImport": [texts], "disableDeletion": [texts]})
    )
    at = start.replace(tzinfo=NEW_YORK).astimezone(UTC) + timedelta(minutes=off)

    suspended = open_window(connection_of(made, supported()).suspend_import, at) is not None
    deferred = made.spec.dataRollover.disableDeletion[0].contains(at, NEW_YORK)

    assert suspended == deferred


def test_a_window_from_a_time_that_does_not_exist_is_open_from_the_next_one_on():
    window = Window(start="2026-03-08T02:30", end="2026-03-08T06:00")

    assert window.contains(datetime(2026, 3, 8, 7, 15, tzinfo=UTC), NEW_YORK)
    assert not window.contains(datetime(2026, 3, 8, 6, 59, 59, tzinfo=UTC), NEW_YORK)


@pytest.mark.parametrize("text", ["2026-11-24T02:07:09Z", "2026-11-24T02:07:09", "2026-11-23T21:07:09-05:00"])
def test_a_text_without_zone_is_utc(text):
    assert parse_instant(text) == datetime(2026, 11, 24, 2, 7, 9, tzinfo=UTC)
