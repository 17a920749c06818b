"""What a page says about the next one: Focus' `pagination.next` in the body, or a Link header in any spelling.

Unless a link stays on the service's host, only its query is used, with our own address of the collection. So no link
can send the token to another host, and links that name an internal host still work.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

MAX_DIGITS = 15  # of an offset: no collection has more records
_ADDRESSES = frozenset({"href", "url", "uri"})
PAGES = frozenset({"next", "prev", "previous", "first", "last"})  # relations that speak of paging


@dataclass(frozen=True)
class Next:
    """What a page said about the next one. `said` False: nothing. `said` True without `url`: this was the last page, or,
    if `unclear`, there is a next one, named in a form that cannot be followed.
    """

    said: bool = False
    url: str | None = None
    unclear: bool = False

    @property
    def leads_on(self) -> bool:
        """Whether the server names a next page, in whatever form."""
        return self.url is not None or self.unclear

    @property
    def ended(self) -> bool:
        """Whether the server says that there is no next page."""
        return self.said and not self.leads_on


def from_body(value: Any) -> Next:
    """From `pagination.next` of a body: an address, also as an object that has it. Empty values mean the last page."""
    if isinstance(value, dict):
        value = next((v for k, v in value.items() if k.lower() in _ADDRESSES), value)
    if isinstance(value, str):
        return Next(True, value.strip() or None)
    return Next(True, None, unclear=bool(value))


def together(*said: Next) -> Next:
    """What several places of an answer say. One that names a next page outweighs those that name none."""
    return max(said, key=lambda each: (each.url is not None, each.unclear, each.said), default=Next())


def from_header(value: str | None) -> Next:
    """From a Link header, with or without <>. Links without a next mean that this is the last page."""
    rels: dict[str, str] = {}
    for link in _split(value or "", ","):
        url, *parameters = _split(link, ";")
        for parameter in parameters:
            name, _, rel = parameter.partition("=")
            if name.strip().lower() == "rel":
                for word in rel.strip().strip("\"'").lower().split():
                    rels.setdefault(word, url.strip().removeprefix("<").removesuffix(">").strip())
                break
    if not rels.keys() & PAGES:
        return Next()
    return Next(True, rels.get("next") or None)


def _split(text: str, by: str) -> list[str]:
    """The parts of a header's value, in one pass. Text in <> or in quotes is not divided."""
    parts: list[str] = []
    begin, until = 0, ""
    for at, letter in enumerate(text):
        if until:
            until = "" if letter == until else until
        elif letter == "<":
            until = ">"
        elif letter == '"':
            until = letter
        elif letter == by:
            parts.append(text[begin:at])
            begin = at + 1
    parts.append(text[begin:])
    return parts


def cursor(next_: Next, base: str) -> str | None:
    """The address to follow where only the server knows how to page; None when the link pages by offset, as we do
    ourselves.

    `base` is our address of the collection. An offset in the link is not used: some servers are off by one, and some go
    too far when they clamp the page size. Only the rows received count.
    """
    if next_.url is None:
        return None
    try:
        parts, own = urlsplit(urljoin(base, next_.url)), urlsplit(base)
    except ValueError:
        return None  # not an address: there is more, and an offset will find it
    query = parse_qsl(parts.query, keep_blank_values=True)
    if not query or any(name.lower() == "offset" for name, _ in query):
        return None if query or parts.path == own.path else _at_home(parts.path, "", own)
    same = (parts.scheme, parts.netloc) == (own.scheme, own.netloc)
    return _at_home(parts.path if same else own.path, urlencode(query, quote_via=quote), own)


def unreadable(next_: Next) -> bool:
    """Whether a next page is named, but nobody can say which: it may lead on."""
    if next_.url is None:
        return next_.unclear
    try:
        query = urlsplit(next_.url).query
    except ValueError:
        return True
    return offset_of(next_) is None and any(name.lower() == "offset" for name, _ in parse_qsl(query))


def offset_of(next_: Next) -> int | None:
    """The offset that a next link names; None when it names none."""
    if next_.url is None:
        return None
    try:
        query = urlsplit(next_.url).query
    except ValueError:
        return None
    for name, value in parse_qsl(query):
        if name.lower() == "offset" and value.isdecimal() and len(value) <= MAX_DIGITS:
            return int(value)
    return None


def _at_home(path: str, query: str, own: SplitResult) -> str:
    return urlunsplit((own.scheme, own.netloc, path, query, ""))
