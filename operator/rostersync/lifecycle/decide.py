"""A run's state machine: the next step, from what is known. Pure: the same `Observed` gives the same `Step`.

The driver takes the step, observes and asks again, until the step is `Wait`, `Finish` or `Nothing`. Nothing is
remembered between two calls, so a driver that was killed simply continues.
"""

from datetime import timedelta

from rostersync.attempts import APPLY, PLAN
from rostersync.errors import BaseMoved, Unsure
from rostersync.lifecycle.asking import ask, counts, covers, expired, too_many_asked
from rostersync.lifecycle.delivering import deliver
from rostersync.lifecycle.messages import (
    deferred,
    delivered_message,
    dry_run_message,
    has_delivered,
    held_message,
    held_reasons,
    incomplete,
    no_changes_message,
    planning,
    stopped,
)
from rostersync.lifecycle.observed import Approval, Observed, Work, WorkState
from rostersync.lifecycle.outcomes import Outcome
from rostersync.lifecycle.passing import passes, until_it_passes
from rostersync.lifecycle.siblings import moved_since, replaces, same_as, taken_over, twin_of
from rostersync.lifecycle.steps import (
    Finish,
    Nothing,
    StartApply,
    StartPlan,
    Step,
    Wait,
    ended,
)
from rostersync.lifecycle.windows import open_window
from rostersync.model import ApplyReport, Consent, Mode, Phase, PlanReport

PATIENCE = timedelta(minutes=10)  # how long a SyncRun may exist before the connection that it names
DISRUPTIONS = 5  # how many lost pods a plan survives
REPLANS = 5  # how often a run is planned again because the store moved, before it gives up


def next_step(seen: Observed) -> Step:
    """What to do next with this run."""
    if seen.run.status.get("outcome"):
        return Nothing()
    begun = _current_apply(seen)
    if begun is not None and not passes(begun):
        return _applying(seen, begun)
    if seen.run.cancel and seen.deliver is None:
        why = (
            "because a person was forgotten, which removed the details of its plan"
            if seen.run.forgotten
            else "as asked"
        )
        return ended(Outcome.CANCELLED, f"Cancelled {why}; nothing was applied.")
    if seen.connection.missing:
        return _without_connection(seen)
    if seen.connection.deleted:
        return ended(Outcome.CANCELLED, "Cancelled because its connection was deleted; nothing was applied.")
    if seen.run.mode == Mode.DELIVER:
        return _delivering(seen)
    if seen.plan is None:
        return _before_start(seen) or StartPlan(1)
    if seen.plan.state != WorkState.SUCCEEDED:
        return _planning(seen, seen.plan)
    return _planned(seen, seen.plan)


def _planning(seen: Observed, plan: Work[PlanReport]) -> Step:
    """The plan has started: it is running, or it has failed."""
    match plan.state:
        case WorkState.RUNNING:
            if plan.disruptions > DISRUPTIONS:
                return Finish(
                    Outcome.FAILED,
                    "TooManyDisruptions",
                    f"The plan's pods were disrupted {plan.disruptions} times (evicted, or lost with their node); the "
                    f"store is unchanged: {seen.words.rerun}.",
                )
            return Wait(Phase.PLANNING, plan.message or planning(seen.run.mode))
        case WorkState.LOST if plan.number < seen.tries:
            return _start_plan(seen, plan.number + 1)
        case WorkState.LOST:
            return Finish(
                Outcome.FAILED,
                "Interrupted",
                f"The plan was interrupted before it finished; the store is unchanged: {seen.words.rerun}.",
            )
        case _ if passes(plan) and (seen.apply or seen.approval):
            # It was planned before, and the decision on that plan still stands.
            return until_it_passes(PLAN, plan, seen.now) or _start_plan(seen, plan.number + 1, again=True)
        case _:
            return Finish(Outcome.FAILED, plan.reason, plan.message)


def _delivering(seen: Observed) -> Step:
    """A run that only delivers what earlier runs have left."""
    if seen.deliver is None and not seen.connection.deliveries:
        said = f"{seen.connection.ref} has no deliveries (spec.deliveries), so there is nothing to deliver."
        return Finish(Outcome.FAILED, "NoDeliveries", said)
    if seen.deliver is None and (waits := _before_start(seen)):
        return waits
    report = seen.deliver.report if seen.deliver else None
    outcome = Outcome.DELIVERED if has_delivered(report) else Outcome.NO_CHANGES
    return deliver(seen) or ended(outcome, delivered_message(report))


def _before_start(seen: Observed) -> Wait | Finish | None:
    """Why a run does not start now. None when it may."""
    connection = seen.connection
    if not connection.terms_accepted:
        return Finish(
            Outcome.FAILED,
            "TermsNotAccepted",
            f"The terms of use are not accepted: set spec.termsOfUse.accepted: true in "
            f"{connection.ref}, which also accepts the privacy policy.",
        )
    if connection.problem:
        reason, message = connection.problem
        return Finish(Outcome.FAILED, reason, message)
    closed = open_window(connection.suspend_import, seen.now)
    if closed and seen.run.mode not in (Mode.DELIVER, Mode.RESTORE):
        return ended(
            Outcome.IMPORT_SUSPENDED,
            f"Imports are suspended from {closed.start:%Y-%m-%dT%H:%MZ} to {closed.end:%Y-%m-%dT%H:%MZ} "
            "(spec.dataRollover.suspendImport); run again afterwards.",
        )
    if seen.behind:
        # The text names no other run, so that it stays true until its turn comes, however many runs come first.
        text = f"Waiting for its turn: runs of {connection.ref} that were made before it come first."
        return Wait(Phase.QUEUED, text)
    if connection.suspended:
        return Wait(Phase.QUEUED, f"{connection.ref} is suspended (spec.suspend).")
    if not seen.may_start:
        return Wait(Phase.QUEUED, seen.queued or "Waiting for its turn.", turn=True)
    return None


def _without_connection(seen: Observed) -> Step:
    """The run names a connection that does not exist. It may come a moment later, as when both come from Git."""
    ref, until = seen.connection.ref, (seen.run.created_at or seen.now) + PATIENCE
    if seen.now < until:
        return Wait(Phase.QUEUED, f"{ref} is not there yet.", until)
    return Finish(
        Outcome.FAILED,
        "ConnectionNotFound",
        f"There is no {ref} in this namespace: create it, then create another SyncRun.",
    )


def _planned(seen: Observed, plan: Work[PlanReport]) -> Step:
    """There is a plan, and it is not applied yet."""
    report = plan.report
    if report is None or report.digest is None:
        return Finish(Outcome.FAILED, "ReportLost", f"The plan left no report: {seen.words.rerun}.")
    if seen.run.mode == Mode.DRY_RUN:
        return ended(Outcome.DRY_RUN, dry_run_message(report))
    if report.no_changes and report.outbox_pending and (delivery := deliver(seen)):
        return delivery  # deliver what an earlier run could not
    if report.no_changes:
        # An incomplete pull proves nothing about the records that it lacks: the store may still differ from the source.
        outcome = Outcome.APPLIED_INCOMPLETE if incomplete(report) else Outcome.NO_CHANGES
        return ended(outcome, no_changes_message(report))
    taken = next(
        (
            s
            for s in seen.siblings
            if s.newer and s.covers(seen.run.schools) and replaces(s, report.digest, seen.run.mode)
        ),
        None,
    )
    if taken:
        return taken_over(report, taken)
    if report.holds_total == 0:
        return _start_apply(seen, report.digest, None)
    return _held(seen, plan, report)


def _held(seen: Observed, plan: Work[PlanReport], report: PlanReport) -> Step:
    digest = report.digest or ""
    approval = seen.approval
    nobody = seen.unguarded or too_many_asked(seen)
    if approval is None or approval.superseded or not covers(approval, report):
        twin = twin_of(seen, report)
        if twin is None or twin.approval is None:
            if not nobody and moved_since(seen, report) and plan.number <= REPLANS:
                return _start_plan(seen, plan.number + 1, again=True)
            return ask(seen, report, nobody)
        approved = counts(twin.approval, seen.now) == "Approved"
        if approved and seen.run.mode != Mode.RESTORE:
            return _start_apply(seen, digest, consent_of(seen, twin.approval))
        return same_as(seen, twin, approved=approved)
    match counts(approval, seen.now):
        case "Approved":
            return _start_apply(seen, digest, consent_of(seen, approval))
        case "Rejected":
            return ended(Outcome.REJECTED, stopped(f"Rejected by {approval.decided_by}: {approval.reason}"))
        case "Expired":
            return expired(approval.expires_at)
        case _ if nobody:
            return Wait(Phase.AWAITING_APPROVAL, f"{held_reasons(report)} {nobody}", approval.expires_at)
        case _:
            return Wait(Phase.AWAITING_APPROVAL, held_message(seen, report), approval.expires_at)


def _start_plan(seen: Observed, number: int, again: bool = False) -> Step:
    return Wait(Phase.QUEUED, seen.queued, turn=True) if seen.queued else StartPlan(number, again)


def _current_apply(seen: Observed) -> Work[ApplyReport] | None:
    """The apply of the newest plan, if it has started.

    An apply of an older plan, from before the store moved, is history.
    """
    apply = seen.apply
    if apply is None or (seen.plan is not None and apply.of_plan < seen.plan.number):
        return None
    return apply


def _applying(seen: Observed, apply: Work[ApplyReport]) -> Step:
    """The apply has started: neither a cancel nor a deleted connection stops it."""
    if apply.state == WorkState.SUCCEEDED or seen.applied_revision is not None:
        return _applied(seen)
    unsure = apply.state == WorkState.LOST or (apply.state == WorkState.FAILED and apply.reason == Unsure.reason)
    match apply.state:
        case WorkState.RUNNING:
            return Wait(Phase.APPLYING, apply.message or "Writing the changes to the store in one transaction.")
        case _ if unsure and apply.number >= APPLY.tries:
            return Finish(
                Outcome.FAILED,
                "JobsLost",
                f"The apply was started {apply.number} times, and its Job was deleted each time; the store's newest revision "
                "says whether it was applied.",
            )
        case _ if unsure:
            # Only the store knows whether it was applied. Apply is idempotent, so run it again.
            return _start_apply(seen, _digest(seen), _consent(seen), apply.number + 1)
        case _ if apply.reason == BaseMoved.reason and (seen.connection.deleted or seen.run.cancel):
            why = "its connection was deleted" if seen.connection.deleted else "it was asked to"
            return ended(Outcome.CANCELLED, f"Cancelled because {why}; the store had moved, and nothing was applied.")
        case _ if apply.reason == BaseMoved.reason and apply.of_plan <= REPLANS:
            return _start_plan(seen, apply.of_plan + 1, again=True)
        case _:
            return Finish(Outcome.FAILED, apply.reason, apply.message)


def _applied(seen: Observed) -> Step:
    if delivery := deliver(seen):
        return delivery
    report = seen.plan.report if seen.plan else None
    revision = seen.revision
    at = f"The store is at revision {revision}." if revision is not None else "Applied."
    if report and incomplete(report):
        return ended(Outcome.APPLIED_INCOMPLETE, f"{at}{deferred(report)}")
    return ended(Outcome.APPLIED, f"{at}{deferred(report) if report else ''}")


def _start_apply(seen: Observed, digest: str, consent: Consent | None, number: int = 0) -> Step:
    if seen.connection.suspended:
        return Wait(Phase.QUEUED, f"Planned; {seen.connection.ref} is suspended (spec.suspend).")
    if not seen.may_apply:
        free = f"Planned and free to be applied: `{seen.words.application(seen.run.name)}`."
        return Wait(Phase.QUEUED, seen.queued or free, turn=True)
    failed = _current_apply(seen)
    if failed is not None and passes(failed) and (later := until_it_passes(APPLY, failed, seen.now)):
        return later
    return StartApply(digest, consent, number or (seen.apply.number + 1 if seen.apply else 1))


def consent_of(seen: Observed, approval: Approval) -> Consent:
    """The consent that an approval which counts gives."""
    return Consent(
        approval.decided_by,
        approval.digest,
        approval.reason,
        approval.uid or None,
        seen.connection.require_distinct_approver and seen.connection.four_eyes_enforced,
        approval.previous_connection,
        approval.name,
    )


def _consent(seen: Observed) -> Consent | None:
    """The consent for an apply that has already started."""
    report = seen.plan.report if seen.plan else None
    given = [seen.approval, *(s.approval for s in seen.siblings)]
    found = next((a for a in given if a and report and covers(a, report) and counts(a, seen.now) == "Approved"), None)
    return consent_of(seen, found) if found else None


def _digest(seen: Observed) -> str:
    return (seen.plan.report.digest if seen.plan and seen.plan.report else None) or ""
