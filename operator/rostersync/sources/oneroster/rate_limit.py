"""The rate limit of a connection: requests start no closer together than requestsPerSecond allows."""

import threading
import time
from collections.abc import Callable


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
