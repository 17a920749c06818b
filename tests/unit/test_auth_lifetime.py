"""Life of a token, waiting and rate: pure parts of auth and transport."""

from datetime import UTC, datetime
from typing import Any

import pytest

from rostersync.sources.oneroster.auth import lifetime
from rostersync.sources.oneroster.endpoint import bare
from rostersync.sources.oneroster.rate_limit import RateLimit, retry_after

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ({"expires_in": 2462}, 2462),
        ({"expires_in": "2462"}, 2462),
        ({"expires_in": 7199.5}, 7199.5),
        ({"expires_in": None}, None),
        ({"expires_in": "soon"}, None),
        ({"expires_in": 0}, None),
        ({"expires_in": -1}, None),
        ({"expires_in": "inf"}, None),
        ({"expires_in": [1]}, None),
        ({}, None),
        ({"expiration": "2026-11-01T12:10:00.000Z"}, 600),
        ({"expiration": "2026-11-01T12:10:00"}, 600),
        ({"expiration": "2026-11-01T11:00:00Z"}, None),
        ({"expiration": "tomorrow"}, None),
        ({"expires_in": 5, "expiration": "2026-11-01T12:10:00Z"}, 5),
    ],
)
def test_the_life_of_a_token(body: dict[str, Any], seconds: float | None) -> None:
    assert lifetime(body, NOW) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        ("0.5", 0.5),
        ("-3", 0),
        ("Sun, 01 Nov 2026 12:01:00 GMT", 60),
        ("Sun, 01 Nov 2026 11:00:00 GMT", 0),
        ("later", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pw@sis.example:8443/a/b?x=1#y", "https://sis.example:8443/a/b"),
        ("https://[::1]:8443/a", "https://[::1]:8443/a"),
        ("https://sis.example", "https://sis.example"),
    ],
)
def test_addresses_in_messages_are_bare(url: str, shown: str) -> None:
    assert bare(url) == shown


def test_requests_start_no_closer_than_the_rate_allows() -> None:
    now, slept = [0.0], []
    rate = RateLimit(2.0, clock=lambda: now[0], sleep=slept.append)
    for _ in range(3):
        rate.wait()
    now[0] = 10.0
    rate.wait()

    assert slept == [0.5, 1.0]


def test_a_pause_holds_for_everybody() -> None:
    slept: list[float] = []
    rate = RateLimit(None, clock=lambda: 5.0, sleep=slept.append)
    rate.pause(3.0)
    rate.wait()

    assert slept == [3.0]
