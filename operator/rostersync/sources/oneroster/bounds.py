"""What an answer may be before anything is made of it: how large unpacked, how deep, how many values.

Each limit lies far above what a OneRoster server has reason to send, and far below what would fill a Job's memory.
"""

import re
import zlib
from collections.abc import Iterable

from rostersync.sources.oneroster.request_errors import Failure, TryAgain

MAX_BODY = 64 * 2**20  # bytes of one answer, unpacked
MAX_DEPTH = 100  # objects and lists within each other
MAX_ROWS = 20_000  # records on a page
MAX_VALUES = 2_000_000  # commas of a page: a hundred values a row on the largest page

_BRACKETS = bytes.maketrans(b"[]{}", b"()()")
_NO_BRACKET = bytes(c for c in range(256) if c not in b"[]{}")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)', re.DOTALL)  # possessive: it never goes back


def unpacked(chunks: Iterable[bytes], packing: str) -> bytes:
    """The body of an answer. `packing` is its Content-Encoding.

    Piece by piece, so that a small answer that unpacks to gigabytes is given up at the limit. Raises TryAgain when it is
    larger, or is packed in a way that was not asked for.
    """
    packing = packing.strip().lower()
    if packing not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise TryAgain(Failure.UNREADABLE, "its compression is one that was not asked for")
    unpack = None if packing in ("", "identity") else zlib.decompressobj(32 + zlib.MAX_WBITS)  # 32: sees which it is
    parts: list[bytes] = []
    left, whole = MAX_BODY, True
    try:
        for chunk in chunks:
            part = chunk
            if unpack is not None and chunk:
                part = b"" if unpack.eof else unpack.decompress(chunk, left + 1)
                whole = unpack.eof
            left -= len(part)
            if left < 0:
                raise TryAgain(Failure.TOO_LARGE, f"more than {MAX_BODY // 2**20} MiB")
            if part:
                parts.append(part)
    except zlib.error as error:
        raise TryAgain(Failure.UNREADABLE, "its compression is broken", detail=repr(error)) from None
    if not whole:
        raise TryAgain(Failure.FAILED, "the answer broke off")
    return b"".join(parts)


def check_depth(body: bytes) -> None:
    """Raises TryAgain when JSON is too deep to read.

    Brackets in texts are left out only where they seem to matter: that takes longer than reading the page.
    """
    if not _fits(body.translate(_BRACKETS, _NO_BRACKET)) and not _fits(_outside_texts(body)):
        raise TryAgain(Failure.UNREADABLE, f"JSON nested deeper than {MAX_DEPTH}")


def check_page(body: bytes) -> None:
    """Raises TryAgain when a page is too deep to read, or has more records or values than a page may have."""
    if len(body) > MAX_VALUES and body.count(b",") > MAX_VALUES:
        raise TryAgain(Failure.TOO_LARGE, f"more than {MAX_VALUES} values on a page")
    check_depth(body)
    if len(body) > 2 * MAX_ROWS and body.count(b"{") > MAX_ROWS and _rows(_outside_texts(body)) > MAX_ROWS:
        raise TryAgain(Failure.TOO_LARGE, f"more than {MAX_ROWS} records on a page")


def _outside_texts(body: bytes) -> bytes:
    return _STRING.sub(b"", body).translate(_BRACKETS, _NO_BRACKET)


def _fits(brackets: bytes) -> bool:
    """Whether brackets stand in each other no deeper than the limit; each turn takes the innermost level away."""
    for _ in range(MAX_DEPTH):
        rest = brackets.replace(b"()", b"")
        if not rest:
            return True
        if len(rest) == len(brackets):  # what is left has no match: the JSON is broken
            return len(rest) <= MAX_DEPTH
        brackets = rest
    return False


def _rows(brackets: bytes) -> int:
    """How many objects or lists stand in those of the outermost object, up to one more than the limit."""
    depth = rows = 0
    for bracket in brackets:
        if bracket == 0x28:
            depth += 1
            rows += depth == 3
            if rows > MAX_ROWS:
                break
        else:
            depth -= 1
    return rows
