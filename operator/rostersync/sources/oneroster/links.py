"""What a page says about the next one: Focus' `pagination.next` in the body, and Link headers of every spelling.

Only the query of a link is ever used, together with our own address of the collection, unless the link stays on
our own host: so no link can send the token to another host, and links to an internal host still work.
"""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

_REL = re.compile(r"""rel\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s;,]+))""", re.IGNORECASE)
_ENTRY = re.compile(r"""<([^>]*)>((?:[^,"]|"[^"]*")*)|([^\s,;<][^;]*?)\s*;((?:[^,"]|"[^"]*")*)""")


@dataclass(frozen=True)
class Next:
    """What a page said of the next one. `said` False: nothing. `url` None although `said`: this was the last page."""

    said: bool = False
    url: str | None = None

    @property
    def ended(self) -> bool:
        """The server says that there is no next page."""
        return self.said and self.url is None


def from_body(value: Any) -> Next:
    """`pagination.next` of a body: an address, or '' or null at the end. `value` is None when there was no such key."""
    return Next(True, value.strip() or None) if isinstance(value, str) else Next(True, None)


def from_header(value: str | None) -> Next:
    """A Link header, with or without <>. Links without a next say that the end was reached."""
    if not value or not value.strip():
        return Next()
    rels: dict[str, str] = {}
    for entry in _ENTRY.finditer(value):
        url = (entry.group(1) if entry.group(1) is not None else entry.group(3)).strip()
        rel = _REL.search(entry.group(2) or entry.group(4) or "")
        if rel:
            for name in (rel.group(1) or rel.group(2) or rel.group(3) or "").lower().split():
                rels.setdefault(name, url)
    if not rels.keys() & {"next", "prev", "previous", "first", "last"}:
        return Next()
    return Next(True, rels.get("next") or None)


def cursor(next_: Next, base: str) -> str | None:
    """The address to follow when paging is the server's secret; None when the link pages by offset, as we can ourselves.

    `base` is our address of the collection. An offset in the link is not used: it has been seen off by one, and
    too far where the server clamps the page size; rows received are the truth.
    """
    if next_.url is None:
        return None
    target = urljoin(base, next_.url)
    parts, own = urlsplit(target), urlsplit(base)
    query = parse_qsl(parts.query, keep_blank_values=True)
    if not query or any(name.lower() == "offset" for name, _ in query):
        return None if query or parts.path == own.path else _at_home(parts.path, "", own)
    same = (parts.scheme, parts.netloc) == (own.scheme, own.netloc)
    return _at_home(parts.path if same else own.path, urlencode(query, quote_via=quote), own)


def offset_of(next_: Next) -> int | None:
    """The offset that a next link names, None when it names none."""
    if next_.url is None:
        return None
    for name, value in parse_qsl(urlsplit(next_.url).query):
        if name.lower() == "offset" and value.isdecimal():
            return int(value)
    return None


def _at_home(path: str, query: str, own: SplitResult) -> str:
    return urlunsplit((own.scheme, own.netloc, path, query, ""))
