"""How a collection is walked through, page by page. Decides only; pull.py does.

The rules: advance by rows received, since servers clamp the page size in silence and a short page is not the end.
A server's own `next` or total says when to look whether there is more, and an empty answer there is the end.
"""

import threading
from dataclasses import dataclass

from rostersync.sources.oneroster.links import Next, offset_of
from rostersync.sources.port import End

SMALLEST = 10  # page size below which halving stops
GROW_AFTER = 50  # good pages in a row after which a halved page size is doubled again
MAX_REPEATS = 3  # pages in a row that were all seen before: the server does not move on
MAX_EMPTY = 3  # empty pages in a row that are followed because the server names a next one


@dataclass(frozen=True)
class Ask:
    """The page to ask for: by offset, or by the server's own address where its paging is a secret.

    `jump`: the record in front of it has not been read, since the server passes over what it does not show.
    """

    offset: int
    cursor: str | None = None
    jump: bool = False


@dataclass(frozen=True)
class Seen:
    """What a page said. `cursor` is the address of the next page where only the server knows it (links.cursor)."""

    rows: int
    total: int | None
    next: Next
    cursor: str | None
    fingerprint: int


class Seams:
    """Whether each page begins where the one before ended, when records come and go while pages are read.

    Offsets count from the front: a record that goes shifts what follows, and one that was never read falls between two
    pages while every count agrees. So each page is asked for with the record in front of it, and where the server keeps
    an order, a record between the same two neighbours at every seam is on the page between them, whenever it was read.
    """

    def __init__(self) -> None:
        self._begins: dict[int, str] = {}
        self._ends: dict[int, str | None] = {}

    def begins(self, offset: int, before: str) -> None:
        """The record in front of the page at `offset` has the id `before`."""
        self._begins[offset] = before

    def ends(self, offset: int, last: str | None) -> None:
        """The last record of the page that reaches to `offset` has the id `last`."""
        self._ends[offset] = last

    def hold(self) -> bool:
        """Whether all pages so far fit together."""
        return all(self._ends.get(at) == id_ for at, id_ in self._begins.items())


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


class Walk:
    """The way through one collection. `total` is the first total that the server named."""

    def __init__(self) -> None:
        self.total: int | None = None
        self.received = 0
        self.offset = 0
        self.fresh = False  # whether the last page brought rows to keep
        self._hint: End | None = None  # what says that the next page should be empty
        self._linked = False
        self._links: set[str] = set()
        self._prints: set[int] = set()
        self._repeats = 0
        self._empty = 0

    @property
    def probing(self) -> bool:
        """Whether the next page is only asked for to see that there is none."""
        return self._hint is not None

    def after(self, ask: Ask, seen: Seen) -> Ask | End:
        """What to do after a page: ask for another one, or stop."""
        self.fresh = False
        if self.total is None:
            self.total = seen.total
        if seen.rows == 0:
            return self._after_empty(ask, seen)
        self._empty = 0
        repeated = self.repeated(seen.fingerprint)
        if repeated and self._hint is not None:
            return self._hint  # everything came on one page, and the server knows no offset
        if self._repeats >= MAX_REPEATS:
            return End.STUCK
        self.fresh = True
        self.received += seen.rows
        self.offset = ask.offset + seen.rows
        if seen.cursor is not None:
            return self._follow(seen.cursor)
        if ask.cursor is not None:
            return End.NEXT  # its links led here and lead no further
        self._hint = self._expects_end(seen)
        return Ask(self.offset)

    def refused(self) -> End:
        """The server refused a page that is not the first: the end where one was expected."""
        return self._hint or End.REFUSED

    def knows(self, fingerprint: int) -> bool:
        """Whether a page had been seen before."""
        return fingerprint in self._prints

    def repeated(self, fingerprint: int) -> bool:
        """Remember a page; whether it had been seen before."""
        known = self.knows(fingerprint)
        self._prints.add(fingerprint)
        self._repeats = self._repeats + 1 if known else 0
        return known

    @property
    def stuck(self) -> bool:
        """Too many pages in a row had been seen before."""
        return self._repeats >= MAX_REPEATS

    def windows(self, step: int) -> list[tuple[int, int]]:
        """(offset, rows) of what is left up to the total, to be asked for side by side; empty where there is no total."""
        if self.total is None or step < 1:
            return []
        return [(start, min(step, self.total - start)) for start in range(self.offset, self.total, step)]

    def after_windows(self, rows: int) -> Ask:
        """The windows brought this many rows in all: look whether there is more."""
        self.received += rows
        self.offset = self.total or 0
        self._hint = End.TOTAL if self.total is not None and self.received >= self.total else None
        return Ask(self.offset)

    def _after_empty(self, ask: Ask, seen: Seen) -> Ask | End:
        self._empty += 1
        if self._hint is None and self._empty < MAX_EMPTY and seen.next.url is not None:
            # A server that filters after paging may leave a page empty and go on.
            if seen.cursor is not None:
                return self._follow(seen.cursor)
            further = offset_of(seen.next)
            if further is not None and further > ask.offset:
                return Ask(further, jump=True)
        if seen.next.ended or ask.cursor is not None:
            return End.NEXT
        return End.NEXT if self._hint is End.NEXT else End.EMPTY

    def _follow(self, cursor: str) -> Ask | End:
        if cursor in self._links:
            return End.STUCK
        self._links.add(cursor)
        return Ask(self.offset, cursor)

    def _expects_end(self, seen: Seen) -> End | None:
        before, self._linked = self._linked, self._linked or seen.next.said
        if seen.next.ended or (before and not seen.next.said):
            return End.NEXT
        return End.TOTAL if self.total is not None and self.received >= self.total else None
