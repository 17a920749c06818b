"""Runs that wait for a Job to end: for the Job on their store, or for any Job. Pure, and fair to namespaces."""

import heapq
from collections.abc import Callable, Iterable
from typing import TypeVar

from rostersync.controller.cluster.cache import Key

G = TypeVar("G")


class Waiting:
    """Keys of runs that may start a Job as soon as there is room for it."""

    def __init__(self) -> None:
        self._of: dict[Key, tuple[str, str]] = {}  # key -> (namespace, its turn, or "" when any slot will do)
        self._stores: dict[tuple[str, str], dict[Key, None]] = {}  # dicts keep the order of insertion
        self._slots: dict[str, dict[Key, None]] = {}  # by namespace

    def add(self, key: Key, namespace: str, turn: str, for_store: bool) -> None:
        """Add a run that waits for its store (`for_store`) or for a slot."""
        self.pop(key)
        self._of[key] = (namespace, turn if for_store else "")
        if for_store:
            self._stores.setdefault((namespace, turn), {})[key] = None
        else:
            self._slots.setdefault(namespace, {})[key] = None

    def pop(self, key: Key) -> bool:
        """Remove a run that is being reconciled or is gone. Returns whether it waited for a slot."""
        namespace, label = self._of.pop(key, (None, ""))
        if namespace is None:
            return False
        if label:
            _take(self._stores, (namespace, label), key)
            return False
        _take(self._slots, namespace, key)
        return True

    def for_slot(self, key: Key) -> bool:
        """Whether the run waits for a slot, whatever its store."""
        return self._of.get(key, ("", "-"))[1] == ""

    def of_store(self, namespace: str, turn: str) -> list[Key]:
        """The runs that wait for a store."""
        return list(self._stores.get((namespace, turn), ()))

    def namespaces(self) -> Iterable[str]:
        """Namespaces with runs that wait for a slot."""
        return self._slots.keys()

    def next(self, most: int, at_work: Callable[[str], int], limit: int) -> list[Key]:
        """Up to `most` runs that wait for a slot. Each is of the namespace with the fewest running Jobs by then.

        `at_work` gives the number of running Jobs of a namespace, `limit` the most it may have.
        """
        order = [(at_work(n), place, n) for place, n in enumerate(self._slots)]
        keys = {n: iter(waiting) for n, waiting in self._slots.items()}
        heapq.heapify(order)
        found: list[Key] = []
        while order and len(found) < most:
            busy, place, namespace = heapq.heappop(order)
            key = next(keys[namespace], None) if busy < limit else None
            if key is not None:
                found.append(key)
                heapq.heappush(order, (busy + 1, place, namespace))
        return found

    def __contains__(self, key: Key) -> bool:
        return key in self._of


def _take(groups: dict[G, dict[Key, None]], group: G, key: Key) -> None:
    keys = groups[group]
    del keys[key]
    if not keys:
        del groups[group]
