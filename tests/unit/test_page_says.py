"""What stands beside the rows of a page, as truth tables. tests/contract/test_source_says_there_is_more.py asks a server."""

from typing import Any

import msgspec
import pytest

from rostersync.sources.oneroster.beside import count, error_in, said_beside, totals
from rostersync.sources.oneroster.links import Next, from_body, together, unreadable

NUMBERS: list[tuple[Any, int | None]] = [
    (5, 5),
    (0, 0),
    ("5", 5),
    (" 7 ", 7),
    ("+7", 7),
    ("7.0", 7),
    ("7.", 7),
    (7.0, 7),
    ("7, 7", 7),
    (10**15 - 1, 10**15 - 1),
    (None, None),
    (False, None),
    ("", None),
    ("  ", None),
    ([], None),
    ({}, None),
    (-1, None),
    ("-1", None),
]
NO_NUMBERS: list[Any] = [
    True,
    "x",
    "7, 8",
    "1.5",
    1.5,
    1e22,
    10**15,
    "9" * 5000,
    "\u0663",
    "-x",
    "--1",
    [5],
    {"a": 5},
    object(),
]
OPEN = Next(True, "/users?offset=5")
LAST = Next(True)
UNCLEAR = Next(True, unclear=True)


@pytest.mark.parametrize(("value", "number"), NUMBERS)
def test_a_number_of_records(value: Any, number: int | None) -> None:
    assert count(value) == number


@pytest.mark.parametrize("value", NO_NUMBERS, ids=lambda value: str(value)[:20])
def test_no_number_of_records(value: Any) -> None:
    with pytest.raises(ValueError, match="no number of records"):
        count(value)
    assert totals([value, 7]) == (7, "named a total that cannot be read")


def test_the_largest_total_counts_and_others_are_a_doubt() -> None:
    assert totals([]) == (None, None)
    assert totals([None, 7, "7", -1]) == (7, None)
    assert totals([7, 9, None, 8]) == (9, "named totals that differ, 7 and 9")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("/users?offset=5", OPEN),
        ({"href": "/users?offset=5"}, OPEN),
        ({"type": "x", "URL": "/users?offset=5"}, OPEN),
        ({"href": ""}, LAST),
        ("", LAST),
        (None, LAST),
        (False, LAST),
        (0, LAST),
        ([], LAST),
        ({}, LAST),
        (5, UNCLEAR),
        (True, UNCLEAR),
        ({"page": 2}, UNCLEAR),
        (["/users?offset=5"], UNCLEAR),
    ],
)
def test_the_next_page(value: Any, expected: Next) -> None:
    assert from_body(value) == expected
    assert (expected.ended, expected.leads_on) == (expected is LAST, expected is not LAST)


def test_of_several_places_one_that_leads_on_counts() -> None:
    assert together() == Next()
    for said in ((LAST, OPEN), (OPEN, LAST), (UNCLEAR, OPEN), (Next(), OPEN)):
        assert together(*said) == OPEN
    assert together(LAST, UNCLEAR) == UNCLEAR
    assert together(Next(), LAST) == LAST


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("?offset=5", False),
        ("?cursor=abc", False),
        ("/users", False),
        ("?OFFSET=abc", True),
        ("?offset=-5", True),
        ("?offset=" + "9" * 20, True),
        ("https://[broken/?offset=5", True),
    ],
)
def test_a_next_page_that_nobody_can_ask_for(url: str, expected: bool) -> None:
    assert unreadable(Next(True, url)) is expected
    assert unreadable(UNCLEAR)
    assert not unreadable(LAST)


@pytest.mark.parametrize(
    ("top", "key"),
    [
        ({"imsx_codeMajor": "success"}, None),
        ({"imsx_codeMajor": ""}, None),
        ({"imsx_CODEMAJOR": "Failure"}, "imsx_CODEMAJOR"),
        ({"codeMajor": "processing"}, "codeMajor"),
        ({"statusInfoSet": [{"imsx_codeMajor": "success", "imsx_severity": "status"}]}, None),
        ({"statusInfoSet": {"statusInfo": [{"imsx_codeMajor": "failure"}]}}, "statusInfoSet"),
        ({"imsx_statusInfo": {"status": {"codeMajor": "failure"}}}, "imsx_statusInfo"),
        ({"imsx_severity": "error"}, "imsx_severity"),
        ({"imsx_severity": "warning"}, None),
        ({"imsx_description": "no failure"}, None),
        ({"errors": []}, None),
        ({"errors": "0"}, None),
        ({"error": "none"}, None),
        ({"Errors": {"code": 17}}, "Errors"),
        ({"status": "active"}, None),
        ({"status": 200}, None),
        ({"status": "Failed"}, "status"),
        ({"success": True}, None),
        ({"success": False}, "success"),
        ({"other": "error", "message": "failure"}, None),
    ],
)
def test_an_error_beside_the_rows(top: dict[str, Any], key: str | None) -> None:
    assert error_in(top) == key


def test_what_nobody_can_read_is_never_taken_for_absent() -> None:
    def said(body: str) -> Any:
        return said_beside(msgspec.json.decode(body, type=dict[str, msgspec.Raw]), "users")

    assert said('{"pagination": {"next": 1e999}}').doubt == "named pages that cannot be read"
    assert said('{"total": 1e999}').doubt == "named a total that cannot be read"
    assert said('{"nextPage": 1e999}').next.leads_on
    assert said('{"statusInfo": {"code": 1e999}}').error == "statusInfo"
