"""The form in which rows are sent: as OneRoster 1.2 has them, or odd in the ways that faults ask for."""

from collections.abc import Callable, Iterable
from typing import Any

from rostersync.simulator.roster import PARTS, Row

# 1.1 role -> 1.2 role
ROLES_12 = {"administrator": "siteAdministrator"}
NULLED = "class", "user", "school"


def as_12(collection: str, row: Row) -> Row:
    """A 1.1 row in the form of OneRoster 1.2: users have roles[] with one primary role, and flags are strings."""
    row = {k: _flag(v) for k, v in row.items()}
    if collection != "users":
        return row
    role, orgs = row.pop("role"), row.pop("orgs") or []
    name = ROLES_12.get(role, role)
    row["primaryOrg"] = orgs[0] if orgs else None
    row["roles"] = [
        {
            "roleType": "primary" if at == 0 else "secondary",
            "role": name,
            "org": org,
            "userProfile": None,
            "beginDate": None,
            "endDate": None,
        }
        for at, org in enumerate(orgs)
    ]
    row |= dict.fromkeys(
        ("userMasterIdentifier", "preferredFirstName", "preferredMiddleName", "preferredLastName", "pronouns")
    )
    row["userProfiles"] = None
    return row


def _flag(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def row_steps(collection: str, version: str, struck: dict[str, str | None]) -> list[Callable[[int, Row], Row]]:
    """The steps that change each row, in order. A step gets the row's number in the collection, and the row."""
    whole = PARTS.get(collection, (collection,))[0]
    steps: list[Callable[[int, Row], Row]] = []
    if version == "1.2":
        steps.append(lambda _, row: as_12(whole, row))
    if "passwords" in struck and whole == "users":
        steps.append(lambda number, row: row | {"password": f"Secret-{number:06d}"})
    if "null-references" in struck and whole == "enrollments":
        steps.append(_null_references)
    if "odd-values" in struck:
        steps.append(_odd_values)
    if "odd-casing" in struck:
        steps.append(lambda _, row: {("SourcedId" if k == "sourcedId" else k): v for k, v in row.items()})
    return steps


def format_rows(rows: Iterable[tuple[int, Row]], steps: list[Callable[[int, Row], Row]]) -> list[Row]:
    """The rows as they are sent."""
    result = []
    for number, row in rows:
        for step in steps:
            row = step(number, row)
        result.append(row)
    return result


def _null_references(number: int, row: Row) -> Row:
    """Every 29th enrolment lacks one reference: in turn the class, the user, the school."""
    if number % 29 != 5:
        return row
    return row | {NULLED[number // 29 % len(NULLED)]: None}


def _odd_values(number: int, row: Row) -> Row:
    """Values as other writers of OneRoster have been seen to send them."""
    row = dict(row)
    for key, value in row.items():
        if isinstance(value, bool):
            row[key] = (str(value), int(value), str(value).lower())[number % 3]
        elif key in ("beginDate", "endDate", "startDate", "birthDate") and value:
            row[key] = f"{value}T00:00:00Z"
    if isinstance(row.get("schoolYear"), str):
        row["schoolYear"] = f"{int(row['schoolYear'][:4]) - 1}-{row['schoolYear'][:4]}"
    if "parent" in row and number % 2 == 0:
        row.pop("parent")
    row.pop("metadata", None)
    return row
