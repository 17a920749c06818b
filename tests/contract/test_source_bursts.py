"""Servers that fail for a while: little more is asked than of a good one, and a run waits until it passes."""

import time
from pathlib import Path

import pytest

from rostersync.errors import Retryable
from rostersync.reading.extract import Wanted, extract
from rostersync.sources.oneroster.endpoint import Patience
from support.quirky import Quirky, Reply, Request, enrollments, source, staged

ROWS = enrollments(3000)
WAITS = Patience(attempts=3, wait_initial=0.01, wait_max=0.05, wait_jitter=0.01, seconds=30)


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("status", [500, 503])
def test_a_burst_in_every_hundred_requests_costs_little_more_than_a_good_server(
    status: int, threads: int, tmp_path: Path
) -> None:
    def answer(request: Request) -> Reply | None:
        return Reply({}, status) if request.collection == "enrollments" and 50 <= request.nth % 100 < 58 else None

    asked = []
    for name, fault in (("good", lambda request: None), ("bursts", answer)):
        with Quirky({"enrollments": ROWS}, answer=fault) as server:
            proof = staged(
                server, tmp_path / name, "enrollments", max_concurrent_requests=threads, patience=WAITS
            ).proof["enrollments"]
        assert (proof["complete"], proof["distinct"]) == (True, 3000)
        asked.append(proof["requests"])

    assert asked[1] <= 1.2 * asked[0]


def test_what_passes_is_waited_out_and_said(tmp_path: Path) -> None:
    said: list[tuple[str, str, int, int | None]] = []
    began = time.monotonic()

    def answer(request: Request) -> Reply | None:
        down = request.collection == "enrollments" and request.offset and time.monotonic() - began < 1
        return Reply({}, 503) if down else None

    with Quirky({"enrollments": ROWS[:45]}, answer=answer) as server, source(server, patience=WAITS) as client:
        proof = extract(client, tmp_path, Wanted(("enrollments",)), lambda *what: said.append(what))

    assert proof["collections"]["enrollments"]["complete"]
    assert ("waiting", "GET /enrollments failed (503)", 0, 30) in said


@pytest.mark.parametrize(("status", "once"), [(501, True), (503, False)])
def test_a_page_that_is_not_implemented_is_not_asked_for_again(status: int, once: bool) -> None:
    with Quirky(answer=lambda r: Reply({}, status)) as server, source(server) as client:
        if once:
            assert not client.pull("courses", frozenset(), lambda page: None).offered
        else:
            with pytest.raises(Retryable):
                client.pull("courses", frozenset(), lambda page: None)

    assert (len(server.asked("courses")) == 1) == once


def test_a_person_who_checks_does_not_wait_for_minutes() -> None:
    with Quirky(answer=lambda r: Reply({}, 503)) as server, source(server, patience=WAITS) as client:
        began = time.monotonic()
        with pytest.raises(Retryable):
            client.check()

    assert time.monotonic() - began < 20
