"""Quirks of paging that OneRoster servers have been seen with, each shown by a real HTTP server."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from rostersync.errors import Permanent
from rostersync.sources.staged import REPEATED
from support.quirky import Quirky, Reply, Request, enrollments, source, staged


def test_a_short_page_is_not_the_end_when_the_limit_is_clamped_in_silence(tmp_path: Path) -> None:
    """Quirk 1: no X-Total-Count, no Link, and never more than 7 rows a page, whatever is asked for."""
    with Quirky({"enrollments": enrollments(45)}, total=None, max_page=7) as server:
        result = staged(server, tmp_path, "enrollments")

    assert len(result.rows("enrollments")) == 45
    assert (
        result.proof["enrollments"] | {"complete": True, "rule": "Ordered", "pulls": 1} == result.proof["enrollments"]
    )
    assert [r.offset for r in server.asked("enrollments")] == [0, 6, 12, 18, 24, 30, 36, 42, 44, 44]


def test_a_clamped_limit_with_a_total_leaves_no_gaps_between_concurrent_pages(tmp_path: Path) -> None:
    """Quirk 1, with a total: pages are asked for side by side, at the size that the server really gives."""
    with Quirky({"enrollments": enrollments(45)}, max_page=7) as server:
        result = staged(server, tmp_path, "enrollments")

    assert len(result.rows("enrollments")) == 45
    assert (result.proof["enrollments"]["rule"], result.proof["enrollments"]["duplicates"]) == ("Total", 0)
    assert sorted(r.offset for r in server.asked("enrollments")) == [0, 6, 12, 18, 24, 30, 36, 42, 44]


def test_a_clamp_that_tightens_in_the_middle_leaves_no_gaps(tmp_path: Path) -> None:
    """Quirk 1: the first page is whole, later ones are shorter than asked for."""

    def answer(request: Request) -> Reply | None:
        server.max_page = 10 if request.offset == 0 else 4
        return server.page(request)

    with Quirky({"enrollments": enrollments(45)}, answer=answer) as server:
        result = staged(server, tmp_path, "enrollments", max_concurrent_requests=1)

    assert len(result.rows("enrollments")) == 45
    assert result.proof["enrollments"]["complete"]


def test_the_next_link_in_the_body_is_followed_to_its_end(tmp_path: Path) -> None:
    """Quirk 2: Focus' `pagination.next`, '' at the end."""
    with Quirky({"enrollments": enrollments(45)}, total=None, next="body") as server:
        result = staged(server, tmp_path, "enrollments")

    assert len(result.rows("enrollments")) == 45
    assert result.proof["enrollments"]["rule"] == "NextEnd"


def test_the_next_link_in_the_body_may_hold_a_cursor_instead_of_an_offset(tmp_path: Path) -> None:
    """Quirk 2: paging that only the server understands is followed by its own address."""
    rows = enrollments(25)

    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments":
            return None
        at = int(request.query.get("continuationToken", "k0")[1:])
        after = f"?continuationToken=k{at + 10}" if at + 10 < len(rows) else ""
        return Reply({"enrollments": rows[at : at + 10], "pagination": {"next": after}})

    with Quirky(answer=answer) as server:
        result = staged(server, tmp_path, "enrollments")

    assert len(result.rows("enrollments")) == 25
    assert result.proof["enrollments"]["rule"] == "NextEnd"


@pytest.mark.parametrize(
    "link",
    [
        pytest.param('{root}{path}?limit=10&offset={next}; rel="next", {root}{path}; rel="first"', id="without <>"),
        pytest.param('<{root}{path}?limit=10&offset={over}>; rel="next"', id="offset off by one"),
        pytest.param('<http://10.1.2.3:8080/internal?limit=10&offset={next}>; rel="next"', id="internal host"),
        pytest.param("</enrollments?limit=10&offset={next}>; rel=next", id="relative"),
    ],
)
def test_link_headers_of_every_kind_lead_to_all_rows(link: str, tmp_path: Path) -> None:
    """Quirk 3: Link without <>, off by one, pointing at an internal host, relative."""

    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments":
            return None
        reply = server.page(request)
        at = request.offset + 10
        text = link.format(root=server.root, path=request.path, next=at, over=at + 1)
        last = f'<{server.root}>; rel="first"' if link.startswith("<") else f'{server.root}; rel="first"'
        reply.headers["Link"] = text if at < 45 else last
        return reply

    with Quirky({"enrollments": enrollments(45)}, total=None, answer=answer) as server:
        result = staged(server, tmp_path, "enrollments")

    assert len(result.rows("enrollments")) == 45
    assert result.proof["enrollments"]["rule"] == "NextEnd"


def test_a_cursor_link_to_an_internal_host_is_followed_on_our_own(tmp_path: Path) -> None:
    """Quirk 3: the link's query is what counts; its host cannot be reached from here."""
    rows = enrollments(25)

    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments":
            return None
        at = int(request.query.get("cursor", "0"))
        link = f'<http://sis.internal:8080/api/enrollments?cursor={at + 10}>; rel="next"'
        first = '<http://sis.internal:8080/api/enrollments>; rel="first"'
        return Reply({"enrollments": rows[at : at + 10]}, headers={"Link": link if at + 10 < 25 else first})

    with Quirky(answer=answer) as server:
        result = staged(server, tmp_path, "enrollments")

    assert len(result.rows("enrollments")) == 25


def test_the_token_never_goes_to_the_host_that_a_link_names(tmp_path: Path) -> None:
    """Quirk 3: an absolute next link to another host."""
    with Quirky({"enrollments": []}) as stranger:

        def answer(request: Request) -> Reply | None:
            if request.collection != "enrollments":
                return None
            at = int(request.query.get("cursor", "0"))
            body = {"enrollments": enrollments(20)[at : at + 10]}
            following = f"{stranger.url}/enrollments?cursor=10" if at == 0 else ""
            return Reply(body | {"pagination": {"next": following}})

        with Quirky(answer=answer) as server:
            result = staged(server, tmp_path, "enrollments")

    assert len(result.rows("enrollments")) == 20
    assert stranger.requests == []


def test_a_redirect_to_another_host_is_not_followed_with_the_token(tmp_path: Path) -> None:
    """Quirk 3: the same by HTTP redirect."""

    def answer(request: Request) -> Reply | None:
        return Reply(status=302, headers={"Location": f"{stranger.url}/orgs"})

    with (
        Quirky({"orgs": []}) as stranger,
        Quirky(answer=answer) as server,
        source(server) as client,
        pytest.raises(Permanent, match="redirect") as error,
    ):
        client.pull("orgs", frozenset(), lambda page: None)

    assert error.value.reason == "NotOneRoster"
    assert stranger.requests == []


def test_a_server_without_any_counts_or_links_is_read_to_its_empty_page(tmp_path: Path) -> None:
    """Quirk 5: nothing but rows, and exactly full pages."""
    with Quirky({"enrollments": enrollments(40)}, total=None) as server:
        result = staged(server, tmp_path, "enrollments")

    assert len(result.rows("enrollments")) == 40
    assert result.proof["enrollments"]["rule"] == "Ordered"
    assert server.asked("enrollments")[0].query["sort"] == "sourcedId"
    assert server.asked("enrollments")[0].query["orderBy"] == "asc"


def test_rows_missed_by_an_unstable_order_are_found_by_another_pull(tmp_path: Path) -> None:
    """Quirk 6: sort is ignored, and on the first pull the order changes between pages."""
    rows = enrollments(40)

    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments":
            return None
        shifted = request.nth in (2, 3)  # shows again what the page before showed, and never what should be here
        server.data["enrollments"] = rows[5:] + rows[:5] if shifted else rows
        return server.page(request)

    with Quirky(answer=answer, sorts=False) as server:
        result = staged(server, tmp_path, "enrollments", max_concurrent_requests=1)

    assert len(result.rows("enrollments")) == 40
    assert (result.proof["enrollments"]["rule"], result.proof["enrollments"]["pulls"]) == ("Total", 2)


def test_an_order_that_is_never_stable_is_incomplete_and_counts_its_duplicates(tmp_path: Path) -> None:
    """Quirk 6: 10 rows come twice and 10 never, on every pull."""
    rows = enrollments(40)

    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments":
            return None
        server.data["enrollments"] = rows[:10] + rows[:10] + rows[20:]
        return server.page(request)

    with Quirky(answer=answer, sorts=False) as server:
        result = staged(server, tmp_path, "enrollments", max_concurrent_requests=1)

    proof = result.proof["enrollments"]
    assert (proof["complete"], proof["pulls"], proof["distinct"], proof["duplicates"]) == (False, 3, 30, 10)
    assert len(result.rows("enrollments")) == 30
    assert repeated(tmp_path, "enrollments") == [row["sourcedId"] for row in rows[:10]]


def test_copies_side_by_side_count_as_received_and_are_not_among_the_ids_to_look_at(tmp_path: Path) -> None:
    rows = enrollments(20)
    rows[7:7] = [rows[7]]
    rows[3:3] = [rows[3] | {"role": "teacher"}]

    with Quirky({"enrollments": rows}, sorts=False) as server:
        proof = staged(server, tmp_path, "enrollments").proof["enrollments"]

    assert (proof["complete"], proof["duplicates"]) == (False, 2)
    assert repeated(tmp_path, "enrollments") == [rows[3]["sourcedId"]]


def repeated(folder: Path, collection: str) -> list[str]:
    """The ids that are kept as those in several rows."""
    found: list[str] = pq.read_table(folder / collection / REPEATED).column("sourcedId").to_pylist()
    return found


def test_without_a_total_an_unsorted_collection_is_believed_when_two_pulls_agree(tmp_path: Path) -> None:
    """Quirk 6: order proves nothing here; the same set of ids twice does."""
    with Quirky({"enrollments": enrollments(40)[::-1]}, total=None, sorts=False) as server:
        proof = staged(server, tmp_path, "enrollments").proof["enrollments"]

    assert (proof["rule"], proof["pulls"]) == ("Twice", 2)


def test_without_a_total_pulls_that_never_agree_are_incomplete(tmp_path: Path) -> None:
    """Quirk 6: as many rows each time, but never the same ones."""
    rows = enrollments(43)[::-1]

    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments":
            return None
        start = sum(r.offset == 0 for r in server.asked("enrollments"))
        server.data["enrollments"] = rows[start : start + 40]
        return server.page(request)

    with Quirky(total=None, sorts=False, answer=answer) as server:
        proof = staged(server, tmp_path, "enrollments").proof["enrollments"]

    assert (proof["complete"], proof["rule"], proof["pulls"]) == (False, None, 3)
