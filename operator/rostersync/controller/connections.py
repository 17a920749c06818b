"""One FocusConnection: claims, Test Connection, the runs that it asks for, history, and its status."""

import logging
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rostersync.controller import claims, jobs, reports
from rostersync.controller.cluster import ApiError, path
from rostersync.controller.guards import Guard
from rostersync.controller.options import CHECK_LABEL, NUMBER_LABEL, TRIGGER_LABEL
from rostersync.controller.reports import moment
from rostersync.controller.runs import Runs
from rostersync.controller.shared import Shared
from rostersync.controller.store import CONNECTIONS, JOBS, RUNS, Key, Object, job_condition, labels
from rostersync.controller.view import View, stamps
from rostersync.controller.work import JobSeen, job_failure
from rostersync.lifecycle import connection_status
from rostersync.lifecycle.connection_status import Checked, Known, RunSeen
from rostersync.lifecycle.outcomes import ENDINGS, Outcome, succeeded_reason
from rostersync.lifecycle.triggers import (
    Answer,
    Asked,
    Checking,
    NewRun,
    OldRun,
    Trigger,
    answer,
    check_due,
    over_limits,
)

log = logging.getLogger(__name__)

_CLAIMS_FRESH = 300.0  # seconds between two looks at claims that are as they should be
_CLAIMS_AGAIN = 15.0
_POLICIES_AGAIN = 30.0
_GITOPS = ("argocd.argoproj.io/tracking-id", "kustomize.toolkit.fluxcd.io/name")


@dataclass
class Memory:
    """What this process remembers of a connection between two looks; losing it costs a look."""

    claims_at: float = float("-inf")
    claims_problem: tuple[str, str] | None = None
    generation: int = 0
    failures: int = 0
    checked_at: datetime | None = None


class Connections:
    """Reconciles FocusConnections."""

    def __init__(self, shared: Shared, runs: Runs) -> None:
        self.shared, self.runs = shared, runs
        self._memory: dict[str, Memory] = {}

    async def reconcile(self, namespace: str, name: str) -> None:
        """See to everything that the connection asks for. Raises ApiError; the queue then tries again."""
        shared = self.shared
        obj = shared.store.get(CONNECTIONS, namespace, name)
        if obj is None:
            return
        key: Key = (CONNECTIONS, namespace, name)
        now, view = shared.clock(), shared.views.of(obj)
        memory = self._memory.setdefault(view.uid, Memory())
        guard = await shared.guards.look()
        problem = view.known.problem or _stamping(view, guard) or await self._claims(view, memory)
        self._hold_up(view, problem if view.known.problem is None else None)
        may_run = view.known.problem is None and not view.known.suspended
        checked, handled = await self._check(key, obj, view, memory, now, problem)
        answered = answer(self._asked(obj, view, may_run and problem is None), now)
        for wanted in answered.runs:
            await self._make(view, wanted)
        if answered.missed:
            text = "A start was missed by more than spec.schedule.startingDeadlineSeconds, and is left out."
            shared.events.warn(obj, CONNECTIONS, "StartMissed", text)
        await self._forget_old(view)
        known = Known(
            view.generation, obj.get("status") or {}, problem, view.known.suspended, checked, guard.missing,
            self._seen_runs(view), answered, handled, now,
        )  # fmt: skip
        await self._write(obj, connection_status.of(known))
        self._again(key, answered, guard, problem, now)

    async def deleted(self, obj: Object) -> None:
        """The connection is gone: what waits ends, and what is left of its artifacts that nobody needs goes."""
        shared, meta = self.shared, obj["metadata"]
        self._memory.pop(meta["uid"], None)
        shared.holdups.pop(meta["uid"], None)
        view = shared.views.of(obj)
        of = shared.store.related(RUNS, f"connection/{meta['namespace']}/{meta['name']}")
        for run in of:
            if not (run.get("status") or {}).get("outcome"):
                shared.queue.add((RUNS, meta["namespace"], run["metadata"]["name"]))
        ended = [r["metadata"]["name"] for r in of if (r.get("status") or {}).get("outcome")]
        if view.spec and ended:
            purge = jobs.purge_job(None, view, shared.options, [], ended, "deleted")
            try:
                await shared.cluster.create(JOBS, meta["namespace"], purge)
            except ApiError as error:
                if error.status not in (403, 404, 409):
                    raise
                log.warning(
                    "The artifacts of %s/%s could not be purged: %s", meta["namespace"], meta["name"], error.reason
                )

    def _hold_up(self, view: View, problem: tuple[str, str] | None) -> None:
        """Runs wait while something outside the spec is missing, and look again when it is there."""
        shared = self.shared
        before = shared.holdups.get(view.uid)
        if problem:
            shared.holdups[view.uid] = f"FocusConnection {view.name} is not ready: {problem[1]}"
        elif before is not None:
            del shared.holdups[view.uid]
        if shared.holdups.get(view.uid) != before:
            for run in shared.store.related(RUNS, f"open/{view.namespace}/{view.name}"):
                shared.queue.add((RUNS, view.namespace, run["metadata"]["name"]))

    async def _claims(self, view: View, memory: Memory) -> tuple[str, str] | None:
        fresh = _CLAIMS_AGAIN if memory.claims_problem else _CLAIMS_FRESH
        if memory.generation != view.generation or time.monotonic() - memory.claims_at > fresh:
            memory.claims_problem = await claims.ensure(self.shared.cluster, view)
            memory.claims_at, memory.generation = time.monotonic(), view.generation
        return memory.claims_problem

    async def _check(
        self, key: Key, obj: Object, view: View, memory: Memory, now: datetime, problem: tuple[str, str] | None
    ) -> tuple[Checked | None, str]:
        """Test Connection: what it came to, and the request that it answers."""
        status, asked = obj.get("status") or {}, stamps(obj)
        handled = str(status.get("lastHandledCheckRequestedAt", ""))
        current = _recorded(status)
        if problem:
            return (current, handled)
        token = f"{view.generation}/{asked.check_requested_at}"
        job = self._newest_check(obj, token)
        if job is not None:
            seen = await self.runs.job_seen(job, now)
            made = _outcome(seen, view.generation)
            condition = job_condition(job)
            if condition is None or made.ok is None:
                self.shared.queue.add_after(key, 6.0)
                still = current if current and current.generation == view.generation and made.ok is None else made
                return (still, handled)
            number = int(labels(job).get(NUMBER_LABEL, 1))
            memory.failures, memory.checked_at = (0 if made.ok else number), moment(condition.get("lastTransitionTime"))
            current, handled = made, asked.check_requested_at
            if (job.get("spec") or {}).get("ttlSecondsAfterFinished") is None:
                await self.runs.actor.expire(job)
        verified = current.ok if current else None
        tested = current.generation if current else 0
        due = check_due(
            Checking(
                view.generation, asked.check_requested_at, handled, verified, tested, memory.checked_at, memory.failures
            ),
            now,
        )
        if due.now:
            await self._start_check(obj, view, memory.failures + 1, token)
            self.shared.queue.add_after(key, 6.0)
            under_way = Checked(None, "Checking", "Test Connection is under way.", None, view.generation)
            return (current if current and tested == view.generation else under_way, handled)
        if due.at:
            self.shared.queue.add_after(key, (due.at - now).total_seconds() + 0.5)
        return (current, handled)

    def _newest_check(self, obj: Object, token: str) -> Object | None:
        of = self.shared.store.related(JOBS, f"owner/{obj['metadata']['uid']}")
        mine = [j for j in of if labels(j).get(CHECK_LABEL) == jobs.digits(token)]
        return max(mine, key=lambda j: int(labels(j).get(NUMBER_LABEL, 0)), default=None)

    async def _start_check(self, obj: Object, view: View, number: int, token: str) -> None:
        shared = self.shared
        job = jobs.check_job(obj, view, shared.options, number, token)
        try:
            made = await shared.cluster.create(JOBS, view.namespace, job)
        except ApiError as error:
            if error.status != 409:
                raise
            made = await shared.cluster.get(path(JOBS, view.namespace, job["metadata"]["name"]))
        shared.store.put(JOBS, made)

    def _asked(self, obj: Object, view: View, may_run: bool) -> Asked:
        status, marks = obj.get("status") or {}, stamps(obj)
        open_runs = self.shared.store.related(RUNS, f"open/{view.namespace}/{view.name}")
        waiting = {labels(r).get(TRIGGER_LABEL) for r in open_runs if not (r.get("status") or {}).get("jobs")}
        return Asked(
            view.name, view.uid, view.generation, view.spec_hash, view.table,
            bool(view.spec and view.spec.runOn), marks.requested_at, marks.requested_by, marks.changed_by,
            view.known.suspend_import, may_run, moment(status.get("nextRunTime")),
            str(status.get("lastHandledRequestedAt", "")), str(status.get("lastRunSpecHash", "")),
            frozenset(t for t in Trigger if t.value in waiting),
        )  # fmt: skip

    async def _make(self, view: View, wanted: NewRun) -> None:
        """Make a run that the connection asked for; one that is there already was made before."""
        spec: dict[str, Any] = {
            "connectionRef": {"kind": "FocusConnection", "name": view.name}, "mode": "Import", "reason": wanted.reason,
        }  # fmt: skip
        if wanted.requested_by:
            spec["requestedBy"] = wanted.requested_by
        meta = {"name": wanted.name, "namespace": view.namespace, "labels": {TRIGGER_LABEL: wanted.trigger.value}}
        body = {"apiVersion": "rostersync.dev/v1alpha1", "kind": "SyncRun", "metadata": meta, "spec": spec}
        try:
            run = await self.shared.cluster.create(RUNS, view.namespace, body)
        except ApiError as error:
            if error.status != 409:
                raise
            return
        self.shared.store.put(RUNS, run)
        self.shared.queue.add((RUNS, view.namespace, wanted.name))

    async def _forget_old(self, view: View) -> None:
        """Remove runs of the operator's own making that history no longer keeps."""
        if view.spec is None:
            return
        shared, limits = self.shared, view.spec.history.runs
        ended = [r for r in shared.store.related(RUNS, f"connection/{view.namespace}/{view.name}") if _ended(r)]
        if len(ended) <= min(limits.successful, limits.failed):
            return
        gone = set(over_limits([old_run(r) for r in ended], limits.successful, limits.failed))
        for run in ended:
            if run["metadata"]["name"] in gone:
                await shared.cluster.delete(RUNS, run)

    def _seen_runs(self, view: View) -> list[RunSeen]:
        out = []
        for run in self.shared.store.related(RUNS, f"connection/{view.namespace}/{view.name}"):
            status = run.get("status") or {}
            out.append(RunSeen(
                run["metadata"]["name"], succeeded_reason(status), status.get("outcome", ""),
                status.get("completionTime", ""), status.get("revision"), status.get("schools"),
            ))  # fmt: skip
        return out

    async def _write(self, obj: Object, status: dict[str, Any]) -> None:
        if status != (obj.get("status") or {}):
            made = await self.shared.cluster.apply_status(CONNECTIONS, obj, status)
            self.shared.store.put(CONNECTIONS, made)

    def _again(self, key: Key, answered: Answer, guard: Guard, problem: tuple[str, str] | None, now: datetime) -> None:
        """When to look again without anything having happened."""
        queue = self.shared.queue
        if answered.next_run:
            queue.add_after(key, (answered.next_run - now).total_seconds() + 0.2)
        if guard.missing or (problem and problem[0].startswith(("Claim", "FourEyes"))):
            queue.add_after(key, _POLICIES_AGAIN if guard.missing else _CLAIMS_AGAIN)


def _stamping(view: View, guard: Guard) -> tuple[str, str] | None:
    """Four eyes need names that nobody can write himself."""
    if view.spec is None or not view.spec.approval.requireDistinctApprover or guard.stamping:
        return None
    return (
        "FourEyesNeedsStamping",
        "spec.approval.requireDistinctApprover needs the MutatingAdmissionPolicies that stamp names (Kubernetes 1.36 and "
        "later, the chart's policies.enabled); without them nobody can prove who asked.",
    )


def _recorded(status: Object) -> Checked | None:
    """What the status remembers of Test Connection."""
    found = next((c for c in status.get("conditions") or () if c["type"] == "ConnectionVerified"), None)
    if found is None:
        return None
    ok = {"True": True, "False": False}.get(found["status"])
    return Checked(ok, found["reason"], found["message"], None, int(found.get("observedGeneration", 0)))


def _outcome(seen: JobSeen, generation: int) -> Checked:
    condition = job_condition(seen.job)
    if condition is None:
        if seen.trouble:
            return Checked(False, seen.trouble.reason, seen.trouble.message, None, generation)
        return Checked(None, "Checking", "Test Connection is under way.", None, generation)
    if condition["type"] == "Complete":
        report = next((r for e in reversed(seen.ended) if (r := reports.check_report(e.text))), None)
        if report is not None:
            return Checked(True, "Verified", report.message or connection_status.OK, report.schools, generation)
        if not seen.lost:
            return Checked(None, "Checking", "Test Connection has ended; its report is on the way.", None, generation)
        return Checked(False, "ReportLost", "Test Connection left no report; it is made again.", None, generation)
    reason, message, _ = job_failure(seen, condition, reports.check_report)
    return Checked(False, reason, message, None, generation)


def _ended(run: Object) -> bool:
    return bool((run.get("status") or {}).get("outcome"))


def old_run(run: Object) -> OldRun:
    """A finished run as history looks at it. What comes from Git is never the operator's to remove."""
    meta, status = run["metadata"], run["status"]
    marks = {**(meta.get("annotations") or {}), **labels(run)}
    ours = TRIGGER_LABEL in labels(run) and not any(m in marks for m in _GITOPS)
    ended = moment(status.get("completionTime")) or datetime.fromisoformat(meta["creationTimestamp"])
    return OldRun(meta["name"], ENDINGS[Outcome(status["outcome"])].succeeded, ended, ours)
