"""Which runs may start a Job now: one at a time for each store, within the limits. Pure over the cache."""

from collections.abc import Callable
from dataclasses import dataclass

from rostersync.controller import turns
from rostersync.controller.cluster.cache import JOBS, PODS, Cache, Key
from rostersync.controller.options import Options
from rostersync.controller.runs.waiting import Waiting


@dataclass(frozen=True)
class Refusal:
    """Why a run may not start a Job now. False when it may. The run waits for its store, for a slot, or for neither."""

    text: str = ""
    for_store: bool = False
    for_slot: bool = False

    def __bool__(self) -> bool:
        return bool(self.text)


class Slots:
    """Running Jobs, slots promised to Jobs that are being created, and turns kept for runs whose Job has just ended."""

    def __init__(self, store: Cache, options: Options) -> None:
        self._store, self._options, self.waiting = store, options, Waiting()
        self._promised: dict[str, tuple[str, str]] = {}  # UID of the run -> (namespace, turn)
        self._turns: dict[Key, tuple[str, str, str]] = {}  # run -> (its UID, namespace, label of the turn)

    def refusal(self, namespace: str, turn: str, run: str) -> Refusal:
        """Why a Job of the run may not start now. `turn`: what its Jobs take turns on (View.turn)."""
        label, options = turns.label(turn), self._options
        others = any(self._store.size(kind, f"turn/{namespace}/{label}") for kind in (JOBS, PODS))
        promised = (namespace, turn) in [v for uid, v in self._promised.items() if uid != run]
        if others or promised or self.turn_kept(namespace, label, besides=run):
            whose = "for this connection" if turns.is_of_connection(turn) else f"on the store of district {turn}"
            text = f"Waiting for its turn: another Job works {whose}."
            return Refusal(text, for_store=True)
        in_all, here = self._in_all(run), self._here(namespace, run)
        if in_all >= options.runs:
            text = f"{in_all} Jobs are at work, of at most {options.runs}."
        elif here >= options.runs_per_namespace:
            text = f"{here} Jobs are at work in this namespace, of at most {options.runs_per_namespace}."
        elif self._before(namespace, here) >= options.runs - in_all:
            text = f"{in_all} Jobs are at work, of at most {options.runs}, and namespaces with fewer come first."
        else:
            return Refusal()
        return Refusal(f"Waiting for its turn: {text}", for_slot=True)

    def next(self) -> list[Key]:
        """Runs that wait for a slot and may have one now, shared fairly among namespaces."""
        free, limit = self._options.runs - self._in_all(), self._options.runs_per_namespace
        return self.waiting.next(free, self._here, limit) if free > 0 else []

    def promise(self, run: str, namespace: str, turn: str) -> Callable[[], None]:
        """Reserve a slot until the returned function is called, when the Job is in the cache or was refused."""
        self._promised[run] = (namespace, turn)
        return lambda: self._promised.pop(run, None) and None

    def keep_turn(self, key: Key, run: str, namespace: str, label: str) -> None:
        """Keep the store for a run whose Job has ended until it is reconciled, since it may have a plan to apply."""
        self._turns[key] = (run, namespace, label)

    def turn(self, key: Key) -> object:
        """The turn that is kept for a run, or None."""
        return self._turns.get(key)

    def turn_kept(self, namespace: str, label: str, besides: str = "") -> bool:
        """Whether another run than `besides` has its turn on that store."""
        return any((n, d) == (namespace, label) and uid != besides for uid, n, d in self._turns.values())

    def end_turn(self, key: Key, turn: object) -> tuple[str, str] | None:
        """End a turn after its run was reconciled. Returns the store (namespace, label) that is free now, if any.

        If another Job of the run ended meanwhile, the run has a new turn, which goes on.
        """
        if turn is None or self._turns.get(key) is not turn:
            return None
        _, namespace, label = self._turns.pop(key)
        return namespace, label

    def _before(self, namespace: str, here: int) -> int:
        """How many namespaces with fewer running Jobs wait for a slot."""
        return sum(1 for n in self.waiting.namespaces() if n != namespace and self._here(n) < here) if here else 0

    def _in_all(self, besides: str = "") -> int:
        return self._store.size(JOBS, "live") + sum(1 for uid in self._promised if uid != besides)

    def _here(self, namespace: str, besides: str = "") -> int:
        promised = sum(1 for uid, (n, _) in self._promised.items() if uid != besides and n == namespace)
        return self._store.size(JOBS, f"live/{namespace}") + promised
