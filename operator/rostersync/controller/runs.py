"""One SyncRun: look, decide, act, write its status; again until it waits or is final."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from rostersync.controller import approvals, trouble
from rostersync.controller.act import Actor
from rostersync.controller.approvals import Rules
from rostersync.controller.cluster import ApiError, path
from rostersync.controller.guards import Guard
from rostersync.controller.options import STAGE_LABEL
from rostersync.controller.reports import ended_of, moment
from rostersync.controller.shared import Shared
from rostersync.controller.store import (
    APPROVALS,
    CONNECTIONS,
    JOBS,
    PODS,
    RUNS,
    Key,
    Object,
    age,
    job_condition,
    labels,
)
from rostersync.controller.view import View, stamps
from rostersync.controller.work import Halves, JobSeen
from rostersync.lifecycle import status as statuses
from rostersync.lifecycle.decide import next_step
from rostersync.lifecycle.observed import Approval, Connection, Mode, Observed, Run, Sibling, Words, Work, WorkState
from rostersync.lifecycle.outcomes import Outcome
from rostersync.lifecycle.steps import CreateApproval, Finish, Nothing, StartApply, StartPlan, Wait
from rostersync.model import ApplyReport
from rostersync.render.holds import sentence

log = logging.getLogger(__name__)

_STEPS = 12  # more actions in a row than any run can need
_TROUBLE_AFTER = timedelta(seconds=4)  # a pod that has not started by then is asked why
_LOOK_AGAIN = 8.0  # seconds between two looks at a pod that does not start
_REPORT_GRACE = timedelta(seconds=20)  # a Job can be seen to end before its pod's report is
_REFUSALS = (400, 403, 404, 422)
_TRIES = 3  # of a half whose Job or report was lost


@dataclass(frozen=True)
class Facts:
    """What had to be asked for; all else is in the store."""

    jobs: Sequence[JobSeen]
    missing: frozenset[str]
    guard: Guard | None


class Runs:
    """Reconciles SyncRuns."""

    def __init__(self, shared: Shared, actor: Actor) -> None:
        self.shared, self.actor = shared, actor

    async def reconcile(self, namespace: str, name: str) -> None:
        """Take the run as far as it goes now. Raises ApiError; the queue then tries again."""
        key: Key = (RUNS, namespace, name)
        for _ in range(_STEPS):
            run = self.shared.store.get(RUNS, namespace, name)
            self.shared.waiting.pop(key, None)
            if run is None:
                return
            if (run.get("status") or {}).get("outcome"):
                await self.actor.tidy(run)
                return
            facts = await self._facts(run)
            # From here to the promise of a slot nothing is awaited, so that no two runs take the same one.
            seen, view, refusal = self._observed(run, facts)
            step = next_step(seen)
            if isinstance(step, Nothing):
                return
            release = None
            if isinstance(step, StartPlan | StartApply) and view:
                release = self.shared.slots.promise(run["metadata"]["uid"], namespace, view.district)
            await self.actor.record_approvals(run, seen, step, facts.guard)
            try:
                match step:
                    case StartPlan() if view:
                        await self.actor.start_plan(run, view, step)
                    case StartApply() if view:
                        await self.actor.start_apply(run, view, step, seen.plan.number if seen.plan else 1)
                    case CreateApproval():
                        await self.actor.create_approval(run, step, facts.guard)
                    case Wait() | Finish():
                        await self._settle(key, run, seen, step, refusal, view)
                        return
                    case _:
                        log.error("SyncRun %s/%s: the connection's manifest is not known", namespace, name)
                        return
            except ApiError as error:
                if error.status in _REFUSALS and isinstance(step, StartPlan | StartApply):
                    await self._refused(run, seen, error)
                raise
            finally:
                if release:
                    release()
        log.error("SyncRun %s/%s: too many steps at once", namespace, name)
        raise ApiError(0, "Unsettled", "the run came to no rest")

    async def _settle(
        self, key: Key, run: Object, seen: Observed, step: Wait | Finish, refusal: str, view: View | None
    ) -> None:
        """Write how the run stands, and see to it that it is looked at when that may change."""
        shared = self.shared
        made = statuses.of(seen, step, sentence)
        changed = made != (run.get("status") or {})
        if changed:
            run = await self.actor.write_run(run, made)
        if isinstance(step, Finish):
            await self.actor.finished(run, seen, step, view)
            return
        if changed and seen.plan and seen.plan.state == WorkState.SUCCEEDED:
            await self.actor.retire(run, seen)
        if refusal and step.reason == "Queued":
            shared.waiting[key] = (key[1], view.district if view else "")
        if step.until:
            shared.queue.add_after(key, (step.until - seen.now).total_seconds() + 0.5)
        busy = next((w for w in (seen.apply, seen.plan) if w and w.state == WorkState.RUNNING), None)
        if busy and step.reason in ("Planning", "Applying"):
            shared.queue.add_after(key, self._next_look(busy, seen.now))
            if busy.message and changed:
                shared.events.warn(run, RUNS, busy.reason, busy.message)
        if seen.unguarded:
            shared.queue.add_after(key, 30.0)
        for sibling in shared.store.related(RUNS, f"open/{key[1]}/{seen.connection.name}"):
            if changed and sibling["metadata"]["uid"] != seen.run.uid:
                shared.queue.add((RUNS, key[1], sibling["metadata"]["name"]))

    async def _refused(self, run: Object, seen: Observed, error: ApiError) -> None:
        """A Job was not taken: say so, once, while it is tried again and again."""
        message = f"The API server refuses the Job ({error.reason}): {error.message}"[:1024]
        made = statuses.of(seen, Wait("Queued", message), sentence)
        if made != (run.get("status") or {}):
            await self.actor.write_run(run, made)
            self.shared.events.warn(run, RUNS, "JobRefused", message)

    def _next_look(self, work: Work[Any], now: datetime) -> float:
        if work.message or work.started_at is None:
            return _LOOK_AGAIN
        waited = now - work.started_at
        return _TROUBLE_AFTER.total_seconds() + 1 if waited <= _TROUBLE_AFTER else 60.0

    async def _facts(self, run: Object) -> Facts:
        store, meta, now = self.shared.store, run["metadata"], self.shared.clock()
        of_run = [
            j for j in store.related(JOBS, f"owner/{meta['uid']}") if labels(j).get(STAGE_LABEL) in ("plan", "apply")
        ]
        jobs = [await self.job_seen(j, now) for j in of_run]
        halves = Halves(run, jobs, now, self.shared.options.start_deadline)
        missing = frozenset([n for n in halves.unknown() if not await self._there(meta["namespace"], n, meta["uid"])])
        open_approvals = store.related(APPROVALS, f"run/{meta['uid']}")
        undecided = any(
            "decision" in a["spec"] and not (a.get("status") or {}).get("decisionSeenAt") for a in open_approvals
        )
        held = open_approvals or any(j.ended for j in jobs) or (run.get("status") or {}).get("holdsTotal")
        guard = await self.shared.guards.look(fresh=undecided) if held or undecided else None
        return Facts(jobs, missing, guard)

    async def job_seen(self, job: Object, now: datetime) -> JobSeen:
        """A Job with what can be had of its pods."""
        shared, meta = self.shared, job["metadata"]
        pods = shared.store.related(PODS, f"owner/{meta['uid']}")
        ended = shared.reports.of(job)
        started = any(e.started for e in ended) or any(_runs(p) for p in pods)
        condition = job_condition(job)
        if condition is not None:
            lost = False
            if not any(e.text for e in ended):
                for pod in await self._pods_of(job):
                    shared.reports.note(pod)
                ended = shared.reports.of(job)
                since = moment(condition.get("lastTransitionTime")) or now
                lost = not any(e.text for e in ended) and now - since > _REPORT_GRACE
                if not lost and not ended:
                    shared.queue.add_after(shared.key_of(job), 3.0)
            return JobSeen(job, ended, None, started, lost)
        found = None
        running = any(_runs(p, now=True) for p in pods)
        if not running and now - (moment(meta["creationTimestamp"]) or now) >= _TROUBLE_AFTER:
            events = []
            for obj in (job, *pods):
                events += await shared.events.of(obj)
            found = trouble.of(job, pods, events)
        return JobSeen(job, ended, found, started, False)

    async def _there(self, namespace: str, name: str, owner_uid: str) -> bool:
        """Whether a Job that the store does not know is there after all."""
        try:
            job = await self.shared.cluster.get(path(JOBS, namespace, name))
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        self.shared.store.put(JOBS, job)
        return any(r["uid"] == owner_uid for r in job["metadata"].get("ownerReferences") or ())

    async def _pods_of(self, job: Object) -> list[Object]:
        meta = job["metadata"]
        selector = f"batch.kubernetes.io/controller-uid={meta['uid']}"
        found, _ = await self.shared.cluster.list(PODS, meta["namespace"], labelSelector=selector)
        return [p for p in found if ended_of(p)]

    def _observed(self, run: Object, facts: Facts) -> tuple[Observed, View | None, str]:
        shared, meta, spec = self.shared, run["metadata"], run["spec"]
        now, before = shared.clock(), run.get("status") or {}
        namespace, name = meta["namespace"], spec["connectionRef"]["name"]
        obj = shared.store.get(CONNECTIONS, namespace, name)
        recorded = before.get("connectionUID")
        gone = obj is None or (recorded and recorded != obj["metadata"]["uid"])
        view = shared.views.of(obj) if obj and not gone else shared.views.last(str(recorded))
        changed_by = stamps(obj).changed_by if obj else ""
        requesters = tuple(
            dict.fromkeys(filter(None, (*before.get("requestedBy", ()), spec.get("requestedBy"), changed_by)))
        )[:8]
        halves = Halves(run, facts.jobs, now, shared.options.start_deadline, facts.missing)
        plan, apply = halves.plan(), halves.apply()
        connection = _connection(name, view, obj is None and not recorded, bool(gone and recorded), facts.guard)
        if connection.deleted and view is None and apply and apply.state == WorkState.LOST:
            apply = _given_up(apply)
        rules = Rules(requesters, connection.require_distinct_approver, shared.options.approvers)
        refusal = self._refusal(run, view, plan is None)
        observed = Observed(
            now=now, connection=connection, plan=plan, apply=apply,
            run=Run(
                meta["name"], meta["uid"], meta.get("generation", 1), Mode(spec.get("mode", "Import")),
                bool(spec.get("cancel")), requesters, moment(meta["creationTimestamp"]), before,
            ),
            approval=self._approval(run, facts.guard, rules), siblings=tuple(self._siblings(run, rules)),
            may_start=not refusal, may_apply=not refusal, queued=refusal, tries=_TRIES,
            unguarded=facts.guard.unguarded if facts.guard else "", words=_words(namespace, facts.guard),
        )  # fmt: skip
        return observed, view, refusal

    def _refusal(self, run: Object, view: View | None, unstarted: bool) -> str:
        """Why the run may not start a Job now; "" when it may."""
        if view is None:
            return ""
        meta = run["metadata"]
        wait = self.shared.holdups.get(view.uid, "")
        if wait:
            return wait
        if unstarted:
            for other in self.shared.store.related(RUNS, f"open/{meta['namespace']}/{view.name}"):
                if age(other) < age(run) and not (other.get("status") or {}).get("jobs") and other is not run:
                    return f"Waiting for its turn: run {other['metadata']['name']} was made before it."
        return self.shared.slots.refusal(meta["namespace"], view.district, meta["uid"])

    def _approval(self, run: Object, guard: Guard | None, rules: Rules) -> Approval | None:
        """The run's own approval: the one that its status names, else the newest that stands."""
        recorded = ((run.get("status") or {}).get("approval") or {}).get("uid")
        own = self.shared.store.related(APPROVALS, f"run/{run['metadata']['uid']}")
        own = [a for a in own if (a.get("status") or {}).get("policies") or (a.get("status") or {}).get("state")]
        made = [approvals.read(a, guard, rules) for a in own]
        standing = [a for a in made if not a.superseded]
        named = [a for a in standing if a.uid == recorded]
        return next(iter([*named, *reversed(standing), *(a for a in made if a.uid == recorded)]), None)

    def _siblings(self, run: Object, rules: Rules) -> list[Sibling]:
        """Other imports of the connection that have a plan."""
        out = []
        meta = run["metadata"]
        for other in self.shared.store.related(
            RUNS, f"connection/{meta['namespace']}/{run['spec']['connectionRef']['name']}"
        ):
            status = other.get("status") or {}
            plan, outcome = status.get("plan") or {}, status.get("outcome")
            if other["metadata"]["uid"] == meta["uid"] or other["spec"].get("mode", "Import") != "Import":
                continue
            if not plan.get("digest") or (outcome and age(other) < age(run)):
                continue
            asked = tuple(status.get("requestedBy", ()))
            # What another run's approval is worth was judged when that run saw its decision.
            approval = None if outcome else self._approval(other, None, replace(rules, requesters=asked))
            out.append(Sibling(
                other["metadata"]["name"], plan["digest"], age(other) > age(run), bool(plan.get("noChanges")),
                approval is not None, Outcome(outcome) if outcome else None, approval,
            ))  # fmt: skip
        return out


def _connection(name: str, view: View | None, missing: bool, deleted: bool, guard: Guard | None) -> Connection:
    if view is None:
        return Connection(name, missing=missing, deleted=deleted)
    return replace(view.known, deleted=deleted, four_eyes_enforced=guard is not None and not guard.missing)


def _given_up(apply: Work[ApplyReport]) -> Work[ApplyReport]:
    return replace(
        apply, state=WorkState.FAILED, reason="ConnectionDeleted",
        message="The apply had begun, its Job is gone and so is the connection; the store's newest revision says whether it "
        "was applied.",
    )  # fmt: skip


def _words(namespace: str, guard: Guard | None) -> Words:
    by = "" if guard is None or guard.stamping else '"decidedBy":"YOUR-USER-NAME",'
    patch = f'{{"spec":{{"decision":"Approved",{by}"reason":"WHY"}}}}'
    return Words(
        approve=f"kubectl -n {namespace} patch syncapproval {{approval}} --type=merge -p '{patch}'",
        apply="wait", rerun="make another SyncRun",
    )  # fmt: skip


def _runs(pod: Object, now: bool = False) -> bool:
    """Whether a pod's container runs, or (not `now`) ever ran."""
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        state = container.get("state") or {}
        if "running" in state or (not now and "terminated" in state):
            return True
    return False
