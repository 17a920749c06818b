"""Pages of one record, one record in all, pages that come again: what is there is read, or nothing is proved."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.quirky import Quirky, Reply, Request, enrollments, staged

ROWS = enrollments(30)
STYLES: dict[str, dict[str, Any]] = {
    "neither": {"total": None},
    "total": {},
    "next": {"total": None, "next": "body"},
    "link": {"total": None, "next": "link"},
    "clamped": {"total": None, "max_page": 1},
    "unsorted": {"total": None, "sorts": False},
}


def test_a_page_of_one_record_is_asked_for_with_one_more(tmp_path: Path) -> None:
    """A server that names the rows of a page as its total: the only record of a page shows nothing of what follows."""

    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments":
            return None
        reply = server.page(request)
        return replace(reply, headers={"X-Total-Count": str(len(reply.body["enrollments"]))})

    for clamped in (1, 10_000):
        with Quirky({"enrollments": ROWS[:5]}, answer=answer, max_page=clamped) as server:
            folder = tmp_path / str(clamped)
            proof = staged(server, folder, "enrollments", page_size=1).proof["enrollments"]
        assert not proof["complete"] or proof["distinct"] == 5, clamped


def test_a_hole_is_no_end_when_pages_become_as_small_as_one_record(tmp_path: Path) -> None:
    def answer(request: Request) -> Reply | None:
        empty = request.collection == "enrollments" and request.offset == 5
        return Reply({"enrollments": []}) if empty else None

    for following in (None, "link"):
        with Quirky({"enrollments": ROWS[:30]}, answer=answer, total=None, next=following) as server:
            folder = tmp_path / str(following)
            proof = staged(server, folder, "enrollments", page_size=2, max_concurrent_requests=1).proof["enrollments"]
        assert not proof["complete"] or proof["distinct"] == 30, following


def test_a_page_that_comes_twice_proves_nothing(tmp_path: Path) -> None:
    """A server that knows no offset, and at some time has nothing more to say."""

    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments":
            return None
        return Reply({"enrollments": ROWS[: request.limit] if request.offset < 5 else []})

    with Quirky(answer=answer) as server:
        proof = staged(server, tmp_path, "enrollments", page_size=3).proof["enrollments"]

    assert not proof["complete"]


@pytest.mark.parametrize("style", STYLES)
def test_one_record_in_all_is_believed_whatever_the_size_of_pages(style: str, tmp_path: Path) -> None:
    for size in (1, 2, 10):
        with Quirky({"enrollments": ROWS[:1]}, **STYLES[style]) as server:
            proof = staged(server, tmp_path / str(size), "enrollments", page_size=size).proof["enrollments"]
        assert (proof["complete"], proof["distinct"]) == (True, 1), (size, proof["reason"])


@pytest.mark.parametrize("total", [None, "header"])
def test_whole_pages_of_one_record_are_read(total: str | None, tmp_path: Path) -> None:
    """A server that refuses an offset that is no multiple of the limit, asked for one record at a time."""

    def answer(request: Request) -> Reply | None:
        return Reply({}, 400) if request.collection == "enrollments" and request.offset % request.limit else None

    with Quirky({"enrollments": ROWS[:3]}, answer=answer, total=total) as server:
        proof = staged(server, tmp_path, "enrollments", page_size=1).proof["enrollments"]
    assert (proof["complete"], proof["distinct"]) == (True, 3), proof["reason"]
