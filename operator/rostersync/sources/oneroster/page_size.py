"""How many rows to ask for at a time."""

import threading

SMALLEST = 10  # rows; the page size is not halved below this
GROW_AFTER = 2  # good pages in a row before a halved page size is doubled again
GROW_LATEST = 64  # the most such pages, after larger ones have failed again and again


class PageSize:
    """The current page size: halved when the server fails or is too slow, doubled again once it has recovered."""

    def __init__(self, configured: int) -> None:
        self._configured = configured
        self._current = configured
        self._good = 0
        self._wait = GROW_AFTER
        self._trial = False  # whether the size was doubled, and no page of that size has come yet
        self._lock = threading.Lock()

    @property
    def current(self) -> int:
        """Rows to ask for."""
        return self._current

    def failed(self, used: int, *, again: bool) -> None:
        """Note that a page of `used` rows failed. `again`: that page has failed at this size before.

        A burst of failures is no reason for smaller pages, but a page that fails again may be. Threads that fail at the
        same size halve it only once.
        """
        with self._lock:
            self._good = 0
            if used < self._current or not (again or self._trial):
                return
            if self._trial:
                self._wait = min(2 * self._wait, GROW_LATEST)
            self._trial = False
            if used == self._current and used > SMALLEST:
                self._current = max(SMALLEST, used // 2)

    def good(self, used: int) -> None:
        """Note that a page of `used` rows came."""
        with self._lock:
            self._good += 1
            if self._trial and used >= self._current:
                self._trial, self._wait = False, GROW_AFTER
            if self._good >= self._wait and self._current < self._configured and not self._trial:
                self._good, self._trial = 0, True
                self._current = min(self._configured, self._current * 2)

    def limit(self, used: int) -> None:
        """The server refused `used` rows for being too many: never ask for more than half of that again."""
        with self._lock:
            self._configured = self._current = max(1, used // 2)


def whole(rows: int, offset: int, most: int) -> int:
    """The most rows to ask for at an offset, up to `most`, where a server only takes whole pages and `rows` was its
    first size.
    """
    return next(n for n in range(min(rows, most), 0, -1) if rows % n == 0 and offset % n == 0)
