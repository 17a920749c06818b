"""When a delivery that failed is tried again at once, as a truth table."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rostersync.lifecycle.mended import mended
from rostersync.lifecycle.observed import Work, WorkState
from rostersync.sent import DeliverReport, DeliveryReport

ENDED = datetime(2026, 11, 24, 2, 10, tzinfo=UTC)
STARTED = ENDED - timedelta(minutes=10)
ERROR = {"reason": "LoginRefused", "message": "The server refused the login."}


def attempt(*names: str, ended: datetime | None = ENDED, started: datetime | None = STARTED) -> Work[DeliverReport]:
    report = DeliverReport("r", "send", deliveries=[DeliveryReport(name, error=ERROR) for name in names])
    return Work(WorkState.FAILED, 1, report if names else None, started_at=started, ended_at=ended)


def at(time: str) -> str:
    return f"2026-11-24T{time}Z"


def connection(tested: str = "", status: str = "True", **newest: str) -> dict[str, Any]:
    """A status: when it was last tested, and the newest try of each delivery, as `time` or `time Failed`."""
    known = []
    for name, said in newest.items():
        time, _, state = said.partition(" ")
        known.append({"name": name, "state": state or "Delivered", **({"time": at(time)} if time != "-" else {})})
    found = {"type": "DeliveriesVerified", "status": status, "reason": "Verified", "message": ""}
    return {"deliveries": known, **({"lastCheckTime": at(tested), "conditions": [found]} if tested else {})}


NEWEST = {  # the newest tries of deliveries, those that failed, and whether they are mended
    "delivered while it was tried": ({"feed": "02:05:00"}, ["feed"], True),
    "delivered in the second in which it was started": ({"feed": "02:00:00"}, ["feed"], True),
    "delivered before": ({"feed": "01:59:59"}, ["feed"], False),
    "failed again": ({"feed": "02:20:00 Failed"}, ["feed"], False),
    "another failed too and was not tried since": ({"feed": "02:20:00"}, ["feed", "quick"], False),
    "both were delivered": ({"feed": "02:00:01", "quick": "02:30:00"}, ["feed", "quick"], True),
    "one that did not fail is of no account": ({"feed": "02:00:01", "quick": "01:00:00"}, ["feed"], True),
    "delivered at an unknown time": ({"feed": "-"}, ["feed"], False),
    "nothing is known": ({}, ["feed"], False),
    "no report says what failed": ({"feed": "02:20:00"}, [], False),
}
TESTED = {  # when Test Connection was, what it found of deliveries, and whether they are mended
    "found good since": ("02:10:01", "True", True),
    "in the second in which the attempt ended": ("02:10:00", "True", True),
    "found good before the attempt ended": ("02:09:59", "True", False),
    "found bad": ("02:20:00", "False", False),
    "never": ("", "True", False),
}


@pytest.mark.parametrize(("newest", "failed", "expected"), NEWEST.values(), ids=NEWEST)
def test_another_run_has_delivered_what_failed(newest: dict[str, str], failed: list[str], expected: bool) -> None:
    assert mended(connection(**newest), attempt(*failed)) is expected


@pytest.mark.parametrize(("tested", "status", "expected"), TESTED.values(), ids=TESTED)
def test_a_test_found_that_everything_can_be_delivered(tested: str, status: str, expected: bool) -> None:
    assert mended(connection(tested, status), attempt("feed")) is expected


def test_an_attempt_whose_start_is_unknown_counts_from_its_end() -> None:
    for time, expected in (("02:09:59", False), ("02:10:00", True)):
        assert mended(connection(feed=time), attempt("feed", started=None)) is expected


def test_only_an_attempt_that_has_ended_is_mended() -> None:
    good = connection("02:20:00", feed="02:20:00")

    assert mended(good, attempt("feed"))
    assert not mended(good, None)
    assert not mended(good, attempt("feed", ended=None))
    assert not mended({}, attempt("feed"))
