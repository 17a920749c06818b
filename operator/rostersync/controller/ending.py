"""SIGTERM, waited for by a thread of its own: the work is told to end, and the process ends in time all the same."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

GRACE = 20.0  # seconds for the work; Kubernetes gives a pod 30 in all


class Ending:
    """Made before any other thread, since all of them must leave the signal to this one."""

    def __init__(self, grace: float = GRACE, leave: Callable[[int], object] = os._exit) -> None:
        self._grace, self._leave = grace, leave
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def watch(self, told: Callable[[], object], last: Callable[[], object]) -> None:
        """From now on a SIGTERM calls `told`. When the process is still there after its grace: `last`, and it ends."""

        def wait() -> None:
            signal.sigwait({signal.SIGTERM})
            told()
            time.sleep(self._grace)
            log.error("The work did not end within %s s; leaving", self._grace)
            last()
            self._leave(1)

        threading.Thread(target=wait, name="ending", daemon=True).start()
