"""What a strict importer asks of a OneRoster CSV bundle, from the standard's tables and without the writer's.

`problems` names each violation as `file: what`, without values of people.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path

Rows = list[dict[str, str]]

_HEADERS = {
    "orgs": "name*,type*,identifier,parentSourcedId",
    "academicSessions": "title*,type*,startDate*,endDate*,parentSourcedId,schoolYear*",
    "courses": "schoolYearSourcedId,title*,courseCode,grades,orgSourcedId*,subjects,subjectCodes",
    "classes": "title*,grades,courseSourcedId*,classCode,classType*,location,schoolSourcedId*,termSourcedIds*,subjects,"
    "subjectCodes,periods",
    "users": "enabledUser*,orgSourcedIds*,role*,username*,userIds,givenName*,familyName*,middleName,identifier,email,sms,"
    "phone,agentSourcedIds,grades,password",
    "enrollments": "classSourcedId*,schoolSourcedId*,userSourcedId*,role*,primary,beginDate,endDate",
    "demographics": "birthDate,sex,americanIndianOrAlaskaNative,asian,blackOrAfricanAmerican,"
    "nativeHawaiianOrOtherPacificIslander,white,demographicRaceTwoOrMoreRaces,hispanicOrLatinoEthnicity,"
    "countryOfBirthCode,stateOfBirthAbbreviation,cityOfBirth,publicSchoolResidenceStatus",
}
HEADERS = {
    "1.1": _HEADERS,
    "1.2": _HEADERS
    | {
        "users": "enabledUser*,username,userIds,givenName*,familyName*,middleName,identifier,email,sms,phone,"
        "agentSourcedIds,grades,password,userMasterIdentifier,preferredGivenName,preferredMiddleName,preferredFamilyName,"
        "primaryOrgSourcedId,pronouns",
        "roles": "userSourcedId*,roleType*,role*,beginDate,endDate,orgSourcedId*,userProfileSourcedId",
    },
}
_OTHERS = {
    "1.1": "categories classResources courseResources lineItems resources results",
    "1.2": "categories classResources courseResources lineItemLearningObjectiveIds lineItems lineItemScoreScales resources "
    "resultLearningObjectiveIds results resultScoreScales scoreScales userProfiles userResources",
}
_ORG = "department school district local state national"
_SESSION = "gradingPeriod semester schoolYear term"
_WORDS = {
    "1.1": {
        ("orgs", "type"): _ORG,
        ("academicSessions", "type"): _SESSION,
        ("classes", "classType"): "homeroom scheduled",
        ("users", "role"): "administrator aide guardian parent proctor relative student teacher",
        ("enrollments", "role"): "administrator aide guardian parent proctor relative student teacher",
        ("demographics", "sex"): "male female",
    },
    "1.2": {
        ("orgs", "type"): _ORG,
        ("academicSessions", "type"): _SESSION,
        ("classes", "classType"): "homeroom scheduled",
        ("roles", "roleType"): "primary secondary",
        ("roles", "role"): "aide counselor districtAdministrator guardian parent principal proctor relative "
        "siteAdministrator student systemAdministrator teacher",
        ("enrollments", "role"): "administrator proctor student teacher",
        ("demographics", "sex"): "male female unspecified other",
    },
}
_REFERENCES = {
    ("orgs", "parentSourcedId"): "orgs",
    ("academicSessions", "parentSourcedId"): "academicSessions",
    ("courses", "schoolYearSourcedId"): "academicSessions",
    ("courses", "orgSourcedId"): "orgs",
    ("classes", "courseSourcedId"): "courses",
    ("classes", "schoolSourcedId"): "orgs",
    ("classes", "termSourcedIds"): "academicSessions",
    ("users", "orgSourcedIds"): "orgs",
    ("users", "agentSourcedIds"): "users",
    ("users", "primaryOrgSourcedId"): "orgs",
    ("roles", "userSourcedId"): "users",
    ("roles", "orgSourcedId"): "orgs",
    ("enrollments", "classSourcedId"): "classes",
    ("enrollments", "schoolSourcedId"): "orgs",
    ("enrollments", "userSourcedId"): "users",
    ("demographics", "sourcedId"): "users",
}
_PROPERTIES = {"manifest.version", "oneroster.version", "source.systemName", "source.systemCode"}
_BOOLEAN = re.compile(r"enabledUser|primary|.*(Native|asian|American|Islander|white|Races|Ethnicity)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def read(folder: Path, name: str) -> tuple[list[str], Rows]:
    """Header and rows of a file."""
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        found = csv.reader(file, strict=True)
        header = next(found)
        return header, [dict(zip(header, row, strict=True)) for row in found]


def parts(cell: str) -> list[str]:
    """The elements of a list in a cell."""
    return next(csv.reader([cell], strict=True)) if cell else []


def manifest(folder: Path) -> dict[str, str]:
    """manifest.csv: properties and values."""
    header, rows = read(folder, "manifest")
    assert header == ["propertyName", "value"]
    return {row["propertyName"]: row["value"] for row in rows}


def problems(
    folder: Path, has: dict[str, set[str]] | None = None, *, required: bool = True, words: bool = True
) -> list[str]:
    """Everything that a strict importer would refuse.

    `has`: the ids that the importer has already, by file, for a delta. `required` and `words` are false where the source
    itself lacks values that must be there, or has others than the standard.
    """
    return sorted(set(_problems(folder, has or {}, required, words)))


def _problems(folder: Path, has: dict[str, set[str]], required: bool, words: bool) -> Iterator[str]:
    said = manifest(folder)
    version = said.get("oneroster.version", "")
    if said.get("manifest.version") != "1.0" or version not in HEADERS:
        yield "manifest: version"
        return
    names = [*HEADERS[version], *_OTHERS[version].split()]
    if {k for k in said if k.startswith("file.")} != {f"file.{name}" for name in names}:
        yield "manifest: files"
    if not {k for k in said if not k.startswith("file.")} <= _PROPERTIES:
        yield "manifest: a property that the standard does not have"
    for path in folder.iterdir():
        text = path.read_bytes()
        if text.startswith(b"\xef\xbb\xbf") or b"\0" in text or not text.endswith(b"\n"):
            yield f"{path.stem}: not plain UTF-8 lines"
    modes = {name: said.get(f"file.{name}", "") for name in names}
    if not set(modes.values()) <= {"bulk", "delta", "absent"} or {"bulk", "delta"} <= set(modes.values()):
        yield "manifest: modes"
    there = {path.name for path in folder.iterdir()} - {"manifest.csv"}
    if there != {f"{name}.csv" for name, mode in modes.items() if mode != "absent"}:
        yield "manifest: other files than it says"
    files: dict[str, Rows] = {}
    for name in HEADERS[version]:
        if f"{name}.csv" in there:
            header, files[name] = read(folder, name)
            yield from _header(version, name, header)
    for name, rows in files.items():
        for row in rows:
            yield from _row(version, name, modes[name], row, required, words)
        ids = [row["sourcedId"] for row in rows]
        if len(set(ids)) != len(ids):
            yield f"{name}: an id twice"
        if ids != sorted(ids, key=lambda i: i.encode()):
            yield f"{name}: not in order"
    gone = {n: {r["sourcedId"] for r in rows if r["status"] == "tobedeleted"} for n, rows in files.items()}
    ids_then = {
        name: (has.get(name, set()) - gone.get(name, set()))
        | {r["sourcedId"] for r in files.get(name, []) if r["status"] != "tobedeleted"}
        for name in HEADERS[version]
    }
    for (name, column), target in _REFERENCES.items():
        for row in files.get(name, []):
            refs = row.get(column, "")
            found = set(parts(refs) if column.endswith("Ids") else [refs] if refs else [])
            known = ids_then[target] | (has.get(target, set()) if row["status"] == "tobedeleted" else set())
            if not found <= known:
                yield f"{name}.{column}: refers to what is not there"
    if "bulk" in modes.values() and words:
        yield from _sense(version, files)
    if version == "1.2" and modes["roles"] == "bulk":
        primary = [(r["userSourcedId"], r["orgSourcedId"]) for r in files["roles"] if r["roleType"] == "primary"]
        if len(set(primary)) != len(primary):
            yield "roles: two primary roles in an organisation"


def _sense(version: str, files: dict[str, Rows]) -> Iterator[str]:
    """What references must lead to, beyond that it is there."""
    extension = ("ext:",) if version == "1.2" else ()
    years = {r["sourcedId"] for r in files["academicSessions"] if r["type"].startswith(("schoolYear", *extension))}
    if not {r["schoolYearSourcedId"] for r in files["courses"] if r["schoolYearSourcedId"]} <= years:
        yield "courses.schoolYearSourcedId: no school year"
    schools = {r["sourcedId"] for r in files["orgs"] if r["type"].startswith(("school", *extension))}
    for name in ("classes", "enrollments"):
        if not {r["schoolSourcedId"] for r in files[name]} <= schools:
            yield f"{name}.schoolSourcedId: no school"
    if version == "1.2":
        held = {(r["userSourcedId"], r["orgSourcedId"]) for r in files["roles"]}
        if not {(u["sourcedId"], u["primaryOrgSourcedId"]) for u in files["users"] if u["primaryOrgSourcedId"]} <= held:
            yield "users.primaryOrgSourcedId: no role is held there"


def _header(version: str, name: str, header: list[str]) -> Iterator[str]:
    expected = ["sourcedId", "status", "dateLastModified", *HEADERS[version][name].replace("*", "").split(",")]
    if header[: len(expected)] != expected:
        yield f"{name}: header"
    if not all(column.startswith("metadata.") for column in header[len(expected) :]):
        yield f"{name}: a column that the standard does not have"


def _row(version: str, name: str, mode: str, row: dict[str, str], required: bool, words: bool) -> Iterator[str]:
    if not row["sourcedId"] or len(row["sourcedId"]) > 255:
        yield f"{name}: sourcedId"
    if mode == "bulk" and (row["status"] or row["dateLastModified"]):
        yield f"{name}: status in bulk"
    if mode == "delta" and not (
        row["status"] in ("active", "tobedeleted") and _INSTANT.fullmatch(row["dateLastModified"])
    ):
        yield f"{name}: status in delta"
    for column in HEADERS[version][name].split(","):
        value, must = row[column.rstrip("*")], column.endswith("*")
        column = column.rstrip("*")
        if must and required and not value:
            yield f"{name}.{column}: blank"
        known = _WORDS[version].get((name, column))
        extension = version == "1.2" and value.startswith("ext:")
        if words and known and value and value not in known.split() and not extension:
            yield f"{name}.{column}: a word that the standard does not have"
        if value and column.endswith("Date") and not _DAY.fullmatch(value):
            yield f"{name}.{column}: not a day"
        if value and _BOOLEAN.fullmatch(column) and value not in ("true", "false"):
            yield f"{name}.{column}: not a boolean"
