"""A TCP proxy on loopback that cuts a connection after so many bytes, as a network does that fails."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Proxy:
    """`cut`: after how many bytes to the server (`up`) or from it, the first connection ends. None lets all through.

    `closed`: from then on nobody is let in. `carried`: bytes of the newest connection, up and down.
    """

    port: int
    cut: int | None = None
    up: bool = True
    closes: bool = False
    carried: list[int] = field(default_factory=lambda: [0, 0])
    cuts: int = 0


@contextmanager
def proxy(port: int) -> Iterator[Proxy]:
    """A proxy in front of a port."""
    listening = socket.create_server(("127.0.0.1", 0))
    made = Proxy(listening.getsockname()[1])
    ending = threading.Event()

    def serve() -> None:
        while not ending.is_set():
            with suppress(OSError):
                client, _ = listening.accept()
                if made.closes and made.cuts:
                    client.close()
                    continue
                threading.Thread(target=_carry, args=(made, client, port), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield made
    finally:
        ending.set()
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def _carry(made: Proxy, client: socket.socket, port: int) -> None:
    made.carried = carried = [0, 0]
    with client, socket.create_connection(("127.0.0.1", port)) as server, suppress(OSError):
        while True:
            ready, _, _ = select.select([client, server], [], [])
            for source in ready:
                up = source is client
                data = source.recv(65536)
                if not data:
                    return
                left = None if made.cut is None or made.up is not up else made.cut - carried[not up]
                if left is not None and len(data) >= left:
                    (server if up else client).sendall(data[:left])
                    made.cut = None
                    made.cuts += 1
                    return
                (server if up else client).sendall(data)
                carried[not up] += len(data)
