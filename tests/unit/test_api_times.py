"""Cron, durations, time zones and windows of a connection."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from rostersync.api.v1alpha1.thresholds import ThresholdRule
from rostersync.api.v1alpha1.times import Window, check_cron, parse_duration, parse_local

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    "text",
    [
        "30 2 * * *",
        "*/15 * * * *",
        "0 0 1,15 * *",
        "0 2 * * 1-5",
        "0 2 * * mon-fri",
        "5-55/10 8-18 * JAN,jul 7",
        "0 0 31 12 0",
    ],
)
def test_cron(text: str) -> None:
    assert check_cron(text) == text


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("60 2 * * *", "minute"),
        ("-1 2 * * *", "minute"),
        ("*/0 2 * * *", "minute"),
        ("1, 2 * * *", "minute"),
        ("0 24 * * *", "hour"),
        ("0 5-2 * * *", "hour"),
        ("0 1-2-3 * * *", "hour"),
        ("0 0 0 * *", "day of month"),
        ("0 0 * 13 *", "month"),
        ("0 0 * mon *", "month"),
        ("0 0 * * 8", "day of week"),
        ("0 0 * * ?", "day of week"),
        ("0 0 * * ²", "day of week"),
    ],
)
def test_cron_names_the_field_that_is_wrong(text: str, field: str) -> None:
    with pytest.raises(ValueError, match=f"the {field} must be"):
        check_cron(text)


@pytest.mark.parametrize("text", ["", "@daily", "0 0 * *", "0 0 * * * *"])
def test_cron_has_five_fields(text: str) -> None:
    with pytest.raises(ValueError, match="not five"):
        check_cron(text)


@pytest.mark.parametrize(
    ("text", "duration"), [("90m", timedelta(minutes=90)), ("72h", timedelta(hours=72)), ("400d", timedelta(days=400))]
)
def test_duration(text: str, duration: timedelta) -> None:
    assert parse_duration(text) == duration


@pytest.mark.parametrize("text", ["", "72", "0h", "1.5h", "1h30m", "h", "-1h", "9999999d"])
def test_duration_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="72h or 400d"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("24h", True),
        ("7d", True),
        ("999h", True),
        ("99d", True),
        ("100d", False),
        ("0h", False),
        ("90m", False),
        ("", False),
    ],
)
def test_a_window_is_hours_or_days(text: str, good: bool) -> None:
    rule = {"entity": "*", "change": "Delete", "percent": 10, "window": text}
    if good:
        assert ThresholdRule.model_validate(rule).window == text
    else:
        with pytest.raises(ValueError, match="such as 24h or 7d"):
            ThresholdRule.model_validate(rule)


@pytest.mark.parametrize("text", ["2027-07-01T00:00:00Z", "2027-7-1", "July", "2027-07-01 00:00"])
def test_local_time_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="is not a local time"):
        parse_local(text)


def test_local_time_that_does_not_exist_in_the_calendar() -> None:
    with pytest.raises(ValueError, match="does not exist"):
        parse_local("2027-02-29T00:00:00")


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2027-07-01T03:59:59", False),
        ("2027-07-01T04:00:00", True),  # midnight in New York
        ("2027-07-15T03:59:59", True),
        ("2027-07-15T04:00:00", False),
    ],
)
def test_a_window_includes_its_start_and_excludes_its_end(moment: str, inside: bool) -> None:
    window = Window(start="2027-07-01T00:00:00", end="2027-07-15")
    assert window.contains(datetime.fromisoformat(moment).replace(tzinfo=UTC), NEW_YORK) is inside


def test_a_window_reads_the_moment_in_any_zone() -> None:
    window = Window(start="2027-07-01", end="2027-07-02")
    assert window.contains(datetime(2027, 7, 1, 23, 59, tzinfo=NEW_YORK), NEW_YORK)
    assert not window.contains(datetime(2027, 7, 1, 23, 59, tzinfo=NEW_YORK), ZoneInfo("UTC"))
