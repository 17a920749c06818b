"""The conditions of a SyncRun, from what is known and the step decided on. They are made nowhere else. Pure."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rostersync.api.objects import condition
from rostersync.instants import stamp
from rostersync.lifecycle.asking import covers
from rostersync.lifecycle.delivering import AT_WORK, said_before
from rostersync.lifecycle.messages import delivered_message, held_message, stopped
from rostersync.lifecycle.observed import Approval, Observed, WorkState
from rostersync.lifecycle.outcomes import APPLIED, ENDINGS, Outcome
from rostersync.lifecycle.passing import passes
from rostersync.lifecycle.steps import (
    CreateApproval,
    Finish,
    Nothing,
    StartApply,
    StartDeliver,
    StartPlan,
    Step,
    Wait,
)
from rostersync.model import Phase, PlanReport

Condition = tuple[str, str, str, str]  # type, status, reason, message


def approval_state(approval: Approval, seen: Observed, step: Step) -> str:
    """Pending | Approved | Rejected | Expired | Superseded."""
    report = seen.plan.report if seen.plan else None
    if approval.superseded or (report is not None and report.digest is not None and not covers(approval, report)):
        return "Superseded"
    if isinstance(step, Finish) and step.outcome == Outcome.EXPIRED:
        return "Expired"
    if approval.decision:
        return approval.decision
    return "Superseded" if isinstance(step, Finish) else "Pending"


def conditions(seen: Observed, step: Step) -> list[Condition]:
    """All conditions of a run."""
    main = _succeeded(seen, step)
    out = [main]
    if main[1] == "Unknown":
        out.append(("Reconciling", "True", main[2], main[3]))
    elif isinstance(step, Finish) and ENDINGS[step.outcome].stalled:
        out.append(("Stalled", "True", main[2], main[3]))
    stages = (_planned(seen, step), _approved(seen, step), _applied(seen, step), _delivered(seen, step))
    return [*out, *(c for c in stages if c), *_cancelled(seen, step)]


def _succeeded(seen: Observed, step: Step) -> Condition:
    match step:
        case Finish(outcome, reason, message):
            return ("Succeeded", str(ENDINGS[outcome].succeeded), reason, message)
        case Wait(reason, message, _):
            return ("Succeeded", "Unknown", reason, message)
        case StartPlan(_, again):
            why = (
                "The store moved: comparing again." if again else "Reading the source and comparing it with the store."
            )
            return ("Succeeded", "Unknown", Phase.PLANNING, why)
        case CreateApproval():
            report = seen.plan.report if seen.plan else None
            return ("Succeeded", "Unknown", Phase.AWAITING_APPROVAL, held_message(seen, report) if report else "Held.")
        case StartApply():
            return ("Succeeded", "Unknown", Phase.APPLYING, "Writing the changes to the store in one transaction.")
        case StartDeliver():
            return ("Succeeded", "Unknown", Phase.DELIVERING, f"{said_before(seen)}{AT_WORK}")
        case Nothing():
            raise AssertionError("a final run keeps its status")


def _planned(seen: Observed, step: Step) -> Condition | None:
    plan = seen.plan
    if isinstance(step, StartPlan) or (plan and plan.state == WorkState.RUNNING):
        return ("Planned", "Unknown", Phase.PLANNING, "The plan is being made.")
    if plan is None:
        return None
    if plan.state == WorkState.SUCCEEDED and plan.report:
        return ("Planned", "True", "NoChanges" if plan.report.no_changes else "Planned", plan_message(plan.report))
    if isinstance(step, Finish):
        return ("Planned", "False", step.reason, step.message)
    if passes(plan):
        return ("Planned", "False", plan.reason, plan.message)  # all that is known once its Job is gone
    return ("Planned", "Unknown", Phase.PLANNING, "The plan is being made.")


def plan_message(report: PlanReport) -> str:
    """`12 created, 3 updated, 0 deleted; 2 holds; digest sha256:…`."""
    t = report.totals
    holds = f"; {report.holds_total} hold{'' if report.holds_total == 1 else 's'}" if report.holds_total else ""
    return f"{t['created']} created, {t['updated']} updated, {t['deleted']} deleted{holds}; digest {report.digest}"


def _approved(seen: Observed, step: Step) -> Condition | None:
    report = seen.plan.report if seen.plan and seen.plan.state == WorkState.SUCCEEDED else None
    if report is None or report.no_changes or seen.run.mode == "DryRun":
        return None
    if report.holds_total == 0:
        return ("Approved", "True", "NoHolds", "No limit is exceeded, so nobody is asked.")
    consent = step.consent if isinstance(step, StartApply) else None
    if consent and (seen.approval is None or consent.approval != seen.approval.name):
        return ("Approved", "True", "Approved", _by(f"{consent.decided_by} for the same digest", consent.reason))
    before = _before(seen, "Approved")
    if seen.approval is None:
        # Consent came from another run's approval: the condition stays as it was written when the apply began.
        if isinstance(step, CreateApproval):
            return ("Approved", "Unknown", Phase.AWAITING_APPROVAL, "Nobody has decided yet.")
        return before
    approval = seen.approval
    match approval_state(approval, seen, step):
        case "Approved":
            return ("Approved", "True", "Approved", _by(approval.decided_by, approval.reason))
        case "Rejected":
            return ("Approved", "False", "Rejected", _by(approval.decided_by, approval.reason))
        case "Pending":
            return (
                "Approved",
                "Unknown",
                Phase.AWAITING_APPROVAL,
                f"Nobody has decided yet; ends {stamp(approval.expires_at)}.",
            )
        case state if isinstance(step, Finish):
            return ("Approved", "False", state, step.message)
        case _:
            return (
                "Approved",
                "Unknown",
                Phase.AWAITING_APPROVAL,
                "The plan changed, so its approval no longer counts.",
            )


def _by(who: str, reason: str) -> str:
    return stopped(f"By {who}: {reason}") if reason else f"By {who}."


def _nothing_to_apply(seen: Observed) -> bool:
    """Whether the plan changes nothing, however its run ends."""
    return bool(seen.plan and seen.plan.report and seen.plan.report.no_changes)


def _applied(seen: Observed, step: Step) -> Condition | None:
    if _nothing_to_apply(seen):
        return None
    ended_applied = isinstance(step, Finish) and step.outcome in APPLIED
    if isinstance(step, Finish) and step.outcome == Outcome.DELIVERY_FAILED:
        ended_applied = seen.in_store  # a run that only delivers has applied nothing
    if isinstance(step, Finish) and ended_applied:
        revision = seen.revision
        return ("Applied", "True", "Applied", step.message if revision is None else f"Revision {revision}.")
    if seen.in_store and not isinstance(step, Finish):
        return ("Applied", "True", "Applied", f"Revision {seen.revision}.")
    if isinstance(step, StartApply) or (isinstance(step, Wait) and step.reason == Phase.APPLYING):
        return ("Applied", "Unknown", Phase.APPLYING, "The changes are being written.")
    if isinstance(step, Finish) and step.outcome == Outcome.FAILED and seen.apply:
        return ("Applied", "False", step.reason, step.message)
    if isinstance(step, Wait) and seen.apply and passes(seen.apply):
        return ("Applied", "False", seen.apply.reason, seen.apply.message)  # all that is known once its Job is gone
    return None


def _delivered(seen: Observed, step: Step) -> Condition | None:
    work = seen.deliver
    match step:
        case Finish(Outcome.DELIVERY_FAILED, reason, message):
            return ("Delivered", "False", reason, message)
        case Finish() if work and work.state == WorkState.SUCCEEDED:
            return ("Delivered", "True", "Delivered", delivered_message(work.report))
        case Wait() if work and work.state == WorkState.FAILED:
            return ("Delivered", "False", work.reason, work.message)  # all that is known once its Job is gone
        case StartDeliver() | Wait() if (before := _before(seen, "Delivered")) and before[1] == "False":
            return before  # it is false until a try succeeds
        case StartDeliver():
            return ("Delivered", "Unknown", Phase.DELIVERING, AT_WORK)
        case Wait(_, message, _) if work or (seen.connection.deliveries and seen.in_store):
            return ("Delivered", "Unknown", Phase.DELIVERING, message)
        case _:
            return None


def _cancelled(seen: Observed, step: Step) -> list[Condition]:
    if not seen.run.cancel:
        return []
    if isinstance(step, Finish) and step.outcome == Outcome.CANCELLED:
        return [("Cancelled", "True", "Cancelled", step.message)]
    return [("Cancelled", "False", "TooLate", "The apply had begun before the run was cancelled.")]


def _before(seen: Observed, kind: str) -> Condition | None:
    found = condition(seen.run.status, kind)
    return (kind, found["status"], found["reason"], found["message"]) if found else None


def dated(
    new: Iterable[Condition], old: Iterable[Mapping[str, Any]], now: datetime, generation: int
) -> list[dict[str, Any]]:
    """Conditions in the API's form. If a status is unchanged, its time of transition is, too."""
    known = {c["type"]: c for c in old}
    out = []
    for kind, state, reason, message in new:
        was = known.get(kind)
        since = was["lastTransitionTime"] if was and was["status"] == state else stamp(now)
        out.append(
            {
                "type": kind,
                "status": state,
                "reason": str(reason),
                "message": message,
                "lastTransitionTime": since,
                "observedGeneration": generation,
            }
        )
    return out
