"""The pages' rows written down by hand with msgspec and pyarrow: what a specialist would write for these columns only."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq


class Ref(msgspec.Struct):
    sourcedId: str


class Org(msgspec.Struct):
    sourcedId: str
    status: str
    name: str | None = None
    type: str | None = None
    identifier: str | None = None
    parent: Ref | None = None


class Session(msgspec.Struct):
    sourcedId: str
    status: str
    title: str | None = None
    type: str | None = None
    startDate: str | None = None
    endDate: str | None = None
    parent: Ref | None = None
    schoolYear: str | None = None


class Course(msgspec.Struct):
    sourcedId: str
    status: str
    schoolYear: Ref | None = None
    title: str | None = None
    courseCode: str | None = None
    grades: list[str] | None = None
    org: Ref | None = None
    subjects: list[str] | None = None
    subjectCodes: list[str] | None = None


class Class(msgspec.Struct):
    sourcedId: str
    status: str
    title: str | None = None
    grades: list[str] | None = None
    course: Ref | None = None
    classCode: str | None = None
    classType: str | None = None
    location: str | None = None
    school: Ref | None = None
    terms: list[Ref] | None = None
    subjects: list[str] | None = None
    subjectCodes: list[str] | None = None
    periods: list[str] | None = None


class UserID(msgspec.Struct):
    type: str | None = None
    identifier: str | None = None


class User(msgspec.Struct):
    sourcedId: str
    status: str
    enabledUser: bool | None = None
    orgs: list[Ref] | None = None
    role: str | None = None
    username: str | None = None
    userIds: list[UserID] | None = None
    givenName: str | None = None
    familyName: str | None = None
    middleName: str | None = None
    identifier: str | None = None
    email: str | None = None
    sms: str | None = None
    phone: str | None = None
    agents: list[Ref] | None = None
    grades: list[str] | None = None


class Enrollment(msgspec.Struct):
    sourcedId: str
    status: str
    class_: Ref | None = msgspec.field(name="class")
    school: Ref | None
    user: Ref | None
    role: str | None = None
    primary: bool | None = None
    beginDate: str | None = None
    endDate: str | None = None


ROWS: dict[str, type[msgspec.Struct]] = {
    "orgs": Org,
    "academicSessions": Session,
    "courses": Course,
    "classes": Class,
    "users": User,
    "enrollments": Enrollment,
}
_LISTS = {"grades", "subjects", "subjectCodes", "periods"}
_REFS = {"terms", "orgs", "agents"}
_REF = {"class_", "school", "user", "course", "org", "parent"}


def decoder(collection: str) -> msgspec.json.Decoder[Any]:
    """For a whole page; everything but the rows is skipped."""
    envelope = msgspec.defstruct("Envelope", [(collection, list[ROWS[collection]])])  # type: ignore[valid-type]
    return msgspec.json.Decoder(envelope)


def _column(collection: str, name: str) -> tuple[pa.DataType, Callable[[list[Any]], list[Any]]]:
    if name in _REF or (name == "schoolYear" and collection == "courses"):
        return pa.string(), lambda rows: [r and r.sourcedId for r in (getattr(row, name) for row in rows)]
    if name in _REFS:
        return pa.list_(pa.string()), lambda rows: [
            [r.sourcedId for r in refs] if refs else None for refs in (getattr(row, name) for row in rows)
        ]
    if name == "userIds":
        kind = pa.struct([("type", pa.string()), ("identifier", pa.string())])
        return pa.list_(kind), lambda rows: [
            [(i.type, i.identifier) for i in ids] if ids else None for ids in (row.userIds for row in rows)
        ]
    kind = (
        pa.list_(pa.string()) if name in _LISTS else pa.bool_() if name in ("enabledUser", "primary") else pa.string()
    )
    return kind, lambda rows: [getattr(row, name) for row in rows]


def write(collection: str, pages: Iterable[bytes], file: Path, batch: int = 20_000) -> int:
    """The rows of pages as one Parquet file; returns how many."""
    decode = decoder(collection)
    columns = {name: _column(collection, name) for name in ROWS[collection].__struct_fields__}
    schema = pa.schema([(name, kind) for name, (kind, _) in columns.items()])
    written = 0
    with pq.ParquetWriter(file, schema, compression="zstd") as out:
        rows: list[Any] = []

        def flush() -> None:
            nonlocal written
            arrays = [pa.array(values(rows), kind) for kind, values in columns.values()]
            out.write_batch(pa.record_batch(arrays, schema=schema))
            written += len(rows)
            rows.clear()

        for number, page in enumerate(pages):
            rows += getattr(decode.decode(page), collection)[number > 0 :]  # the first one is the last page's last
            if len(rows) >= batch:
                flush()
        flush()
    return written
