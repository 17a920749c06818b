"""A change of any one attribute, to another value, to nothing or from nothing, is an update that names it alone."""

import pytest

from rostersync.roster import TABLES, USERS, Attribute, Kind, Table
from support.days import Roster, district

EVERYTHING = {
    "bulkUploadMode": True,
    "entities": [e.value for table in TABLES for e in table.entities],
}
DECIDING = ("role", "roles", "type")  # what makes a record what it is
VALUES = {
    Kind.TEXT: ("one", "two"),
    Kind.DATE: ("2026-01-02", "2026-01-03"),
    Kind.BOOLEAN: ("true", "false"),
    Kind.LIST: (["b", "a"], ["a", "b"]),
    Kind.SET: (["a"], ["a", "b"]),
    Kind.USER_IDS: ([{"type": "a", "identifier": "1"}], [{"type": "a", "identifier": "2"}]),
}


def attributes(table: Table) -> list[Attribute]:
    """Those that have a value of their own."""
    return [a for a in table.attributes if not a.target and a.name not in DECIDING]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_change_of_one_attribute_is_an_update_of_it(table: Table, roster: Roster) -> None:
    first, second = district(), district()
    expected = {}
    more = {"type": "district", "parentSourcedId": None} if table.name == "orgs" else {}
    for number, attribute in enumerate(attributes(table)):
        one, other = VALUES[attribute.kind]
        for way, (was, becomes) in {"changed": (one, other), "gone": (one, None), "new": (None, one)}.items():
            record = f"{way}-{number}"
            if table.name == "demographics":
                first, second = (day.add("users", record) for day in (first, second))
            if table.name == "orgs":  # what stands above no school is not taken
                first, second = (day.add("orgs", "1" + record, parentSourcedId=record) for day in (first, second))
            first = first.add(table.name, record, **(more | {attribute.name: was}))
            second = second.add(table.name, record, **(more | {attribute.name: becomes}))
            expected[record] = [attribute.name]

    roster.apply(roster.plan(first, **EVERYTHING))
    plan = roster.plan(second, **EVERYTHING)

    assert {row["id"]: row["changed"] for row in plan.rows.values()} == expected
    assert {row["change"] for row in plan.rows.values()} == {"Update"}


def test_the_tables_have_attributes_to_change() -> None:
    assert all(attributes(table) for table in TABLES)
    assert len(attributes(USERS)) > 10
