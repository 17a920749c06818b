"""What surrounds the records of a page: the collection's key, Focus' pagination and total, and errors in bodies whose
status is 200. A body without its collection never counts as an empty collection.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from rostersync.sources.oneroster.links import MAX_DIGITS, Next, from_body
from rostersync.sources.oneroster.request_errors import Failure, TryAgain

# Other keys that servers use for a collection. Only under these may it be empty.
ALIASES = {
    "orgs": ("schools",),
    "academicSessions": ("terms", "gradingPeriods"),
    "users": ("students", "teachers"),
    "demographics": ("demographic",),
}
# Keys that report an error beside the rows, as servers spell them.
MARKERS = (
    "imsx_codeMajor",
    "imsx_CodeMajor",
    "codeMajor",
    "errors",
    "error",
    "Errors",
    "Error",
    "statusInfoSet",
    "imsx_StatusInfo",
    "imsx_statusInfo",
    "imsx_statusInfoSet",
)
_ERRORS = frozenset({"error", "errors", "statusinfoset", "imsx_statusinfo", "warnings", "messages", "message"})
_MARKERS = frozenset(key.lower() for key in MARKERS)
_NOTHING = frozenset({b"null", b"{}", b'""'})  # how some servers write an empty list
_BOM = b"\xef\xbb\xbf"
_top = msgspec.json.Decoder(dict[str, msgspec.Raw])
_rows = msgspec.json.Decoder(list[msgspec.Raw])
_numbered = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True)
class Envelope:
    """The rows of a page, still as JSON, and what the body says about the collection.

    `error`: the key of an error beside them.
    """

    rows: Sequence[msgspec.Raw]
    total: int | None
    next: Next
    error: str | None = None


class Beside(msgspec.Struct, gc=False):
    """The keys beside the collection that say something about paging."""

    pagination: Any = msgspec.UNSET
    total: Any = None


Around = msgspec.defstruct("Around", [(key, Any, None) for key in MARKERS], bases=(Beside,), gc=False)


@cache
def page_type(collection: str, record: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    """The decoder of a well-formed page. The collection's key must be there."""
    kind = msgspec.defstruct(
        f"{collection}Page",
        [("rows", list[record])],  # type: ignore[valid-type]
        bases=(Around,),
        rename={"rows": collection},
        gc=False,
        kw_only=True,
    )
    return msgspec.json.Decoder(kind)


def around(pagination: Any, total: Any) -> tuple[int | None, Next]:
    """Total and next page of a body, wherever it says them."""
    inner: Mapping[str, Any] = pagination if isinstance(pagination, dict) else {}
    said = from_body(inner["next"]) if "next" in inner else Next()
    return count(total) if count(total) is not None else count(inner.get("total")), said


def error_in(said: Mapping[str, Any]) -> str | None:
    """The key that reports an error, or None. Empty values and codes of success do not count."""
    lower = {key.lower(): value for key, value in said.items()}
    for key in MARKERS:
        if _tells(key.lower(), lower.get(key.lower())):
            return key
    return None


def _tells(key: str, value: Any) -> bool:
    if isinstance(value, list):
        return any(_tells(key, item) for item in value)
    if key in ("errors", "error"):
        return bool(value) and str(value).strip().lower() not in ("", "0", "false", "none", "null")
    if isinstance(value, dict):
        codes = {name.lower(): code for name, code in value.items() if name.lower().endswith("codemajor")}
        return any(_tells(name, code) for name, code in codes.items())
    return key.endswith("codemajor") and bool(value) and str(value).strip().lower() not in ("", "success")


def count(value: Any) -> int | None:
    """A number of records, given as a number or as text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value.strip()
        value = int(text) if text.isdecimal() and len(text) <= MAX_DIGITS else None
    return value if isinstance(value, int) and 0 <= value < 10**MAX_DIGITS else None


def open_envelope(body: bytes, collection: str, *, required: bool = True) -> Envelope:
    """The rows of a page.

    Raises TryAgain when the body is no page of this collection. Unless `required`, null means no rows.
    """
    try:
        top = _top.decode(body.removeprefix(_BOM))
    except msgspec.ValidationError:
        raise _not_a_page("its JSON has no envelope") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _not_a_page(looks_like(body)) from None
    rows = _find(top, collection, required)
    total, said = around(_value(top, "pagination"), _value(top, "total"))
    marks = {key: _value(top, key) for key in top if key.lower() in _MARKERS}
    return Envelope(rows, total, said, error_in(marks))


def _value(top: dict[str, msgspec.Raw], key: str) -> Any:
    """The value of a key; None where there is none, and for numbers that cannot be read."""
    try:
        return msgspec.json.decode(top[key]) if key in top else None
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _not_a_page("text that is not UTF-8") from None


def _find(top: dict[str, msgspec.Raw], collection: str, required: bool) -> Sequence[msgspec.Raw]:
    if collection in top:
        return _listed(top[collection], collection, required)
    if any(key.lower() in _ERRORS or key.lower().startswith("imsx_") for key in top):
        raise _not_a_page("an error in place of the collection")
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
