"""What an answer says about its collection beside the rows: totals, a next page, and errors.

Servers say it in many forms; all of them are known here alone. One that cannot be read is a doubt and never taken for absent: it
may say that there is more.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from rostersync.sources.oneroster.links import MAX_DIGITS, Next, from_body, together
from rostersync.sources.oneroster.request_errors import Failure, TryAgain

_PAGING = frozenset({"pagination", "paging", "links", "meta"})
_TOTALS = frozenset({"total", "totalcount", "totalresults", "totalrecords", "totalitems"})
_NEXTS = frozenset({"next", "nextpage", "nextlink", "nexturl", "@odata.nextlink"})
# What says that there is more, in words or by a token that nobody can follow.
_MORES = frozenset(
    [
        "hasmore",
        "hasnext",
        "hasnextpage",
        "more",
        "moreavailable",
        "nextpagetoken",
        "nexttoken",
        "nextcursor",
        "nextoffset",
        "continuationtoken",
        "truncated",
        "istruncated",
        "partial",
        "incomplete",
    ]
)
_WORDS = frozenset({"error", "errors", "exception", "fault"})  # with anything in it, it is one
_STATUSES = frozenset({"status", "statuscode", "httpstatus", "severity"})
_ERRORS = _WORDS | _STATUSES | {"codemajor", "statusinfo", "statusinfoset", "success"}
_FAILED = frozenset({"error", "fail", "failed", "failure"})
_EMPTY = frozenset({"", "0", "false", "none", "null"})
_NO = _EMPTY | {"no"}
_UNREADABLE = object()
_NOTHING = Next()


@dataclass(frozen=True)
class Said:
    """What stands beside the rows of a page. `error`: the key that reports one. `doubt`: what cannot be true, in words."""

    total: int | None = None
    next: Next = _NOTHING
    error: str | None = None
    doubt: str | None = None


def said_beside(top: Mapping[str, msgspec.Raw], collection: str) -> Said:
    """What a body says, by its keys at the top. Raises TryAgain for text that is not UTF-8."""
    of_error: dict[str, Any] = {}
    unread: str | None = None
    spoken: list[Mapping[str, Any]] = []
    for key, raw in top.items():
        name = _plain(key)
        if key == collection:
            continue
        if name in _PAGING:
            value = _value(raw)
            spoken += _parts(value)
            unread = "named pages that cannot be read" if value is _UNREADABLE else unread
        elif name in _TOTALS | _NEXTS | _MORES:
            spoken.append({key: _value(raw)})
        if _may_report(key):
            of_error[key] = _value(raw)
    named = [(_plain(key), value) for part in spoken for key, value in part.items()]
    total, doubt = totals(value for name, value in named if name in _TOTALS)
    nexts = [from_body(value) for name, value in named if name in _NEXTS]
    nexts += [Next(True, unclear=True) for name, value in named if name in _MORES and _means(value, _NO)]
    return Said(total, together(*nexts), error_in(of_error), doubt or unread)


def totals(values: Iterable[Any]) -> tuple[int | None, str | None]:
    """The largest of the totals that an answer names, and what is wrong with them, in words."""
    found, wrong = set(), None
    for value in values:
        try:
            number = count(value)
        except ValueError:
            wrong = "named a total that cannot be read"
        else:
            found |= set() if number is None else {number}
    if len(found) > 1:
        wrong = f"named totals that differ, {min(found)} and {max(found)}"
    return max(found, default=None), wrong


def count(value: Any) -> int | None:
    """A number of records, given as a number or as text. None where none is named. Raises ValueError for anything else."""
    if value is None or value is False or (isinstance(value, str | list | dict) and not value):
        return None
    text = repr(value) if isinstance(value, int | float) else value
    if isinstance(text, str):
        several = {part.strip() for part in text.split(",")}  # a proxy may repeat a header
        whole, _, fraction = several.pop().removeprefix("+").partition(".")
        if not (whole or fraction or several) or (whole.startswith("-") and _digits(whole[1:]) and not several):
            return None  # servers that do not know say -1
        if _digits(whole) and len(whole) <= MAX_DIGITS and not fraction.strip("0") and not several:
            return int(whole)
    raise ValueError("no number of records")


def _digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def error_in(top: Mapping[str, Any]) -> str | None:
    """The key that reports an error, or None. Empty values and codes of success do not count."""
    return next((key for key, value in top.items() if _may_report(key) and _tells(_bare(key), value)), None)


def _may_report(key: str) -> bool:
    return key.lower().startswith("imsx_") or _bare(key) in _ERRORS


def _tells(name: str, value: Any) -> bool:
    if value is _UNREADABLE:
        return True
    if isinstance(value, list):
        return any(_tells(name, item) for item in value)
    if name in _WORDS:
        return _means(value, _EMPTY)  # an error that is "no" is one
    if isinstance(value, dict):
        return any(_tells(_bare(key), inner) for key, inner in value.items())
    text = _text(value)
    if name.endswith("codemajor"):
        return text not in ("", "success")
    if name in _STATUSES:
        return text in _FAILED or (len(text) == 3 and _digits(text) and text >= "400")
    return name == "success" and text in _NO - {""}


def _means(value: Any, nothing: Collection[str]) -> bool:
    """Whether a value says anything but these words."""
    return value is _UNREADABLE or (bool(value) and _text(value) not in nothing)


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip().lower()


def _bare(key: str) -> str:
    """A key of IMS Global's status without its prefix, in lower case."""
    return _plain(key.lower().removeprefix("imsx_"))


def _plain(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "")


def _parts(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a part about paging. A list of links says what each is by its `rel`."""
    if isinstance(value, dict):
        return [value]
    links = [link for link in value if isinstance(link, dict)] if isinstance(value, list) else []
    return [{str(link["rel"]): link} for link in links if "rel" in link]


def _value(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.ValidationError:
        return _UNREADABLE  # such as a number of a thousand digits
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise TryAgain(Failure.UNREADABLE, "text that is not UTF-8") from None
