"""Writes a roster as a strict OneRoster CSV bundle, 1.1 or 1.2, in bulk or as what changed since an earlier revision.

Strict means that it has the standard's columns in their order, only values of its version, and status and dateLastModified
blank in bulk and filled in a delta. What the store has beyond that is translated by oneroster_csv_cells.py, or left out and
counted. Lines end in LF, cells are quoted where they must be, and records are in order of sourcedId. A list's element that
holds a comma is quoted within its cell.

A delta compares the rows of both revisions as they are written. So whoever applies all deltas in order has the newest bulk
bundle, whatever becomes of a record in between: it changes, it goes, or it leaves what the delivery asks for.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import duckdb
from duckdb import ColumnExpression, ConstantExpression, Expression, FunctionExpression

from rostersync import durable
from rostersync.deliveries import narrowed
from rostersync.deliveries.narrowed import EVERYTHING, Narrowing
from rostersync.deliveries.oneroster_csv_cells import csv_rows, losses
from rostersync.deliveries.oneroster_csv_columns import FILES, IN_MANIFEST, OPTIONAL
from rostersync.deliveries.port import Exported
from rostersync.errors import Permanent, Retryable
from rostersync.roster import BY_NAME

_SYSTEM = "rostersync"
_NOW, _HAD = "csv_now_", "csv_had_"
_BASE = ("sourcedId", "status", "dateLastModified")


@dataclass(frozen=True)
class Wanted:
    """What is written: the roster that the views `<views><table>` have.

    `reader_has`: the views of the roster that the reader has, if only the difference is written; `at` (aware) is then when the
    roster of `views` began. `forgotten`: as in Edition.
    """

    version: str = "1.1"
    narrowing: Narrowing = EVERYTHING
    views: str = "store_"
    reader_has: str | None = None
    at: datetime | None = None
    counselor_as: Literal["teacher", "aide"] = "aide"
    forgotten: bool = False


def write_bundle(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    version: Literal["1.1", "1.2"] = "1.1",
    *,
    counselor_as: Literal["teacher", "aide"] = "aide",
) -> Exported:
    """Write the active records of the views `store_<table>` in `con` to `folder`, which appears whole or not at all.

    `con` must be allowed to write to the parent of `folder`. An earlier bundle of ours is replaced; any other folder
    that is not empty is refused (Permanent, NotEmpty).
    """
    folder = folder.resolve()
    _check_target(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    durable.clear(folder.parent, folder.name)
    with durable.made(folder) as part:
        part.mkdir(mode=0o700)
        return write_files(con, part, Wanted(version, counselor_as=counselor_as))


def write_files(con: duckdb.DuckDBPyConnection, folder: Path, wanted: Wanted) -> Exported:
    """Write the files into an empty folder, manifest.csv last."""
    exported = Exported()
    try:
        with _laid_out(con, wanted):
            _schools_there(con, wanted)
            for name in FILES[wanted.version]:
                if name in BY_NAME:
                    exported.not_expressible.update(losses(con, _NOW, wanted.version, name))
                _write_file(con, name, folder, wanted, exported)
        _write_manifest(folder, wanted, exported)
    except duckdb.Error as error:
        raise Retryable(
            f"Tried to write the OneRoster bundle; DuckDB failed ({type(error).__name__}). Check that the folder is "
            "writable and has free space.",
            reason="ExportFailed",
            detail=str(error),
        ) from None
    return exported


@contextmanager
def _laid_out(con: duckdb.DuckDBPyConnection, wanted: Wanted) -> Iterator[None]:
    """Views of the records that are written, and of those that the reader has."""
    try:
        narrowed.lay_out(con, wanted.views, _NOW, wanted.narrowing)
        if wanted.reader_has is not None:
            narrowed.lay_out(con, wanted.reader_has, _HAD, wanted.narrowing)
        yield
    finally:
        narrowed.drop(con, _NOW)
        narrowed.drop(con, _HAD)


def _schools_there(con: duckdb.DuckDBPyConnection, wanted: Wanted) -> None:
    """Refuse a narrowing to schools of which there is none: a receiver would take the empty files for a closed district."""
    if wanted.narrowing.schools is None or _number(con, f"SELECT count(*) FROM {_NOW}home"):
        return
    raise Permanent(
        f"None of the {len(wanted.narrowing.schools)} schools that oneRosterCSV.schools names is in the roster, so nothing was "
        "delivered. Name schools by their IDs in the roster, with the SIS ID prefix.",
        reason="NoSuchSchool",
    )


def _write_file(con: duckdb.DuckDBPyConnection, name: str, folder: Path, wanted: Wanted, exported: Exported) -> None:
    """Write one file, if it has something to say.

    Metadata keys follow as sorted columns. They come from the district, so they never become SQL text.
    """
    query = csv_rows(_NOW, wanted.version, name, wanted.counselor_as)
    if wanted.reader_has is None:
        written = f'SELECT *, NULL AS status, NULL AS "dateLastModified" FROM ({query})'
        count = _number(con, f"SELECT count(*) FROM ({query})")
        if not count and name in OPTIONAL and not _had_any(con, name, wanted):
            return
        keys = _keys(con, name, (_NOW,))
    else:
        had = csv_rows(_HAD, wanted.version, name, wanted.counselor_as)
        con.execute(f"CREATE OR REPLACE TEMP TABLE {_NOW}delta AS {_difference(query, had)}")
        written = f"SELECT *, '{_stamp(wanted.at)}' AS \"dateLastModified\" FROM {_NOW}delta"
        count = _number(con, f"SELECT count(*) FROM {_NOW}delta")
        if not count:
            return
        keys = _keys(con, name, (_NOW, _HAD))
    exported.rows[name] = count
    columns: list[Expression] = [ColumnExpression(c) for c in (*_BASE, *FILES[wanted.version][name])]
    extensions = [
        FunctionExpression("map_extract_value", ColumnExpression("metadata"), ConstantExpression(key)).alias(
            f"metadata.{key}"
        )
        for key in keys
    ]
    con.sql(written).select(*columns, *extensions).order('"sourcedId"').write_csv(
        str(folder / f"{name}.csv"), header=True
    )


def _difference(now: str, had: str) -> str:
    """The rows that are new or other than the reader has them, and those that are no longer there.

    Marks of 64 bits are joined and not the rows, as plans are compared: joining wide rows would take too much memory.
    """
    return f"""
        WITH now AS ({now}), had AS ({had}),
        differing AS MATERIALIZED (
          SELECT coalesce(n."sourcedId", h."sourcedId") AS "sourcedId", n.mark IS NULL AS gone
          FROM (SELECT "sourcedId", hash(now) AS mark FROM now) n
          FULL JOIN (SELECT "sourcedId", hash(had) AS mark FROM had) h ON h."sourcedId" = n."sourcedId"
          WHERE n.mark IS DISTINCT FROM h.mark)
        SELECT now.*, 'active' AS status FROM now SEMI JOIN (FROM differing WHERE NOT gone) d USING ("sourcedId")
        UNION ALL
        SELECT had.*, 'tobedeleted' AS status FROM had SEMI JOIN (FROM differing WHERE gone) d USING ("sourcedId")"""


def _had_any(con: duckdb.DuckDBPyConnection, name: str, wanted: Wanted) -> bool:
    """Whether a file that has no rows had some: a receiver keeps those for as long as the file is absent."""
    asked = wanted.narrowing.entities
    if asked is not None and not set(asked) & set(BY_NAME[name].entities):
        return False
    # Tombstones count, too. A person who was forgotten left none.
    return wanted.forgotten or bool(_number(con, f"SELECT count(*) FROM {wanted.views}{name}"))


def _keys(con: duckdb.DuckDBPyConnection, name: str, views: tuple[str, ...]) -> list[str]:
    """The keys of the records' metadata. A key that the reader has gets a column, although nobody has it any more."""
    if name not in BY_NAME:
        return []
    each = " UNION ".join(f"SELECT unnest(map_keys(metadata)) AS key FROM {of}{name}" for of in views)
    return [key for (key,) in con.execute(f"SELECT DISTINCT key FROM ({each}) ORDER BY key").fetchall()]


def _number(con: duckdb.DuckDBPyConnection, query: str) -> int:
    ((found,),) = con.execute(query).fetchall()  # all of it, since relations stumble over an unfinished result
    return int(found)


def _stamp(at: datetime | None) -> str:
    if at is None:
        raise AssertionError("a delta says when its revision was applied")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def _write_manifest(folder: Path, wanted: Wanted, exported: Exported) -> None:
    """Write manifest.csv last, so that a reader who finds it finds all files."""
    mode = "bulk" if wanted.reader_has is None else "delta"
    lines = ["propertyName,value", "manifest.version,1.0", f"oneroster.version,{wanted.version}"]
    lines += [f"file.{name},{mode if name in exported.rows else 'absent'}" for name in IN_MANIFEST[wanted.version]]
    lines += [f"source.systemName,{_SYSTEM}"]
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")


def _check_target(folder: Path) -> None:
    """Refuse to replace anything but an earlier bundle of ours."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    ours = {f"{name}.csv" for names in IN_MANIFEST.values() for name in (*names, "manifest")}
    manifest = folder / "manifest.csv"
    if (
        folder.is_dir()
        and manifest.is_file()
        and f"source.systemName,{_SYSTEM}".encode() in durable.read(manifest).splitlines()
        and {p.name for p in folder.iterdir()} <= ours
    ):
        return
    raise Permanent(
        f"{folder} holds something else than a bundle that rostersync wrote; name an empty or a new folder.",
        reason="NotEmpty",
    )
