"""Serves rendered pages, in a process of its own: one event loop that copies bytes out of the page cache.

    python bench/serve.py FOLDER [--latency SECONDS] [--token-life SECONDS] [--burst N]

The first line printed is the Service URL. GET /stats: requests, pages, answers of 401, answers of 503.
"""

import argparse
import asyncio
import json
import time
from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl

from pages import BASE_PATH, Pages
from sizes import PAGE, STEP

EVERY = 100  # requests from one burst of failures to the next


class Server:
    """What all connections share."""

    def __init__(self, pages: Pages, latency: float, token_life: float, burst: int) -> None:
        self.pages, self.latency, self.token_life, self.burst = pages, latency, token_life, burst
        self.stats = {"requests": 0, "pages": 0, "unauthorised": 0, "tokens": 0, "failed": 0}
        self._token, self._until = "", 0.0

    def answer(self, method: str, target: str, headers: bytes) -> tuple[int, bytes, bytes]:
        """Status, further headers, body."""
        self.stats["requests"] += 1
        path, _, query = target.partition("?")
        if path == "/stats":
            return 200, b"", json.dumps(self.stats).encode()
        if method == "POST" and path == f"{BASE_PATH}/token":
            return 200, b"", self._issue()
        collection = path.removeprefix(f"{BASE_PATH}/")
        if collection not in self.pages.totals:
            return 404, b"", b"{}"
        if time.monotonic() > self._until or f"bearer {self._token}".encode() not in headers:
            self.stats["unauthorised"] += 1
            return 401, b"", b'{"error":"invalid_token"}'
        if 0 <= (self.stats["pages"] + self.stats["failed"]) % EVERY - EVERY // 2 < self.burst:
            self.stats["failed"] += 1
            return 503, b"", b"{}"
        asked = dict(parse_qsl(query))
        total = f"X-Total-Count: {self.pages.totals[collection]}\r\n".encode()
        return 200, total, self._page(collection, int(asked.get("limit", 100)), int(asked.get("offset", 0)))

    def _issue(self) -> bytes:
        self.stats["tokens"] += 1
        self._token, self._until = f"{self.stats['tokens']:064x}", time.monotonic() + self.token_life
        return json.dumps(
            {"access_token": self._token, "token_type": "bearer", "expires_in": int(self.token_life), "scope": "*"}
        ).encode()

    def _page(self, collection: str, limit: int, offset: int) -> bytes:
        self.stats["pages"] += 1
        number, row = divmod(offset, STEP)
        if row == 0 and limit == PAGE and number < self.pages.count(collection):
            return self.pages[collection, number]
        # Another cut than the rendered one (a recount, the end): few, so it may cost something.
        body = {collection: [], "pagination": {"next": ""}, "total": self.pages.totals[collection]}
        if number < self.pages.count(collection):
            rows = json.loads(self.pages[collection, number])[collection]
            body[collection] = rows[row : row + limit]
        return json.dumps(body).encode()


class Connection(asyncio.Protocol):
    """One client's connection: requests come one after the other."""

    def __init__(self, server: Server) -> None:
        self._server, self._received = server, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the way back."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answers every request that is whole."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._received) < end + 4 + length:
                return
            method, target, _ = self._received[:end].split(b"\r\n", 1)[0].decode().split(" ")
            self._received = self._received[end + 4 + length :]
            if self._server.latency:
                asyncio.get_running_loop().call_later(self._server.latency, self._reply, method, target, head)
            else:
                self._reply(method, target, head)

    def _reply(self, method: str, target: str, head: bytes) -> None:
        status, extra, body = self._server.answer(method, target, head)
        self._transport.write(
            b"HTTP/1.1 %d -\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n"
            % (status, len(body), extra)
            + body
        )


async def serve(server: Server) -> None:
    """Until the process is ended."""
    listening = await asyncio.get_running_loop().create_server(lambda: Connection(server), "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()
    print(f"http://{host}:{port}{BASE_PATH}", flush=True)
    await listening.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--latency", type=float, default=0.0)
    parser.add_argument("--token-life", type=float, default=3600.0)
    parser.add_argument("--burst", type=int, default=0, help="so many of every hundred pages fail, one after the other")
    options = parser.parse_args()
    asyncio.run(serve(Server(Pages(options.folder), options.latency, options.token_life, options.burst)))
