"""What the reference model's roster is in OneRoster CSV, and what a receiver has of it: as far as no value is translated."""

from typing import Any

from support.oneroster_checks import parts
from support.oneroster_reader import Content
from support.reference import ModelStore

# Values that both versions have as the source has them.
SAME = {
    "orgs": "name identifier parentSourcedId",
    "academicSessions": "title startDate endDate parentSourcedId schoolYear",
    "courses": "title courseCode grades orgSourcedId subjects subjectCodes",
    "classes": "title grades courseSourcedId classCode location schoolSourcedId termSourcedIds subjects periods",
    "users": "username givenName familyName middleName identifier email sms phone agentSourcedIds grades",
    "enrollments": "classSourcedId schoolSourcedId userSourcedId primary beginDate endDate",
    "demographics": "birthDate asian white hispanicOrLatinoEthnicity countryOfBirthCode cityOfBirth",
}
LISTS = {"grades", "subjects", "subjectCodes", "termSourcedIds", "periods", "agentSourcedIds", "orgSourcedIds"}
BOOLEANS = {"primary", "asian", "white", "hispanicOrLatinoEthnicity"}
Told = dict[str, dict[str, dict[str, Any]]]


def by_model(store: ModelStore) -> Told:
    """By file and id, the values that are there; under `at`, where people are."""
    found: Told = {table: {} for table in SAME}
    for (table, i), row in store.rows.items():
        if row["status"] == "active":
            found[table][i] = {n: row[n] for n in SAME[table].split() if row[n] not in (None, "", [])}
    people = {i: row for i, row in store.table("users").items() if row["role"]}
    found["at"] = {i: {"orgs": sorted(row["orgSourcedIds"])} for i, row in people.items() if row["orgSourcedIds"]}
    return found


def by_receiver(content: Content, version: str) -> Told:
    """The same of what a receiver has."""
    found: Told = {
        table: {
            i: {n: value(n, cells[n]) for n in SAME[table].split() if n in cells}
            for i, cells in content.get(table, {}).items()
        }
        for table in SAME
    }
    at: dict[str, set[str]] = {i: set() for i in content.get("users", {})}
    if version == "1.1":
        at = {i: set(parts(cells.get("orgSourcedIds", ""))) for i, cells in content.get("users", {}).items()}
        at = {i: orgs for i, orgs in at.items() if "role" in content["users"][i]}
    else:
        for cells in content.get("roles", {}).values():
            at[cells["userSourcedId"]].add(cells["orgSourcedId"])
    found["at"] = {i: {"orgs": sorted(orgs)} for i, orgs in at.items() if orgs}
    return found


def value(name: str, cell: str) -> Any:
    """What a cell says."""
    if name in LISTS:
        return parts(cell)
    return cell == "true" if name in BOOLEANS else cell
