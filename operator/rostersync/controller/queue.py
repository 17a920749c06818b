"""Keys that want to be looked at: each once however often it was added, one worker per key, pauses after failures."""

import asyncio
import heapq
import time
from collections.abc import Hashable
from contextlib import suppress
from itertools import count, islice
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0  # seconds
LEISURE, AT_LAST = 5.0, 30.0  # seconds: what can wait is looked at after the first when idle, after the second anyhow


class Queue(Generic[K]):
    """A queue of keys in the order they were first added."""

    def __init__(self) -> None:
        self._waiting: dict[K, float] = {}  # key -> when it was added; a dict keeps the order
        self._working: set[K] = set()
        self._again: set[K] = set()
        self._failures: dict[K, int] = {}
        self._later: list[tuple[float, int, K]] = []
        self._due: dict[K, float] = {}  # the earliest time a key is put off to
        self._leisure: dict[K, float] = {}  # key -> when it was added
        self._count = count()
        self._wake = asyncio.Event()

    def add(self, key: K) -> None:
        """Look at the key soon; once more afterwards if somebody is at it right now."""
        self._leisure.pop(key, None)
        if key in self._working:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting[key] = time.monotonic()
            self._wake.set()

    def add_after(self, key: K, seconds: float) -> None:
        """Look at the key in so many seconds, unless an earlier look is already planned."""
        at = time.monotonic() + max(seconds, 0.01)
        if self._due.get(key, float("inf")) <= at:
            return
        self._due[key] = at
        heapq.heappush(self._later, (at, next(self._count), key))
        self._wake.set()

    def add_at_leisure(self, key: K) -> None:
        """Look at the key when nothing else waits, though not at once: more of the same may come."""
        if key not in self._waiting and key not in self._leisure:
            self._leisure[key] = time.monotonic()
            self._wake.set()

    async def get(self) -> K:
        """The next key, and it is this worker's until `done`."""
        while True:
            self._release()
            if self._waiting:
                key = next(iter(self._waiting))
                del self._waiting[key]
                self._working.add(key)
                return key
            self._wake.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._pause())

    def done(self, key: K, ok: bool = True) -> None:
        """The worker is through with the key; after a failure it comes back by itself, later each time."""
        self._working.discard(key)
        if ok:
            self._failures.pop(key, None)
        else:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            self.add_after(key, min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE))
        if key in self._again:
            self._again.discard(key)
            if ok:
                self.add(key)

    def failures(self, key: K) -> int:
        """How often the key has failed in a row."""
        return self._failures.get(key, 0)

    @property
    def working(self) -> int:
        """How many keys workers are at."""
        return len(self._working)

    def __len__(self) -> int:
        return len(self._waiting) + len(self._working)

    def _pause(self) -> float | None:
        """Seconds until a key is due that waits for its time; None without one."""
        due = [at for at, _, _ in self._later[:1]] + [at + LEISURE for at in islice(self._leisure.values(), 1)]
        return max(min(due) - time.monotonic(), 0.0) if due else None

    def _release(self) -> None:
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            at, _, key = heapq.heappop(self._later)
            if self._due.get(key) == at:
                del self._due[key]
                self.add(key)
        while self._leisure:
            key, at = next(iter(self._leisure.items()))
            if now < at + (AT_LAST if self._waiting else LEISURE):
                return
            self.add(key)
