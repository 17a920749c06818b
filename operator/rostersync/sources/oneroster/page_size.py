"""How many rows to ask for at once."""

import threading

SMALLEST = 10  # page size below which halving stops
GROW_AFTER = 2  # good pages in a row after which a halved page size is doubled again
GROW_LATEST = 64  # the same where larger pages failed whenever they were tried again


class PageSize:
    """The page size in use: halved when the server fails or is too slow, doubled again when it has recovered."""

    def __init__(self, configured: int) -> None:
        self._configured = configured
        self._current = configured
        self._good = 0
        self._wait = GROW_AFTER
        self._trial = False  # whether the size was doubled and no page of it has come yet
        self._lock = threading.Lock()

    @property
    def current(self) -> int:
        """Rows to ask for."""
        return self._current

    def failed(self, used: int, *, again: bool) -> None:
        """A page of `used` rows failed; `again`: the same page, not for the first time at this size.

        A burst of failures is no reason for smaller pages, a page that fails again may be. Threads that fail at the same
        size halve it once.
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
        """A page of `used` rows came."""
        with self._lock:
            self._good += 1
            if self._trial and used >= self._current:
                self._trial, self._wait = False, GROW_AFTER
            if self._good >= self._wait and self._current < self._configured and not self._trial:
                self._good, self._trial = 0, True
                self._current = min(self._configured, self._current * 2)

    def limit(self, used: int) -> None:
        """The server refuses pages larger than half of `used` may be: never ask for more again."""
        with self._lock:
            self._configured = self._current = max(1, used // 2)


def whole(rows: int, offset: int, most: int) -> int:
    """The most rows to ask for at an offset where a server takes whole pages only, which had so many rows at first."""
    return next(n for n in range(min(rows, most), 0, -1) if rows % n == 0 and offset % n == 0)
