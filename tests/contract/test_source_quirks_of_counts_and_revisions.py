"""Quirk 4: `x-count` beside `x-total-count`, and a revision header that may change while pages are read."""

from pathlib import Path

import pytest

from support.quirky import Quirky, Reply, Request, enrollments, staged


def test_a_page_with_fewer_rows_than_its_own_count_is_asked_for_again(tmp_path: Path) -> None:
    """Quirk 4: `x-count` says how many rows the page has, beside `x-total-count`."""

    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments":
            return None
        reply = server.page(request)
        reply.headers["x-count"] = str(len(reply.body["enrollments"]))
        if request.nth == 3:
            del reply.body["enrollments"][0]
        return reply

    with Quirky({"enrollments": enrollments(45)}, answer=answer) as server:
        result = staged(server, tmp_path, "enrollments")

    assert (result.proof["enrollments"]["distinct"], result.proof["enrollments"]["pulls"]) == (45, 1)
    assert result.proof["enrollments"]["duplicates"] == 0


def test_a_count_of_the_page_is_never_taken_for_the_total(tmp_path: Path) -> None:
    """Quirk 4: `x-count` alone does not end the reading."""

    def answer(request: Request) -> Reply | None:
        reply = server.page(request)
        reply.headers["x-count"] = "10"
        return reply if request.collection == "enrollments" else None

    with Quirky({"enrollments": enrollments(45)}, total=None, answer=answer) as server:
        assert staged(server, tmp_path, "enrollments").proof["enrollments"]["distinct"] == 45


def test_a_revision_that_changes_in_the_middle_begins_the_pull_anew(tmp_path: Path) -> None:
    """Quirk 4: `x-perm-rev` changes after the third page; what was read before is not believed."""
    old, new = enrollments(45), enrollments(50)[5:]

    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments":
            return None
        server.data["enrollments"] = old if request.nth <= 3 else new
        reply = server.page(request)
        reply.headers["x-perm-rev"] = "7" if request.nth <= 3 else "8"
        return reply

    with Quirky(answer=answer) as server:
        result = staged(server, tmp_path, "enrollments", max_concurrent_requests=1)

    assert set(result.rows("enrollments")) == {row["sourcedId"] for row in new}
    assert (result.proof["enrollments"]["complete"], result.proof["enrollments"]["pulls"]) == (True, 2)


def test_a_revision_that_never_settles_proves_nothing_after_three_pulls(tmp_path: Path) -> None:
    """Quirk 4: at most three times."""

    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments":
            return None
        reply = server.page(request)
        reply.headers["x-perm-rev"] = str(request.nth)
        return reply

    with Quirky({"enrollments": enrollments(45)}, answer=answer) as server:
        result = staged(server, tmp_path, "enrollments")

    assert (result.proof["enrollments"]["complete"], result.proof["enrollments"]["pulls"]) == (False, 3)


def test_a_revision_that_changes_between_collections_reads_the_earlier_ones_again(tmp_path: Path) -> None:
    """Quirk 4: the whole extract stands at one revision."""
    data = {"orgs": [{"sourcedId": "s1", "type": "school"}], "enrollments": enrollments(5)}

    def answer(request: Request) -> Reply | None:
        if request.collection not in data:
            return None
        reply = server.page(request)
        reply.headers["x-perm-rev"] = "8" if server.asked("enrollments") else "7"
        return reply

    with Quirky(data, answer=answer) as server:
        result = staged(server, tmp_path, "orgs", "enrollments")

    order = [r.collection for r in server.requests if r.collection != "token"]
    assert order.index("enrollments") < len(order) - 1 - order[::-1].index("orgs")
    assert result.proof["orgs"]["complete"]


@pytest.mark.parametrize(("settles", "complete"), [(3, True), (99, False)], ids=["settles", "never settles"])
def test_a_revision_that_changes_at_each_re_read_is_followed_three_times(
    settles: int, complete: bool, tmp_path: Path
) -> None:
    """Quirk 4: reading a collection again finds another revision still, so that the other one is old now."""
    data = {"orgs": [{"sourcedId": "s1", "type": "school"}], "enrollments": enrollments(5)}
    reads: list[str] = []

    def answer(request: Request) -> Reply | None:
        if request.collection not in data:
            return None
        if not reads or reads[-1] != request.collection:
            reads.append(request.collection)
        reply = server.page(request)
        reply.headers["x-perm-rev"] = str(min(len(reads), settles))
        return reply

    with Quirky(data, answer=answer) as server:
        proof = staged(server, tmp_path, "orgs", "enrollments").proof

    assert reads == (
        ["orgs", "enrollments", "orgs", "enrollments"] if complete else ["orgs", "enrollments"] * 2 + ["orgs"]
    )
    assert all(entry["complete"] for entry in proof.values()) == complete
    if not complete:
        assert [e["reason"] for e in proof.values() if e["reason"]] == ["read at another revision than the last one"]
