"""What an answer about one record means, and what a proof comes to when records were asked for by id."""

import json
from typing import Any

import pytest

from rostersync.reading.confirming import Confirmed, Sample, judged
from rostersync.sources.oneroster import by_id
from rostersync.sources.port import ByID

ACTIVE, GONE, UNCLEAR = ByID.ACTIVE, ByID.GONE, ByID.UNCLEAR
ANOTHER = "another record came than was asked for"
FAILURE = {"imsx_codeMajor": "failure", "imsx_severity": "error"}


def user(sourced_id: Any = "s1", **values: Any) -> dict[str, Any]:
    return {"sourcedId": sourced_id, "status": "active", **values}


@pytest.mark.parametrize(
    ("status", "body", "expected", "unable"),
    [
        (200, {"user": user()}, ACTIVE, ""),
        (200, {"user": user(status=None)}, ACTIVE, ""),
        (200, {"user": {"sourcedId": "s1"}}, ACTIVE, ""),
        (200, {"user": {"SourcedId": " s1 ", "Status": "Active"}}, ACTIVE, ""),
        (200, {"student": user()}, ACTIVE, ""),
        (200, {"users": user()}, ACTIVE, ""),
        (200, {"users": [user()]}, ACTIVE, ""),
        (200, user(), ACTIVE, ""),
        (200, {"imsx_codeMajor": "success", "user": user()}, ACTIVE, ""),
        (200, {"user": user(status="tobedeleted")}, GONE, ""),
        (200, {"user": user(status="ToBeDeleted")}, GONE, ""),
        (200, {"user": user(status="inactive")}, GONE, ""),
        (404, FAILURE, GONE, ""),
        (410, {}, GONE, ""),
        (200, {"user": user(status="pending")}, UNCLEAR, ""),
        (200, {"user": None}, UNCLEAR, ""),
        (200, {"users": []}, UNCLEAR, ""),
        (200, {"user": {}}, UNCLEAR, ""),
        (200, {"user": {"status": "active"}}, UNCLEAR, ""),
        (200, FAILURE, UNCLEAR, ""),
        (200, {**FAILURE, "user": user()}, UNCLEAR, ""),
        (200, b"<html>", UNCLEAR, ""),
        (200, b'{"user":', UNCLEAR, ""),
        (200, b"[" * 5000, UNCLEAR, ""),
        (204, b"", UNCLEAR, ""),
        (200, {"user": user("s2")}, UNCLEAR, ANOTHER),
        (200, {"users": [user("s1"), user("s2")]}, UNCLEAR, ANOTHER),
        (400, FAILURE, UNCLEAR, "GET /users/ID: 400"),
        (403, FAILURE, UNCLEAR, "GET /users/ID: 403"),
        (405, b"", UNCLEAR, "GET /users/ID: 405"),
        (501, b"", UNCLEAR, "GET /users/ID: 501"),
    ],
)
def test_what_an_answer_says(status: int, body: Any, expected: ByID, unable: str) -> None:
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()

    assert by_id.judged(status, sent, "users", "s1") == (expected, unable)


@pytest.mark.parametrize(
    ("collection", "key"),
    [("demographics", "demographics"), ("demographics", "demographic"), ("orgs", "org"), ("classes", "class")],
)
def test_each_collection_has_its_own_key(collection: str, key: str) -> None:
    assert by_id.judged(200, json.dumps({key: user("1")}).encode(), collection, "1") == (ACTIVE, "")
    assert by_id.judged(200, json.dumps({key: user(1)}).encode(), collection, "1") == (ACTIVE, "")


WHOLE = {"complete": True, "rule": "Total", "reason": None}


def test_a_collection_with_a_missing_record_that_lives_is_not_complete() -> None:
    told = judged({"users": WHOLE, "orgs": WHOLE}, {"users": Confirmed({"s1": GONE, "s2": ACTIVE, "s3": UNCLEAR})})

    assert told["orgs"] == WHOLE
    assert told["users"] == {
        "complete": False,
        "rule": None,
        "reason": "1 of 3 missing records that were asked for by id is there",
        "byID": {"asked": 3, "active": 1, "gone": 1, "unclear": 1},
    }


def test_what_else_was_wrong_with_it_is_still_said() -> None:
    torn = {"complete": False, "rule": None, "reason": "total 9, received 8, duplicates 0"}

    told = judged({"users": torn}, {"users": Confirmed({"s1": ACTIVE, "s2": ACTIVE})})

    assert told["users"]["reason"].startswith("total 9, received 8, duplicates 0; 2 of 2 missing")


@pytest.mark.parametrize("answers", [{}, {"s1": GONE}, {"s1": UNCLEAR}, {"s1": GONE, "s2": UNCLEAR}])
def test_any_other_answer_harms_nothing(answers: dict[str, ByID]) -> None:
    told = judged({"users": WHOLE}, {"users": Confirmed(answers, "GET /users/ID: 405")})["users"]

    assert (told["complete"], told["rule"], told["byID"]["unable"]) == (True, "Total", "GET /users/ID: 405")


def test_nobody_is_asked_for_twice() -> None:
    wanted = Sample(("s1", "s2", "s3"), ("s9",))

    assert wanted.besides(Confirmed({"s1": GONE, "s3": UNCLEAR})).missing == ("s2",)
    assert wanted.besides(Confirmed({}, "GET /users/ID: 405")).missing == ()
