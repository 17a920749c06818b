"""Pages of JSON to Arrow record batches in staged form (sources/staged.py)."""

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from rostersync.roster import BY_NAME, Kind
from rostersync.sources.oneroster import columns, lenient_decode
from rostersync.sources.oneroster.beside import Said, said_beside
from rostersync.sources.oneroster.bounds import MAX_DEPTH, check_page
from rostersync.sources.oneroster.decode_process import Asked, DecodeProcess, Told
from rostersync.sources.oneroster.endpoint import REQUIRED
from rostersync.sources.oneroster.envelope import open_envelope, opened
from rostersync.sources.oneroster.json_texts import without_halves, without_nul
from rostersync.sources.oneroster.records import FIELD, Ref, Role, shape
from rostersync.sources.oneroster.request_errors import Failure, TryAgain
from rostersync.sources.staged import INSTANT, METADATA, NAMED, schema

MANY_PAGES = 100  # from here on, a process that decodes saves more time than it takes to start


@dataclass(frozen=True)
class Decoded:
    """One decoded page: its rows in staged form, and what its body says about the collection.

    `rows` counts what was received. `without_id` counts those that have no sourcedId or cannot be read; the batch lacks
    them, and `unread` has the positions (from 0) of the first of those. `fingerprint` is equal for pages with the same ids
    in the same order. `first` and `last` are the ids of the first and the last row; None where that row has none, or
    some rows are no objects.
    """

    batch: pa.RecordBatch
    rows: int
    without_id: int
    said: Said
    fingerprint: int
    first: str | None = None
    last: str | None = None
    unread: tuple[int, ...] = ()

    def without_first(self) -> "Decoded":
        """The page without its first row, which must have an id."""
        return replace(
            self, rows=self.rows - 1, batch=self.batch.slice(1), unread=tuple(position - 1 for position in self.unread)
        )

    def told(self) -> tuple[bytes, bytes]:
        """The page for another process: a Told, and the rows as an Arrow message of one record batch."""
        told = Told(
            self.rows,
            self.without_id,
            self.said,
            self.fingerprint,
            self.first,
            self.last,
            self.unread,
        )
        return msgspec.msgpack.encode(told), self.batch.serialize().to_pybytes()


class Decoder:
    """Decodes the pages of one collection. Safe to use from several threads.

    `wanted` names the metadata keys to keep; None keeps all. A collection that is not `required` may be sent as null.
    """

    def __init__(
        self,
        collection: str,
        wanted: frozenset[str] | None,
        beside: DecodeProcess | None = None,
        odd: bool | None = None,
        today: str = "",
        required: bool | None = None,
    ) -> None:
        self.collection = collection
        self.required = collection in REQUIRED if required is None else required
        self._decode_process = beside
        self._alone = threading.Lock()
        self._wanted = wanted
        self._today = today
        self._shape = shape(collection, wanted is None or bool(wanted))
        self._fast = msgspec.json.Decoder(list[self._shape.record])  # type: ignore[name-defined]
        self._odd = odd  # how this server spells names, as the first page with rows shows
        self._schema = schema(collection)

    def expect(self, pages: int) -> None:
        """Prepare for this many pages, several at once."""
        if self._decode_process is not None and pages >= MANY_PAGES:
            self._decode_process.start()

    def page(self, body: bytes) -> Decoded:
        """Decode one page. Raises TryAgain (request_errors.py) when the body is no page of this collection."""
        body = without_nul(body)
        if self._decode_process is not None and self._odd is not None:
            wanted = None if self._wanted is None else sorted(self._wanted)
            asked = Asked(self.collection, wanted, self._odd, self._today, self.required)
            if elsewhere := self._decode_process.page(asked, body):
                return self._taken(*elsewhere)
        # One at a time: decoding needs the interpreter, and threads that compete for it take longer than threads that take
        # turns (measured: 1.5 times with four). Waiting for the server still overlaps.
        with self._alone:
            return self._page(body)

    def nothing(self) -> Decoded:
        """An empty page, for an answer without content."""
        return self._decoded([], (), Said())

    def _taken(self, told: Told, rows: bytes) -> Decoded:
        batch = pa.ipc.read_record_batch(pa.py_buffer(rows), self._schema)
        return Decoded(
            batch, told.rows, told.without_id, told.said, told.fingerprint, told.first, told.last, told.unread
        )

    def _page(self, body: bytes) -> Decoded:
        check_page(body)
        try:
            return self._read(body)
        except TryAgain:
            whole = without_halves(body)
            if whole == body:
                raise
            return self._read(whole)  # one name that was cut in a letter must not stop a district
        except RecursionError:  # brackets in strings can hide the depth
            raise TryAgain(Failure.UNREADABLE, f"JSON nested deeper than {MAX_DEPTH}") from None

    def _read(self, body: bytes) -> Decoded:
        if self._odd is None:
            self._odd = self._spells_otherwise(body)
        if not self._odd:
            try:
                top = opened(body)
                rows = self._fast.decode(top[self.collection])
            except (KeyError, msgspec.DecodeError, UnicodeDecodeError):
                pass  # the lenient decoder finds out whether it is odd or broken
            else:
                return self._decoded(rows, (), said_beside(top, self.collection))
        envelope = open_envelope(body, self.collection, required=self.required)
        try:
            found, no_objects = lenient_decode.records(envelope.rows, self._shape)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise TryAgain(Failure.UNREADABLE, "text that is not UTF-8") from None
        return self._decoded(found, no_objects, envelope.said)

    def _spells_otherwise(self, body: bytes) -> bool | None:
        rows = open_envelope(body, self.collection, required=self.required).rows
        return lenient_decode.is_odd(rows, self._shape) if rows else None

    def _decoded(self, rows: Sequence[Any], lost: Sequence[int], said: Said) -> Decoded:
        """The page of these rows. Those at the positions `lost` were received too, but could not be read."""
        if self._today and self.collection == "users":
            without_ended_roles(rows, self._today)
        received, readable = len(rows) + len(lost), rows
        try:
            batch = self._batch(rows)
        except columns.Unreadable:
            readable = self._readable(rows)
            batch = self._batch(readable)
        ids = batch.column(0)
        if ids.null_count:
            batch = batch.filter(pc.is_valid(ids))
        without_id, whole = received - batch.num_rows, len(readable) == received
        return Decoded(
            batch=batch,
            rows=received,
            without_id=without_id,
            said=said,
            fingerprint=_fingerprint(ids),
            first=ids[0].as_py() if rows and whole else None,
            last=ids[-1].as_py() if rows and whole else None,
            unread=_unread(rows, lost, readable, ids) if without_id else (),
        )

    def _batch(self, rows: Sequence[Any]) -> pa.RecordBatch:
        # Field by field over all rows: work that is done per row is done five hundred times per page.
        fields = self._shape.record.__struct_fields__
        values = zip(*map(msgspec.structs.astuple, rows), strict=True) if rows else ((),) * len(fields)
        sent = dict(zip(fields, values, strict=True))
        ids = columns.text(sent[FIELD + "sourcedId"])
        columns.check_ids(ids)
        arrays = [ids, *(self._column(rows, sent, name) for name in self._schema.names[1:])]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _readable(self, rows: Sequence[Any]) -> Sequence[Any]:
        """The rows without the unreadable ones, which are found by bisection."""
        try:
            self._batch(rows)
        except columns.Unreadable:
            half = len(rows) // 2
            return [*self._readable(rows[:half]), *self._readable(rows[half:])] if half else []
        return rows

    def _column(self, rows: Sequence[Any], sent: Mapping[str, Sequence[Any]], name: str) -> pa.Array:
        if name == "metadata":
            if "metadata" not in self._shape.forms:
                return pa.nulls(len(rows), METADATA)
            return columns.metadata(sent[FIELD + name], self._wanted)
        if name in ("status", "dateLastModified"):
            return columns.text(sent[FIELD + name])
        kind = BY_NAME[self.collection].attribute(name).kind
        special = _USERS.get(name) if self.collection == "users" else None
        if special is not None:
            return columns.build(name, kind, [special(row) for row in rows])
        first, *others = self._shape.keys[name]
        values = sent[FIELD + first]
        for other in others:
            values = [b if a is None else a for a, b in zip(values, sent[FIELD + other], strict=True)]
        return columns.build(name, kind, _plain(values, kind))


def _unread(rows: Sequence[Any], lost: Sequence[int], readable: Sequence[Any], ids: pa.StringArray) -> tuple[int, ...]:
    """Positions in the page of the first rows without a readable id. `rows` are those that are not at `lost`."""
    kept = {id(row) for row, there in zip(readable, pc.is_valid(ids).to_pylist(), strict=True) if there}
    gone = set(lost)
    places = (place for place in range(len(rows) + len(lost)) if place not in gone)
    gone.update(place for place, row in zip(places, rows, strict=True) if id(row) not in kept)
    return tuple(sorted(gone)[:NAMED])


def _fingerprint(ids: pa.StringArray) -> int:
    """A hash that, unlike Python's own, is the same in every process."""
    ends = memoryview(ids.buffers()[1] or b"")[: 4 * (len(ids) + 1)]
    text = memoryview(ids.buffers()[2] or b"")[: int.from_bytes(ends[-4:], "little")]
    digest = hashlib.md5(ends, usedforsecurity=False)
    digest.update(text)
    return int.from_bytes(digest.digest()[:8])


def _plain(values: Sequence[Any], kind: Kind) -> Sequence[Any]:
    """References as ids, userIds as pairs."""
    match kind:
        case Kind.REF:
            return [v.sourcedId if v.__class__ is Ref else v for v in values]
        case Kind.REFS:
            return [[_id(i) for i in v] if v else None for v in values]
        case Kind.USER_IDS:
            return [[(u.type, u.identifier) for u in v] if v else None for v in values]
    return values


def _id(value: Any) -> Any:
    return value.sourcedId if value.__class__ is Ref else value


def without_ended_roles(rows: Iterable[Any], today: str) -> None:
    """Remove OneRoster 1.2 roles that have ended: a role's end date is the first day without it."""
    for row in rows:
        if row.f_roles and any(role.endDate is not None for role in row.f_roles):
            row.f_roles = [role for role in row.f_roles if not _has_ended(role, today)]


def _has_ended(role: Role, today: str) -> bool:
    text = str(role.endDate)
    if not pc.match_substring_regex(pa.scalar(text), INSTANT).as_py():
        return False  # not a date, so it says nothing
    try:
        return date.fromisoformat(text[:10]).isoformat() <= today
    except ValueError:
        return False


def deciding_role(row: Any) -> Any:
    """The role of 1.1, or the primary role of 1.2; None when there is none, or several that differ."""
    if not row.f_roles:
        return row.f_role
    primary = {r.role for r in row.f_roles if str(r.roleType or "").strip().lower() == "primary"}
    return primary.pop() if len(primary) == 1 else None


def role_names(row: Any) -> list[Any] | None:
    """The distinct names of all roles, in the order sent."""
    if not row.f_roles:
        return None if row.f_role is None else [row.f_role]
    return list(dict.fromkeys(r.role for r in row.f_roles))


def org_ids(row: Any) -> list[Any] | None:
    """The distinct organisations of 1.1 (`orgs`) and 1.2 (those of the roles), in the order sent."""
    of_roles = [_id(r.org) for r in row.f_roles or ()]
    return list(dict.fromkeys(of_roles + [_id(o) for o in row.f_orgs or ()])) or None


_USERS: dict[str, Callable[[Any], Any]] = {"role": deciding_role, "roles": role_names, "orgSourcedIds": org_ids}
