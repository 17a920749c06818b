"""What importers of OneRoster CSV are likely to refuse, although OneRoster allows it in a store."""

from dataclasses import dataclass

import duckdb

from rostersync.roster import ENUMERATIONS


@dataclass(frozen=True)
class Gap:
    """`lacks` is SQL that is true for a record without the attribute; `sentence` follows the number of such records."""

    table: str
    attribute: str
    lacks: str
    sentence: str


GAPS = (
    Gap("users", "username", "username IS NULL", "users have no username, which the standard requires"),
    Gap(
        "courses", "orgSourcedId", '"orgSourcedId" IS NULL', "courses have no organisation, which the standard requires"
    ),
)


def _unknown(table: str, attribute: str) -> Gap:
    """SQL for values that the store keeps as they came, and that a plan reports as UnknownValue.

    `ext:` values are never written.
    """
    known = ", ".join(f"'{value.lower()}'" for value in ENUMERATIONS[table, attribute])
    value = f'lower("{attribute}")'
    lacks = f"{value} NOT IN ({known}) AND NOT starts_with({value}, 'ext:')"
    return Gap(table, attribute, lacks, f"{table} have a value in {attribute} that OneRoster does not know")


_REFUSED = (*GAPS, *(_unknown(*of) for of in ENUMERATIONS))
SENTENCES = {f"{gap.table}.{gap.attribute}": gap.sentence for gap in _REFUSED}
NO_SCHOOL = "orgs.school"
SENTENCES[NO_SCHOOL] = "schools are there, and an importer has nowhere to put people and classes"


def gaps(con: duckdb.DuckDBPyConnection, version: str = "1.1") -> dict[str, int]:
    """How many active records of the views `store_<table>` importers are likely to refuse, by gap.

    A roster without any school has 0 under that gap.
    """
    found: dict[str, int] = {}
    for gap in _REFUSED:
        if version != "1.1" and gap.attribute == "username":
            continue  # only 1.1 requires it
        # Names and conditions are from this file.
        query = f"SELECT count(*) FROM store_{gap.table} WHERE status = 'active' AND {gap.lacks}"
        row = con.execute(query).fetchone()
        if row and row[0]:
            found[f"{gap.table}.{gap.attribute}"] = row[0]
    schools = con.execute("SELECT 1 FROM store_orgs WHERE status = 'active' AND entity = 'School' LIMIT 1").fetchone()
    return found if schools else found | {NO_SCHOOL: 0}


def sentences(found: dict[str, int]) -> list[str]:
    """`12 users have no username, which the standard requires.`"""
    return [
        f"1 of the {SENTENCES[name].replace(' have ', ' has ', 1)}."
        if number == 1
        else f"{number:,} {SENTENCES[name]}."
        for name, number in found.items()
    ]
