"""Which slots of a kind are filled. Only the gaps are stored, and the k-th filled slot is found by bisection."""

from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator


class FilledSlots:
    """The slots 0 … slots-1 except for the gaps. A gap is (first empty slot, first slot after it)."""

    def __init__(self, slots: int, gaps: Iterable[tuple[int, int]] = ()) -> None:
        self.slots = slots
        self._ends = array("q")  # first slot after each gap
        self._starts = array("q")  # first empty slot of each gap
        self._before = array("q")  # filled slots before each gap
        filled = 0
        reached = 0
        for start, end in gaps:
            if end <= max(start, reached):
                continue
            start = max(start, reached)
            if start == reached and self._ends:  # touches the previous gap: they become one
                self._ends[-1] = reached = end
                continue
            filled += start - reached
            self._starts.append(start)
            self._ends.append(end)
            self._before.append(filled)
            reached = end
        self.count = filled + max(0, slots - reached)

    @property
    def gaps(self) -> Iterator[tuple[int, int]]:
        """The gaps in order."""
        return zip(self._starts, self._ends, strict=True)

    def without(self, empty: Iterable[tuple[int, int]]) -> "FilledSlots":
        """The same slots with further gaps, in any order."""
        return FilledSlots(self.slots, sorted([*self.gaps, *empty]))

    def mapped(self, slots: int, first: Callable[[int], int]) -> "FilledSlots":
        """The rows that belong to these slots, where slot s has the rows first(s) … first(s + 1) - 1."""
        return FilledSlots(slots, ((first(start), first(end)) for start, end in self.gaps))

    def filled(self, slot: int) -> bool:
        """Whether the slot exists and is in no gap."""
        at = bisect_right(self._starts, slot) - 1
        return 0 <= slot < self.slots and (at < 0 or slot >= self._ends[at])

    def select(self, start: int, stop: int) -> Iterator[int]:
        """The filled slots with the numbers start … stop-1, counted from 0."""
        stop = min(stop, self.count)
        if start >= stop:
            return
        at = bisect_right(self._before, start)  # gaps that lie before the start-th filled slot
        slot = self._ends[at - 1] + start - self._before[at - 1] if at else start
        left = stop - start
        while left:
            end = self._starts[at] if at < len(self._starts) else self.slots
            run = min(left, end - slot)
            yield from range(slot, slot + run)
            left -= run
            if left:
                slot = self._ends[at]
                at += 1
