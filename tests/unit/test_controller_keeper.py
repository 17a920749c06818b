"""The Lease is renewed and probes are answered however busy the work is, and no longer when it is stuck."""

import asyncio
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace

import httpx
import pytest
from aiohttp import web

from rostersync.controller import keeper
from rostersync.controller.cluster import election as elect
from rostersync.controller.cluster.client import ApiError
from rostersync.controller.cluster.election import Election
from rostersync.controller.cluster.login import Login
from rostersync.controller.keeper import Keeper
from rostersync.controller.options import Options
from support.cluster.processes import free_ports


class Leases:
    """An API server that has one Lease; when it was written."""

    def __init__(self):
        self.lease, self.writes, self.version = None, [], 0

    async def answer(self, request):
        if request.method != "GET":
            self.version += 1
            self.lease = await request.json()
            self.lease["metadata"]["resourceVersion"] = str(self.version)
            self.writes.append(time.monotonic())
        if self.lease is None:
            return web.json_response({"reason": "NotFound"}, status=404)
        return web.json_response(self.lease)

    @property
    def holder(self):
        return self.lease["spec"]["holderIdentity"]


@contextmanager
def serving(leases, port):
    """The API server, in a thread of its own."""
    ready, state = threading.Event(), SimpleNamespace()

    async def serve():
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", leases.answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        state.loop, state.end = asyncio.get_running_loop(), asyncio.Event()
        ready.set()
        await state.end.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(5)
    yield
    state.loop.call_soon_threadsafe(state.end.set)
    thread.join(5)


@pytest.fixture
def scene(monkeypatch):
    """A keeper that looks at its Lease ten times a second, and its API server."""
    monkeypatch.setattr(elect, "RETRY", 0.1)
    monkeypatch.setattr(keeper, "_BEAT", 0.1)
    api, port = free_ports(2)
    leases = Leases()
    options = Options("rostersync:test", identity="me", host="127.0.0.1", port=port)
    metrics = SimpleNamespace(text=lambda: b"numbers 1\n")
    made = Keeper(options, Login(f"http://127.0.0.1:{api}", None), lambda: "", lambda: "", metrics)
    with serving(leases, api):
        yield SimpleNamespace(keeper=made, leases=leases, url=f"http://127.0.0.1:{port}")


def get(url):
    answer = httpx.get(url, trust_env=False, timeout=5)
    return answer.status_code, answer.text.strip()


async def leading(scene):
    led = asyncio.Event()
    task = asyncio.create_task(scene.keeper.run(led))
    async with asyncio.timeout(10):
        await led.wait()
    return task


async def ended(task):
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_a_busy_loop_loses_neither_lease_nor_life(scene):
    async def play():
        task = await leading(scene)
        probes = []
        asking = threading.Thread(target=lambda: (time.sleep(0.5), probes.append(get(f"{scene.url}/healthz"))))
        asking.start()
        begun = time.monotonic()
        while time.monotonic() - begun < 2.0:  # nothing else of this loop has its turn
            sum(range(1000))
        late = [at for at in scene.leases.writes if begun < at < begun + 2.0]
        asking.join()
        assert len(late) >= 2  # the test itself takes the interpreter, and so may others the machine
        assert probes == [(200, "ok")]
        assert await asyncio.to_thread(get, f"{scene.url}/metrics") == (200, "numbers 1")
        await ended(task)

    asyncio.run(play())
    assert scene.leases.holder == "", "it was given back"


def test_a_stuck_loop_loses_both(scene, monkeypatch):
    monkeypatch.setattr(keeper, "LAG", 0.5)

    async def play():
        task = await leading(scene)
        time.sleep(1.5)
        assert get(f"{scene.url}/healthz") == (503, "the event loop is stuck")
        last = scene.leases.writes[-1]
        assert time.monotonic() - last > 0.5
        await ended(task)

    asyncio.run(play())


def test_what_is_wrong_with_the_work_is_told(scene):
    scene.keeper._wrong = lambda: "the watch of pods is dead"
    scene.keeper._lacking = lambda: "the first lists are not complete"

    async def play():
        task = await leading(scene)
        found = [await asyncio.to_thread(get, f"{scene.url}/{what}") for what in ("healthz", "readyz")]
        await ended(task)
        return found

    assert asyncio.run(play()) == [(503, "the watch of pods is dead"), (503, "the first lists are not complete")]


def test_what_ends_the_thread_ends_the_process(scene):
    with socket.create_server(("127.0.0.1", scene.keeper._options.port)), pytest.raises(OSError, match="in use"):
        asyncio.run(scene.keeper.run(asyncio.Event()))


def test_a_leader_whose_work_is_stuck_leaves(monkeypatch):
    monkeypatch.setattr(elect, "RETRY", 0.01)
    monkeypatch.setattr(elect, "RENEW", 0.1)
    state, left = {"working": True}, asyncio.Event()

    class Cluster:
        asked = 0

        async def get(self, where):
            self.asked += 1
            raise ApiError(404, "NotFound", "")

        async def create(self, kind, namespace, body):
            return {"metadata": {"resourceVersion": "1"}}

    async def play():
        cluster = Cluster()
        election = Election(cluster, "n", "l", "me", lost=left.set, working=lambda: state["working"])
        task = asyncio.create_task(election.run())
        await election.leading.wait()
        state["working"], asked = False, cluster.asked
        async with asyncio.timeout(5):
            await left.wait()
        assert cluster.asked <= asked + 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(play())


ENDS = """
import os, sys, threading, time
from rostersync.controller.ending import Ending
ending, told = Ending(grace=0.5), threading.Event()
ending.watch(told.set, lambda: print("last", flush=True))
print("ready", flush=True)
if sys.argv[1] == "heeds":
    told.wait()
    os._exit(0)
while True:
    sum(range(1000))
"""


@pytest.mark.parametrize(("sort", "code", "said"), [("heeds", 0, ""), ("is stuck", 1, "last\n")])
def test_sigterm_ends_a_process_in_time_whether_its_work_listens_or_not(sort, code, said):
    with subprocess.Popen([sys.executable, "-c", ENDS, sort], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=10)
    assert (process.returncode, out) == (code, said)
