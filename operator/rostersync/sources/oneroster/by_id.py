"""Asks for single records by their ids, and says what each answer means."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from rostersync.errors import RostersyncError
from rostersync.sources.oneroster.auth import Answer
from rostersync.sources.oneroster.beside import error_in
from rostersync.sources.oneroster.bounds import check_depth
from rostersync.sources.oneroster.envelope import ALIASES
from rostersync.sources.oneroster.pages import address
from rostersync.sources.oneroster.request_errors import OutOfTime, TryAgain
from rostersync.sources.oneroster.transport import Transport
from rostersync.sources.port import TIME_OVER, ByID, LookedUp

SINGULAR = {
    "orgs": ("org", "school"),
    "academicSessions": ("academicSession", "term", "gradingPeriod"),
    "courses": ("course",),
    "classes": ("class",),
    "users": ("user", "student", "teacher"),
    "enrollments": ("enrollment",),
    "demographics": ("demographics", "demographic"),
}
NOT_THERE = frozenset({404, 410})
ANOTHER = "another record came than was asked for"
_top = msgspec.json.Decoder(dict[str, Any])


def look_up(transport: Transport, collection: str, ids: Sequence[str], answered: Callable[[], None]) -> LookedUp:
    """Ask for each of the ids. It stops at an answer that says that this way of asking does not work, at none, or when
    the time is over.
    """
    answers: dict[str, ByID] = {}
    unable: list[str] = []
    place = f"GET /{collection}/ID"
    base = address(transport.endpoint.service_url, collection)

    def one(record_id: str) -> None:
        def read(answer: Answer) -> tuple[ByID, str]:
            return judged(answer.status, answer.body, collection, record_id)

        if unable:
            return
        try:
            found, why = transport.get(lambda: _url(base, record_id), read, place, base)
        except OutOfTime:
            unable.append(TIME_OVER)
            return
        except RostersyncError as error:
            found, why = ByID.UNCLEAR, f"{place}: {error.reason}"
        answers[record_id] = found
        if why:
            unable.append(why)

    pool = ThreadPoolExecutor(max_workers=transport.endpoint.max_concurrent_requests, thread_name_prefix="by-id")
    try:
        for asked in as_completed([pool.submit(one, record_id) for record_id in ids]):
            asked.result()
            answered()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return LookedUp({i: answers[i] for i in ids if i in answers}, unable[0] if unable else "")


def judged(status: int, body: bytes, collection: str, record_id: str) -> tuple[ByID, str]:
    """What an answer says about a record, and why further ones need not be asked for. "": they may be."""
    if status in NOT_THERE:
        return ByID.GONE, ""
    if status >= 300:
        return ByID.UNCLEAR, f"GET /{collection}/ID: {status}"
    try:
        check_depth(body)
        top = _top.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (TryAgain, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ByID.UNCLEAR, ""
    if error_in(top):
        return ByID.UNCLEAR, ""
    records = _records(top, collection)
    if len(records) > 1:
        return ByID.UNCLEAR, ANOTHER
    record = {key.lower(): value for key, value in records[0].items()} if records else {}
    given = record.get("sourcedid", record.get("sourceid"))
    if not isinstance(given, str | int) or not str(given).strip():
        return ByID.UNCLEAR, ""
    if str(given).strip() != record_id.strip():
        return ByID.UNCLEAR, ANOTHER
    said = str(record.get("status") or "active").strip().lower()
    return {"active": ByID.ACTIVE, "tobedeleted": ByID.GONE, "inactive": ByID.GONE}.get(said, ByID.UNCLEAR), ""


def _records(top: Mapping[str, Any], collection: str) -> list[dict[str, Any]]:
    """The records of a body: under one of the keys that servers use for one, or without any envelope."""
    for key in (*SINGULAR[collection], collection, *ALIASES.get(collection, ())):
        value = top.get(key)
        if isinstance(value, dict):
            return [value]
        if isinstance(value, list):
            return [row for row in value if isinstance(row, dict)]
    return [dict(top)] if any(key.lower() in ("sourcedid", "sourceid") for key in top) else []


def _url(base: str, record_id: str) -> str:
    parts = urlsplit(base)
    return urlunsplit(parts._replace(path=f"{parts.path}/{quote(record_id, safe='')}"))
