"""The body of a page: the collection's key with the records, and what stands beside it. A body without its collection never
counts as an empty collection.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from rostersync.sources.oneroster.beside import Said, said_beside
from rostersync.sources.oneroster.request_errors import Failure, TryAgain

# Other keys that servers use for a collection. Only under these may it be empty.
ALIASES = {
    "orgs": ("schools",),
    "academicSessions": ("terms", "gradingPeriods"),
    "users": ("students", "teachers"),
    "demographics": ("demographic",),
}
_NOTHING = frozenset({b"null", b"{}", b'""'})  # how some servers write an empty list
_BOM = b"\xef\xbb\xbf"
_top = msgspec.json.Decoder(dict[str, msgspec.Raw])
_rows = msgspec.json.Decoder(list[msgspec.Raw])
_numbered = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True)
class Envelope:
    """The rows of a page, still as JSON, and what the body says about the collection."""

    rows: Sequence[msgspec.Raw]
    said: Said


def opened(body: bytes) -> dict[str, msgspec.Raw]:
    """The keys at the top of a page, with their values still as JSON. Raises msgspec.DecodeError."""
    return _top.decode(body)


def open_envelope(body: bytes, collection: str, *, required: bool = True) -> Envelope:
    """The rows of a page.

    Raises TryAgain when the body is no page of this collection. Unless `required`, null means no rows.
    """
    try:
        top = opened(body.removeprefix(_BOM))
    except msgspec.ValidationError:
        raise _not_a_page("its JSON has no envelope") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _not_a_page(looks_like(body)) from None
    said = said_beside(top, collection)
    if collection in top:
        return Envelope(_listed(top[collection], collection, required), said)
    if said.error is not None:
        raise _not_a_page("an error in place of the collection")
    return Envelope(_under_another_name(top, collection), said)


def _under_another_name(top: dict[str, msgspec.Raw], collection: str) -> Sequence[msgspec.Raw]:
    known = {name.lower() for name in (collection, *ALIASES.get(collection, ()))}
    arrays = {key: raw for key, raw in top.items() if bytes(raw).lstrip().startswith(b"[")}
    if len(arrays) == 1:
        [(key, raw)] = arrays.items()
        rows = _rows.decode(raw)
        if key.lower() in known or (rows and all(_is_record(row) for row in rows)):
            return rows
    raise _not_a_page(f"no {collection} in it")


def _listed(raw: msgspec.Raw, collection: str, required: bool) -> Sequence[msgspec.Raw]:
    try:
        return _rows.decode(raw)
    except msgspec.ValidationError:
        pass
    if not required and bytes(raw).strip().replace(b" ", b"") in _NOTHING:
        return []
    try:  # PHP writes a list with gaps as an object whose keys are numbers
        numbered = _numbered.decode(raw)
    except msgspec.ValidationError:
        numbered = {}
    if numbered and all(key.isdecimal() for key in numbered):
        return list(numbered.values())
    raise _not_a_page(f"{collection} is not a list")


def _is_record(raw: msgspec.Raw) -> bool:
    try:
        return any(key.lower() in ("sourcedid", "sourceid") for key in _numbered.decode(raw))
    except msgspec.ValidationError:
        return False


def looks_like(body: bytes) -> str:
    """What a body that is not JSON seems to be, without quoting it."""
    start = body.lstrip()[:200].lower()
    if not start:
        return "an empty body"
    if start.startswith(b"<"):
        return "a web page" if b"html" in start else "XML or HTML"
    return "JSON that breaks off or is broken" if start[:1] in (b"{", b"[") else "not JSON"


def _not_a_page(what: str) -> TryAgain:
    return TryAgain(Failure.UNREADABLE, what)
