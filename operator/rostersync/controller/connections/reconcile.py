"""One connection: its claims, Test Connection, the runs that it asks for, its history and its status."""

import logging
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rostersync.api import kubernetes
from rostersync.api.kinds import Ref
from rostersync.api.objects import condition, from_git
from rostersync.attempts import DELIVER
from rostersync.controller import jobs
from rostersync.controller.cluster.cache import JOBS, RUNS, Key, Object, labels, place
from rostersync.controller.cluster.client import ApiError
from rostersync.controller.connections import claims, sources
from rostersync.controller.connections.checks import Checks
from rostersync.controller.connections.districts import differing
from rostersync.controller.connections.policy_check import Guard
from rostersync.controller.options import TRIGGER_LABEL
from rostersync.controller.runs.reconcile import Runs
from rostersync.controller.runs.reports import moment
from rostersync.controller.shared import Shared
from rostersync.controller.view import View, stamps
from rostersync.instants import parse_instant
from rostersync.lifecycle import connection_status
from rostersync.lifecycle.connection_status import Known, RunSeen
from rostersync.lifecycle.outcomes import ENDINGS, Outcome, succeeded_reason
from rostersync.lifecycle.triggers import (
    Answer,
    Asked,
    NewRun,
    OldRun,
    Trigger,
    answer,
    over_limits,
)

log = logging.getLogger(__name__)

_CLAIMS_FRESH = 300.0  # seconds between two checks of claims that were in order
_CLAIMS_AGAIN = 15.0


@dataclass
class Memory:
    """What this process remembers of a connection between reconciliations. If it is lost, one more check runs."""

    claims_at: float = float("-inf")
    claims_problem: tuple[str, str] | None = None
    notice: tuple[str, str] | None = None
    generation: int = 0


class Connections:
    """Reconciles connections."""

    def __init__(self, shared: Shared, runs: Runs) -> None:
        self.shared = shared
        self.checks = Checks(shared, runs.actor, runs.lookups)
        self._memory: dict[str, Memory] = {}

    async def reconcile(self, key: Key) -> None:
        """Bring about everything that the connection asks for. Raises ApiError, after which the queue retries."""
        shared = self.shared
        obj = shared.store.get(*key)
        if obj is None:
            return
        now, view = shared.clock(), shared.views.of(obj)
        memory = self._memory.setdefault(view.uid, Memory())
        guard = await shared.guards.look()
        problem = view.known.problem or sources.taken(shared.store, obj) or _stamping(view, guard)
        problem = problem or differing(view, [shared.views.of(o) for o in sources.of_other_sources(shared.store, obj)])
        problem = problem or await self._claims(key, view, memory)
        self._hold_up(view, problem if view.known.problem is None else None)
        may_run = view.known.problem is None and not view.known.suspended
        checked, handled = await self.checks.check(key, obj, view, now, problem)
        answered = answer(self._asked(obj, view, may_run and problem is None), now)
        for wanted in answered.runs:
            await self._make(view, wanted)
        if answered.missed:
            text = "A start was missed by more than spec.schedule.startingDeadlineSeconds, and is left out."
            shared.events.warn(obj, key[0], "StartMissed", text)
        await self._forget_old(view)
        known = Known(
            view.generation,
            obj.get("status") or {},
            problem,
            view.known.suspended,
            checked,
            guard.missing,
            self._seen_runs(view),
            answered,
            handled,
            now,
            memory.notice,
            tuple(view.known.deliveries),
            view.known.problem is not None,
        )
        made = connection_status.of(known)
        self._warn_unconfirmed(key[0], obj, made)
        await self._write(key[0], obj, made)
        before = obj.get("status") or {}
        if any(made.get(field) != before.get(field) for field in ("lastCheckTime", "deliveries")):
            shared.tell(view.place)  # a run may wait to deliver until that is possible again, or was done by another
        self._again(key, answered, problem or memory.notice, now)

    async def deleted(self, obj: Object) -> None:
        """The connection is gone. End its waiting runs, and purge those of its artifacts that nobody needs."""
        shared, meta = self.shared, obj["metadata"]
        self._memory.pop(meta["uid"], None)
        self.checks.forget(meta["uid"])
        shared.holdups.pop(meta["uid"], None)
        view = shared.views.of(obj)
        of = shared.store.related(RUNS, f"connection/{view.place}")
        for run in of:
            if not _ended(run):
                shared.queue_run(run)
        ended = [f"{r['metadata']['name']}={r['metadata']['uid']}" for r in of if _ended(r)]
        # A connection whose source belonged to another has planned nothing. Its purge Job would mount the other's
        # store.
        if view.spec and ended and not sources.taken(shared.store, obj):
            purge = jobs.purge_job(None, view, shared.options, [], ended, "deleted")
            try:
                await shared.cluster.create(JOBS, meta["namespace"], purge)
            except ApiError as error:
                if error.status not in (403, 404, 409):
                    raise
                log.warning("The artifacts of %s could not be purged: %s", view.place, error.reason)

    def _hold_up(self, view: View, problem: tuple[str, str] | None) -> None:
        """Make runs wait while something outside the spec is missing, and wake them when it is there."""
        shared = self.shared
        before = shared.holdups.get(view.uid)
        if problem:
            shared.holdups[view.uid] = f"{view.known.ref} is not ready: {problem[1]}"
        elif before is not None:
            del shared.holdups[view.uid]
        if shared.holdups.get(view.uid) != before:
            shared.tell(view.place)

    async def _claims(self, key: Key, view: View, memory: Memory) -> tuple[str, str] | None:
        troubled = key in self.shared.troubled
        self.shared.troubled.discard(key)
        fresh = _CLAIMS_AGAIN if memory.claims_problem or memory.notice or troubled else _CLAIMS_FRESH
        if memory.generation != view.generation or time.monotonic() - memory.claims_at > fresh:
            memory.claims_problem, unbound = await claims.ensure(self.shared.cluster, view)
            memory.notice = await self._unbound(unbound) if unbound and (troubled or memory.notice) else None
            memory.claims_at, memory.generation = time.monotonic(), view.generation
        return memory.claims_problem

    async def _unbound(self, unbound: list[Object]) -> tuple[str, str] | None:
        """Why claims have no volume. No event is read about claims that merely wait for their first pod."""
        for claim in unbound:
            name, namespace = claim["metadata"]["name"], claim["metadata"]["namespace"]
            selector = f"involvedObject.kind=PersistentVolumeClaim,involvedObject.name={name}"
            found, _ = await self.shared.cluster.list("events", namespace, fieldSelector=selector)
            text = claims.why_unbound(claim, [kubernetes.event(e) for e in found])
            if text:
                return ("ClaimNotBound", text)
        return None

    def _asked(self, obj: Object, view: View, may_run: bool) -> Asked:
        status, marks = obj.get("status") or {}, stamps(obj)
        unstarted = self.shared.store.related(RUNS, f"waiting/{view.place}")
        waiting = {labels(r).get(TRIGGER_LABEL) for r in unstarted}
        return Asked(
            view.known.ref,
            view.uid,
            view.generation,
            view.spec_hash,
            view.table,
            bool(view.spec and view.spec.runOn),
            marks.requested_at,
            marks.requested_by,
            marks.changed_by,
            view.known.suspend_import,
            may_run,
            moment(status.get("nextRunTime")),
            str(status.get("lastHandledRequestedAt", "")),
            str(status.get("lastRunSpecHash", "")),
            frozenset(t for t in Trigger if t.value in waiting),
        )

    async def _make(self, view: View, wanted: NewRun) -> None:
        """Create a run that the connection asked for. If it exists, it was created earlier."""
        spec: dict[str, Any] = {
            "connectionRef": view.known.ref.as_dict(),
            "mode": "Import",
            "reason": wanted.reason,
        }
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
        """Delete runs that the operator created and that history no longer keeps."""
        if view.spec is None:
            return
        shared, limits = self.shared, view.spec.history.runs
        ended = [r for r in shared.store.related(RUNS, f"connection/{view.place}") if _ended(r)]
        if len(ended) <= min(limits.successful, limits.failed):
            return
        gone = set(over_limits([old_run(r) for r in ended], limits.successful, limits.failed))
        for run in ended:
            if run["metadata"]["name"] in gone:
                await shared.cluster.delete(RUNS, run)

    def _seen_runs(self, view: View) -> list[RunSeen]:
        out = []
        for run in self.shared.store.related(RUNS, f"connection/{view.place}"):
            status = run.get("status") or {}
            plan = status.get("plan") or {}
            tried: dict[str, Any] = next((j for j in status.get("jobs") or () if j["type"] == DELIVER.type), {})
            out.append(
                RunSeen(
                    run["metadata"]["name"],
                    succeeded_reason(status),
                    status.get("outcome", ""),
                    status.get("completionTime", ""),
                    status.get("revision"),
                    status.get("schools"),
                    run["spec"].get("mode", "Import"),
                    plan.get("asOf", ""),
                    plan.get("baseRevision"),
                    status.get("deliveries") or (),
                    tried.get("completionTime") or tried.get("startTime", ""),
                )
            )
        return out

    def _warn_unconfirmed(self, kind: str, obj: Object, made: dict[str, Any]) -> None:
        """Warn once, when a plan finds that the store contradicts a report that was believed."""
        before, now = (condition(s, connection_status.CONFIRMED) for s in (obj.get("status") or {}, made))
        if now and now["status"] == "False" and not (before and before["message"] == now["message"]):
            self.shared.events.warn(obj, kind, now["reason"], now["message"])
            log.warning("%s: %s", place(obj["metadata"]["namespace"], Ref.to(obj)), now["message"])

    async def _write(self, kind: str, obj: Object, status: dict[str, Any]) -> None:
        if status != (obj.get("status") or {}):
            made = await self.shared.cluster.apply_status(kind, obj, status)
            self.shared.store.put(kind, made)

    def _again(self, key: Key, answered: Answer, problem: tuple[str, str] | None, now: datetime) -> None:
        """Queue the connection for the next time at which something is due."""
        queue = self.shared.queue
        if answered.next_run:
            queue.add_after(key, (answered.next_run - now).total_seconds() + 0.2)
        if problem and problem[0].startswith("Claim"):
            queue.add_after(key, _CLAIMS_AGAIN)


def _stamping(view: View, guard: Guard) -> tuple[str, str] | None:
    """requireDistinctApprover needs names that users cannot write themselves."""
    if view.spec is None or not view.spec.approval.requireDistinctApprover or guard.stamping:
        return None
    return (
        "FourEyesNeedsStamping",
        "spec.approval.requireDistinctApprover needs the MutatingAdmissionPolicies that stamp names (Kubernetes 1.36 and "
        "later, the chart's policies.enabled); without them nobody can prove who asked.",
    )


def _ended(run: Object) -> bool:
    return bool((run.get("status") or {}).get("outcome"))


def old_run(run: Object) -> OldRun:
    """A finished run as history sees it. The operator never deletes a run that came from Git."""
    meta, status = run["metadata"], run["status"]
    ours = TRIGGER_LABEL in labels(run) and not from_git(run)
    ended = moment(status.get("completionTime")) or parse_instant(meta["creationTimestamp"])
    return OldRun(meta["name"], ENDINGS[Outcome(status["outcome"])].succeeded, ended, ours)
