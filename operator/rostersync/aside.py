"""Runs what waits for a server in a thread of its own, so that a signal ends the wait at once.

A signal raises an exception wherever the main thread happens to be. Within an event loop, or within a call into a library
that is not Python, that would be too late or lost. The main thread only waits, and the thread ends with the process.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")
_GRACE = 5.0  # seconds for work that was broken off to close what it has open


def aside(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of a coroutine, or its exception. If the wait is broken off, the coroutine is cancelled."""
    done: Future[T] = Future()
    stop: list[Callable[[], object]] = []

    async def run() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work())
        loop.set_exception_handler(
            lambda *_: None
        )  # a library's further tasks fail for the same reason, and would log it
        stop.append(lambda: loop.call_soon_threadsafe(task.cancel))
        try:
            done.set_result(await task)
        except BaseException as error:  # noqa: BLE001  (it is raised in the other thread)
            done.set_exception(error)

    thread = threading.Thread(target=lambda: asyncio.run(run()), name="delivery", daemon=True)
    thread.start()
    try:
        return done.result()
    finally:
        if not done.done():
            with suppress(IndexError, RuntimeError):  # it has not begun, or has just ended
                stop[0]()
            thread.join(_GRACE)
