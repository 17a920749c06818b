"""Servers that hold a client for ever: they never stop sending, and never come to an end."""

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator

GAP = 0.02  # seconds between two bytes that trickle
Holds = Callable[[socket.socket], None]


@contextlib.contextmanager
def holding(hold: Holds) -> Iterator[str]:
    """A server on loopback that answers every request by `hold`; its address."""
    listening = socket.create_server(("127.0.0.1", 0))
    open_: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while b"\r\n\r\n" not in connection.recv(65536):
                pass
            hold(connection)
            while True:  # and then silence
                time.sleep(GAP)
                connection.send(b"")

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                open_.append(connection)
                threading.Thread(target=serve, args=[connection], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.close()
        for connection in open_:
            connection.close()


def silence(connection: socket.socket) -> None:
    """Not one byte."""


def trickling_headers(connection: socket.socket) -> None:
    """A header that goes on and on, a byte at a time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    _trickle(connection, b"a")


def hints(connection: socket.socket) -> None:
    """103 Early Hints, one after the other, as fast as they can be read."""
    while True:
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n")


def trickling_body(connection: socket.socket) -> None:
    """A body of unknown length, a byte at a time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    _trickle(connection, b" ")


def gzip_of_nothing(connection: socket.socket) -> None:
    """Empty blocks of gzip: bytes come, and nothing comes of them."""
    head = gzip.compress(b"")[:10]
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + head)
    _trickle(connection, b"\x00\x00\x00\xff\xff")  # a stored block of no bytes


def _trickle(connection: socket.socket, piece: bytes) -> None:
    while True:
        connection.sendall(piece)
        time.sleep(GAP)


EVERY: tuple[Holds, ...] = (silence, trickling_headers, hints, trickling_body, gzip_of_nothing)
