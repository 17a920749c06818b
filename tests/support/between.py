"""A TCP proxy on the loopback address between a client and a server: it cuts, slows down, or falls silent."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

_PIECE = 16 * 1024


@dataclass
class Between:
    """What it does to what the client sends, counted over one connection.

    `cut_after` bytes both sides are reset; `silent_after` bytes nothing more is passed on, either way. `rate`: bytes a second.
    `dead_after` bytes of all connections nothing more is passed on, either way.
    """

    target: int
    cut_after: int | None = None
    silent_after: int | None = None
    rate: int | None = None
    dead_after: int | None = None
    passed: int = 0
    port: int = 0
    _open: list[socket.socket] = field(default_factory=list)

    def begin(self) -> None:
        """Listen."""
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def end(self) -> None:
        """Close everything."""
        for each in (self._listener, *self._open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            self._open += [client, server]
            silent = threading.Event()
            for source, sink, counted in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pass, args=(source, sink, counted, silent), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, counted: bool, silent: threading.Event) -> None:
        done = 0
        with suppress(OSError):
            while data := source.recv(_PIECE):
                if counted:
                    done += len(data)
                    self.passed += len(data)
                    if self.rate:
                        time.sleep(len(data) / self.rate)
                    if self.cut_after is not None and done >= self.cut_after:
                        break
                    if self.silent_after is not None and done >= self.silent_after:
                        silent.set()
                dead = self.dead_after is not None and self.passed >= self.dead_after
                if not silent.is_set() and not dead:
                    sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextmanager
def between(target: int, **behaviour: Any) -> Iterator[Between]:
    """A proxy in front of a port. `behaviour`: fields of `Between`."""
    proxy = Between(target, **behaviour)
    proxy.begin()
    try:
        yield proxy
    finally:
        proxy.end()
