"""Asks for single pages of one collection, with retries, and says what came."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from rostersync.errors import Permanent
from rostersync.sources.oneroster.auth import Answer
from rostersync.sources.oneroster.beside import count, totals
from rostersync.sources.oneroster.decode import Decoded, Decoder
from rostersync.sources.oneroster.endpoint import bare
from rostersync.sources.oneroster.links import cursor, from_header, together
from rostersync.sources.oneroster.page_size import PageSize
from rostersync.sources.oneroster.page_size import whole as whole_page
from rostersync.sources.oneroster.paging import Ask, Seen, Walk
from rostersync.sources.oneroster.request_errors import Failure, TryAgain
from rostersync.sources.oneroster.scopes import lacking, missing
from rostersync.sources.oneroster.transport import Transport

NOT_OFFERED = frozenset({403, 404, 405, 410, 501})
MAY_BE_THE_SORT = frozenset({400, 422})
SMALLEST_REFUSED = 10  # rows; the size is not why a first page of fewer rows is refused
UNSORTED_AFTER = 3  # failures of the first page before it is asked for without sort
SHORT_TRIES = 2  # times that a page which contradicts itself is asked for again
NO_CONTENT = 204
WHOLE = frozenset({200, NO_CONTENT})  # others speak of a part, or of work that is not done


@dataclass(frozen=True)
class Got:
    """A page that came."""

    ask: Ask
    decoded: Decoded
    seen: Seen
    revision: str | None
    limit: int
    before: str | None = None  # id of the record in front of the page, where that was asked for too


@dataclass(frozen=True)
class Refused:
    """A page that the server refuses for good."""

    ask: Ask
    status: int


class Pages:
    """The pages of one collection. Safe to use from several threads. Contradictions are reported to `walk`."""

    def __init__(self, transport: Transport, decoder: Decoder, walk: Walk, rows: int | None = None) -> None:
        self.requests = 0
        self.refused: int | None = None  # the status of the answer that does not offer the collection
        self.size = PageSize(rows or transport.endpoint.page_size)
        self._transport = transport
        self._decoder = decoder
        self._walk = walk
        self._collection = decoder.collection
        self._required = decoder.required
        self._base = address(transport.endpoint.service_url, decoder.collection)
        self._sort = True

    def first(self) -> Got | None:
        """The first page, if need be without sort or with fewer rows; None when the collection is not offered.

        Raises Permanent when a required collection is not offered.
        """
        while True:
            limit = self.size.current
            got = self.page(Ask(0), limit)
            if isinstance(got, Got):
                return got
            if got.status in MAY_BE_THE_SORT and self._sort:
                self._sort = False
            elif got.status in MAY_BE_THE_SORT and limit > SMALLEST_REFUSED:
                self.size.limit(limit)
                self._sort = True
            elif got.status in NOT_OFFERED:
                self._must_be_optional(got.status)
                self.refused = got.status
                return None
            else:
                raise Permanent(
                    f"{self._transport.endpoint.name} refused to list {self._collection} ({got.status}) at "
                    f"{bare(self._base)}; check deliveryConfig.serviceURL and version",
                    reason="RequestRefused",
                )

    @contextmanager
    def impatient(self) -> Iterator[None]:
        """Do not wait out failures. For requests that are only a check, while no other is under way."""
        patient, self._transport.patient = self._transport.patient, False
        try:
            yield
        finally:
            self._transport.patient = patient

    def page(self, ask: Ask, limit: int | None = None, *, whole: bool = False, least: int = 1) -> Got | Refused:
        """One page, with retries: at most `limit` rows, fewer when the server needs smaller pages.

        `whole`: the offset must be a multiple of the rows asked for, as it is of `limit`. `least`: rows to ask for at
        least.
        """
        used = 0
        failures = 0
        failed = 0  # rows asked for when the page last failed
        short = 0

        def url() -> str:
            nonlocal used
            self.requests += 1
            used = max(least, min(limit or self.size.current, self.size.current))
            if whole and limit:
                used = whole_page(limit, ask.offset, used)
            return ask.cursor or self._url(ask.offset, used)

        def overloaded() -> None:
            nonlocal failures, failed
            failures += 1
            self.size.failed(used, again=failed == used)
            failed = used
            if ask.offset == 0 and failures >= UNSORTED_AFTER:
                self._sort = False  # some servers fail on a sort that they do not know

        def read(answer: Answer) -> Got | Refused:
            nonlocal short
            if answer.status >= 300:
                return Refused(ask, answer.status)
            decoded = self._decoded(answer)
            wrong = self._wrong(answer, decoded, used)
            if wrong and short < SHORT_TRIES:
                short += 1
                raise TryAgain(Failure.UNREADABLE, wrong)
            if wrong:
                self._walk.doubt(f"the page at offset {ask.offset} had {wrong}")
            self._transport.read_before = True
            self.size.good(used)
            return self._got(ask, answer, decoded, used)

        return self._transport.get(url, read, f"GET /{self._collection}", self._base, overloaded)

    def _decoded(self, answer: Answer) -> Decoded:
        if answer.status == NO_CONTENT and not self._required:
            return self._decoder.nothing()
        try:
            return self._decoder.page(answer.body)
        except TryAgain as again:
            raise TryAgain(Failure.UNREADABLE, f"{answer.status}, {again.what}", detail=answer.text()) from None

    def _wrong(self, answer: Answer, decoded: Decoded, used: int) -> str | None:
        """How a page contradicts itself; None if it does not."""
        if decoded.said.error is not None:
            return f"an error beside its rows ({decoded.said.error})"
        if answer.status not in WHOLE:
            return f"status {answer.status}, which is not that of a whole answer"
        announced = _announced(answer)
        # Some servers mean the whole collection by it, which has arrived by the time the last page is asked for.
        if announced is not None and decoded.rows < announced <= used and announced != self._walk.received:
            return "fewer rows than it announced"
        return None

    def _got(self, ask: Ask, answer: Answer, decoded: Decoded, limit: int) -> Got:
        said = together(decoded.said.next, from_header(answer.headers.get("link")))
        of_range = answer.headers.get("content-range", "").rpartition("/")[2].replace("*", "")
        total, wrong = totals((decoded.said.total, answer.headers.get("x-total-count"), of_range))
        if doubt := decoded.said.doubt or wrong:
            self._walk.doubt(f"the page at offset {ask.offset} {doubt}")
        seen = Seen(
            rows=decoded.rows,
            total=total,
            next=said,
            cursor=cursor(said, self._base),
            fingerprint=decoded.fingerprint,
        )
        return Got(ask, decoded, seen, (answer.headers.get("x-perm-rev") or "").strip() or None, limit)

    @property
    def scope(self) -> str:
        """The scope that the token may lack, where the collection was refused for lack of rights; else empty."""
        endpoint = self._transport.endpoint
        return lacking(self.refused, endpoint.version, self._collection, endpoint.authentication == "OAuth2")

    def _must_be_optional(self, status: int) -> None:
        if self._required:
            endpoint = self._transport.endpoint
            raise Permanent(
                f"{endpoint.name} does not offer {self._collection} ({status}) at {bare(self._base)}; "
                f"check deliveryConfig.serviceURL, and let the credential read it{endpoint.where_rights_are}"
                + missing(status, endpoint.version, self._collection, endpoint.authentication == "OAuth2"),
                reason="CollectionNotOffered",
            )

    def _url(self, offset: int, limit: int) -> str:
        sort = {"sort": "sourcedId", "orderBy": "asc"} if self._sort else {}
        parts = urlsplit(self._base)
        query = dict(parse_qsl(parts.query)) | {"limit": str(limit), "offset": str(offset)} | sort
        return urlunsplit(parts._replace(query=urlencode(query, quote_via=quote)))


def _announced(answer: Answer) -> int | None:
    """The number of rows that the page says it has."""
    try:
        return count(answer.headers.get("x-count"))
    except ValueError:
        return None


def address(service_url: str, collection: str) -> str:
    """The address of a collection: below the service URL, whose query is kept."""
    parts = urlsplit(service_url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{collection}", fragment=""))
