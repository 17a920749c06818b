"""What a watching client sees of runs and their Jobs, and when."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from operator_api import Api, Object, Refused


class Seen:
    """Times are those of `time.perf_counter`. `done` is set once every run has its Job and its conditions."""

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.sent: dict[str, float] = {}  # run -> when its creation was sent
        self.jobs: dict[str, float] = {}  # run -> when its Job was seen first
        self.made: Counter[str] = Counter()  # run -> how many Jobs
        self.conditions: dict[str, float] = {}  # run -> when its status was seen first
        self.done = asyncio.Event()
        self._uids: set[str] = set()

    def job(self, obj: Object) -> None:
        """A Job, in any state."""
        meta = obj["metadata"]
        if meta["uid"] in self._uids:
            return
        self._uids.add(meta["uid"])
        run = str(meta["ownerReferences"][0]["name"])
        self.made[run] += 1
        self.jobs.setdefault(run, time.perf_counter())
        self._look()

    def run(self, obj: Object) -> None:
        """A SyncRun, in any state."""
        if (obj.get("status") or {}).get("conditions"):
            self.conditions.setdefault(obj["metadata"]["name"], time.perf_counter())
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
            text = f"after {seconds:.0f} s {len(self.jobs)} of {self.wanted} runs have a Job, {len(self.conditions)} a status"
            raise Refused(0, text) from error
        return max(*self.jobs.values(), *self.conditions.values())

    def _look(self) -> None:
        if len(self.jobs) >= self.wanted and len(self.conditions) >= self.wanted:
            self.done.set()


@asynccontextmanager
async def watched(api: Api, namespace: str, wanted: int, stage: str = "plan") -> AsyncIterator[Seen]:
    """Jobs of a stage, and runs, of a namespace, as long as the block lasts."""
    seen = Seen(wanted)
    label = f"rostersync.dev/job={stage}"
    async with (
        api.watching("jobs", namespace, seen.job, metadata=True, labelSelector=label),
        api.watching("syncruns", namespace, seen.run),
    ):
        yield seen
