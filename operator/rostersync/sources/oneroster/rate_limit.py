"""The rate limit of a connection: requests start no closer together than requestsPerSecond allows."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_HEADER = 200  # characters of a Retry-After that are looked at


class RateLimit:
    """Shared by all threads of a source. `clock` and `sleep` are injected by tests."""

    def __init__(
        self,
        per_second: float | None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._gap = 1.0 / per_second if per_second else 0.0
        self._clock = clock
        self._sleep = sleep
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Sleep until this request may start."""
        with self._lock:
            now = self._clock()
            start = max(now, self._next)
            self._next = start + self._gap
        if start > now:
            self._sleep(start - now)

    def pause(self, seconds: float) -> None:
        """Let nobody start before `seconds` from now: the server said 429 to one of us and means us all."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds in a Retry-After header, given as seconds or as a date; None when it says nothing usable."""
    if not value or len(value) > MAX_HEADER:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
    except (ValueError, OverflowError, TypeError, IndexError):  # years that no calendar has, and what is no date at all
        return None
