"""Test Connection: what the source has, and which attributes it fills. Reads all organisations and some of the rest."""

from collections.abc import Callable, Iterable, Mapping

from rostersync.errors import Permanent
from rostersync.sources.fill import Fill
from rostersync.sources.oneroster.decode import Decoder
from rostersync.sources.oneroster.pages import Got, Pages
from rostersync.sources.oneroster.paging import Ask, Walk
from rostersync.sources.oneroster.pull import Pull
from rostersync.sources.oneroster.transport import Transport
from rostersync.sources.port import COLLECTIONS, CheckResult, Page, SchoolFound

OK = "Connection is OK"
SAMPLES = 3  # pages looked at, spread over the collection where its total is known
MOST_SAMPLES = 24  # pages of users, until every entity was seen: servers sort people of one role together
MOST_ORGS = 100_000  # a server that sends more repeats itself under new ids


def check(transport: Transport, skip: frozenset[str] = frozenset()) -> CheckResult:
    """Read a sample of every collection but those of `skip`. Raises Permanent or Retryable that says what to mend."""
    fill = Fill()
    totals: dict[str, int | None] = {}
    not_offered: list[str] = []
    scopes: set[str] = set()
    schools: list[SchoolFound] = []
    for collection in COLLECTIONS:
        decoder = Decoder(collection, None, required=collection in transport.endpoint.required)
        if collection == "orgs":
            orgs: list[Page] = []
            reading = Pull(transport, decoder, _bounded(orgs, transport)).run()
            totals[collection] = reading.total if reading.total is not None else reading.rows
            for page in orgs:
                fill.add(collection, page.batch)
            schools = sorted(_schools(orgs), key=lambda s: s.id)
            continue
        if collection in skip:
            continue
        pages = Pages(transport, decoder, Walk())
        first = pages.first()
        if first is None:
            not_offered.append(collection)
            scopes |= {pages.scope} - {""}
            continue
        totals[collection] = first.seen.total
        fill.add(collection, first.decoded.batch)
        for number, got in enumerate(_further(pages, first, MOST_SAMPLES if collection == "users" else SAMPLES), 2):
            fill.add(collection, got.decoded.batch)
            if number >= SAMPLES and fill.has_all_people():
                break
    _must_show_something(transport, totals, fill)
    return CheckResult(OK, tuple(schools), tuple(fill.rows()), totals, tuple(not_offered), tuple(sorted(scopes)))


def _must_show_something(transport: Transport, totals: Mapping[str, int | None], fill: Fill) -> None:
    """Raises Permanent when a source answers but shows nobody: there is nothing to import from it."""
    nothing = [what for what in ("orgs", "users") if not totals.get(what) and not fill.rows_of(what)]
    if nothing:
        shown = "neither organisations nor users" if len(nothing) == 2 else f"no {nothing[0]}"
        raise Permanent(
            f"{transport.endpoint.name} answers, but shows {shown}: the credential probably sees nothing. Let it see the "
            f"district's schools and people{transport.endpoint.where_rights_are}, and check deliveryConfig.serviceURL "
            "and scope",
            reason="NothingToSee",
        )


def _bounded(orgs: list[Page], transport: Transport) -> Callable[[Page], None]:
    """A sink for pages of organisations. It raises Permanent when they do not end."""
    rows = 0

    def take(page: Page) -> None:
        nonlocal rows
        rows += page.batch.num_rows
        if rows > MOST_ORGS:
            raise Permanent(
                f"{transport.endpoint.name} has sent more than {MOST_ORGS:,} organisations and does not come to an end; "
                "check deliveryConfig.serviceURL with the SIS's operator",
                reason="WithoutEnd",
            )
        orgs.append(page)

    return take


def _further(pages: Pages, first: Got, samples: int) -> Iterable[Got]:
    """The pages after the first: all of them, or `samples` pages spread over a larger collection."""
    total, rows = first.seen.total or 0, first.seen.rows
    if first.seen.cursor is not None or rows == 0:
        return
    spread = [total * i // samples for i in range(1, samples)]
    every = list(range(rows, total, rows))
    for offset in every if len(every) < samples and samples > SAMPLES else spread:
        if offset >= rows:
            got = pages.page(Ask(offset))
            if isinstance(got, Got):
                yield got


def _schools(pages: Iterable[Page]) -> Iterable[SchoolFound]:
    found: dict[str, SchoolFound] = {}
    for page in pages:
        columns = (page.batch.column(n).to_pylist() for n in ("sourcedId", "name", "type"))
        for id_, name, type_ in zip(*columns, strict=True):
            if (type_ or "").lower() == "school":
                found[id_] = SchoolFound(id_, name)
    return found.values()
