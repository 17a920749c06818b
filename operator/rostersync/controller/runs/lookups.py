"""What must be read from the API server besides the watches: lost Jobs and pods, events, policies."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rostersync.api import kubernetes
from rostersync.api.api_server import path
from rostersync.api.kubernetes import pod_status
from rostersync.attempts import OF_RUN
from rostersync.controller.cluster.cache import (
    APPROVALS,
    JOBS,
    PODS,
    RUNS,
    Key,
    Object,
    attempt_of,
    connection_key,
    job_condition,
    version,
)
from rostersync.controller.cluster.client import ApiError
from rostersync.controller.connections.policy_check import Guard
from rostersync.controller.runs import pod_diagnosis
from rostersync.controller.runs.attempts import Attempts, JobSeen
from rostersync.controller.runs.reports import belongs, ended_of, moment
from rostersync.controller.shared import Shared
from rostersync.instants import parse_instant

log = logging.getLogger(__name__)

TROUBLE_AFTER = timedelta(seconds=4)  # when a pod has not started by then, its events are read
_YOUNG = timedelta(seconds=30)  # age up to which a run is trusted to be as its watch has just shown it
_REPORT_GRACE = timedelta(seconds=20)  # the end of a Job can be seen before its pod's report


@dataclass(frozen=True)
class Facts:
    """What had to be read from the API server. All else is in the cache."""

    jobs: Sequence[JobSeen]
    missing: frozenset[str]
    guard: Guard | None

    def started(self, job: str | None) -> bool:
        """Whether one of a Job's containers ever ran."""
        return any(seen.started for seen in self.jobs if seen.job["metadata"]["name"] == job)


class Lookups:
    """Reads from the API server what the cache does not have."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared

    async def facts(self, run: Object) -> Facts:
        """Everything else that must be known of a run before a decision. Raises ApiError."""
        store, meta, now = self.shared.store, run["metadata"], self.shared.clock()
        of_run = [j for j in store.related(JOBS, f"owner/{meta['uid']}") if attempt_of(j) in OF_RUN]
        jobs = [await self.job_seen(j, now) for j in of_run]
        known = Attempts(run, jobs, now, self.shared.options.start_deadline)
        missing = frozenset([n for n in known.unknown() if not await self._there(meta["namespace"], n, meta["uid"])])
        open_approvals = store.related(APPROVALS, f"run/{meta['uid']}")
        undecided = any(
            "decision" in a["spec"] and not (a.get("status") or {}).get("decisionSeenAt") for a in open_approvals
        )
        held = open_approvals or any(j.ended for j in jobs) or (run.get("status") or {}).get("holdsTotal")
        guard = await self.shared.guards.look(fresh=undecided) if held or undecided else None
        if undecided:
            await self._who_changed(connection_key(run))
        return Facts(jobs, missing, guard)

    async def _who_changed(self, connection: Key) -> None:
        """Read the connection again. Watches are not in step, and the decider may have changed it just before."""
        try:
            self.shared.store.put(connection[0], await self.shared.cluster.get(path(*connection)))
        except ApiError as error:
            if error.status != 404:
                raise

    async def stands(self, run: Object) -> bool:
        """Whether a run is as the cache has it. If it is not, the cache is corrected. Raises ApiError.

        A process that was paused may believe in a run that is gone. A Job made for it would then block the Job of a new
        run of the same name. A run that is new is not read again, since that is the hot path.
        """
        store, meta = self.shared.store, run["metadata"]
        if not run.get("status") and self.shared.clock() - parse_instant(meta["creationTimestamp"]) < _YOUNG:
            return True
        current = await self.shared.current(run)
        if current:
            store.put(RUNS, current)
            return version(current) <= version(run)
        store.remove(RUNS, run)
        self.shared.queue.add_at_leisure(connection_key(run))
        return False

    async def job_seen(self, job: Object, now: datetime) -> JobSeen:
        """A Job with what can be read of its pods."""
        shared, meta = self.shared, job["metadata"]
        pods = [p for p in shared.store.related(PODS, f"owner/{meta['uid']}") if belongs(p, job)]
        ended = shared.reports.of(job)
        started = any(e.started for e in ended) or any(_runs(p) for p in pods)
        condition = job_condition(job)
        if condition is not None:
            done = condition["type"] == "Complete"
            # A pod that succeeded has nothing more to report. A pod that is not seen yet may still have.
            if not any(e.exit == 0 for e in ended) if done else not ended:
                for pod in await self._pods_of(job):
                    shared.reports.note(pod)
                ended = shared.reports.of(job)
            since = moment(condition.get("lastTransitionTime")) or now
            lost = any(e.exit == 0 for e in ended) or now - since > _REPORT_GRACE
            if done and not lost:
                shared.queue.add_after(shared.key_of(job), 3.0)
            return JobSeen(job, ended, None, started, lost)
        found = None
        running = any(_runs(p, now=True) for p in pods)
        if not running and now - (moment(meta["creationTimestamp"]) or now) >= TROUBLE_AFTER:
            found = pod_diagnosis.of(job, pods, await shared.events.of([job, *pods]))
        return JobSeen(job, ended, found, started, False)

    async def _there(self, namespace: str, name: str, owner_uid: str) -> bool:
        """Whether a Job that the cache does not have exists after all."""
        try:
            job = await self.shared.cluster.get(path(JOBS, namespace, name))
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        self.shared.store.put(JOBS, job)
        return any(r["uid"] == owner_uid for r in kubernetes.meta(job).get("ownerReferences") or ())

    async def _pods_of(self, job: Object) -> list[Object]:
        meta = job["metadata"]
        selector = f"batch.kubernetes.io/controller-uid={meta['uid']}"
        found, _ = await self.shared.cluster.list(PODS, meta["namespace"], labelSelector=selector)
        for pod in found:
            if not belongs(pod, job):
                self._warn_of(pod, job)
        return [p for p in found if belongs(p, job) and ended_of(p)]

    def _warn_of(self, stranger: Object, job: Object) -> None:
        kind, namespace, name = self.shared.key_of(job)
        about = self.shared.store.get(kind, namespace, name)
        text = (
            f"Pod {stranger['metadata']['name']} is not one that Job {job['metadata']['name']} made, though it has the Job's "
            f"label batch.kubernetes.io/controller-uid. What it says is not read; find out who made it."
        )
        log.warning("%s/%s: %s", namespace, name, text)
        if about:
            self.shared.events.warn(about, kind, "StrangePod", text)


def check_pause(waited: float) -> float:
    """Seconds until the next check of a pod that has not started. Thousands may wait for the same node."""
    return min(max(6.0, waited / 3), 60.0)


def _runs(pod: Object, now: bool = False) -> bool:
    """Whether a pod's container runs, or (not `now`) ever ran."""
    for container in pod_status(pod).get("containerStatuses") or ():
        state = container.get("state", {})
        if "running" in state or (not now and "terminated" in state):
            return True
    return False
