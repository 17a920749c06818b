"""Large collections are decoded in a process beside the one that reads: the same rows come, whatever becomes of it."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from rostersync.reading.extract import Wanted, extract
from rostersync.roster import TABLES
from rostersync.sources.oneroster import decode, decode_process
from rostersync.sources.oneroster.client import OneRoster
from rostersync.sources.oneroster.decode import Decoded, Decoder
from rostersync.sources.oneroster.decode_process import Asked, DecodeProcess, Told
from rostersync.sources.oneroster.request_errors import TryAgain
from support.marked import district
from support.quirky import Quirky, Reply, Request, Staged, enrollments, source

START = 30.0  # seconds for a process to come up on a busy machine


@pytest.fixture(scope="module")
def running() -> Iterator[DecodeProcess]:
    """A process that is up."""
    yield from started()


@pytest.fixture
def doomed() -> Iterator[DecodeProcess]:
    """A process that a test may end."""
    yield from started()


def started() -> Iterator[DecodeProcess]:
    process = DecodeProcess()
    try:
        up(process)
        yield process
    finally:
        process.close()


def up(process: DecodeProcess) -> None:
    process.start()
    assert process._way is not None
    assert process._way.ready(START)
    process.page(Asked("orgs", None, odd=False), b"")  # takes its first word


def body(collection: str, rows: list[Any], **more: Any) -> bytes:
    return json.dumps({collection: rows, **more}).encode()


def both(
    process: DecodeProcess, collection: str, page: bytes, wanted: frozenset[str] | None = None
) -> tuple[Decoded, Decoded]:
    """A page decoded here and beside; it must have been there."""
    here, there = Decoder(collection, wanted), Decoder(collection, wanted, process)
    here.page(page)
    there._odd = here._odd
    sent = process._sent
    found = here.page(page), there.page(page)
    assert process._sent == sent + 1
    return found


@pytest.mark.parametrize("wanted", [None, frozenset(), frozenset({"house"})])
@pytest.mark.parametrize("collection", [table.name for table in TABLES])
def test_a_page_is_the_same_wherever_it_is_decoded(
    collection: str, wanted: frozenset[str] | None, running: DecodeProcess
) -> None:
    rows = [{"metadata": {"house": "north", "other": 1}} | row for row in district()[collection]]
    page = body(collection, [*rows, {"status": "active"}], total=7, pagination={"next": 3, "total": 8}, error="odd")

    here, there = both(running, collection, page, wanted)

    assert there.batch.equals(here.batch)
    assert there.batch.schema.equals(here.batch.schema)
    assert (there.rows, there.without_id, there.said) == (here.rows, here.without_id, here.said)
    assert there.unread == here.unread
    assert here.unread[-1] == len(rows)
    assert there.without_first().unread[-1] == len(rows) - 1
    assert (there.fingerprint, there.first, there.last) == (here.fingerprint, here.first, here.last)
    assert there.without_first().batch.equals(here.without_first().batch)


def test_a_server_that_spells_otherwise_is_read_the_same_way(running: DecodeProcess) -> None:
    here, there = both(running, "orgs", body("orgs", [{"SourcedId": "a", "NAME": "North"}]))

    assert there.batch.to_pylist() == here.batch.to_pylist()
    assert there.batch.column("name").to_pylist() == ["North"]


@pytest.mark.parametrize(
    "page", [b"", b"<html>", b'{"orgs": [{"sourcedId": "a"', b'{"error": "no"}', b'{"orgs": "\xff"}']
)
def test_what_is_no_page_is_said_here(page: bytes, running: DecodeProcess) -> None:
    here, there, before = Decoder("orgs", None), Decoder("orgs", None, running, odd=False), running._sent
    with pytest.raises(TryAgain) as expected:
        here.page(page)
    with pytest.raises(TryAgain) as got:
        there.page(page)

    assert got.value.what == expected.value.what
    assert there.page(body("orgs", [{"sourcedId": "a"}])).rows == 1
    assert running._taken == running._sent == before + 2


def test_pages_of_several_threads_do_not_get_mixed_up(running: DecodeProcess) -> None:
    decoder, before = Decoder("orgs", None, running, odd=False), running._sent

    with ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(lambda n: decoder.page(body("orgs", [{"sourcedId": f"o{n}"}] * (1 + n % 5))), range(400)))

    assert [page.first for page in pages] == [f"o{n}" for n in range(400)]
    assert running._taken == before + 400


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM])
def test_pages_go_on_here_when_the_process_is_killed(ending: signal.Signals, doomed: DecodeProcess) -> None:
    decoder = Decoder("orgs", None, doomed, odd=False)
    assert doomed._process is not None
    killer, page = doomed._process.pid, body("orgs", [{"sourcedId": f"o{n}"} for n in range(500)])

    def decode(n: int) -> int:
        if n == 40:
            os.kill(killer, ending)
        return decoder.page(page).rows

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(decode, range(120))) == [500] * 120
    assert doomed._gone


def test_a_process_that_does_not_come_up_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_process.sys, "executable", "/bin/false")
    process = DecodeProcess()
    process.start()
    decoder = Decoder("orgs", None, process, odd=False)
    assert process._process is not None
    process._process.wait()

    assert decoder.page(body("orgs", [{"sourcedId": "a"}])).rows == 1
    process.close()


def test_a_process_that_cannot_be_made_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def refuse(*_: Any, **__: Any) -> None:
        tried.append(1)
        raise OSError

    monkeypatch.setattr(decode_process.subprocess, "Popen", refuse)
    process = DecodeProcess()
    for _ in range(2):
        process.start()
        assert Decoder("orgs", None, process, odd=False).page(body("orgs", [{"sourcedId": "a"}])).rows == 1
    process.close()

    assert tried == [1]


def test_one_core_gets_no_second_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_process.os, "sched_getaffinity", lambda _: {0})
    process = DecodeProcess()
    process.start()

    assert process._process is None
    assert process.page(Asked("orgs", None, odd=False), body("orgs", [])) is None


def test_the_process_ends_with_the_one_that_reads(doomed: DecodeProcess) -> None:
    assert doomed._process is not None
    assert doomed._way is not None
    doomed._way.close()

    assert doomed._process.wait(START) == 0


@pytest.mark.parametrize("killed", [False, True])
def test_an_extract_is_the_same_with_it(killed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MANY_PAGES", 5)
    alone = read(tmp_path / "alone")
    elsewhere = counted(monkeypatch)

    def kill(process: DecodeProcess) -> None:
        if killed and process._process:
            process._process.kill()

    assert read(tmp_path / "beside", kill) == alone
    assert 5 < len(elsewhere) < 60 if killed else len(elsewhere) > 80


def come_up(process: DecodeProcess) -> None:
    """Wait for a process that somebody starts."""
    end = time.monotonic() + START
    while not process._up and time.monotonic() < end and not (process._way and process._way.ready(0.01)):
        time.sleep(0.01)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Told]:
    """What processes beside this one told from now on."""
    page, found = DecodeProcess.page, []

    def watched(self: DecodeProcess, asked: Asked, body: bytes) -> tuple[Told, bytes] | None:
        got = page(self, asked, body)
        found.extend([got[0]] if got else [])
        return got

    monkeypatch.setattr(DecodeProcess, "page", watched)
    return found


def read(
    folder: Path, in_the_middle: Callable[[DecodeProcess], None] | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(proof, rows by id) of a collection of 91 pages; with a process beside, if something is to happen in the middle."""
    clients: list[OneRoster] = []

    def answer(request: Request) -> Reply | None:
        if in_the_middle and request.offset >= 400:
            in_the_middle(clients[0]._decode_process)
        elif in_the_middle and request.offset >= 60:
            come_up(clients[0]._decode_process)
        return None

    with Quirky({"enrollments": enrollments(905)}, answer=answer) as server, source(server) as client:
        clients.append(client)
        if in_the_middle is None:
            client._decode_process.start = lambda: None  # type: ignore[method-assign]
        proof = extract(client, folder, Wanted(("enrollments",)))["collections"]
    del proof["enrollments"]["requests"]  # a page that had to wait for the process may be asked for twice
    return proof, Staged(proof, folder).rows("enrollments")
