"""One pull of one collection: asks for the pages that paging.py names, several at once where a total is known."""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from itertools import islice
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from rostersync.errors import Permanent
from rostersync.sources.oneroster.auth import Answer
from rostersync.sources.oneroster.decode import Decoded, Decoder
from rostersync.sources.oneroster.delivery import bare
from rostersync.sources.oneroster.envelope import count
from rostersync.sources.oneroster.links import cursor, from_header
from rostersync.sources.oneroster.paging import Ask, PageSize, Seams, Seen, Walk
from rostersync.sources.oneroster.transport import Transport
from rostersync.sources.oneroster.trouble import Again, Trouble
from rostersync.sources.port import REQUIRED, End, Page, Reading

NOT_OFFERED = frozenset({403, 404, 405, 410, 501})
MAY_BE_THE_SORT = frozenset({400, 422})
SMALLEST_REFUSED = 10  # a first page of fewer rows that is refused is not refused for its size
UNSORTED_AFTER = 3  # failures of a first page after which it is asked for without sort
SHORT_TRIES = 2  # times that a page with fewer rows than its own x-count is asked for again


@dataclass(frozen=True)
class Got:
    """A page that came."""

    ask: Ask
    decoded: Decoded
    seen: Seen
    revision: str | None
    limit: int
    before: str | None = None  # id of the record in front of the page, where it was asked for too


@dataclass(frozen=True)
class Refused:
    """A page that the server refused for good."""

    status: int


class Moved(Exception):  # noqa: N818 - named for what happened
    """The server's revision changed while pages were read."""


class Pull:
    """Reads a collection once; use it for one `run`."""

    def __init__(self, transport: Transport, decoder: Decoder, sink: Callable[[Page], None]) -> None:
        self._transport = transport
        self._collection = decoder.collection
        self._decoder = decoder
        self._sink = sink
        self._base = address(transport.delivery.service_url, decoder.collection)
        self._size = PageSize(transport.delivery.page_size)
        self._walk = Walk()
        self._seams = Seams()
        self._overlap = True  # whether pages are asked for with the record in front of them
        self._largest = 0  # rows on the largest page so far
        self._sort = True
        self._revision: str | None = None
        self._requests = 0

    def run(self) -> Reading:
        """Read all pages. Raises Permanent when a required collection is not offered."""
        threads = self._transport.delivery.max_concurrent_requests
        # One more than there are requests at once, which the transport sees to: a page is decoded while others are awaited.
        pool = ThreadPoolExecutor(max_workers=threads + 1, thread_name_prefix="page")
        try:
            first = self.first()
            if first is None:
                return Reading(offered=False, requests=self._requests)
            end, recount = self._read(pool, threads, first)
        except Moved:
            end, recount = End.MOVED, None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return Reading(
            offered=True, end=end, total=self._walk.total, recount=recount, rows=self._walk.received,
            page_size=self._size.current, requests=self._requests, revision=self._revision,
            seamless=self._overlap and self._seams.hold(),
        )  # fmt: skip

    def first(self) -> Got | None:
        """The first page, asked for without sort or with a smaller size if need be; None when not offered."""
        while True:
            limit = self._size.current
            got = self.page(Ask(0), limit)
            if isinstance(got, Got):
                return got
            if got.status in MAY_BE_THE_SORT and self._sort:
                self._sort = False
            elif got.status in MAY_BE_THE_SORT and limit > SMALLEST_REFUSED:
                self._size.limit(limit)
                self._sort = True
            elif got.status in NOT_OFFERED:
                self._must_be_optional(got.status)
                return None
            else:
                raise Permanent(
                    f"{self._transport.delivery.name} refused to list {self._collection} ({got.status}) at "
                    f"{bare(self._base)}; check deliveryConfig.serviceURL and version",
                    reason="RequestRefused",
                )

    def page(self, ask: Ask, limit: int | None = None) -> Got | Refused:
        """One page, with retries; `limit` rows at most, fewer when the server needs smaller pages."""
        used = 0
        failures = 0
        short = 0

        def url() -> str:
            nonlocal used
            self._requests += 1
            used = min(limit or self._size.current, self._size.current)
            return ask.cursor or self._url(ask.offset, used)

        def overloaded() -> None:
            nonlocal failures
            failures += 1
            self._size.shrink(used)
            if ask.offset == 0 and failures >= UNSORTED_AFTER:
                self._sort = False  # some fail on a sort that they do not know

        def read(answer: Answer) -> Got | Refused:
            nonlocal short
            if answer.status >= 300:
                return Refused(answer.status)
            try:
                decoded = self._decoder.page(answer.body)
            except Again as again:
                raise Again(Trouble.UNREADABLE, f"{answer.status}, {again.what}", detail=answer.text()) from None
            announced = count(answer.headers.get("x-count"))
            if announced is not None and decoded.rows < announced <= used and short < SHORT_TRIES:
                short += 1
                raise Again(Trouble.UNREADABLE, "fewer rows than it announced")
            self._transport.read_before = True
            self._size.good()
            return self._got(ask, answer, decoded, used)

        return self._transport.get(url, read, f"GET /{self._collection}", self._base, overloaded)

    def _got(self, ask: Ask, answer: Answer, decoded: Decoded, limit: int) -> Got:
        said = decoded.next if decoded.next.said else from_header(answer.headers.get("link"))
        total = count(answer.headers.get("x-total-count"))
        seen = Seen(
            rows=decoded.rows,
            total=decoded.total if total is None else total,
            next=said,
            cursor=cursor(said, self._base),
            fingerprint=decoded.fingerprint,
        )
        self._largest = max(self._largest, decoded.rows)
        return Got(ask, decoded, seen, (answer.headers.get("x-perm-rev") or "").strip() or None, limit)

    def _following(self, ask: Ask, limit: int | None = None, last: str | None = None) -> Got | Refused:
        """A page that is not the first, asked for with the record in front of it, which shows whether records moved.

        `last` is the id that the page before ended with, None when that page is still on its way.
        """
        if ask.cursor is not None or ask.offset == 0:
            return self.page(ask, limit)
        got: Got | Refused | None = None
        if self._overlap and not ask.jump:
            got = self.page(Ask(ask.offset - 1), limit and limit + 1)
            if isinstance(got, Got) and self._fits(got, last):
                rest, seen = got.decoded.without_first(), replace(got.seen, rows=got.seen.rows - 1)
                return replace(got, ask=ask, decoded=rest, seen=seen, before=got.decoded.first)
            if isinstance(got, Got) and self._walk.probing and self._walk.knows(got.seen.fingerprint):
                return got  # the whole collection once more
        plain = self.page(ask, limit)  # some know only offsets that are multiples of the limit
        nothing = isinstance(plain, Refused) or plain.seen.rows == 0
        if not (nothing and (ask.jump or isinstance(got, Refused))):
            self._overlap = False
        return plain

    def _fits(self, got: Got, last: str | None) -> bool:
        """Whether a page begins with the record that was to be there, as far as that is known."""
        # A server of one record a page would get no further this way; one that keeps to multiples sends a page again.
        enough = got.seen.rows > 1 or (got.seen.rows == 1 and self._largest > 1)
        return enough and got.decoded.first is not None and last in (None, got.decoded.first)

    def _read(self, pool: ThreadPoolExecutor, threads: int, first: Got) -> tuple[End, int | None]:
        got = first
        step, last = self._step(first), first.decoded.last
        unwritten = first if self._walk.fresh else None
        one_by_one = threads == 1
        while isinstance(step, Ask):
            coming = pool.submit(self._following, step, None, last)
            if unwritten is not None:
                self._emit(unwritten)  # while the next page is on its way
                unwritten = None
            if isinstance(next_ := coming.result(), Refused):
                return self._walk.refused(), self._recount(None)
            got = next_
            step, last = self._step(got), got.decoded.last
            unwritten = got if self._walk.fresh else None
            if isinstance(step, Ask) and step.cursor is None and not self._walk.probing and not one_by_one:
                # The first page shows what the server clamps to, the second one which offsets it knows.
                one_by_one = True
                windows = self._walk.windows(min(first.limit, first.seen.rows) - self._overlap)
                if windows and unwritten is not None:
                    self._emit(unwritten)
                    unwritten = None
                    step, last = self._side_by_side(pool, threads, windows), None
        if unwritten is not None:
            self._emit(unwritten)
        return step, None if step is End.STUCK else self._recount(got)

    def _side_by_side(self, pool: ThreadPoolExecutor, threads: int, windows: list[tuple[int, int]]) -> Ask | End:
        """Read the windows, several at once; the next step."""
        self._decoder.expect(len(windows))
        left: Iterator[tuple[int, int]] = iter(windows)
        running: set[Future[list[Got]]] = set()
        rows = 0
        while True:
            running |= {pool.submit(self._window, *w) for w in islice(left, threads + 2 - len(running))}
            if not running:
                return self._walk.after_windows(rows)
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for got in (g for future in done for g in future.result()):
                self._watch_revision(got)
                self._walk.repeated(got.seen.fingerprint)
                if self._walk.stuck:
                    return End.STUCK
                rows += got.seen.rows
                self._join(got)
                self._emit(got)

    def _window(self, offset: int, rows: int) -> list[Got]:
        """All rows from offset on, in one page or in as many as the server makes of it."""
        pages: list[Got] = []
        have = 0
        while have < rows:
            got = self._following(Ask(offset + have), rows - have, pages[-1].decoded.last if pages else None)
            if isinstance(got, Refused):
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

    def _emit(self, got: Got) -> None:
        decoded = got.decoded
        self._sink(Page(got.ask.offset, decoded.batch, decoded.without_id, self._walk.total))

    def _recount(self, last: Got | None) -> int | None:
        """What the server says at the end how many there are; None when it never said."""
        if self._walk.total is None:
            return None
        if last is not None and last.seen.total == self._walk.total and last.seen.rows == 0 and self._walk.received:
            return last.seen.total  # said once more on the empty page; "nothing at all" is asked for again
        again = self.page(Ask(0), 1)
        if isinstance(again, Refused):
            return None
        self._watch_revision(again)
        return again.seen.total

    def _watch_revision(self, got: Got) -> None:
        if got.revision is not None and self._revision is not None and got.revision != self._revision:
            raise Moved
        self._revision = got.revision or self._revision

    def _must_be_optional(self, status: int) -> None:
        if self._collection in REQUIRED:
            raise Permanent(
                f"{self._transport.delivery.name} does not offer {self._collection} ({status}) at {bare(self._base)}; "
                "check deliveryConfig.serviceURL, and let the credential read it (in Focus: Setup > Third Party Systems)",
                reason="CollectionNotOffered",
            )

    def _url(self, offset: int, limit: int) -> str:
        sort = {"sort": "sourcedId", "orderBy": "asc"} if self._sort else {}
        parts = urlsplit(self._base)
        query = dict(parse_qsl(parts.query)) | {"limit": str(limit), "offset": str(offset)} | sort
        return urlunsplit(parts._replace(query=urlencode(query, quote_via=quote)))


def address(service_url: str, collection: str) -> str:
    """Where a collection is: below the service URL, whose own query stays."""
    parts = urlsplit(service_url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{collection}", fragment=""))
