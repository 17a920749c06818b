"""The only place that changes the cluster for a run. Names follow from what is done, so an action can be repeated."""

import logging
from typing import Any

from rostersync.api.api_server import path
from rostersync.api.kinds import Ref
from rostersync.api.kubernetes import job_spec
from rostersync.controller import jobs
from rostersync.controller.cluster.cache import (
    APPROVALS,
    JOBS,
    RUNS,
    Object,
    age,
    attempt_of,
    begun,
    connection_key,
    finished,
    labels,
    over,
    owner,
    place_of,
)
from rostersync.controller.cluster.client import ApiError
from rostersync.controller.connections.policy_check import Guard
from rostersync.controller.options import RUN_LABEL, STAGE_LABEL
from rostersync.controller.runs import approvals
from rostersync.controller.shared import Shared
from rostersync.controller.view import View
from rostersync.lifecycle.conditions import approval_state
from rostersync.lifecycle.observed import Observed, WorkState
from rostersync.lifecycle.outcomes import APPLIED, ENDINGS, Outcome
from rostersync.lifecycle.steps import CreateApproval, Finish, StartApply, StartDeliver, StartPlan, Step

log = logging.getLogger(__name__)

_LONGEST = 1000  # the highest limit that spec.history.runs accepts for each kind
_NAMES = 8  # approvals of one digest, or names of one Job, before something must be wrong
REFUSALS = (400, 403, 404, 422)  # statuses of a refused Job that only a person can fix
NAMES_TAKEN = "JobNamesTaken"
_KEEP_EXTRACT = (*APPLIED, Outcome.NO_CHANGES, Outcome.DRY_RUN)  # Jobs of these runs have already deleted the extract


class Actor:
    """Carries out what was decided about runs."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared

    async def start_plan(self, run: Object, view: View, step: StartPlan) -> None:
        """Create the plan Job, or adopt the one that exists. It cleans nothing up until all runs are known."""
        of = self._runs_of(run) if self.shared.listed else []
        ended = _last_ended(of)
        # Runs that have not begun have no artifacts. Thousands of their names would not fit into a Job.
        known = [r["metadata"]["name"] for r in (*ended, *(r for r in of if begun(r) and not over(r)), *(of and [run]))]
        await self.job(run, jobs.plan_job(run, view, self.shared.options, step, _told(ended), known))

    async def start_apply(self, run: Object, view: View, step: StartApply, of_plan: int) -> None:
        """Create the apply Job, or adopt the one that exists."""
        await self.job(run, jobs.apply_job(run, view, self.shared.options, step, of_plan))

    async def start_deliver(self, run: Object, view: View, step: StartDeliver) -> None:
        """Create the deliver Job, or adopt the one that exists."""
        await self.job(run, jobs.deliver_job(run, view, self.shared.options, step))

    async def create_approval(self, run: Object, seen: Observed, step: CreateApproval, guard: Guard | None) -> None:
        """Create the pending SyncApproval, with the policies that guard it, or adopt the one that exists."""
        namespace = run["metadata"]["namespace"]
        for number in range(1, _NAMES + 1):
            wanted = approvals.made(run, step, number)
            try:
                made = await self.shared.cluster.create(APPROVALS, namespace, wanted)
            except ApiError as error:
                if error.status != 409:
                    raise
                made = await self.shared.cluster.get(path(APPROVALS, namespace, wanted["metadata"]["name"]))
                if not approvals.same(made, wanted):
                    if approvals.stands(made, wanted):
                        self.shared.store.put(APPROVALS, made)
                        raise ApiError(409, "Conflict", "the approval has moved on; looking again") from error
                    continue
            report = seen.plan.report if seen.plan else None
            await self._write_approval(made, "Pending", guard, approvals.plan_facts(report))
            holds = report.holds_total if report else 0
            reasons = f"{holds} reason{'' if holds == 1 else 's'}"
            text = f"SyncApproval {made['metadata']['name']} waits for a decision about {reasons}."
            self.shared.events.note(run, RUNS, "ApprovalRequested", text)
            return
        raise ApiError(409, "AlreadyExists", "every name for the approval is taken by others")

    async def record_approvals(self, run: Object, seen: Observed, step: Step, guard: Guard | None) -> None:
        """Bring the states of the run's approvals up to date: decided, expired, or superseded."""
        for obj in self.shared.store.related(APPROVALS, f"run/{seen.run.uid}"):
            status = obj.get("status") or {}
            if obj["metadata"]["uid"] == (seen.approval.uid if seen.approval else None) and seen.approval:
                state = approval_state(seen.approval, seen, step)
                if state == "Superseded" and status.get("state") != state and "decision" in obj["spec"]:
                    self._doubted(run, obj, seen, guard)
            elif status.get("state") == "Pending" and seen.approval:
                state = "Superseded"
            else:
                continue
            decided = "decision" in obj["spec"] and not status.get("decisionSeenAt")
            if decided:
                log.info(
                    "%s was %s by %s",
                    f"{obj['metadata']['namespace']}/{obj['metadata']['name']}",
                    str(obj["spec"]["decision"]).lower(),
                    obj["spec"].get("decidedBy", "nobody"),
                )
            if status.get("state") != state or decided:
                await self._write_approval(obj, state, guard)

    def _doubted(self, run: Object, obj: Object, seen: Observed, guard: Guard | None) -> None:
        four_eyes = seen.connection.require_distinct_approver
        approvers, more = self.shared.options.approvers, seen.run.more_requesters
        rules = approvals.Rules(seen.run.requested_by, four_eyes, approvers, more)
        why = approvals.doubt(obj, guard, rules)
        if why:
            text = f"The decision in {obj['metadata']['name']} does not count: {why}. The run says how it goes on."
            self.shared.events.warn(run, RUNS, "DecisionRefused", text)

    async def write_run(self, run: Object, status: dict[str, Any]) -> Object:
        """Write a run's whole status. Returns the run with it."""
        made = await self.shared.cluster.apply_status(RUNS, run, status)
        self.shared.store.put(RUNS, made)
        return made

    async def finished(self, run: Object, seen: Observed, step: Finish, view: View | None) -> None:
        """After the final status: report the end, stop what still runs, clean up, and wake the runs that waited."""
        shared, meta = self.shared, run["metadata"]
        log.info("SyncRun %s/%s ended: %s, %s", meta["namespace"], meta["name"], step.outcome.value, step.reason)
        say = shared.events.note if ENDINGS[step.outcome].succeeded else shared.events.warn
        say(run, RUNS, step.outcome.value if step.reason == step.outcome.value else step.reason, step.message)
        await self.tidy(run)
        if seen.plan and view and view.spec and step.outcome not in _KEEP_EXTRACT:
            # Created once, at this moment. If the operator is killed just before, the next plan Job cleans up.
            purge = jobs.purge_job(run, view, shared.options, [f"{meta['name']}={meta['uid']}"], [], "end")
            await self.job(run, purge, quiet=True)
        shared.queue.add(connection_key(run))
        shared.tell(place_of(run))

    async def retire(self, seen: Observed) -> None:
        """Release Jobs whose end the status has recorded. Delete one that was given up before it began."""
        recorded = {w.job for _, w in seen.works if w.ended_at and w.state != WorkState.LOST}
        for job in self.shared.store.related(JOBS, f"owner/{seen.run.uid}"):
            if job["metadata"]["name"] not in recorded:
                continue
            if finished(JOBS, job):
                await self.expire(job)
            else:
                await self.shared.cluster.delete(JOBS, job)

    async def tidy(self, run: Object) -> None:
        """Tidy up after a final run: stop its running Jobs, and keep finished ones while their logs may be read."""
        for job in self.shared.store.related(JOBS, f"owner/{run['metadata']['uid']}"):
            if finished(JOBS, job):
                await self.expire(job)
            elif (attempt := attempt_of(job)) is None or attempt.awaited:
                await self.shared.cluster.delete(JOBS, job)
        for obj in self.shared.store.related(APPROVALS, f"run/{run['metadata']['uid']}"):
            if (obj.get("status") or {}).get("state") in (None, "Pending"):
                await self._write_approval(obj, "Superseded", None)

    async def expire(self, job: Object) -> None:
        """Delete a finished Job after a while, during which its log can be read."""
        if job_spec(job).get("ttlSecondsAfterFinished") is not None:
            return
        ttl = int(self.shared.options.finished_ttl.total_seconds())
        where = path(JOBS, job["metadata"]["namespace"], job["metadata"]["name"])
        try:
            self.shared.store.put(
                JOBS, await self.shared.cluster.merge(where, {"spec": {"ttlSecondsAfterFinished": ttl}})
            )
        except ApiError as error:
            if error.status != 404:
                raise
        self.shared.reports.forget(job)

    async def job(self, of: Object, job: Object, quiet: bool = False) -> None:
        """Create a Job of a run or connection, or adopt the one that exists. Raises ApiError.

        Where a foreign Job has the name, it keeps it, and another name is used.
        """
        namespace = job["metadata"]["namespace"]
        for taken in range(_NAMES):
            wanted = jobs.renamed(job, taken)
            name = wanted["metadata"]["name"]
            try:
                made = await self.shared.cluster.create(JOBS, namespace, wanted)
                log.info("Job %s/%s was created: %s", namespace, name, labels(made).get(STAGE_LABEL))
            except ApiError as error:
                if quiet and error.status in (403, 404, 422):
                    log.warning("Job %s/%s was refused: %s", namespace, name, error.reason)
                    return
                if error.status != 409:
                    raise
                made = await self.shared.cluster.get(path(JOBS, namespace, name))
                if owner(made) != of["metadata"]["uid"] or labels(made).get(RUN_LABEL) != of["metadata"]["uid"]:
                    kind = RUNS if "connectionRef" in of["spec"] else Ref.to(of).plural
                    text = f"Job {name} is not rostersync's, and has a name that it needed; it takes another name."
                    self.shared.events.warn(of, kind, "JobNameTaken", text)
                    log.warning("%s: %s", namespace, text)
                    continue
            self.shared.store.put(JOBS, made)
            return
        first = job["metadata"]["name"]
        text = (
            f"{_NAMES} names for the Job, from {first} on, are taken by Jobs that are not rostersync's: delete these."
        )
        if not quiet:
            raise ApiError(409, NAMES_TAKEN, text)
        log.warning("%s: %s", namespace, text)

    async def _write_approval(
        self, obj: Object, state: str, guard: Guard | None, plan: dict[str, Any] | None = None
    ) -> None:
        status = approvals.status(obj, state, guard, self.shared.clock(), plan)
        self.shared.store.put(APPROVALS, await self.shared.cluster.apply_status(APPROVALS, obj, status))

    def _runs_of(self, run: Object) -> list[Object]:
        """All runs of the run's connection."""
        return self.shared.store.related(RUNS, f"connection/{place_of(run)}")


def refused(error: ApiError) -> bool:
    """Whether a Job was refused for a reason that only a person can fix, so that retrying alone does not help."""
    return error.status in REFUSALS or error.reason == NAMES_TAKEN


def _last_ended(of: list[Object]) -> list[Object]:
    """The runs that have ended, in the order they ended. No more than the longest history keeps."""
    kept: list[Object] = []
    counts = {True: 0, False: 0}
    ended = sorted((r for r in of if over(r)), key=lambda r: (str(r["status"].get("completionTime", "")), *age(r)))
    for run in reversed(ended):
        counts[_good(run)] += 1
        if counts[_good(run)] <= _LONGEST:
            kept.append(run)
    return kept[::-1]


def _told(ended: list[Object]) -> list[str]:
    """`NAME=ok|failed` of each."""
    return [f"{r['metadata']['name']}={'ok' if _good(r) else 'failed'}" for r in ended]


def _good(run: Object) -> bool:
    return ENDINGS[Outcome(run["status"]["outcome"])].succeeded
