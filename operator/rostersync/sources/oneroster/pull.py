"""Pulls one collection: asks for the pages that paging.py names, several at once where the total is known."""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice

from rostersync.errors import Retryable
from rostersync.sources.oneroster.continuity import Continuity
from rostersync.sources.oneroster.decode import Decoder
from rostersync.sources.oneroster.overlap import Overlap
from rostersync.sources.oneroster.pages import Got, Pages, Refused
from rostersync.sources.oneroster.paging import MAX_EMPTY, Ask, Walk
from rostersync.sources.oneroster.transport import Transport
from rostersync.sources.port import End, Page, Reading


class Moved(Exception):  # noqa: N818 - named for what happened
    """The server's revision changed while pages were being read."""


class Pull:
    """Reads a collection once, in pages of `rows`. Use it for one `run`."""

    def __init__(
        self, transport: Transport, decoder: Decoder, sink: Callable[[Page], None], rows: int | None = None
    ) -> None:
        self._threads = transport.endpoint.max_concurrent_requests
        self._decoder = decoder
        self._sink = sink
        self._walk = Walk()
        self._seams = Continuity()
        self._pages = Pages(transport, decoder, self._walk, rows)
        self._revision: str | None = None
        self._tail: Got | None = None  # the page with the last rows
        self._unseen = False  # whether one wrong answer could have hidden rows, so that only another pull can tell

    def run(self) -> Reading:
        """Read all pages. Raises Permanent when a required collection is not offered."""
        # One thread more than the requests that the transport allows at once: it decodes while the others wait for answers.
        pool = ThreadPoolExecutor(max_workers=self._threads + 1, thread_name_prefix="page")
        recount: int | None = None
        whole: int | None = None
        try:
            first = self._pages.first()
            if first is None:
                refused, scope = self._pages.refused, self._pages.scope
                return Reading(offered=False, requests=self._pages.requests, status=refused, scope=scope)
            overlap = Overlap(self._pages, self._walk, first)
            end, last = self._read(pool, overlap, first)
            whole = overlap.whole
            recount = self._look_again(end, overlap, first, last)
        except Moved:
            end = End.MOVED
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        if not self._seams.hold():
            self._walk.doubt("pages did not begin where the ones before had ended")
        return Reading(
            offered=True,
            end=end,
            total=self._walk.total,
            recount=recount,
            highest=self._walk.highest,
            rows=self._walk.received,
            page_size=self._pages.size.current,
            requests=self._pages.requests,
            revision=self._revision,
            seamless=whole is None and not self._unseen,
            linked=self._walk.linked,
            doubts=tuple(self._walk.doubts),
        )

    def _read(self, pool: ThreadPoolExecutor, overlap: Overlap, first: Got) -> tuple[End, Got]:
        """Read the pages after the first. Returns how they ended, and the last of them."""
        got = first
        step, last = self._step(first), first.decoded.last
        unwritten = first if self._walk.fresh else None
        one_by_one = self._threads == 1
        while isinstance(step, Ask):
            coming = pool.submit(overlap.page, overlap.next(step, got), None, last)
            if unwritten is not None:
                self._emit(unwritten)  # while the next page is under way
                unwritten = None
            if isinstance(next_ := coming.result(), Refused):
                overlap.refused(next_)
                return End.REFUSED, got
            got = next_
            step, last = self._step(got), got.decoded.last
            unwritten = got if self._walk.fresh else None
            if isinstance(step, Ask) and step.cursor is None and not self._walk.probing and not one_by_one:
                # The first page shows to what size the server clamps, the second one which offsets it takes.
                one_by_one = True
                if self._walk.left and not self._walk.doubts:
                    if unwritten is not None:
                        self._emit(unwritten)
                        unwritten = None
                    step, last = self._side_by_side(pool, overlap, min(first.limit, first.seen.rows)), None
        if unwritten is not None:
            self._emit(unwritten)
        return step, got

    def _side_by_side(self, pool: ThreadPoolExecutor, overlap: Overlap, rows: int) -> Ask | End:
        """Read the rest up to the total in pages of `rows`, several at once. Returns the next step."""
        left = self._walk.windows(max(1, rows - overlap.on))
        self._decoder.expect(self._walk.left // rows)
        running: set[Future[list[Got]]] = set()
        received = barren = 0
        while running or barren < MAX_EMPTY:
            if barren < MAX_EMPTY:  # else what is under way comes to its end, since it may have rows
                more = islice(left, self._threads + 2 - len(running))
                running |= {pool.submit(self._window, overlap, *w) for w in more}
            if not running:
                return self._walk.after_windows(received)
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for pages in (future.result() for future in done):
                barren = 0 if any(got.seen.rows for got in pages) else barren + 1
                for got in pages:
                    self._watch_revision(got)
                    self._walk.counted(got.seen.total)
                    if got.seen.rows:  # empty pages are alike, and counted by themselves
                        self._walk.repeated(got.seen.fingerprint)
                    if self._walk.stuck:
                        return End.STUCK
                    received += got.seen.rows
                    self._join(got)
                    self._emit(got)
        return End.CUT

    def _window(self, overlap: Overlap, offset: int, rows: int) -> list[Got]:
        """All rows of a window, on one page or on as many as the server makes of it."""
        pages: list[Got] = []
        have = 0
        while have < rows:
            got = overlap.page(Ask(offset + have), rows - have, pages[-1].decoded.last if pages else None)
            if isinstance(got, Refused):
                overlap.refused(got)
                break
            pages.append(got)
            before, have = have, got.ask.offset + got.seen.rows - offset
            if have <= before:
                break
        return pages

    def _step(self, got: Got) -> Ask | End:
        self._watch_revision(got)
        step = self._walk.after(got.ask, got.seen)
        if self._walk.fresh or got.seen.rows == 0:
            self._join(got)
        return step

    def _join(self, got: Got) -> None:
        if got.before is not None:
            self._seams.begins(got.ask.offset, got.before)
        if got.seen.rows:
            self._seams.ends(got.ask.offset + got.seen.rows, got.decoded.last)
            if self._tail is None or got.ask.offset >= self._tail.ask.offset:
                self._tail = got

    def _emit(self, got: Got) -> None:
        decoded = got.decoded
        self._sink(Page(got.ask.offset, decoded.batch, decoded.without_id, self._walk.total, decoded.unread))

    def _look_again(self, end: End, overlap: Overlap, first: Got, last: Got) -> int | None:
        """Check that the end is the end. Returns the total that the server names there; None when it names none."""
        if end not in (End.NEXT, End.EMPTY, End.TOTAL):
            return None
        if overlap.whole is not None and self._tail is not None:
            overlap.confirm(self._tail)
        if self._walk.total is None:
            self._ends_again(overlap, first, last)
            return None
        if last.seen.total == self._walk.total and last.seen.rows == 0 and self._walk.received:
            return last.seen.total  # as the empty page repeats it; a total of nothing is asked for again
        again = self._pages.page(Ask(0), 1)
        if isinstance(again, Refused):
            self._walk.doubt(f"counting again was refused ({again.status})")
            return None
        self._watch_revision(again)
        if again.seen.total is None:
            self._walk.doubt("counting again gave no total")
        elif again.seen.rows == 0 and self._walk.received:
            self._walk.doubt("the first page was empty when it was asked for again")
        self._walk.counted(again.seen.total)
        return again.seen.total

    def _ends_again(self, overlap: Overlap, first: Got, last: Got) -> None:
        """Ask for the last page once more, where no total says how many records there are.

        That there are no more is said by one answer alone, and a single one may be wrong. So may the first, if nobody sees
        what follows it.
        """
        if self._tail is None:
            return
        if self._walk.linked and self._walk.uneven:
            self._unseen = True  # a row may be missing in the middle
        front = last.before if last.before is not None else self._tail.decoded.last
        try:
            with self._pages.impatient():
                begin = self._pages.page(Ask(0), 1) if self._walk.linked else first
                end = overlap.page(last.ask, None, front)
        except Retryable:
            self._unseen = True
            return
        if isinstance(begin, Refused) or isinstance(end, Refused):
            self._unseen = True  # an address that may be used only once
            return
        for got in (begin, end):
            self._watch_revision(got)
        if begin.decoded.first != first.decoded.first:
            self._walk.doubt("the first record was another one when it was asked for again")
        if end.seen.rows != last.seen.rows or end.seen.next.leads_on or end.decoded.last != last.decoded.last:
            self._walk.doubt(f"the page at offset {last.ask.offset} was the last one, and then it was not")

    def _watch_revision(self, got: Got) -> None:
        if got.revision is not None and self._revision is not None and got.revision != self._revision:
            raise Moved
        self._revision = got.revision or self._revision
