"""SIGTERM and Ctrl-C: an exception at once, so that reports are written and spill files removed on the way out.

Libraries make errors of their own of it (DuckDB: "Query interrupted"), so a signal is also remembered, and who catches an
error asks for it. While a commit is under way a signal only is remembered: the commit's end is the better answer.

Python hears a signal between two of its own steps, and a query can be one step for minutes. So a thread is woken by the
signal itself and interrupts the queries.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_came: list[int] = []
_held: list[bool] = []


class Terminated(BaseException):
    """SIGTERM: leave at once, saying how far it came. Not an Exception, so that nothing on the way swallows it."""


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGTERM and SIGINT raise Terminated and KeyboardInterrupt in here, also when a library has made another error of it."""
    before = {number: signal.signal(number, _note) for number in _SIGNALS}
    _came.clear()
    try:
        with _heard():
            yield
    except Exception:
        check()
        raise
    finally:
        _came.clear()
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _heard() -> Iterator[None]:
    """Interrupts queries when a signal comes, from a thread of its own."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def listen() -> None:
        while number := os.read(reading, 1):
            engine = sys.modules.get("rostersync.stores.engine")
            if engine and number[0] in _SIGNALS and not _held:
                engine.interrupt()
        os.close(reading)

    former = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=listen, name="signals", daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(former)
        os.close(writing)


@contextmanager
def held() -> Iterator[None]:
    """A signal that comes after `hold` in here is not raised, not even at the end: what it would have stopped is done."""
    try:
        yield
    finally:
        if _held:
            _held.clear()
            _came.clear()


def hold() -> None:
    """From now on, to the end of `held`, a signal only is remembered."""
    _held.append(True)


def check() -> None:
    """Raise what a signal has asked for, if one came; for whoever catches an error that may be the signal's doing."""
    if _came:
        raise _wanted(_came[0])


def _note(number: int, _: FrameType | None) -> None:
    _came.append(number)
    if not _held:
        raise _wanted(number)


def _wanted(number: int) -> BaseException:
    return Terminated() if number == signal.SIGTERM else KeyboardInterrupt()
