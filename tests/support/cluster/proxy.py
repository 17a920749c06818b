"""A reverse proxy before the API server that sees an operator's writes and lets a test strike at any of them.

Plain HTTP on the loopback address; the caller's token goes through, watches stream. Leases and events do not count.
"""

import asyncio
import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Self

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

_WRITES = ("POST", "PUT", "PATCH", "DELETE")
_UNCOUNTED = ("leases", "events")
_GONE = {
    "kind": "Status",
    "apiVersion": "v1",
    "status": "Failure",
    "reason": "Expired",
    "code": 410,
    "message": "too old",
}
_HOP = {"connection", "transfer-encoding", "content-length", "host", "keep-alive"}  # of one connection only


class Blow(Enum):
    """What becomes of a write."""

    NONE = "none"  # passed on
    BEFORE = "before"  # the operator is struck, and the write never arrives
    AFTER = "after"  # it arrives, and the operator is struck before it hears of that
    LATE = "late"  # the operator is struck, and the write arrives when `release` is set


class Proxy:
    """A context manager. `kubeconfig` leads through it, as whoever the given one belongs to."""

    def __init__(self, kubeconfig: Path, choose: Callable[[int, str, str], Blow], strike: Callable[[], None]) -> None:
        """`choose` says what becomes of the N-th write (method and path follow), `strike` does it to the operator."""
        document = json.loads(kubeconfig.read_text())
        cluster = document["clusters"][0]["cluster"]
        self._server, self._document = cluster["server"], document
        self._authority = cluster["certificate-authority-data"]
        self._choose, self._strike = choose, strike
        self.kubeconfig = kubeconfig.with_name(f"proxied-{id(self)}.kubeconfig")
        self.writes: list[tuple[Blow, str, str]] = []  # what became of it, method, path
        self.release = threading.Event()
        self.arrived = threading.Event()  # the late write
        self._watches: dict[int, asyncio.WriteTransport] = {}
        self._blind = False
        self._expired: set[str] | None = None  # paths whose watch was told that its history is gone

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(30)
        self._document["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{port}"}
        self.kubeconfig.write_text(json.dumps(self._document))
        self.kubeconfig.chmod(0o600)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @contextmanager
    def blind(self) -> Iterator[None]:
        """Nothing is read and every watch breaks; when the block ends, watches hear that their history is gone.

        This is what an operator sees of an API server that restarts after etcd was compacted, but for its Lease.
        """
        self._blind, self._expired = True, None
        self._loop.call_soon_threadsafe(self._break_watches)
        yield
        self._blind, self._expired = False, set()

    def _break_watches(self) -> None:
        for transport in list(self._watches.values()):
            transport.abort()

    async def _start(self) -> int:
        context = ssl.create_default_context(cadata=base64.b64decode(self._authority).decode())
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=context),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
        )
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port: int = self._runner.addresses[0][1]
        return port

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self._session.close()
        await asyncio.sleep(0.05)  # TLS connections close one turn of the loop later

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.method not in _WRITES:
            return await self._read(request)
        # A write that is under way arrives, whatever becomes of who sent it.
        return await asyncio.shield(asyncio.ensure_future(self._write(request, await request.read())))

    async def _read(self, request: web.Request) -> web.StreamResponse:
        if self._blind and not _uncounted(request):
            return _cut(request)
        watch = "watch" in request.query
        if watch and self._expired is not None and request.path not in self._expired:
            self._expired.add(request.path)
            return web.json_response({"type": "ERROR", "object": _GONE})
        if watch and request.transport is not None:
            self._watches[id(request)] = request.transport
        try:
            async with self._session.get(self._server + request.raw_path, headers=_passed(request.headers)) as answer:
                response = web.StreamResponse(status=answer.status, headers=_passed(answer.headers))
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
                return response
        except (ConnectionResetError, aiohttp.ClientError):
            return _cut(request)
        finally:
            self._watches.pop(id(request), None)

    async def _write(self, request: web.Request, body: bytes) -> web.StreamResponse:
        blow = Blow.NONE
        if not _uncounted(request):
            blow = self._choose(len(self.writes) + 1, request.method, request.path)
            self.writes.append((blow, request.method, request.path))
        if blow is Blow.BEFORE:
            self._strike()
            return _cut(request)
        if blow is Blow.LATE:
            self._strike()
            while not self.release.is_set():
                await asyncio.sleep(0.05)
        url = self._server + request.raw_path
        try:
            async with self._session.request(
                request.method, url, data=body, headers=_passed(request.headers)
            ) as answer:
                text = await answer.read()
        except aiohttp.ClientError:
            return _cut(request)
        if blow is Blow.LATE:
            self.arrived.set()
        if blow is Blow.AFTER:
            self._strike()
            return _cut(request)
        return web.Response(status=answer.status, body=text, headers=_passed(answer.headers))


def _passed(headers: Mapping[str, str]) -> CIMultiDict[str]:
    return CIMultiDict((k, v) for k, v in headers.items() if k.lower() not in _HOP)


def _uncounted(request: web.Request) -> bool:
    return any(f"/{kind}" in request.path for kind in _UNCOUNTED)


def _cut(request: web.Request) -> web.Response:
    """No answer: the connection is gone."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
