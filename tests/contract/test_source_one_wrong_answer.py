"""One answer of a server is wrong, and only once: either everything that is there is read, or nothing is proved."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from support.quirky import Quirky, Reply, Request, enrollments, staged

ROWS = enrollments(33)
Wrong = Callable[[Reply], Reply]


class Server(Quirky):
    """Pages of ten. `wrong`: what becomes of an answer, by its number from 1. `once`: no cursor may be used again."""

    def __init__(
        self,
        wrong: dict[int, Wrong],
        *,
        cursor: bool = False,
        whole: bool = False,
        once: int | None = None,
        **kind: Any,
    ) -> None:
        super().__init__({"enrollments": ROWS}, **kind)
        self.wrong, self.cursor, self.whole, self.once = wrong, cursor, whole, once
        self.used: set[str] = set()

    def page(self, request: Request) -> Reply:
        at = request.query.get("cursor", "")
        if self.once and at in self.used:
            return Reply({}, self.once)
        self.used |= {at} if at else set()
        offset = int(at.rpartition("-")[2] or request.offset)
        limit = min(request.limit, self.max_page)
        offset = offset // limit * limit if self.whole else offset
        reply = super().page(replace(request, query=request.query | {"offset": str(offset)}))
        if self.cursor:
            after = offset + len(reply.body["enrollments"])
            pull = at.partition("-")[0] or str(request.nth)
            link = f"?limit={request.limit}&cursor={pull}-{after}" if after < len(ROWS) else None
            reply.body["pagination"] = {"next": link}
        return self.wrong.get(request.nth, lambda good: good)(reply)


def rows(change: Callable[[list[Any]], list[Any]]) -> Wrong:
    return lambda reply: replace(reply, body=reply.body | {"enrollments": change(reply.body["enrollments"])})


def last(reply: Reply) -> Reply:
    return replace(reply, body={k: v for k, v in reply.body.items() if k != "pagination"})


def nothing(_: Reply) -> Reply:
    return Reply({"enrollments": []})


@dataclass(frozen=True)
class Case:
    """`wrong`: by the number of the answer. `kind`: how the server pages."""

    wrong: dict[int, Wrong]
    kind: dict[str, Any]


CASES = {
    "the address of the next page is lost": Case({2: last}, {"cursor": True}),
    "the address of the next page is lost at the first": Case(
        {1: lambda reply: replace(reply, body=reply.body | {"pagination": {"next": None}})},
        {"whole": True, "next": "body", "max_page": 10},
    ),
    "another page comes as the first": Case(
        {
            1: lambda reply: replace(
                reply, body={"enrollments": ROWS[20:30], "pagination": {"next": "?limit=10&cursor=1-30"}}
            )
        },
        {"cursor": True},
    ),
    "the last page is cut": Case({4: rows(lambda r: r[:1])}, {"cursor": True}),
    "a page in the middle lacks a record": Case({2: rows(lambda r: r[1:])}, {"cursor": True}),
    "the first page lacks a record": Case({1: rows(lambda r: r[1:])}, {"cursor": True}),
    "a record comes twice and another is lost": Case(
        {1: rows(lambda r: [*r, r[-1]]), 2: rows(lambda r: r[1:])}, {"cursor": True, "total": "header"}
    ),
    "only the record in front comes": Case({2: rows(lambda r: r[:1])}, {}),
    "a page is lost, and from then on all": Case(dict.fromkeys(range(3, 99), nothing), {}),
    "a page is lost, and then there is nothing by its own count": Case(
        dict.fromkeys(range(3, 99), lambda _: Reply({"enrollments": [], "total": 0})), {}
    ),
}


def read(folder: Path, wrong: dict[int, Wrong], **kind: Any) -> tuple[dict[str, Any], int]:
    with Server(wrong, **{"total": None} | kind) as server:
        result = staged(server, folder, "enrollments")
    return result.proof["enrollments"], len(result.rows("enrollments"))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_one_wrong_answer_is_not_believed(case: Case, tmp_path: Path) -> None:
    proof, count = read(tmp_path, case.wrong, **case.kind)

    assert not proof["complete"] or count == len(ROWS), proof


@pytest.mark.parametrize("status", [400, 404, 500])
def test_an_address_that_works_only_once_needs_a_second_pull(status: int, tmp_path: Path) -> None:
    proof, count = read(tmp_path, {}, cursor=True, once=status)

    assert (proof["complete"], proof["rule"], proof["pulls"], count) == (True, "NextEnd", 2, len(ROWS))


def test_a_server_that_is_right_is_believed_at_once(tmp_path: Path) -> None:
    proof, count = read(tmp_path, {}, cursor=True)

    assert (proof["rule"], proof["pulls"], count) == ("NextEnd", 1, len(ROWS))
