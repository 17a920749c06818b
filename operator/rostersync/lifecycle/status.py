"""A SyncRun's whole status, from what is known and the step that was decided.

Pure. A condition whose status has not changed keeps its time of transition.
"""

from collections.abc import Callable
from typing import Any

from rostersync.instants import stamp
from rostersync.lifecycle.about import in_brief
from rostersync.lifecycle.conditions import approval_state, conditions, dated
from rostersync.lifecycle.messages import held_message
from rostersync.lifecycle.observed import Observed, WorkState
from rostersync.lifecycle.outcomes import APPLIED, Outcome
from rostersync.lifecycle.recorded import of_deliveries, of_plan, pending_approval
from rostersync.lifecycle.steps import (
    Finish,
    Nothing,
    StartDeliver,
    StartPlan,
    Step,
    Wait,
)
from rostersync.model import Hold, PlanReport


def of(seen: Observed, step: Step, sentence: Callable[[Hold], str] | None = None) -> dict[str, Any]:
    """The whole status after `step` was decided. `sentence` makes a hold's message for people."""
    before = seen.run.status
    if isinstance(step, Nothing):
        return dict(before)
    status: dict[str, Any] = {"observedGeneration": seen.run.generation}
    begun = seen.plan or seen.deliver or isinstance(step, StartPlan | StartDeliver)
    started = before.get("startTime") or (stamp(seen.now) if begun else None)
    if started:
        status["startTime"] = started
    if isinstance(step, Finish):
        status |= {"outcome": step.outcome.value, "completionTime": stamp(seen.now)}
        other = {Outcome.SAME_AS_HELD: "sameAs", Outcome.SUPERSEDED: "supersededBy"}.get(step.outcome)
        if other and step.by:
            status[other] = step.by
    uid = before.get("connectionUID") or seen.connection.uid
    if uid:
        status["connectionUID"] = uid
    if seen.run.requested_by:
        status["requestedBy"] = list(seen.run.requested_by)
    if seen.run.more_requesters:
        status["moreRequesters"] = True
    if seen.plan and seen.plan.report:
        status |= of_plan(seen.plan.report, sentence)
        if seen.plan.report.digest:
            status |= of_holds(seen, step, seen.plan.report, sentence)
        if status.get("plan") and seen.plan.started_at:
            status["plan"]["asOf"] = stamp(seen.plan.started_at)
    approval = of_approval(seen, step)
    if approval:
        status["approval"] = approval
    if (revision := seen.revision) is not None:
        status["revision"] = revision
    if deliveries := of_deliveries(before.get("deliveries") or (), seen.deliver, seen.connection.deliveries):
        status["deliveries"] = deliveries
    if _outbox_pending(seen, step):
        status["outboxPending"] = True
    else:
        status.pop("outboxPending", None)
    jobs = _jobs(seen)
    if jobs:
        status["jobs"] = jobs
    if disruptions := sum(work.disruptions for _, work in seen.works):
        status["disruptions"] = disruptions
    made, known = conditions(seen, step), before.get("conditions") or []
    status["conditions"] = dated(made, known, seen.now, seen.run.generation)
    return status


def of_holds(seen: Observed, step: Step, report: PlanReport, sentence: Callable[[Hold], str] | None) -> dict[str, Any]:
    """Why the plan is held and what it changes, for people, and the command while somebody can decide."""
    # this message is only written while somebody can decide
    asks = seen.approval and isinstance(step, Wait) and step.message == held_message(seen, report)
    command = seen.words.approval(seen.run.name, seen.approval.name) if seen.approval and asks else ""
    return in_brief(report, sentence, command)


def of_approval(seen: Observed, step: Step) -> dict[str, Any] | None:
    """The run's view of its own approval. The SyncApproval's status has the same state."""
    approval = seen.approval
    if approval is None:
        return _deleted_approval(seen, step)
    out: dict[str, Any] = {"name": approval.name, "state": approval_state(approval, seen, step)}
    if approval.uid:
        out["uid"] = approval.uid
    if approval.decision:
        out |= {"decidedBy": approval.decided_by, "reason": approval.reason}
    out["expiresAt"] = stamp(approval.expires_at)
    if seen.connection.require_distinct_approver:
        out["fourEyesEnforced"] = seen.connection.four_eyes_enforced
    return out


def _deleted_approval(seen: Observed, step: Step) -> dict[str, Any] | None:
    """An approval that somebody deleted while it was pending. Its expiry is kept for its successor."""
    digest = seen.plan.report.digest if seen.plan and seen.plan.report else None
    known = pending_approval(seen.run.status, digest)
    if known is None or not isinstance(step, Finish):
        return dict(known) if known else None
    return {**known, "state": "Expired" if step.outcome == Outcome.EXPIRED else "Superseded"}


def _outbox_pending(seen: Observed, step: Step) -> bool:
    """Whether deliveries are outstanding, according to the attempts' reports."""
    if isinstance(step, Finish) and step.outcome in APPLIED and step.outcome != Outcome.DELIVERY_FAILED:
        return False  # what failed may have been taken out of the connection
    if seen.deliver and seen.deliver.state in (WorkState.SUCCEEDED, WorkState.FAILED):
        return seen.deliver.state == WorkState.FAILED
    reports = (seen.plan and seen.plan.report, seen.apply and seen.apply.report)
    return any(report.outbox_pending for report in reports if report)


def _jobs(seen: Observed) -> list[dict[str, Any]]:
    return [
        {"type": attempt.type, "name": work.job, "attempts": work.number}
        | ({"startTime": stamp(work.started_at)} if work.started_at else {})
        | ({"completionTime": stamp(work.ended_at)} if work.ended_at else {})
        | ({"disruptions": work.disruptions} if work.disruptions else {})
        for attempt, work in seen.works
        if work.job
    ]
