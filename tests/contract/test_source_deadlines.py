"""No server holds a client longer than an answer may take: timeoutSeconds to its first byte, ten times that to its end."""

import socket
import time
from pathlib import Path

import pytest

from rostersync.errors import Retryable
from rostersync.sources.oneroster.endpoint import Patience
from rostersync.sources.oneroster.transport import SLOWEST
from rostersync.stores.embedded.store import EmbeddedStore
from support import holding
from support.commands import Commands
from support.pod import SECRET, Cluster, connection
from support.quirky import Quirky, Request, orgs, source

TIMEOUT = 0.15
ONCE = Patience(attempts=1, seconds=0)


@pytest.mark.parametrize("hold", holding.EVERY, ids=lambda h: h.__name__)
@pytest.mark.parametrize("asked", ["page", "token", "check"])
def test_an_answer_that_never_ends_is_given_up_by_the_clock(hold: holding.Holds, asked: str) -> None:
    with holding.holding(hold) as url, Quirky({"orgs": []}) as server:
        places = {"authentication_url": url} if asked == "token" else {"service_url": url}
        with source(server, timeout_seconds=TIMEOUT, patience=ONCE, **places) as client:
            began = time.monotonic()
            with pytest.raises(Retryable) as error:
                client.check() if asked == "check" else client.pull("orgs", frozenset(), lambda page: None)
            took = time.monotonic() - began

    assert error.value.reason == "TimedOut"
    assert took < (TIMEOUT if hold is holding.silence else SLOWEST * TIMEOUT) + 1.5
    whole = f"not whole after {SLOWEST * TIMEOUT:g} s"
    assert ("no answer within" if hold is holding.silence else whole) in str(error.value)


def test_who_is_held_twice_asks_no_third_time() -> None:
    """A silent server costs a tenth of that, and is asked as often as anything else that fails."""
    with holding.holding(holding.trickling_body) as url, Quirky() as server:
        patient = Patience(attempts=6, wait_initial=0.001, wait_max=0.001, wait_jitter=0.001, seconds=0)
        with source(server, timeout_seconds=TIMEOUT, patience=patient, service_url=url) as client:
            began = time.monotonic()
            with pytest.raises(Retryable, match="after 2 attempts"):
                client.pull("orgs", frozenset(), lambda page: None)

    assert time.monotonic() - began < 2 * SLOWEST * TIMEOUT + 2


def test_an_answer_that_comes_slowly_but_in_time_is_taken() -> None:
    """The clock counts from the request, so a slow answer has all of its time, and not only that of its first byte."""

    def slowly(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Total-Count: 0\r\nContent-Length: 11\r\nConnection: close\r\n\r\n")
        for byte in b'{"orgs":[]}':
            time.sleep(TIMEOUT / 3)
            connection.sendall(bytes([byte]))

    with (
        holding.holding(slowly) as url,
        Quirky() as server,
        source(server, timeout_seconds=TIMEOUT, patience=ONCE, service_url=url) as client,
    ):
        reading = client.pull("orgs", frozenset(), lambda page: None)

    assert reading.offered
    assert reading.rows == 0


def test_no_store_is_locked_while_a_source_is_read(warm: Commands, tmp_path: Path) -> None:
    """A server may take its time: others write to the store meanwhile."""
    wrote: list[int] = []

    def answer(request: Request) -> None:
        if request.collection == "users" and cluster.store.exists() and not wrote:
            writer = EmbeddedStore(cluster.store).writer()
            wrote.extend(writer.compact())

    cluster = Cluster(warm, tmp_path)
    rows = {"orgs": orgs(3), "users": [], "classes": [], "enrollments": []}
    with Quirky(rows, answer=answer) as server:
        cluster.give(connection(server.url), {SECRET: {"clientID": "client-1", "clientSecret": "secret-1"}})
        server.token = lambda request: server.issue()
        cluster.imported("first")
        cluster.plan("second", uid="uid-2")

    assert len(wrote) == 2
