"""Pages decoded in a process beside this one, where there is a core for it.

The interpreter does one thing at a time: while it decodes a page, no answer is read. The process beside it decodes the
pages of large collections, and this one asks, reads and writes. Nothing depends on it: a page that it does not
give back (it is not up yet, it was killed, or the page is none) is decoded here, where errors are made as well.
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

BUFFER = 1 << 20  # bytes: room for pages on the way, so that no side waits for the other's turn; a system may give less

WORKER = f"{__package__}.decode_worker"  # by name: it imports what decodes, which imports this


@dataclass(frozen=True)
class Asked:
    """What a page is decoded as; its body follows."""

    collection: str
    wanted: list[str] | None
    odd: bool
    today: str = ""
    required: bool = True


@dataclass(frozen=True)
class Told:
    """A decoded page but for its rows, which follow as Arrow's message of one record batch."""

    rows: int
    without_id: int
    total: int | None
    said: bool
    url: str | None
    fingerprint: int
    first: str | None
    last: str | None
    error: str | None = None


class Way:
    """Bytes from one process to the other and back, each part behind its length."""

    def __init__(self, end: socket.socket) -> None:
        self._end, self._reader = end, end.makefile("rb")

    def give(self, *parts: bytes) -> None:
        """Send parts. Raises OSError when the other side is gone, or this one closed."""
        for part in parts:
            self._end.sendall(len(part).to_bytes(8))
            self._end.sendall(part)

    def take(self) -> bytes:
        """The next part. Raises EOFError when the other side is gone, OSError when this one is closed."""
        length = self._reader.read(8)
        part = self._reader.read(int.from_bytes(length))
        if len(length) < 8 or len(part) < int.from_bytes(length):
            raise EOFError
        return part

    def ready(self, seconds: float = 0) -> bool:
        """Whether there is something to take, or nothing will come any more."""
        poll = select.poll()  # select would not do with descriptors from 1024 on
        poll.register(self._end, select.POLLIN)
        return bool(poll.poll(1000 * seconds))

    def close(self) -> None:
        """Nothing more; the other side finds out."""
        self._reader.close()
        self._end.close()


_told = msgspec.msgpack.Decoder(Told)


class DecodeProcess:
    """The process and the way to it. Safe to use from several threads; close it at the end."""

    def __init__(self) -> None:
        self._sending = threading.Lock()
        self._turns = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None
        self._way: Way | None = None
        self._up = self._gone = False
        self._sent = self._taken = 0  # pages given to the process, and taken back, in the same order

    def start(self) -> None:
        """Start the process unless it was started before, or there is no core for it."""
        if self._way is not None or _cores() < 2:
            return
        ours, theirs = socket.socketpair()
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        # In a group of its own, since Ctrl-C is this process's affair: when this one ends, the way closes, and the
        # other ends too. What it says is lost on purpose: it could quote records.
        with contextlib.suppress(OSError):  # no memory for it, or no more processes
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
        """What a page comes to and its rows; None when it must be decoded here."""
        try:
            with self._sending:  # and not until it is answered: the next page lies ready while one is decoded
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
        """End the process, which holds nothing that is needed."""
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
