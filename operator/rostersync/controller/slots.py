"""Who may start a Job now: one at a time for each store, and not too many in all. Pure over the store's contents."""

from collections.abc import Callable

from rostersync.controller.options import STAGE_LABEL, Options
from rostersync.controller.store import JOBS, PODS, Store, labels
from rostersync.lifecycle.names import label_value


class Slots:
    """Slots, with those that are promised to a Job that is being made."""

    def __init__(self, store: Store, options: Options) -> None:
        self._store, self._options = store, options
        self._promised: dict[str, tuple[str, str]] = {}  # UID of the run -> (namespace, district)

    def refusal(self, namespace: str, district: str, run: str) -> str:
        """Why a Job of the run may not start now; empty when it may."""
        label = label_value(district)
        live = [*self._store.related(JOBS, f"district/{namespace}/{label}")]
        live += self._store.related(PODS, f"district/{namespace}/{label}")
        others = [o for o in live if labels(o).get(STAGE_LABEL) != "check"]
        promised = [v for uid, v in self._promised.items() if uid != run]
        if others or (namespace, district) in promised:
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

    def _unfinished(self, relation: str) -> int:
        return self._store.size(JOBS, relation)
