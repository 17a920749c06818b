"""Which rows a request gets, and how the answer refers to the rest."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from rostersync.simulator.layout import coprime
from rostersync.simulator.roster import PARTS, Roster, Row

DEFAULT_LIMIT = 100
INTERNAL_HOST = "http://10.11.12.13:8080"  # what a server behind a misconfigured proxy calls itself


@dataclass(frozen=True)
class Page:
    """The page asked for: at most `limit` rows from `offset` on, perhaps in descending order."""

    limit: int
    offset: int
    backwards: bool = False


def asked(query: dict[str, str]) -> Page:
    """The page that a query names.

    Raises ValueError for what is no number. Other sort fields are ignored, as OneRoster allows.
    """
    limit, offset = int(query.get("limit", DEFAULT_LIMIT)), int(query.get("offset", 0))
    if limit < 1 or offset < 0:
        raise ValueError("limit is at least 1, offset at least 0")
    backwards = query.get("sort") == "sourcedId" and query.get("orderBy", "").lower() == "desc"
    return Page(limit, offset, backwards)


def pick(
    roster: Roster, collection: str, page: Page, struck: dict[str, str | None], base: str
) -> Iterator[tuple[int, Row]]:
    """(number in the collection, row) of the rows of a page, in the order in which they are sent."""
    total = roster.total(collection)
    limit = min(page.limit, int(struck["short-pages"] or 50)) if "short-pages" in struck else page.limit
    start = page.offset - 1 if "duplicate-rows" in struck and page.offset else page.offset
    stop = min(start + limit, total)
    shuffle = "unsorted" in struck or "unstable-order" in struck
    if not shuffle and not page.backwards:
        yield from enumerate(roster.rows(collection, start, stop, base), start)
        return
    step, turn = coprime(total) if shuffle and total else 1, int(struck.get("unstable-order") or 0)
    for at in range(start, stop):
        number = (at * step + turn * 7919) % total if shuffle else total - 1 - at
        yield from _one(roster.rows(collection, number, number + 1, base), number)


def _one(rows: Iterable[Row], number: int) -> Iterator[tuple[int, Row]]:
    for row in rows:
        yield number, row


@dataclass(frozen=True)
class Answer:
    """The body's object and the headers of one page."""

    body: dict[str, Any]
    headers: dict[str, str]


def answer(
    collection: str,
    rows: list[Row],
    page: Page,
    total: int,
    in_body: bool,
    struck: dict[str, str | None],
    url: str,
    query: dict[str, str],
) -> Answer:
    """Body and headers for the rows of a page. `url` is the collection's, `query` the request's.

    `in_body`: the body names the next page and the total, as Focus does; else headers do.
    """
    key = PARTS.get(collection, (collection,))[0]
    body: dict[str, Any] = {"rows" if "missing-envelope" in struck else key: rows}
    headers = {}
    reached = page.offset + len(rows)
    more = reached < total and bool(rows)
    if "wrong-total" in struck:
        total = max(0, total + int(struck["wrong-total"] or 7))

    def at(offset: int) -> str:
        return f"{url}?{urlencode({**query, 'limit': page.limit, 'offset': offset})}"

    style = struck.get("links") or (None if in_body else "standard")
    if style is None and struck.get("next") != "off":
        following = at(reached) if more else ""
        if struck.get("next") == "relative":
            following = following and "/" + following.split("/", 3)[3]
        body["pagination"] = {"next": following}
    if style not in (None, "none"):
        targets = {"first": at(0), "last": at(max(0, total - 1) // page.limit * page.limit)}
        if more:
            targets["next"] = at(reached + (style == "off-by-one"))
        headers["Link"] = _links(style, targets)
    if "no-totals" not in struck:
        headers["X-Total-Count"] = str(total)
        if in_body:
            body["total"] = total
    if "perm-rev" in struck:
        headers["X-Perm-Rev"] = str(struck["perm-rev"])
        headers["X-Count"] = str(len(rows))
    return Answer(body, headers)


def _links(style: str, targets: dict[str, str]) -> str:
    if style == "relative":
        targets = {rel: "/" + target.split("/", 3)[3] for rel, target in targets.items()}
    if style == "internal":
        targets = {rel: f"{INTERNAL_HOST}/{target.split('/', 3)[3]}" for rel, target in targets.items()}
    bare = style in ("bare", "off-by-one")
    return ", ".join(f'{t if bare else f"<{t}>"}; rel="{rel}"' for rel, t in targets.items())
