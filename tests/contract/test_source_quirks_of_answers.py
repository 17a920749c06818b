"""Quirks of single answers: failures in disguise, gateways, limits, pages that are too much for the server."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from rostersync.errors import Permanent, Retryable
from support.quirky import IMPATIENT, Quirky, Reply, Request, enrollments, source, staged

ERRORS_IN_DISGUISE = [
    pytest.param({}, id="an empty object"),
    pytest.param({"imsx_codeMajor": "failure", "imsx_severity": "error"}, id="imsx"),
    pytest.param({"statusInfoSet": [{"imsx_codeMajor": "failure"}]}, id="statusInfoSet"),
    pytest.param({"errors": [{"sourcedId": "e1", "codeMajor": "failure"}]}, id="errors"),
    pytest.param({"data": []}, id="an empty list under a key that nobody knows"),
    pytest.param({"enrollments": None}, id="null"),
    pytest.param({"a": [{"sourcedId": "1"}], "b": [{"sourcedId": "2"}]}, id="two lists"),
    pytest.param([{"sourcedId": "e1"}], id="a bare list"),
    pytest.param(b"", id="nothing"),
    pytest.param(b"<html><body>Please log in</body></html>", id="a web page"),
]


@pytest.mark.parametrize("body", ERRORS_IN_DISGUISE)
def test_a_200_without_the_envelope_is_an_error_and_never_an_empty_collection(body: Any, tmp_path: Path) -> None:
    """Quirk 7: asked for again, and when it stays so, nothing is staged."""
    with (
        Quirky({"orgs": []}, answer=lambda r: Reply(body) if r.collection == "enrollments" else None) as server,
        pytest.raises(Retryable, match="enrollments") as error,
    ):
        staged(server, tmp_path, "orgs", "enrollments")

    assert error.value.reason == "BadResponse"
    assert len(server.asked("enrollments")) == IMPATIENT.attempts
    assert not (tmp_path / "enrollments").exists()


@pytest.mark.parametrize("body", ERRORS_IN_DISGUISE)
def test_a_200_without_the_envelope_in_the_middle_is_asked_for_again(body: Any, tmp_path: Path) -> None:
    """Quirk 7, once."""

    def answer(request: Request) -> Reply | None:
        return Reply(body) if request.collection == "enrollments" and request.nth == 2 else None

    with Quirky({"enrollments": enrollments(25)}, answer=answer) as server:
        assert staged(server, tmp_path, "enrollments").proof["enrollments"]["distinct"] == 25


@pytest.mark.parametrize("cut", [0, 1, 500])
def test_a_page_that_breaks_off_is_asked_for_again(cut: int, tmp_path: Path) -> None:
    """Quirk 7: a truncated body, by the length that was announced."""

    def answer(request: Request) -> Reply | None:
        reply = server.page(request)
        reply.cut = cut
        return reply if request.collection == "enrollments" and request.nth == 2 else None

    with Quirky({"enrollments": enrollments(25)}, answer=answer) as server:
        assert staged(server, tmp_path, "enrollments").proof["enrollments"]["distinct"] == 25


def test_json_that_breaks_off_is_asked_for_again(tmp_path: Path) -> None:
    """Quirk 7: a truncated body whose length looks right."""

    def answer(request: Request) -> Reply | None:
        if request.collection == "enrollments" and request.nth == 2:
            return Reply(b'{"enrollments": [{"sourcedId": "e1"}')
        return None

    with Quirky({"enrollments": enrollments(25)}, answer=answer) as server:
        result = staged(server, tmp_path, "enrollments")

    assert len(result.rows("enrollments")) == 25


@pytest.mark.parametrize("key", ["demographic", "Demographics", "records"])
def test_another_envelope_key_is_read_when_it_is_the_only_list(key: str, tmp_path: Path) -> None:
    """Quirk 7: a server that names the envelope otherwise, beside Focus' pagination and total."""

    def answer(request: Request) -> Reply | None:
        rows = [{"sourcedId": f"u{i}", "sex": "female"} for i in range(25)][request.offset : request.offset + 10]
        return Reply({"request_id": 3, "pagination": {"next": ""}, "total": 25, key: rows})

    with Quirky(answer=lambda r: answer(r) if r.collection == "demographics" and r.offset < 25 else None) as server:
        result = staged(server, tmp_path, "demographics", max_concurrent_requests=1)

    assert len(result.rows("demographics")) == 25


@pytest.mark.parametrize("total", ["header", None])
def test_a_collection_that_is_empty_only_once_is_read_after_all(total: str | None, tmp_path: Path) -> None:
    """Quirk 8: 200, the envelope, no rows, and a total of 0 to go with it; a moment later all is back."""

    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments" or request.nth > 1:
            return None
        return Reply({"enrollments": []}, headers={"X-Total-Count": "0"} if total else {})

    with Quirky({"enrollments": enrollments(25)}, total=total, answer=answer) as server:
        result = staged(server, tmp_path, "enrollments")

    assert len(result.rows("enrollments")) == 25
    assert result.proof["enrollments"]["complete"]


@pytest.mark.parametrize(
    ("total", "next_", "rule"), [("header", None, "Total"), (None, None, "Twice"), (None, "body", "Twice")]
)
def test_a_collection_that_is_empty_is_believed_when_it_was_empty_twice(
    total: str | None, next_: str | None, rule: str, tmp_path: Path
) -> None:
    """Quirk 8: really empty."""
    with Quirky({"enrollments": []}, total=total, next=next_) as server:
        result = staged(server, tmp_path, "enrollments")

    assert result.rows("enrollments") == {}
    assert result.proof["enrollments"]["rule"] == rule
    assert len(server.asked("enrollments")) >= 2
    assert (tmp_path / "enrollments" / "part-00000.parquet").exists()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_request_that_failed_is_sent_again(status: int, tmp_path: Path) -> None:
    """Quirk 10: too many requests, gateways, time-outs; none of them loses a row."""

    def answer(request: Request) -> Reply | None:
        failing = request.collection == "enrollments" and request.nth in (1, 3, 4)
        return Reply(b"<html>gateway</html>", status) if failing else None

    with Quirky({"enrollments": enrollments(45)}, answer=answer) as server:
        result = staged(server, tmp_path, "enrollments")

    assert len(result.rows("enrollments")) == 45


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_waited_for(form: str, tmp_path: Path) -> None:
    """Quirk 10: 429 with Retry-After, as seconds or as a date, up to a limit of our own."""
    after = "0.2" if form == "seconds" else format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)

    def answer(request: Request) -> Reply | None:
        first = request.collection == "enrollments" and request.nth == 1
        return Reply({}, 429, {"Retry-After": after}) if first else None

    began = monotonic()
    with Quirky({"enrollments": enrollments(5)}, answer=answer) as server:
        result = staged(server, tmp_path, "enrollments")

    assert len(result.rows("enrollments")) == 5
    assert 0.19 < monotonic() - began < 5


@pytest.mark.parametrize(
    ("status", "reason"), [(429, "RateLimited"), (500, "ServerFailed"), (503, "ServerFailed"), (504, "ServerFailed")]
)
def test_a_server_that_keeps_failing_is_given_up_after_some_attempts(status: int, reason: str) -> None:
    """Quirk 10: attempts are bounded, and the run can be started again."""
    with (
        Quirky(answer=lambda r: Reply({"description": "Mary Archer"}, status)) as server,
        source(server) as client,
        pytest.raises(Retryable, match="/orgs") as error,
    ):
        client.pull("orgs", frozenset(), lambda page: None)

    assert error.value.reason == reason
    assert len(server.asked("orgs")) == IMPATIENT.attempts
    assert "Archer" not in str(error.value)


def test_requests_keep_to_the_rate_that_was_configured(tmp_path: Path) -> None:
    """Quirk 10: servers that allow so many requests a minute."""
    began = monotonic()
    with Quirky({"enrollments": enrollments(45)}) as server:
        staged(server, tmp_path, "enrollments", requests_per_second=50.0)

    assert monotonic() - began >= (len(server.requests) - 1) / 50


def test_a_page_size_that_is_too_large_is_lowered(tmp_path: Path) -> None:
    """Quirk 13: a server that refuses more than 300 rows with a 400."""

    def answer(request: Request) -> Reply | None:
        return Reply({}, 400) if request.collection == "enrollments" and request.limit > 300 else None

    with Quirky({"enrollments": enrollments(700)}, answer=answer) as server:
        result = staged(server, tmp_path, "enrollments", page_size=1000)

    assert result.proof["enrollments"]["distinct"] == 700
    assert result.proof["enrollments"]["pageSize"] == 250


def test_a_sort_that_the_server_refuses_is_left_out(tmp_path: Path) -> None:
    """Quirk 13, of its kind: 400 for a sort parameter; the rows come in the server's order."""

    def answer(request: Request) -> Reply | None:
        return Reply({}, 400) if "sort" in request.query and request.collection == "enrollments" else None

    with Quirky({"enrollments": enrollments(25)}, answer=answer) as server:
        result = staged(server, tmp_path, "enrollments")

    assert result.proof["enrollments"]["distinct"] == 25
    assert [r.limit for r in server.asked("enrollments")][:2] == [10, 10]


def test_pages_are_halved_when_the_server_cannot_manage_them(tmp_path: Path) -> None:
    """Quirk 13: 502 for every page of more than 50 rows."""

    def answer(request: Request) -> Reply | None:
        return Reply(b"", 502) if request.collection == "enrollments" and request.limit > 50 else None

    with Quirky({"enrollments": enrollments(300)}, answer=answer) as server:
        result = staged(server, tmp_path, "enrollments", page_size=200)

    assert result.proof["enrollments"]["distinct"] == 300
    assert result.proof["enrollments"]["pageSize"] == 50


def test_pages_are_halved_when_they_take_too_long(tmp_path: Path) -> None:
    """Quirk 13: no answer in time for more than 50 rows."""
    with Quirky({"enrollments": enrollments(120)}) as server:

        def answer(request: Request) -> Reply | None:
            if request.collection == "enrollments" and request.limit > 50:
                server.asleep.wait(0.6)
            return None

        server.answer = answer
        result = staged(server, tmp_path, "enrollments", page_size=100, timeout_seconds=0.3)
        server.asleep.set()

    assert result.proof["enrollments"]["distinct"] == 120
    assert result.proof["enrollments"]["pageSize"] == 50


def test_a_first_page_that_fails_on_its_sort_is_asked_for_without(tmp_path: Path) -> None:
    """Quirk 13, of its kind: a server that answers 500 to a sort."""

    def answer(request: Request) -> Reply | None:
        return Reply({}, 500) if "sort" in request.query and request.collection == "enrollments" else None

    with Quirky({"enrollments": enrollments(25)}, answer=answer) as server:
        assert staged(server, tmp_path, "enrollments").proof["enrollments"]["distinct"] == 25


def test_a_web_page_in_place_of_the_service_is_not_oneroster() -> None:
    with (
        Quirky(answer=lambda r: Reply(b"<!doctype html><title>Mary Archer</title>")) as server,
        source(server) as client,
        pytest.raises(Permanent, match=r"a web page.*check deliveryConfig\.serviceURL") as error,
    ):
        client.pull("orgs", frozenset(), lambda page: None)

    assert error.value.reason == "NotOneRoster"
    assert "Archer" not in str(error.value)
    assert "Archer" in (error.value.detail or "")
