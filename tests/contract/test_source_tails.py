"""A tail that is empty, refused or cut: either everything that is there is read, or nothing is proved."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from support.quirky import Quirky, Reply, Request, enrollments, staged

Answer = Callable[[Request], Reply | None]


def from_offset(offset: int, fault: Callable[[Reply], Reply]) -> Callable[[Quirky], Answer]:
    """A server that answers everything from an offset on, and what begins in front of it and reaches there, by a fault."""

    def of(server: Quirky) -> Answer:
        def answer(request: Request) -> Reply | None:
            at = int(request.query.get("cursor", request.offset))
            if request.collection != "enrollments" or at < offset:
                return None
            reply = server.page(request)
            return fault(reply) if reply.status == 200 else reply

        return answer

    return of


def refused(status: int) -> Callable[[Reply], Reply]:
    return lambda reply: Reply({"imsx_codeMajor": "failure"}, status)


def changed(reply: Reply, **body: Any) -> Reply:
    return replace(reply, body=reply.body | body)


FAULTS: dict[str, Callable[[Reply], Reply]] = {
    **{str(status): refused(status) for status in (400, 403, 404, 422, 501)},
    "nothing": lambda reply: Reply({"enrollments": []}),
    "nothing, and all that is beside it": lambda reply: changed(reply, enrollments=[]),
    "a failure beside nothing": lambda reply: Reply({"enrollments": [], "imsx_codeMajor": "failure"}),
    "a failure beside a row": lambda reply: Reply(
        {"enrollments": reply.body["enrollments"][:1], "imsx_codeMajor": "failure"}
    ),
    "errors beside nothing": lambda reply: changed(reply, enrollments=[], errors=[{"code": 17}]),
    "an error beside a row": lambda reply: changed(reply, enrollments=reply.body["enrollments"][:1], error="no"),
    "a status beside nothing": lambda reply: changed(
        reply, enrollments=[], statusInfoSet=[{"imsx_codeMajor": "Failure", "imsx_severity": "error"}]
    ),
    "fewer rows than announced": lambda reply: replace(
        changed(reply, enrollments=reply.body["enrollments"][:1]),
        headers=reply.headers | {"x-count": str(len(reply.body["enrollments"]))},
    ),
}


@dataclass(frozen=True)
class Style:
    """How a server pages."""

    total: str | None = None
    next: str | None = None
    sorts: bool = True
    max_page: int = 10_000
    whole: bool = False  # an offset becomes the number of a page
    strict: bool = False  # an offset that is no multiple of the limit is refused
    cursor: bool = False

    def serve(self, rows: list[dict[str, Any]]) -> Quirky:
        data = {"enrollments": rows if self.sorts else rows[::-1]}
        kind = Cursors if self.cursor else Wholes if self.whole else Quirky
        server = kind(data, total=self.total, next=self.next, sorts=self.sorts, max_page=self.max_page)
        if self.strict:
            server.page = strict(server.page)  # type: ignore[method-assign]
        return server


class Wholes(Quirky):
    def page(self, request: Request) -> Reply:
        limit = min(request.limit, self.max_page)
        whole = str(request.offset // limit * limit)
        return super().page(replace(request, query=request.query | {"offset": whole, "limit": str(limit)}))


class Cursors(Quirky):
    def page(self, request: Request) -> Reply:
        at = request.query.get("cursor", "0")
        reply = super().page(replace(request, query=request.query | {"offset": at}))
        after = int(at) + len(reply.body["enrollments"])
        more = after < len(self.data["enrollments"])
        return changed(reply, pagination={"next": f"?limit={request.limit}&cursor={after}" if more else ""})


def strict(page: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
    return lambda request: Reply({}, 400) if request.offset % request.limit else page(request)


STYLES = {
    "neither": Style(),
    "total": Style(total="header"),
    "total in the body": Style(total="body"),
    "next": Style(next="body"),
    "link": Style(next="link"),
    "total and next": Style(total="header", next="body"),
    "unsorted": Style(sorts=False),
    "unsorted, total": Style(sorts=False, total="header"),
    "clamped": Style(max_page=7),
    "clamped, total": Style(max_page=7, total="header"),
    "whole pages": Style(whole=True),
    "whole pages, total": Style(whole=True, total="header"),
    "whole pages, next": Style(whole=True, next="body"),
    "strict pages": Style(strict=True),
    "strict pages, total": Style(strict=True, total="header"),
    "cursor": Style(cursor=True),
    "cursor, total": Style(cursor=True, total="header"),
}
ROWS = enrollments(66)


def read(server: Quirky, **options: Any) -> tuple[dict[str, Any], set[str]]:
    with server, TemporaryDirectory() as folder:
        result = staged(server, Path(folder), "enrollments", **options)
        return result.proof["enrollments"], set(result.rows("enrollments"))


CASES = (
    (11, 22, 1),
    (11, 23, 4),
    (10, 45, 4),
    (50, 50, 1),
    (33, 33, 4),
    (66, 65, 1),
)  # page size, fault's offset, threads


@pytest.mark.parametrize("style", STYLES)
def test_a_good_server_of_every_style_is_read_and_believed(style: str) -> None:
    for size, count in ((9, 66), (11, 22), (50, 1)):
        proof, ids = read(STYLES[style].serve(enrollments(count)), page_size=size)
        assert proof["complete"], (size, count, proof["reason"])
        assert len(ids) == count


@pytest.mark.parametrize(
    ("style", "fault", "case"),
    [
        (style, fault, CASES[(7 * i + j) % len(CASES)])
        for i, style in enumerate(STYLES)
        for j, fault in enumerate(FAULTS)
    ],
)
def test_everything_that_is_there_is_read_or_nothing_is_proved(
    style: str, fault: str, case: tuple[int, int, int]
) -> None:
    size, offset, threads = case
    server = STYLES[style].serve(ROWS)
    server.answer = from_offset(offset, FAULTS[fault])(server)
    proof, ids = read(server, page_size=size, max_concurrent_requests=threads)
    assert not proof["complete"] or len(ids) == len(ROWS), proof
    assert proof["complete"] or proof["reason"]


def test_an_empty_last_page_that_a_full_one_named_needs_pages_of_another_size(tmp_path: Path) -> None:
    """A server that names a next page after every full one: 20 rows by pages of 10."""

    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments":
            return None
        at = int(request.query.get("cursor", "0"))
        part = ROWS[:20][at : at + request.limit]
        full = len(part) == request.limit
        return Reply(
            {
                "enrollments": part,
                "pagination": {"next": f"?limit={request.limit}&cursor={at + request.limit}"} if full else {},
            }
        )

    with Quirky(answer=answer) as server:
        proof = staged(server, tmp_path, "enrollments").proof["enrollments"]

    assert (proof["complete"], proof["distinct"], proof["reason"]) == (True, 20, None)


def test_a_row_that_is_sent_twice_alike_counts_as_received(tmp_path: Path) -> None:
    with Quirky({"enrollments": [*ROWS[:30], ROWS[29], *ROWS[30:]]}, total="header") as server:
        proof = staged(server, tmp_path, "enrollments").proof["enrollments"]

    assert (proof["rule"], proof["rows"], proof["distinct"], proof["duplicates"]) == ("Total", 67, 66, 1)


def test_a_row_that_is_sent_twice_otherwise_does_not(tmp_path: Path) -> None:
    other = ROWS[29] | {"role": "teacher"}
    with Quirky({"enrollments": [*ROWS[:30], other, *ROWS[30:]]}, total="header") as server:
        proof = staged(server, tmp_path, "enrollments").proof["enrollments"]

    assert (proof["complete"], proof["reason"]) == (False, "total 67, received 66, duplicates 1")


def test_an_offset_that_is_read_as_the_number_of_a_page_proves_nothing(tmp_path: Path) -> None:
    def answer(request: Request) -> Reply | None:
        request.query["offset"] = str(request.offset * request.limit)
        return None

    for size in (1, 2, 50):
        with Quirky({"enrollments": ROWS}, total=None, answer=answer) as server:
            proof = staged(server, tmp_path / str(size), "enrollments", page_size=size).proof["enrollments"]
        assert not proof["complete"] or proof["distinct"] == len(ROWS), size


def test_a_recount_that_is_refused_proves_nothing(tmp_path: Path) -> None:
    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments":
            return None
        reply = server.page(request)
        if request.offset:
            del reply.headers["X-Total-Count"]
        return Reply({}, 403) if request.limit == 1 and request.offset == 0 else reply

    with Quirky({"enrollments": ROWS}, answer=answer) as server:
        proof = staged(server, tmp_path, "enrollments", page_size=50, max_concurrent_requests=1).proof["enrollments"]

    assert (proof["complete"], proof["pulls"]) == (False, 3)
    assert proof["reason"] == "counting again was refused (403)"


def test_a_total_that_falls_while_pages_are_refused_proves_nothing(tmp_path: Path) -> None:
    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments":
            return None
        if request.offset >= 40:
            return Reply({}, 403)
        reply = server.page(request)
        reply.headers["X-Total-Count"] = "66" if request.limit == 10 else "40"
        return reply

    with Quirky({"enrollments": ROWS}, answer=answer) as server:
        proof = staged(server, tmp_path, "enrollments").proof["enrollments"]

    assert not proof["complete"]
    assert "was refused (403)" in proof["reason"]


@pytest.mark.parametrize("slow", [False, True], ids=["", "the last row comes last"])
def test_a_claimed_total_of_a_million_million_ends_soon_and_proves_nothing(slow: bool, tmp_path: Path) -> None:
    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments":
            return None
        reply = server.page(request)
        reply.headers["X-Total-Count"] = str(10**12)
        if slow and request.offset > 50 and reply.body["enrollments"]:
            time.sleep(0.5)  # while the empty pages behind it have come
        return reply

    with Quirky({"enrollments": ROWS}, answer=answer) as server:
        result = staged(server, tmp_path, "enrollments")

    assert (result.proof["enrollments"]["complete"], len(result.rows("enrollments"))) == (False, 66)
    assert len(server.asked("enrollments")) < 100


@pytest.mark.parametrize("body", [None, {}, "", Reply(b"", 204)], ids=["null", "{}", "text", "204"])
def test_an_optional_collection_that_is_empty_in_other_words_is_read_as_empty_twice(body: Any, tmp_path: Path) -> None:
    def answer(request: Request) -> Reply | None:
        if request.collection != "demographics":
            return None
        return body if isinstance(body, Reply) else Reply({"demographics": body})

    with Quirky(answer=answer) as server:
        proof = staged(server, tmp_path, "demographics").proof["demographics"]

    assert (proof["offered"], proof["complete"], proof["rule"], proof["rows"]) == (True, True, "Twice", 0)
    assert proof["pulls"] == 2
