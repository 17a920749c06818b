"""Asks for every page after the first together with the record in front of it, to see whether the server still agrees.

A server that answers with nothing, with an error or with another record in front contradicts itself. Only a server that
takes nothing but whole pages (offsets that are multiples of the limit) is asked differently: it gives itself away at
the second page, which it refuses, or for which it sends the first one again.
"""

from dataclasses import replace

from rostersync.sources.oneroster.pages import Got, Pages, Refused
from rostersync.sources.oneroster.paging import Ask, Walk


class Overlap:
    """Asks for the pages after the first. Safe to use from several threads once the second page has come."""

    def __init__(self, pages: Pages, walk: Walk, first: Got) -> None:
        self.whole: int | None = None  # rows per page, where the server takes whole pages only
        self._on = True  # whether pages are asked for together with the record in front
        self._worked = False
        self._shift = 1  # 0 where the server adds the record in front by itself
        self._pages = pages
        self._walk = walk
        self._first = first.decoded.first
        self._rows = first.seen.rows
        self._largest = first.seen.rows  # rows on the largest page so far
        self._refuses = False  # whether it refused a page that was not whole
        self._short: list[int] = []  # offsets of whole pages that were not full

    @property
    def on(self) -> bool:
        """Whether pages overlap by one record."""
        return self._on

    def page(self, ask: Ask, limit: int | None = None, last: str | None = None) -> Got | Refused:
        """A page. `last` is the id that the previous page ended with; None while that is still to come."""
        if ask.cursor is not None or ask.offset == 0:
            return self._pages.page(ask, limit)
        if self.whole is not None:
            return self._whole(ask, self.whole)
        if not self._on or ask.jump:
            self._on = False  # offsets also count records that are not shown
            return self._pages.page(ask, limit)
        got = self._pages.page(
            Ask(ask.offset - self._shift), limit and limit + 1, least=2
        )  # a page of one row could show nothing but the record in front
        if isinstance(got, Refused):
            return got if self._worked else self._whole_pages(ask, got)
        self._largest = max(self._largest, got.seen.rows)
        if got.seen.rows == 0:
            self._walk.doubt(f"nothing came at offset {got.ask.offset}, where a record had been read")
            return replace(got, ask=ask)
        if got.decoded.first is not None and last in (None, got.decoded.first):
            # With one record per page, this would get no further.
            return self._behind(ask, got) if self._more(got) else self._one_by_one(ask, got)
        if self._walk.probing and self._walk.knows(got.seen.fingerprint) and not got.seen.next.leads_on:
            return got  # the whole collection again
        if not self._worked and got.decoded.first == self._first:
            return self._whole_pages(ask, None)
        plain = self._pages.page(ask, limit)
        if last and not self._worked and isinstance(plain, Got) and plain.decoded.first == last and self._more(plain):
            self._shift = 0
            return self._behind(ask, plain)
        self._walk.doubt(f"the page at offset {ask.offset} did not begin where the one before had ended")
        self._on = False
        return plain

    def _more(self, got: Got) -> bool:
        return got.seen.rows > 1 or self._largest > 1

    def _behind(self, ask: Ask, got: Got) -> Got:
        """The rows of a page after the record in front."""
        self._worked = self._worked or got.ask.offset % got.limit != 0  # a whole page proves nothing
        rest, seen = got.decoded.without_first(), replace(got.seen, rows=got.seen.rows - 1)
        return replace(got, ask=ask, decoded=rest, seen=seen, before=got.decoded.first)

    def next(self, step: Ask, got: Got) -> Ask:
        """The step, moved on to where the next whole page begins."""
        if self.whole is None or step.cursor is not None or step.jump:
            return step
        return Ask(-(-step.offset // got.limit) * got.limit)

    def confirm(self, last: Got) -> None:
        """Check that `last` ends with the very last record, where the server takes whole pages only.

        Asks for a page of another size that reaches beyond the end: it shows rows that were lost at the edge of a page.
        """
        if any(offset < last.ask.offset for offset in self._short):
            self._walk.doubt(f"a page in front of offset {last.ask.offset} was not whole")
        at = last.ask.offset + last.seen.rows
        size = next((n for n in range(self.whole or 1, 1, -1) if at % n), None)
        if size is None:
            if self._walk.led_on:
                self._walk.doubt(f"the page after {at} rows was empty although it was named as the next one")
            return
        got = self._pages.page(Ask(at - at % size), size, whole=True)
        if isinstance(got, Refused):
            if not self._refuses:  # it may know one page size only
                self.refused(got)
        elif got.limit == size and (got.seen.rows != at % size or got.decoded.last != last.decoded.last):
            self._walk.doubt(f"the record at offset {at - 1} was the last one, and then it was not")

    def refused(self, answer: Got | Refused) -> None:
        """Note that a page was refused."""
        if isinstance(answer, Refused):
            self._walk.doubt(f"the page at offset {answer.ask.offset} was refused ({answer.status})")

    def _one_by_one(self, ask: Ask, front: Got) -> Got | Refused:
        plain = self._pages.page(ask, 1)
        if isinstance(plain, Got) and plain.seen.rows and plain.decoded.first != front.decoded.first:
            self._on, self.whole = False, 1
            return plain
        if self._walk.probing:
            return self._behind(ask, front)  # the only record, as the server said
        return plain

    def _whole_pages(self, ask: Ask, refused: Refused | None) -> Got | Refused:
        """The second page as a whole page. If that is refused too, the first refusal stands."""
        self._on, self.whole, self._refuses = False, self._rows, refused is not None
        plain = self._whole(ask, self._rows)
        return plain if refused is None or isinstance(plain, Got) else refused

    def _whole(self, ask: Ask, rows: int) -> Got | Refused:
        got = self._pages.page(ask, rows, whole=True)
        if isinstance(got, Got) and 0 < got.seen.rows < got.limit:
            self._short.append(ask.offset)
        return got
