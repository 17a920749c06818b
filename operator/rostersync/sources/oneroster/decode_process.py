"""Decodes pages in a second process, where there is a core for it.

The interpreter does one thing at a time: while it decodes a page, it reads no answer. So the second process decodes the
pages of large collections while this one asks, reads and writes. Nothing depends on it: a page that it does not return,
because it is still starting, was killed or cannot decode it, is decoded here. Errors are raised here too.
"""

import contextlib
import os
import select
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass

import msgspec

from rostersync.sources.oneroster.beside import Said

BUFFER = 1 << 20  # bytes of pages in transit, so that neither side waits for the other; the system may allow less

WORKER = f"{__package__}.decode_worker"  # by name, since it imports the decoder, which imports this module


@dataclass(frozen=True)
class Asked:
    """How to decode a page. Its body follows."""

    collection: str
    wanted: list[str] | None
    odd: bool
    today: str = ""
    required: bool = True


@dataclass(frozen=True)
class Told:
    """A decoded page. Its rows follow as an Arrow message of one record batch."""

    rows: int
    without_id: int
    said: Said
    fingerprint: int
    first: str | None
    last: str | None
    unread: tuple[int, ...] = ()


class Way:
    """A channel between the two processes. Each part is preceded by its length."""

    def __init__(self, end: socket.socket) -> None:
        self._end, self._reader = end, end.makefile("rb")

    def give(self, *parts: bytes) -> None:
        """Send parts. Raises OSError when the other side is gone, or this side is closed."""
        for part in parts:
            self._end.sendall(len(part).to_bytes(8))
            self._end.sendall(part)

    def take(self) -> bytes:
        """The next part. Raises EOFError when the other side is gone, and OSError when this side is closed."""
        length = self._reader.read(8)
        part = self._reader.read(int.from_bytes(length))
        if len(length) < 8 or len(part) < int.from_bytes(length):
            raise EOFError
        return part

    def ready(self, seconds: float = 0) -> bool:
        """Whether `take` would return at once, with a part or an error."""
        poll = select.poll()  # select fails for descriptors from 1024 on
        poll.register(self._end, select.POLLIN)
        return bool(poll.poll(1000 * seconds))

    def close(self) -> None:
        """Close this side; the other side notices."""
        self._reader.close()
        self._end.close()


_told = msgspec.msgpack.Decoder(Told)


class DecodeProcess:
    """The process and the channel to it. Safe to use from several threads; close it at the end."""

    def __init__(self) -> None:
        self._sending = threading.Lock()
        self._turns = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None
        self._way: Way | None = None
        self._up = self._gone = False
        self._sent = self._taken = 0  # pages sent to the process and taken back, in the same order

    def start(self) -> None:
        """Start the process, unless it was started before or there is no core for it."""
        if self._way is not None or _cores() < 2:
            return
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        # In a process group of its own, so that Ctrl-C only reaches this process. When this one ends, the channel closes
        # and the other one ends too. Its output is dropped on purpose, since it could quote records.
        with contextlib.suppress(OSError):  # no memory left, or no processes
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", WORKER, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                process_group=0,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        theirs.close()
        self._way = Way(ours)

    def page(self, asked: Asked, body: bytes) -> tuple[Told, bytes] | None:
        """The decoded page and its rows; None when it must be decoded here."""
        try:
            with self._sending:  # not held until the answer, so that the next page is ready while this one is decoded
                if self._way is None or self._gone or not self._is_up(self._way):
                    return None
                way, turn = self._way, self._sent
                way.give(msgspec.msgpack.encode(asked), body)
                self._sent += 1
            return self._answer(way, turn)
        except (OSError, EOFError):  # it is gone
            with self._turns:
                self._gone = True
                self._turns.notify_all()
            return None

    def close(self) -> None:
        """End the process. It holds nothing that is needed."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._way is not None:
            self._way.close()
            self._way = None

    def _is_up(self, way: Way) -> bool:
        if not self._up and way.ready():
            way.take()
            self._up = True
        return self._up

    def _answer(self, way: Way, turn: int) -> tuple[Told, bytes] | None:
        with self._turns:
            self._turns.wait_for(lambda: self._taken == turn or self._gone)
        if self._gone:
            return None
        told, rows = way.take(), way.take()
        with self._turns:
            self._taken += 1
            self._turns.notify_all()
        return (_told.decode(told), rows) if told else None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
