"""Decides which page of a collection to ask for next; pull.py asks.

Offsets advance by the rows received, since servers clamp the page size silently, and a short page is not the end. When
the server's `next` or total says that everything has come, one more page is asked for: without rows, it is the end.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rostersync.sources.oneroster.links import Next, offset_of, unreadable
from rostersync.sources.port import End

MAX_REPEATS = 3  # pages in a row that were all seen before: the server does not advance
MAX_EMPTY = 3  # empty pages in a row after which a next link is still followed


@dataclass(frozen=True)
class Ask:
    """The page to ask for: by offset, or by the server's own address where only the server knows how to page.

    `jump`: the record in front of it has not been read, since the server skips records that it does not show.
    """

    offset: int
    cursor: str | None = None
    jump: bool = False


@dataclass(frozen=True)
class Seen:
    """What a page said. `cursor`: the address of the next page, where only the server knows it (links.cursor)."""

    rows: int
    total: int | None
    next: Next
    cursor: str | None
    fingerprint: int


class Walk:
    """The way through one collection. `total` is the first total that the server named, `highest` the largest one.

    `doubts` are answers that contradict earlier ones. A pull with any of them proves nothing.
    """

    def __init__(self) -> None:
        self.total: int | None = None
        self.highest: int | None = None
        self.received = 0
        self.offset = 0
        self.fresh = False  # whether the last page brought rows to keep
        self.led_on = False  # whether the last page with rows named a next one
        self.linked = False  # whether the server's own addresses were followed: nobody sees whether such pages join up
        self.uneven = False  # whether a page that was not the last one had fewer rows than another
        self.doubts: list[str] = []
        self._hint: End | None = None  # why the next page should be empty
        self._linked = False
        self._links: set[str] = set()
        self._prints: set[int] = set()
        self._sizes: tuple[int, int] | None = None  # rows of the smallest and of the largest page that led on
        self._repeats = 0
        self._empty = 0

    @property
    def probing(self) -> bool:
        """Whether the next page is only asked for to see that it is empty."""
        return self._hint is not None

    def doubt(self, what: str) -> None:
        """Note that an answer contradicts earlier ones. May be called from several threads."""
        self.doubts.append(what)

    def after(self, ask: Ask, seen: Seen) -> Ask | End:
        """What to do after a page: ask for another one, or stop there."""
        self.fresh = False
        self.counted(seen.total)
        if seen.rows == 0:
            return self._after_empty(ask, seen)
        self._empty = 0
        repeated = self.repeated(seen.fingerprint)
        if repeated and self._hint is not None and not seen.next.leads_on:
            return self._hint  # everything came on one page, from a server without offsets
        if self._repeats >= MAX_REPEATS:
            return End.STUCK
        if repeated:
            self.doubt(f"the page at offset {ask.offset} had come before")
        self.fresh, self.led_on = True, seen.next.leads_on
        self.received += seen.rows
        self.offset = ask.offset + seen.rows
        smallest, largest = self._sizes or (seen.rows, seen.rows)
        self.uneven = self.uneven or smallest < largest or largest < seen.rows
        if seen.cursor is not None:
            self._sizes = min(smallest, seen.rows), max(largest, seen.rows)
            return self._follow(seen.cursor)
        if ask.cursor is not None:
            return End.NEXT  # its links led here, and no further
        self._hint = self._expects_end(seen)
        return Ask(self.offset)

    def counted(self, total: int | None) -> None:
        """Note the total that a page named."""
        if total is not None:
            self.total = total if self.total is None else self.total
            self.highest = max(total, self.highest or 0)

    def knows(self, fingerprint: int) -> bool:
        """Whether a page was seen before."""
        return fingerprint in self._prints

    def repeated(self, fingerprint: int) -> bool:
        """Remember a page. Returns whether it was seen before."""
        known = self.knows(fingerprint)
        self._prints.add(fingerprint)
        self._repeats = self._repeats + 1 if known else 0
        return known

    @property
    def stuck(self) -> bool:
        """Whether too many pages in a row were seen before."""
        return self._repeats >= MAX_REPEATS

    @property
    def left(self) -> int:
        """How many rows are left up to the total; 0 where there is none."""
        return max((self.total or 0) - self.offset, 0)

    def windows(self, step: int) -> Iterator[tuple[int, int]]:
        """(offset, rows) of the pages left up to the total, which can be asked for in parallel; none without a total.

        They are made one at a time, since a server may claim any total.
        """
        total = self.total or 0
        return ((start, min(step, total - start)) for start in range(self.offset, total, step))

    def after_windows(self, rows: int) -> Ask:
        """The step after the windows, which brought this many rows: see whether there is more."""
        self.received += rows
        self.offset = self.total or 0
        self._hint = End.TOTAL if self.total is not None and self.received >= self.total else None
        return Ask(self.offset)

    def _after_empty(self, ask: Ask, seen: Seen) -> Ask | End:
        self._empty += 1
        further = self._further(ask, seen)
        if further is not None or unreadable(seen.next):
            # A server that filters after paging may send an empty page and go on. So may one that lost the page, so what
            # follows is read, but proves nothing.
            self.doubt(f"nothing came at offset {ask.offset} although a next page was named")
            if further is not None and self._hint is None and self._empty <= MAX_EMPTY:
                return further
            return End.CUT
        if ask.cursor is None:
            return End.NEXT if seen.next.ended or self._hint is End.NEXT else End.EMPTY
        # Some servers name a next page after every full one; the next pull has pages of another size, which tells.
        self.doubt(f"the page that was named as the next one after {self.received} rows was empty")
        return End.NEXT

    def _further(self, ask: Ask, seen: Seen) -> Ask | None:
        """The next page that an empty one names; None when that leads no further."""
        if seen.cursor is not None:
            if seen.cursor in self._links:
                return None
            self._links.add(seen.cursor)
            return Ask(self.offset, seen.cursor)
        offset = offset_of(seen.next)
        return Ask(offset, jump=True) if offset is not None and offset > ask.offset else None

    def _follow(self, cursor: str) -> Ask | End:
        if cursor in self._links:
            return End.STUCK
        self._links.add(cursor)
        self.linked = True
        return Ask(self.offset, cursor)

    def _expects_end(self, seen: Seen) -> End | None:
        before, self._linked = self._linked, self._linked or seen.next.said
        if seen.next.ended or (before and not seen.next.said):
            return End.NEXT
        return End.TOTAL if self.total is not None and self.received >= self.total else None
