"""How many rows to ask for at once."""

import threading

SMALLEST = 10  # page size below which halving stops
GROW_AFTER = 50  # good pages in a row after which a halved page size is doubled again


class PageSize:
    """The page size in use: halved when the server fails or is too slow, doubled again when it has recovered."""

    def __init__(self, configured: int) -> None:
        self._configured = configured
        self._current = configured
        self._good = 0
        self._lock = threading.Lock()

    @property
    def current(self) -> int:
        """Rows to ask for."""
        return self._current

    def shrink(self, used: int) -> None:
        """A page of `used` rows failed. Threads that fail at the same size halve it once."""
        with self._lock:
            self._good = 0
            if used <= self._current and used > SMALLEST:
                self._current = max(SMALLEST, used // 2)

    def good(self) -> None:
        """A page came."""
        with self._lock:
            self._good += 1
            if self._good >= GROW_AFTER and self._current < self._configured:
                self._good = 0
                self._current = min(self._configured, self._current * 2)

    def limit(self, used: int) -> None:
        """The server refuses pages larger than half of `used` may be: never ask for more again."""
        with self._lock:
            self._configured = self._current = max(1, used // 2)


def whole(rows: int, offset: int, most: int) -> int:
    """The most rows to ask for at an offset where a server takes whole pages only, which had so many rows at first."""
    return next(n for n in range(min(rows, most), 0, -1) if rows % n == 0 and offset % n == 0)
