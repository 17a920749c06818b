"""SIGTERM has a thread of its own. It asks the work to end, and makes sure that the process ends in time."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable

log = logging.getLogger(__name__)

GRACE = 20.0  # seconds for the work; Kubernetes gives a pod 30 in all


class Ending:
    """Created before any other thread, so that they all inherit the blocked signal."""

    def __init__(self, grace: float = GRACE, leave: Callable[[int], object] = os._exit) -> None:
        self._grace, self._leave = grace, leave
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def watch(self, told: Callable[[], object], last: Callable[[], object]) -> None:
        """Call `told` on SIGTERM. If the process still runs after its grace period, call `last` and exit."""

        def wait() -> None:
            signal.sigwait({signal.SIGTERM})
            told()
            time.sleep(self._grace)
            log.error("The work did not end within %s s; leaving", self._grace)
            last()
            self._leave(1)

        threading.Thread(target=wait, name="ending", daemon=True).start()
