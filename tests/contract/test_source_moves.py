"""Records that come and go while pages are read: what is there all the time is read, or the pull proves nothing."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.quirky import Quirky, Reply, Request, enrollments, staged

ROWS = sorted(enrollments(60), key=lambda row: str(row["sourcedId"]))
THREADS = pytest.mark.parametrize("threads", [1, 4])
TOTAL = pytest.mark.parametrize("total", ["header", None])


@pytest.mark.parametrize("end", [40, 41], ids=["one goes", "one goes and one comes"])
@TOTAL
@THREADS
def test_a_record_that_goes_takes_no_other_with_it(total: str | None, threads: int, end: int, tmp_path: Path) -> None:
    """What follows moves up, one record falls between two pages, and the recount equals what was read."""

    def answer(request: Request) -> Reply | None:
        if request.collection == "enrollments":
            server.data["enrollments"] = ROWS[:40] if request.nth == 1 else ROWS[1:end]
        return None

    with Quirky(answer=answer, total=total) as server:
        result = staged(server, tmp_path, "enrollments", max_concurrent_requests=threads)

    proof = result.proof["enrollments"]
    assert (proof["complete"], proof["pulls"]) == (True, 2)
    assert set(result.rows("enrollments")) == {r["sourcedId"] for r in ROWS[1:end]}


@THREADS
def test_records_that_only_come_at_the_end_need_no_second_pull(threads: int, tmp_path: Path) -> None:
    def answer(request: Request) -> Reply | None:
        if request.collection == "enrollments":
            server.data["enrollments"] = ROWS[: 39 + min(request.nth, 4)]
        return None

    with Quirky(answer=answer) as server:
        result = staged(server, tmp_path, "enrollments", max_concurrent_requests=threads)

    proof = result.proof["enrollments"]
    assert (proof["rule"], proof["pulls"], proof["distinct"]) == ("Total", 1, 43)


def test_a_source_that_never_rests_is_incomplete(tmp_path: Path) -> None:
    def answer(request: Request) -> Reply | None:
        if request.collection == "enrollments":
            server.data["enrollments"] = ROWS[request.nth % 7 :][:40]
        return None

    with Quirky(answer=answer) as server:
        proof = staged(server, tmp_path, "enrollments").proof["enrollments"]

    assert (proof["complete"], proof["rule"], proof["pulls"]) == (False, None, 3)


@TOTAL
def test_a_server_of_one_record_a_page_is_believed_the_second_time(total: str | None, tmp_path: Path) -> None:
    with Quirky({"enrollments": ROWS[:5]}, total=total, max_page=1) as server:
        result = staged(server, tmp_path, "enrollments")

    proof = result.proof["enrollments"]
    assert (proof["rule"], proof["pulls"], proof["distinct"]) == ("Total" if total else "Twice", 2, 5)


@TOTAL
@THREADS
def test_a_server_that_knows_only_whole_pages_is_believed_the_second_time(
    total: str | None, threads: int, tmp_path: Path
) -> None:
    """Behind some an offset becomes the number of a page."""

    def answer(request: Request) -> Reply | None:
        request.query["offset"] = str(request.offset // request.limit * request.limit)
        return None

    with Quirky({"enrollments": ROWS[:45]}, answer=answer, total=total) as server:
        result = staged(server, tmp_path, "enrollments", max_concurrent_requests=threads)

    proof = result.proof["enrollments"]
    assert (proof["rule"], proof["pulls"], proof["distinct"]) == ("Total" if total else "Twice", 2, 45)
    assert len(server.asked("enrollments")) < 20


@THREADS
def test_a_server_that_refuses_all_but_whole_pages_is_believed_the_second_time(threads: int, tmp_path: Path) -> None:
    def answer(request: Request) -> Reply | None:
        return Reply({}, 400) if request.collection == "enrollments" and request.offset % 10 else None

    with Quirky({"enrollments": ROWS[:45]}, answer=answer) as server:
        result = staged(server, tmp_path, "enrollments", max_concurrent_requests=threads)

    proof = result.proof["enrollments"]
    assert (proof["rule"], proof["pulls"], proof["distinct"]) == ("Total", 2, 45)


@given(
    st.lists(st.sets(st.integers(0, 59), max_size=2), min_size=30, max_size=30),
    st.lists(st.sets(st.integers(0, 59), max_size=2), min_size=30, max_size=30),
    st.sampled_from([1, 3]),
    st.sampled_from(["header", None]),
    st.sampled_from([None, "body"]),
)
@settings(max_examples=40, deadline=None)
def test_what_is_there_all_the_time_is_read_or_nothing_is_proved(
    gone: list[set[int]], come: list[set[int]], threads: int, total: str | None, following: str | None
) -> None:
    """Each request finds that some records went and others came; none comes back."""
    steps = [(set().union(*gone[:n]), set().union(*come[n:])) for n in range(len(gone) + 1)]

    def answer(request: Request) -> Reply | None:
        if request.collection == "enrollments":
            missing = set().union(*steps[min(request.nth, len(gone))])
            server.data["enrollments"] = [r for i, r in enumerate(ROWS) if i not in missing]
            return server.page(request)
        return None

    with TemporaryDirectory() as folder, Quirky(answer=answer, total=total, next=following) as server:
        result = staged(server, Path(folder), "enrollments", max_concurrent_requests=threads)
        read = set(result.rows("enrollments"))
    always = {str(r["sourcedId"]) for i, r in enumerate(ROWS) if not any(i in some for some in gone + come)}
    assert not result.proof["enrollments"]["complete"] or read >= always
