"""Writes the accepted roster as a strict OneRoster 1.1 CSV bundle, in bulk mode.

Strict means that it has the standard's columns in their order, blank status and dateLastModified, and only values of
1.1. What the store has beyond that, from a 1.2 source, is translated by oneroster_csv_downgrade.py, or left out and
counted. Lines end in LF, cells are quoted where they must be, and records are in order of sourcedId. A list's element
that holds a comma is quoted within its cell.
"""

from pathlib import Path
from typing import Literal

import duckdb
from duckdb import ColumnExpression, ConstantExpression, FunctionExpression

from rostersync import durable
from rostersync.deliveries import oneroster_csv_downgrade as downgrade
from rostersync.deliveries.port import Exported
from rostersync.errors import NotYetSupported, Permanent, Retryable
from rostersync.roster import BY_NAME, Kind

# The columns of each file after sourcedId, status and dateLastModified, in the standard's order.
COLUMNS = {
    "orgs": ("name", "type", "identifier", "parentSourcedId"),
    "academicSessions": ("title", "type", "startDate", "endDate", "parentSourcedId", "schoolYear"),
    "courses": (
        "schoolYearSourcedId",
        "title",
        "courseCode",
        "grades",
        "orgSourcedId",
        "subjects",
        "subjectCodes",
    ),
    "classes": (
        "title",
        "grades",
        "courseSourcedId",
        "classCode",
        "classType",
        "location",
        "schoolSourcedId",
        "termSourcedIds",
        "subjects",
        "subjectCodes",
        "periods",
    ),
    "users": (
        "enabledUser",
        "orgSourcedIds",
        "role",
        "username",
        "userIds",
        "givenName",
        "familyName",
        "middleName",
        "identifier",
        "email",
        "sms",
        "phone",
        "agentSourcedIds",
        "grades",
        "password",
    ),
    "enrollments": ("classSourcedId", "schoolSourcedId", "userSourcedId", "role", "primary", "beginDate", "endDate"),
    "demographics": (
        "birthDate",
        "sex",
        "americanIndianOrAlaskaNative",
        "asian",
        "blackOrAfricanAmerican",
        "nativeHawaiianOrOtherPacificIslander",
        "white",
        "demographicRaceTwoOrMoreRaces",
        "hispanicOrLatinoEthnicity",
        "countryOfBirthCode",
        "stateOfBirthAbbreviation",
        "cityOfBirth",
        "publicSchoolResidenceStatus",
    ),
}
MANIFEST = (
    "academicSessions",
    "categories",
    "classes",
    "classResources",
    "courses",
    "courseResources",
    "demographics",
    "enrollments",
    "lineItems",
    "orgs",
    "resources",
    "results",
    "users",
)
_OPTIONAL = frozenset({"demographics"})  # absent where there are none; other files are bulk even if empty
_SYSTEM = "rostersync"


def write_bundle(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    version: str = "1.1",
    *,
    counselor_as: Literal["teacher", "aide"] = "aide",
) -> Exported:
    """Write the active records of the views `store_<table>` in `con` to `folder`, which appears whole or not at all.

    `con` must be allowed to write to the parent of `folder`. An earlier bundle of ours is replaced; any other folder
    that is not empty is refused (Permanent, NotEmpty).
    """
    if version != "1.1":
        raise NotYetSupported(f"Export writes OneRoster 1.1; {version} comes later.")
    folder = folder.resolve()
    _check_target(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    durable.clear(folder.parent, folder.name)
    exported = Exported()
    try:
        with durable.made(folder) as part:
            part.mkdir(mode=0o700)
            for name in COLUMNS:
                _write_file(con, name, part, counselor_as, exported)
            _write_manifest(part, exported)
    except duckdb.Error as error:
        raise Retryable(
            f"Tried to write the OneRoster bundle; DuckDB failed ({type(error).__name__}). Check that the folder is "
            "writable and has free space.",
            reason="ExportFailed",
            detail=str(error),
        ) from None
    return exported


def _write_file(con: duckdb.DuckDBPyConnection, name: str, part: Path, counselor_as: str, exported: Exported) -> None:
    """Write one file.

    Metadata keys follow as sorted columns. They come from the district, so they never become SQL text.
    """
    # Names and expressions in the statements below are from this file.
    rows = con.execute(f"SELECT count(*) FROM store_{name} WHERE {_kept(name)}").fetchone()  # noqa: S608
    count = rows[0] if rows else 0
    exported.not_expressible.update(downgrade.losses(con, name))
    if not count and name in _OPTIONAL:
        return
    exported.rows[name] = count
    keys = con.execute(
        f"SELECT DISTINCT unnest(map_keys(metadata)) AS key FROM store_{name} WHERE {_kept(name)} ORDER BY key"  # noqa: S608
    ).fetchall()
    cells = ", ".join(f'{_cell(name, column, counselor_as)} AS "{column}"' for column in COLUMNS[name])
    base = 'id AS "sourcedId", NULL AS "status", NULL AS "dateLastModified"'
    rows_of_file = con.sql(f"SELECT {base}, {cells}, metadata FROM store_{name} WHERE {_kept(name)}")  # noqa: S608
    columns = [ColumnExpression(c) for c in ("sourcedId", "status", "dateLastModified", *COLUMNS[name])]
    extensions = [
        FunctionExpression("map_extract_value", ColumnExpression("metadata"), ConstantExpression(key)).alias(
            f"metadata.{key}"
        )
        for (key,) in keys
    ]
    rows_of_file.select(*columns, *extensions).order('"sourcedId"').write_csv(str(part / f"{name}.csv"), header=True)


def _kept(name: str) -> str:
    """SQL for the rows of a table that are written."""
    return f"status = 'active' AND {downgrade.EXPRESSIBLE.get(name, 'true')}"


def _cell(name: str, column: str, counselor_as: str) -> str:
    """SQL for the text of a cell."""
    if column == "password":
        return "NULL"  # a column that the standard has and the store does not
    if (name, column) in downgrade.CELLS:
        return downgrade.CELLS[name, column].format(counselor=f"'{counselor_as}'")
    quoted = f'"{column}"'
    kind = BY_NAME[name].attribute(column).kind
    if kind is Kind.USER_IDS:
        pairs = "lambda u: '{' || coalesce(u.\"type\", '') || ':' || coalesce(u.identifier, '') || '}'"
        return _joined(f"list_transform({quoted}, {pairs})")
    if kind in (Kind.LIST, Kind.SET, Kind.REFS):
        return _joined(quoted)
    return f"CAST({quoted} AS VARCHAR)"


def _joined(elements: str) -> str:
    quote_where_needed = (
        "lambda x: CASE WHEN contains(x, ',') OR contains(x, '\"') "
        "THEN '\"' || replace(x, '\"', '\"\"') || '\"' ELSE x END"
    )
    return f"array_to_string(list_transform({elements}, {quote_where_needed}), ',')"


def _write_manifest(part: Path, exported: Exported) -> None:
    """Write manifest.csv last, so that a reader who finds it finds all files."""
    lines = ["propertyName,value", "manifest.version,1.0", "oneroster.version,1.1"]
    lines += [f"file.{name},{'bulk' if name in exported.rows else 'absent'}" for name in MANIFEST]
    lines += [f"source.systemName,{_SYSTEM}"]
    (part / "manifest.csv").write_text("\n".join(lines) + "\n")


def _check_target(folder: Path) -> None:
    """Refuse to replace anything but an earlier bundle of ours."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    ours = {f"{name}.csv" for name in (*MANIFEST, "manifest")}
    manifest = folder / "manifest.csv"
    if (
        folder.is_dir()
        and manifest.is_file()
        and f"source.systemName,{_SYSTEM}" in manifest.read_text().splitlines()
        and {p.name for p in folder.iterdir()} <= ours
    ):
        return
    raise Permanent(
        f"{folder} holds something else than a bundle that rostersync wrote; name an empty or a new folder.",
        reason="NotEmpty",
    )
