"""The rate limit of a connection: requests start no closer together than requestsPerSecond allows. Also Retry-After."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_HEADER = 200  # characters of a Retry-After; a longer one is ignored


class RateLimit:
    """Shared by all threads of a source. Tests inject `clock` and `sleep`."""

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

    def wait(self, until: float | None = None) -> bool:
        """Sleep until this request may start. False, at once, if that is not before `until`."""
        with self._lock:
            now = self._clock()
            start = max(now, self._next)
            if until is not None and start >= until:
                return False
            self._next = start + self._gap
        if start > now:
            self._sleep(start - now)
        return True

    def pause(self, seconds: float) -> None:
        """Let no request start within the next `seconds`: a 429 to one thread is meant for all."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """The seconds that a Retry-After header asks for, as a number or as a date; None when it is unusable."""
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
    except (ValueError, OverflowError, TypeError, IndexError):  # no date, or a year that no calendar has
        return None
