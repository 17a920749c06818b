"""Servers that would keep a simple client busy for ever."""

from pathlib import Path

import pytest

from support.quirky import Quirky, Reply, Request, enrollments, staged


def test_a_server_that_ignores_the_offset_is_given_up(tmp_path: Path) -> None:
    """The same first page again and again, and no total."""

    def answer(request: Request) -> Reply | None:
        return Reply({"enrollments": enrollments(10)}) if request.collection == "enrollments" else None

    with Quirky(answer=answer) as server:
        result = staged(server, tmp_path, "enrollments")

    assert (result.proof["enrollments"]["complete"], result.proof["enrollments"]["distinct"]) == (False, 10)
    assert len(server.requests) < 20


def test_a_server_that_ignores_the_offset_but_has_a_total_is_given_up(tmp_path: Path) -> None:
    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments":
            return None
        return Reply({"enrollments": enrollments(10)}, headers={"X-Total-Count": "100000"})

    with Quirky(answer=answer) as server:
        result = staged(server, tmp_path, "enrollments")

    assert not result.proof["enrollments"]["complete"]
    assert len(server.requests) < 100


def test_a_next_link_that_repeats_is_given_up(tmp_path: Path) -> None:
    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments":
            return None
        rows = [row | {"sourcedId": f"{request.nth}-{row['sourcedId']}"} for row in enrollments(3)]
        return Reply({"enrollments": rows, "pagination": {"next": "?cursor=again"}})

    with Quirky(answer=answer) as server:
        result = staged(server, tmp_path, "enrollments")

    assert not result.proof["enrollments"]["complete"]
    assert len(server.requests) < 20


def test_a_next_link_that_is_always_there_does_not_outlive_empty_pages_and_proves_nothing(tmp_path: Path) -> None:
    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments":
            return None
        reply = server.page(request)
        reply.headers["Link"] = f'<{server.url}/enrollments?limit=10&offset={request.offset + 10}>; rel="next"'
        return reply

    with Quirky({"enrollments": enrollments(25)}, total=None, answer=answer) as server:
        result = staged(server, tmp_path, "enrollments")

    proof = result.proof["enrollments"]
    assert (proof["complete"], proof["distinct"], proof["pulls"]) == (False, 25, 3)
    assert proof["reason"].startswith("nothing came at offset 25 although a next page was named")
    assert len(server.asked("enrollments")) < 30


def test_a_page_that_was_filtered_empty_is_passed_when_the_server_says_there_is_more(tmp_path: Path) -> None:
    """A server that filters after paging leaves the second page empty."""
    rows = enrollments(45)
    shown = [r["sourcedId"] for r in rows[:10] + rows[25:]]

    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments":
            return None
        part = [r for r in rows[request.offset : request.offset + 10] if r["sourcedId"] in shown]
        link = f"{server.url}/enrollments?offset={request.offset + 10}" if request.offset < 35 else ""
        return Reply({"enrollments": part, "pagination": {"next": link}})

    with Quirky(answer=answer) as server:
        result = staged(server, tmp_path, "enrollments")

    assert set(result.rows("enrollments")) == set(shown)
    assert not result.proof["enrollments"]["complete"]  # a server that lost the page would look the same


def test_a_server_that_does_not_page_at_all_is_complete_when_its_total_says_so(tmp_path: Path) -> None:
    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments":
            return None
        return Reply({"enrollments": enrollments(25)}, headers={"X-Total-Count": "25"})

    with Quirky(answer=answer) as server:
        result = staged(server, tmp_path, "enrollments")

    assert (result.proof["enrollments"]["rule"], result.proof["enrollments"]["duplicates"]) == ("Total", 0)


@pytest.mark.parametrize("total", ["header", None])
def test_a_refusal_of_a_record_that_had_been_read_is_never_the_end(total: str | None, tmp_path: Path) -> None:
    """404 from the last record on, twice alike: nothing more may be there, or all that was refused."""

    def answer(request: Request) -> Reply | None:
        return Reply({}, 404) if request.collection == "enrollments" and request.offset >= 24 else None

    with Quirky({"enrollments": enrollments(25)}, total=total, answer=answer) as server:
        proof = staged(server, tmp_path, "enrollments").proof["enrollments"]

    assert (proof["complete"], proof["distinct"]) == (False, 25)
    assert proof["reason"] == "the page at offset 24 was refused (404)"


@pytest.mark.parametrize("total", ["header", None])
def test_a_refusal_beyond_the_last_record_is_never_asked_for(total: str | None, tmp_path: Path) -> None:
    def answer(request: Request) -> Reply | None:
        return Reply({}, 404) if request.collection == "enrollments" and request.offset >= 25 else None

    with Quirky({"enrollments": enrollments(25)}, total=total, answer=answer) as server:
        proof = staged(server, tmp_path, "enrollments").proof["enrollments"]

    assert (proof["complete"], proof["pulls"], proof["distinct"]) == (True, 1, 25)
