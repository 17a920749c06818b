"""An HTTP proxy on loopback in front of a server of S3's protocol, which answers some requests itself."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, str]
"""The status of a refusal, and its code in S3's words."""


@dataclass
class Refusing:
    """`answer(method, path)`: how a request is refused; None lets it through. `asked`: all of them, in order."""

    port: int
    answer: Callable[[str, str], Answer | None] = lambda method, path: None
    asked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def refusing(target: int) -> Iterator[Refusing]:
    """A proxy in front of a port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def _go(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            made.asked.append((self.command, self.path))
            refused = made.answer(self.command, self.path)
            if refused:
                self._say(refused[0], [], f"<Error><Code>{refused[1]}</Code></Error>".encode())
                return
            server = http.client.HTTPConnection("127.0.0.1", target, timeout=30)
            server.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                server.putheader(name, value)
            server.endheaders(body)
            answer = server.getresponse()
            self._say(answer.status, answer.getheaders(), answer.read())
            server.close()

        def _say(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            with suppress(OSError):
                self.send_response(status)
                for name, value in headers:
                    if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _go

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    made = Refusing(listening.server_address[1])
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        listening.shutdown()
        listening.server_close()
