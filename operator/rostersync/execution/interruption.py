"""SIGTERM and Ctrl-C raise an exception at once, so that reports are written and spill files removed on the way out.

Libraries turn it into errors of their own (DuckDB: "Query interrupted"). So the signal is also remembered, and code
that catches an error asks whether one came. During a commit it is only remembered, since the outcome of the commit
matters more.

Python handles a signal between two bytecodes, and a query can take minutes within one. So the signal itself wakes a
thread, which interrupts the queries.
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
    """SIGTERM: leave at once and say how far the work got. Not an Exception, so that no handler swallows it."""


@contextmanager
def interruptible() -> Iterator[None]:
    """In this block SIGTERM raises Terminated and SIGINT KeyboardInterrupt, even if a library raised another error."""
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
    """Run a thread that interrupts queries when a signal comes."""
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
    """Drop a signal that came after `hold` when this block ends, since the work that it would have stopped is done."""
    try:
        yield
    finally:
        if _held:
            _held.clear()
            _came.clear()


def hold() -> None:
    """From now on until the end of `held`, a signal is only remembered."""
    _held.append(True)


def check() -> None:
    """Raise Terminated or KeyboardInterrupt if a signal came. For handlers of errors that a signal may have caused."""
    if _came:
        raise _wanted(_came[0])


def _note(number: int, _: FrameType | None) -> None:
    _came.append(number)
    if not _held:
        raise _wanted(number)


def _wanted(number: int) -> BaseException:
    return Terminated() if number == signal.SIGTERM else KeyboardInterrupt()
