"""One piece of work at a time in another thread, while the next is being prepared."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class OneBehind:
    """Work is done in the order in which it is handed in. What goes wrong is raised when the next piece comes, or by `finish`."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._pending: Future[None] | None = None

    def do(self, work: Callable[[], None]) -> None:
        """Hand in the next piece, once the one before is done."""
        self.finish()
        self._pending = self._pool.submit(work)

    def finish(self) -> None:
        """Wait until all is done."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()

    def close(self) -> None:
        """End the thread, after what it is at."""
        self._pool.shutdown()
