"""What a watching client sees of runs and their Jobs, and when."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from operator_api import Api, Object, Refused


class Seen:
    """Times are those of `time.perf_counter`. `done` is set once every wanted run has its Job and its conditions.

    Runs that are not wanted, and their Jobs, may change meanwhile and do not count.
    """

    def __init__(self, wanted: Iterable[str]) -> None:
        self.wanted = frozenset(wanted)
        self.sent: dict[str, float] = {}  # run -> when its creation was sent
        self.jobs: dict[str, float] = {}  # run -> when its (first) Job was seen
        self.conditions: dict[str, float] = {}  # run -> when its status was seen first
        self.done = asyncio.Event()

    def job(self, obj: Object) -> None:
        """A Job, in any state."""
        meta = obj["metadata"]
        run = str(meta["ownerReferences"][0]["name"])
        if run in self.wanted and run not in self.jobs:
            self.jobs[run] = time.perf_counter()
            self._look()

    def run(self, obj: Object) -> None:
        """A SyncRun, in any state."""
        name = obj["metadata"]["name"]
        if name in self.wanted and name not in self.conditions and (obj.get("status") or {}).get("conditions"):
            self.conditions[name] = time.perf_counter()
            self._look()

    def latencies(self) -> list[float]:
        """Seconds from the creation of a run to its Job."""
        return [at - self.sent[run] for run, at in self.jobs.items()]

    async def all(self, seconds: float) -> float:
        """When the last of them came. Raises Refused when one does not."""
        try:
            async with asyncio.timeout(seconds):
                await self.done.wait()
        except TimeoutError as error:
            text = f"after {seconds:.0f} s {len(self.jobs)} of {len(self.wanted)} runs have a Job, {len(self.conditions)} a status"
            raise Refused(0, text) from error
        return max(*self.jobs.values(), *self.conditions.values())

    def _look(self) -> None:
        if len(self.jobs) == len(self.conditions) == len(self.wanted):
            self.done.set()


@asynccontextmanager
async def watched(api: Api, namespace: str, wanted: Iterable[str], stage: str = "plan") -> AsyncIterator[Seen]:
    """Jobs of a stage, and runs, of a namespace, as long as the block lasts."""
    seen = Seen(wanted)
    label = f"rostersync.dev/job={stage}"
    async with (
        api.watching("jobs", namespace, seen.job, metadata=True, labelSelector=label),
        api.watching("syncruns", namespace, seen.run),
    ):
        yield seen
