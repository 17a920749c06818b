"""Reads a folder of OneRoster 1.1 CSV files as JSON rows.

A BOM, missing files or columns and a blank status are fine.
"""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from rostersync.simulator.events import COLLECTIONS
from rostersync.simulator.roster import PARTS, Row

UNDATED = "1970-01-01T00:00:00.000Z"  # dateLastModified is blank in a bulk bundle and required over REST

TEXT, BOOLEAN, LIST, USER_IDS = "text", "boolean", "list", "userIds"
# CSV column -> (JSON key, form). A form is one of the above, or the type of a reference, with * for a list of them.
_REF = {"org": "orgs", "academicSession": "academicSessions", "course": "courses", "class": "classes", "user": "users"}
_COLUMNS: dict[str, dict[str, tuple[str, str]]] = {
    "orgs": {
        "name": ("name", TEXT),
        "type": ("type", TEXT),
        "identifier": ("identifier", TEXT),
        "parentSourcedId": ("parent", "org"),
    },
    "academicSessions": {
        "title": ("title", TEXT),
        "type": ("type", TEXT),
        "startDate": ("startDate", TEXT),
        "endDate": ("endDate", TEXT),
        "parentSourcedId": ("parent", "academicSession"),
        "schoolYear": ("schoolYear", TEXT),
    },
    "courses": {
        "schoolYearSourcedId": ("schoolYear", "academicSession"),
        "title": ("title", TEXT),
        "courseCode": ("courseCode", TEXT),
        "grades": ("grades", LIST),
        "orgSourcedId": ("org", "org"),
        "subjects": ("subjects", LIST),
        "subjectCodes": ("subjectCodes", LIST),
    },
    "classes": {
        "title": ("title", TEXT),
        "grades": ("grades", LIST),
        "courseSourcedId": ("course", "course"),
        "classCode": ("classCode", TEXT),
        "classType": ("classType", TEXT),
        "location": ("location", TEXT),
        "schoolSourcedId": ("school", "org"),
        "termSourcedIds": ("terms", "academicSession*"),
        "subjects": ("subjects", LIST),
        "subjectCodes": ("subjectCodes", LIST),
        "periods": ("periods", LIST),
    },
    "users": {
        "enabledUser": ("enabledUser", BOOLEAN),
        "orgSourcedIds": ("orgs", "org*"),
        "role": ("role", TEXT),
        "username": ("username", TEXT),
        "userIds": ("userIds", USER_IDS),
        "givenName": ("givenName", TEXT),
        "familyName": ("familyName", TEXT),
        "middleName": ("middleName", TEXT),
        "identifier": ("identifier", TEXT),
        "email": ("email", TEXT),
        "sms": ("sms", TEXT),
        "phone": ("phone", TEXT),
        "agentSourcedIds": ("agents", "user*"),
        "grades": ("grades", LIST),
    },
    "enrollments": {
        "classSourcedId": ("class", "class"),
        "schoolSourcedId": ("school", "org"),
        "userSourcedId": ("user", "user"),
        "role": ("role", TEXT),
        "primary": ("primary", BOOLEAN),
        "beginDate": ("beginDate", TEXT),
        "endDate": ("endDate", TEXT),
    },
    "demographics": {name: (name, TEXT) for name in ("birthDate", "sex")}
    | {
        name: (name, BOOLEAN)
        for name in (
            "americanIndianOrAlaskaNative",
            "asian",
            "blackOrAfricanAmerican",
            "nativeHawaiianOrOtherPacificIslander",
            "white",
            "demographicRaceTwoOrMoreRaces",
            "hispanicOrLatinoEthnicity",
        )
    }
    | {
        name: (name, TEXT)
        for name in ("countryOfBirthCode", "stateOfBirthAbbreviation", "cityOfBirth", "publicSchoolResidenceStatus")
    },
}


def read_csv(file: Path) -> list[dict[str, str]]:
    """The rows of one CSV file, cells trimmed.

    The file's name may be in any case; without the file there are no rows.
    """
    found = [f for f in sorted(file.parent.glob("*")) if f.name.lower() == file.name.lower()]
    if not found:
        return []
    with found[0].open(encoding="utf-8-sig", newline="") as lines:
        return [
            {(k or "").strip(): (v or "").strip() for k, v in row.items() if isinstance(v, str) or v is None}
            for row in csv.DictReader(lines)
        ]


class Bundle:
    """The rows of a bundle, as a Roster. Raises ValueError when the folder has none of the files."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._rows: dict[str, list[dict[str, str]]] = {}
        for name in COLLECTIONS:
            rows = [row for row in read_csv(self.folder / f"{name}.csv") if row.get("sourcedId")]
            self._rows[name] = sorted(rows, key=lambda row: row["sourcedId"])
        if not any(self._rows.values()):
            raise ValueError(f"{self.folder}: no rows in any of {', '.join(f'{n}.csv' for n in COLLECTIONS)}")
        for part, (whole, column, values) in PARTS.items():
            self._rows[part] = [row for row in self._rows[whole] if row.get(column) in values]
        self._at = {c: {row["sourcedId"]: row for row in rows} for c, rows in self._rows.items()}

    @property
    def name(self) -> str:
        """The name of the folder."""
        return f"bundle {self.folder.name}"

    def total(self, collection: str) -> int:
        """How many rows the collection's file has."""
        return len(self._rows[collection])

    def rows(self, collection: str, start: int, stop: int, base: str = "") -> Iterator[Row]:
        """Rows number start … stop-1 as JSON objects."""
        for row in self._rows[collection][max(0, start) : max(0, stop)]:
            yield as_json(PARTS.get(collection, (collection,))[0], row, base)

    def one(self, collection: str, sourced_id: str, base: str = "") -> Row | None:
        """The row with that id."""
        row = self._at[collection].get(sourced_id)
        return as_json(PARTS.get(collection, (collection,))[0], row, base) if row else None


def as_json(collection: str, row: dict[str, str], base: str) -> Row:
    """One CSV row as OneRoster 1.1 has it over REST. Blank cells become null; passwords are left out."""
    result: Row = {
        "sourcedId": row["sourcedId"],
        "status": row.get("status") or "active",
        "dateLastModified": row.get("dateLastModified") or UNDATED,
        "metadata": {k.removeprefix("metadata."): v or None for k, v in row.items() if k.startswith("metadata.")}
        or None,
    }
    for column, (key, how) in _COLUMNS[collection].items():
        cell = row.get(column, "")
        result[key] = _VALUES[how](cell) if how in _VALUES else _references(how, cell, base)
    return result


def _references(how: str, cell: str, base: str) -> Any:
    kind = how.removesuffix("*")
    refs = [{"href": f"{base}/{_REF[kind]}/{i}", "sourcedId": i, "type": kind} for i in _list(cell)]
    return refs if how.endswith("*") else next(iter(refs), None)


def _list(cell: str) -> list[str]:
    return [item.strip() for item in cell.split(",") if item.strip()]


def _user_ids(cell: str) -> list[dict[str, str]]:
    """The pairs of `{Local:863},{SIS:9}`, with type and identifier."""
    pairs = (item.strip("{}").partition(":") for item in _list(cell))
    return [{"type": kind, "identifier": identifier} for kind, _, identifier in pairs if identifier]


_VALUES: dict[str, Callable[[str], Any]] = {
    TEXT: lambda cell: cell or None,
    BOOLEAN: lambda cell: {"true": True, "1": True, "false": False, "0": False}.get(cell.lower(), cell or None),
    LIST: lambda cell: _list(cell) or None,
    USER_IDS: lambda cell: _user_ids(cell) or None,
}
