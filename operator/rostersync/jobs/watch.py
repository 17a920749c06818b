"""Ends a Job's process before it is done: on SIGTERM, and at a deadline.

A thread watches, since Python handles a signal only between two bytecodes, and a query, a retry's sleep or a slow
server can take minutes within one. The store is whole whenever the process ends, so it ends at once.
"""

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn, Protocol

from rostersync.errors import Permanent, RostersyncError
from rostersync.execution.failures import PERMANENT_EXIT

LAST_STAGE = "done"  # of every report
SENDING = "send"  # of a delivery
TERMINATED = 128 + signal.SIGTERM
_TICK = 1.0  # seconds until a lifted deadline is noticed


class Told(Protocol):
    """The part of a report file that is needed here."""

    @property
    def at(self) -> str:
        """The stage that has begun."""
        ...

    def failed(self, error: RostersyncError) -> None:
        """Write why the attempt failed."""
        ...

    def tell(self, error: RostersyncError) -> None:
        """Write that into the pod's report alone."""
        ...


class Watch:
    """Watches from `begin` until the process ends. `report` returns the report to write when the deadline passes."""

    def __init__(self, deadline: int | None, scratch: Path) -> None:
        self._deadline, self._scratch = deadline, scratch
        self._until = None if deadline is None else time.monotonic() + deadline
        self.report: Callable[[], Told | None] = lambda: None

    def begin(self) -> None:
        """Start the watch. Call it before any thread is started, since threads inherit the mask that blocks SIGTERM."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        threading.Thread(target=self._watch, name="watch", daemon=True).start()

    def lift(self) -> None:
        """Lift the deadline: the transaction is being committed, and ending now would hide the result."""
        self._until = None

    def _watch(self) -> None:
        while True:
            left = _TICK if self._until is None else self._until - time.monotonic()
            if left <= 0:
                self._late()
                continue
            if signal.sigtimedwait({signal.SIGTERM}, min(left, _TICK)) is not None:
                self._end(TERMINATED, "Terminated", "Ended by SIGTERM; the store is whole, and a new try continues.")

    def _late(self) -> None:
        report = self.report()
        at = report.at if report else "start"
        if at == LAST_STAGE:  # everything is done and reported, and only cleaning up is left
            self.lift()
            return
        slow = "a slow or failing source, or too little memory or CPU (jobTemplate.resources). Then run again."
        if at == SENDING:
            slow = "a slow receiver, which has an hour from the next try on, or too little memory or CPU (jobTemplate.resources)."
        error = Permanent(
            f"The deadline of {self._deadline} seconds passed in stage {at}, so the Job ended itself; the store is "
            f"whole. See in its log what took so long: {slow}",
            reason="DeadlineExceeded",
        )
        try:
            if report:
                report.failed(error)
        finally:
            self._end(PERMANENT_EXIT, error.reason, str(error))

    def _end(self, code: int, reason: str, message: str) -> NoReturn:
        """End the process, whatever the other threads are doing, without waiting for their locks."""
        try:
            with suppress(OSError):
                now = datetime.now(UTC).isoformat(timespec="milliseconds")
                line = {"time": now, "level": "error", "reason": reason, "message": message}
                os.write(2, (json.dumps(line, ensure_ascii=False) + "\n").encode())
            shutil.rmtree(self._scratch, ignore_errors=True)  # records in the clear
        finally:
            os._exit(code)
