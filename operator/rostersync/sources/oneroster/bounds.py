"""Limits that an answer must keep before it is decoded: its unpacked size, its depth, its number of values.

Each limit lies far above what a OneRoster server has reason to send, and far below what would fill a Job's memory.
"""

import re
import zlib
from collections.abc import Iterable

from rostersync.sources.oneroster.request_errors import Failure, TryAgain

MAX_BODY = 64 * 2**20  # bytes of one answer, unpacked
MAX_DEPTH = 100  # nested objects and lists
MAX_ROWS = 20_000  # records on a page
MAX_VALUES = 2_000_000  # commas on a page: a hundred values per row on the largest page

_BRACKETS = bytes.maketrans(b"[]{}", b"()()")
_NO_BRACKET = bytes(c for c in range(256) if c not in b"[]{}")
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)', re.DOTALL)  # possessive, so that it never backtracks


def unpacked(chunks: Iterable[bytes], packing: str) -> bytes:
    """The unpacked body of an answer. `packing` is its Content-Encoding.

    It is unpacked piece by piece, so that a small answer which unpacks to gigabytes is dropped at the limit. Raises
    TryAgain for one that is too large, or packed in a way that was not asked for.
    """
    packing = packing.strip().lower()
    if packing not in ("", "identity", "gzip", "x-gzip", "deflate"):
        raise TryAgain(Failure.UNREADABLE, "its compression is one that was not asked for")
    unpack = None if packing in ("", "identity") else zlib.decompressobj(32 + zlib.MAX_WBITS)  # 32: gzip or zlib
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

    Brackets inside strings are only left out where they could matter: finding them takes longer than reading the page.
    """
    if not _fits(body.translate(_BRACKETS, _NO_BRACKET)) and not _fits(_outside_texts(body)):
        raise TryAgain(Failure.UNREADABLE, f"JSON nested deeper than {MAX_DEPTH}")


def check_page(body: bytes) -> None:
    """Raises TryAgain when a page is too deep to read, or has too many records or values."""
    if len(body) > MAX_VALUES and body.count(b",") > MAX_VALUES:
        raise TryAgain(Failure.TOO_LARGE, f"more than {MAX_VALUES} values on a page")
    check_depth(body)
    if len(body) > 2 * MAX_ROWS and body.count(b"{") > MAX_ROWS and _rows(_outside_texts(body)) > MAX_ROWS:
        raise TryAgain(Failure.TOO_LARGE, f"more than {MAX_ROWS} records on a page")


def _outside_texts(body: bytes) -> bytes:
    return _STRING.sub(b"", body).translate(_BRACKETS, _NO_BRACKET)


def _fits(brackets: bytes) -> bool:
    """Whether brackets are nested no deeper than the limit. Each turn removes the innermost level."""
    for _ in range(MAX_DEPTH):
        rest = brackets.replace(b"()", b"")
        if not rest:
            return True
        if len(rest) == len(brackets):  # the rest has no match: the JSON is broken
            return len(rest) <= MAX_DEPTH
        brackets = rest
    return False


def _rows(brackets: bytes) -> int:
    """How many objects or lists the lists of the outermost object hold; stops counting above the limit."""
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
