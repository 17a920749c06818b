"""Who may start a Job now: one at a time for each store, and not too many in all. Pure over the store's contents."""

from collections.abc import Callable

from rostersync.controller.options import STAGE_LABEL, Options
from rostersync.controller.store import JOBS, PODS, Key, Store, labels
from rostersync.lifecycle.names import label_value


class Slots:
    """Slots, with those that are promised to a Job that is being made, and the turns of runs whose Job has just ended."""

    def __init__(self, store: Store, options: Options) -> None:
        self._store, self._options = store, options
        self._promised: dict[str, tuple[str, str]] = {}  # UID of the run -> (namespace, district)
        self._turns: dict[Key, tuple[str, str, str]] = {}  # run -> (its UID, namespace, district's label)

    def refusal(self, namespace: str, district: str, run: str) -> str:
        """Why a Job of the run may not start now; empty when it may."""
        label = label_value(district)
        live = [*self._store.related(JOBS, f"district/{namespace}/{label}")]
        live += self._store.related(PODS, f"district/{namespace}/{label}")
        others = [o for o in live if labels(o).get(STAGE_LABEL) != "check"]
        promised = [v for uid, v in self._promised.items() if uid != run]
        if others or (namespace, district) in promised or self.turn_kept(namespace, label, besides=run):
            return f"Waiting for its turn: another Job works on the store of district {district}."
        in_all = self._unfinished("live") + len(promised)
        if in_all >= self._options.runs:
            return f"Waiting for its turn: {in_all} Jobs are at work, of at most {self._options.runs}."
        here = self._unfinished(f"live/{namespace}") + sum(1 for n, _ in promised if n == namespace)
        if here >= self._options.runs_per_namespace:
            return f"Waiting for its turn: {here} Jobs are at work in this namespace, of at most {self._options.runs_per_namespace}."
        return ""

    def promise(self, run: str, namespace: str, district: str) -> Callable[[], None]:
        """Keep a slot until the returned function is called, when the Job is in the store or was refused."""
        self._promised[run] = (namespace, district)
        return lambda: self._promised.pop(run, None) and None

    def keep_turn(self, key: Key, run: str, namespace: str, label: str) -> None:
        """A Job of this run has ended: the store is its own until it was looked at, since it may have a plan to apply."""
        self._turns[key] = (run, namespace, label)

    def turn(self, key: Key) -> object:
        """The turn that is kept for a run, None when none is."""
        return self._turns.get(key)

    def turn_kept(self, namespace: str, label: str, besides: str = "") -> bool:
        """Whether a turn is kept for that store, by another run than `besides`."""
        return any((n, d) == (namespace, label) and uid != besides for uid, n, d in self._turns.values())

    def end_turn(self, key: Key, turn: object) -> tuple[str, str] | None:
        """The run was looked at since it had this turn; the store (namespace, label) that is free of it now, if so.

        A Job that ended meanwhile has made another turn of it, which goes on.
        """
        if turn is None or self._turns.get(key) is not turn:
            return None
        _, namespace, label = self._turns.pop(key)
        return namespace, label

    def _unfinished(self, relation: str) -> int:
        return self._store.size(JOBS, relation)
