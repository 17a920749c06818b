"""Times in a connection: durations, cron, time zones, dates, windows and the schedule. Checks only, without a clock."""

import re
from datetime import date, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator

from rostersync.api.v1alpha1.meta import Int, Model, cel, validations
from rostersync.instants import instant

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
# name, minimum, maximum, names of the values from the minimum on
_CRON_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
)


def parse_duration(text: str) -> timedelta:
    """`90m`, `72h` or `400d` as a timedelta. Raises ValueError otherwise."""
    if not re.fullmatch(r"[1-9][0-9]{0,5}[mhd]", text):
        raise ValueError("is not a duration; write a whole number and m, h or d, such as 72h or 400d")
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


def parse_local(text: str) -> datetime:
    """`2026-07-01` or `2026-07-01T00:00:00` as a naive datetime in the connection's time zone. Raises ValueError."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?)?", text):
        raise ValueError("is not a local time; write it like 2026-07-01T00:00:00, without a zone (timeZone says it)")
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("names a date or time that does not exist") from None


def check_cron(text: str) -> str:
    """The text, if it is a cron expression of five fields. Raises ValueError that names the field."""
    parts = text.split()
    if len(parts) != len(_CRON_FIELDS):
        raise ValueError(
            f"is not a cron expression: it has {len(parts)} fields, not five "
            "(minute hour day-of-month month day-of-week, such as 30 2 * * *)"
        )
    for part, (name, least, greatest, names) in zip(parts, _CRON_FIELDS, strict=True):
        if not all(_cron_item(item, least, greatest, names) for item in part.split(",")):
            raise ValueError(
                f"is not a cron expression: the {name} must be *, a number from {least} to {greatest}, a range such as "
                f"{least}-{greatest}, a step such as */2, or a list of these"
            )
    return text


def _cron_item(item: str, least: int, greatest: int, names: tuple[str, ...]) -> bool:
    """Whether one item of a cron field (`*`, `7`, `1-5`, `*/15`, `mon-fri`) matches at least one value."""
    head, slash, step = item.partition("/")
    if slash and not (step.isascii() and step.isdigit() and 1 <= int(step) <= greatest):
        return False
    if head == "*":
        return True
    ends = [_cron_value(end, least, names) for end in head.split("-")]
    if len(ends) > 2 or any(end is None for end in ends):
        return False
    numbers = [end for end in ends if end is not None]
    return all(least <= n <= greatest for n in numbers) and numbers == sorted(numbers)


def _cron_value(text: str, least: int, names: tuple[str, ...]) -> int | None:
    if text.lower() in names:
        return least + names.index(text.lower())
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 2 else None


def _duration(text: str) -> str:
    parse_duration(text)
    return text


def _local_time(text: str) -> str:
    parse_local(text)
    return text


def _date(text: str) -> str:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        raise ValueError("is not a date; write it like 2027-06-30")
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError("names a day that does not exist") from None
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not an IANA time zone; write one such as America/New_York or UTC") from None
    return text


Duration = Annotated[str, StringConstraints(max_length=8, pattern=r"^[1-9][0-9]{0,5}[mhd]$"), AfterValidator(_duration)]
LocalTime = Annotated[
    str,
    AfterValidator(_local_time),
    Field(json_schema_extra={"maxLength": 19, "pattern": r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?)?$"}),
]
Date = Annotated[
    str,
    AfterValidator(_date),
    Field(json_schema_extra={"maxLength": 10, "pattern": r"^\d{4}-\d{2}-\d{2}$"}),
]


def _window(text: str) -> str:
    if not re.fullmatch(WINDOW, text):
        raise ValueError("is not a window; write a whole number of hours or days, such as 24h or 7d, at most 99d")
    return text


WINDOW = r"[1-9][0-9]{0,2}h|[1-9][0-9]?d"
WindowLength = Annotated[
    str, AfterValidator(_window), Field(json_schema_extra={"maxLength": 4, "pattern": f"^({WINDOW})$"})
]
TimeZone = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_zone)]
Cron = Annotated[str, StringConstraints(min_length=9, max_length=128), AfterValidator(check_cron)]


class Schedule(Model):
    """When runs start automatically."""

    cron: Cron = Field(
        description="Cron expression of five fields (minute hour day-of-month month day-of-week) in the connection's "
        "timeZone. A local time that the clocks skip runs at the next one that exists; one that repeats runs once."
    )
    endDate: Date | None = Field(
        default=None, description="Last day (in timeZone) on which a run starts. Absent: no end."
    )
    jitterMinutes: Int = Field(
        default=0,
        ge=0,
        le=720,
        description="Spread the starts of connections over this many minutes. A connection always has the same delay.",
    )
    startingDeadlineSeconds: Int | None = Field(
        default=None,
        ge=10,
        le=604800,
        description="Skip a start that is late by more than this many seconds. Absent: no limit.",
    )


class Window(Model):
    """A span of local time, including its start and excluding its end."""

    model_config = validations(
        cel("self.end > self.start", "end must be after start", ".end"),
    )

    start: LocalTime = Field(description="First moment, as local time in timeZone, such as 2026-07-01T00:00:00.")
    end: LocalTime = Field(description="First moment after the window, as local time in timeZone.")

    @field_validator("end")
    @classmethod
    def _after_start(cls, end: str, info: ValidationInfo) -> str:
        start = info.data.get("start")
        if start is not None and parse_local(end) <= parse_local(start):
            raise ValueError("must be after start")
        return end

    def contains(self, moment: datetime, zone: ZoneInfo) -> bool:
        """Whether an aware `moment` is in the window, whose times are in `zone`. The start is in it, the end is not."""
        start, end = self.span(zone)
        return start <= moment < end

    def span(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """The start and the end as instants."""
        return instant(parse_local(self.start), zone), instant(parse_local(self.end), zone)


class DataRollover(Model):
    """What pauses while one school year ends and the next one is set up."""

    suspendImport: tuple[Window, ...] = Field(
        default=(),
        max_length=32,
        description="Windows without imports: no scheduled or requested run starts, and a SyncRun that somebody creates ends "
        "as ImportSuspended.",
    )
    disableDeletion: tuple[Window, ...] = Field(
        default=(),
        max_length=32,
        description="Windows in which nothing is deleted. The first run after the window makes the deletes, and the "
        "thresholds count them.",
    )
