"""Keys waiting to be reconciled. Each is queued once, one worker at a time has it, and failures are retried.

Groups take turns, so that a group with thousands of keys delays no other. Keys that are not urgent stand aside: only a
few workers take them, when nothing else waits. They also get a turn now and then, so that they are never starved.
"""

import asyncio
import heapq
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from itertools import count, islice
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0  # seconds
LEISURE, AT_LAST = 5.0, 30.0  # seconds until a key at leisure is taken: if idle, in any case
ASIDE = 2  # the most workers that may have keys which stand aside
IN_A_ROW = 50  # keys that are taken before one that stands aside gets its turn


class Queue(Generic[K]):
    """A queue of keys, in the order in which they were first added. `group` names the groups that take turns."""

    def __init__(self, group: Callable[[K], Hashable] = lambda key: None) -> None:
        self._waiting: _Lane[K] = _Lane(group)
        self._aside: _Lane[K] = _Lane(group)
        self._working: dict[K, bool] = {}  # key -> whether it stood aside
        self._row = 0  # keys taken in a row while others stood aside
        self._again: dict[K, bool] = {}  # key -> whether it will stand aside when it is queued again
        self._failures: dict[K, int] = {}
        self._later: list[tuple[float, int, K, bool]] = []
        self._due: dict[K, float] = {}  # key -> the earliest time at which it is due
        self._leisure: dict[K, float] = {}  # key -> when it was added
        self._count = count()
        self._wake = asyncio.Event()

    def add(self, key: K, aside: bool = False) -> None:
        """Queue the key, behind all others if `aside`. If a worker has it right now, it is queued again afterwards."""
        self._leisure.pop(key, None)
        if key in self._working:
            self._again[key] = self._again.get(key, True) and aside
        elif key in self._waiting or (aside and key in self._aside):
            return
        elif aside:
            self._aside.add(key)
            self._wake.set()
        else:
            self._aside.discard(key)
            self._waiting.add(key)
            self._wake.set()

    def add_after(self, key: K, seconds: float, aside: bool = False) -> None:
        """Queue the key after a delay, unless it is already due earlier."""
        at = time.monotonic() + max(seconds, 0.01)
        if self._due.get(key, float("inf")) <= at:
            return
        self._due[key] = at
        heapq.heappush(self._later, (at, next(self._count), key, aside))
        self._wake.set()

    def add_at_leisure(self, key: K) -> None:
        """Queue the key for when nothing else waits, with a short delay, since more such changes may follow."""
        if key not in self._waiting and key not in self._leisure:
            self._leisure[key] = time.monotonic()
            self._wake.set()

    async def get(self) -> K:
        """Take the next key. It belongs to this worker until `done`."""
        while True:
            self._release()
            lane = self._lane()
            if lane:
                key = lane.pop()
                self._working[key] = lane is self._aside
                return key
            self._wake.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._pause())

    def done(self, key: K, ok: bool = True) -> None:
        """The worker has finished with the key. After a failure the key is queued again, with growing pauses."""
        stood_aside = self._working.pop(key, False)
        if stood_aside:
            self._wake.set()  # another key that stands aside may be taken now
        if ok:
            self._failures.pop(key, None)
        else:
            failures = self._failures[key] = self._failures.get(key, 0) + 1
            self.add_after(key, min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE), stood_aside)
        if key in self._again:
            aside = self._again.pop(key)
            if ok:
                self.add(key, aside)

    def failures(self, key: K) -> int:
        """How often the key has failed in a row."""
        return self._failures.get(key, 0)

    @property
    def working(self) -> int:
        """How many keys workers have now."""
        return len(self._working)

    def __len__(self) -> int:
        return len(self._waiting) + len(self._aside) + len(self._working)

    def _lane(self) -> "_Lane[K] | None":
        """The lane of the next key. None while no key may be taken."""
        aside = len(self._aside) > 0 and sum(self._working.values()) < ASIDE
        if len(self._waiting) and not (aside and self._row >= IN_A_ROW):
            self._row += aside
            return self._waiting
        self._row = 0
        return self._aside if aside else None

    def _pause(self) -> float | None:
        """Seconds until the next delayed key is due. None if there is no such key."""
        due = [at for at, *_ in self._later[:1]] + [at + LEISURE for at in islice(self._leisure.values(), 1)]
        return max(min(due) - time.monotonic(), 0.0) if due else None

    def _release(self) -> None:
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            at, _, key, aside = heapq.heappop(self._later)
            if self._due.get(key) == at:
                del self._due[key]
                self.add(key, aside)
        while self._leisure:
            key, at = next(iter(self._leisure.items()))
            busy = len(self._waiting) or len(self._aside)
            if now < at + (AT_LAST if busy else LEISURE):
                return
            self.add(key)


class _Lane(Generic[K]):
    """Keys that wait. Groups take turns, and within a group keys keep the order in which they were added."""

    def __init__(self, group: Callable[[K], Hashable]) -> None:
        self._group = group
        self._groups: OrderedDict[Hashable, dict[K, None]] = OrderedDict()
        self._size = 0

    def add(self, key: K) -> None:
        """Add a key that is not here yet."""
        self._groups.setdefault(self._group(key), {})[key] = None
        self._size += 1

    def discard(self, key: K) -> None:
        """Remove the key."""
        if key in self:
            self._remove(self._group(key), key)

    def pop(self) -> K:
        """Take the next key. Its group moves to the end."""
        group, keys = next(iter(self._groups.items()))
        key = next(iter(keys))
        self._remove(group, key)
        if group in self._groups:
            self._groups.move_to_end(group)
        return key

    def _remove(self, group: Hashable, key: K) -> None:
        keys = self._groups[group]
        del keys[key]
        self._size -= 1
        if not keys:
            del self._groups[group]

    def __contains__(self, key: K) -> bool:
        return key in self._groups.get(self._group(key), ())

    def __len__(self) -> int:
        return self._size
