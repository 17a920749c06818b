"""Asks a person about a held plan: whether anybody can decide, until when, and whether a decision counts. Pure."""

from datetime import datetime

from rostersync.instants import parse_instant
from rostersync.lifecycle.messages import held_reasons
from rostersync.lifecycle.observed import Approval, Observed
from rostersync.lifecycle.outcomes import Outcome
from rostersync.lifecycle.recorded import pending_approval
from rostersync.lifecycle.steps import CreateApproval, Finish, Step, Wait
from rostersync.model import Phase, PlanReport


def too_many_asked(seen: Observed) -> str:
    """Why nobody can satisfy requireDistinctApprover. Empty if somebody can, or if it is not required."""
    if not (seen.connection.require_distinct_approver and seen.run.more_requesters):
        return ""
    return (
        "Nobody can decide: the connection requires four eyes, and more people requested this run or changed the connection "
        f"than an approval can list. Cancel this run and {seen.words.rerun}."
    )


def ask(seen: Observed, report: PlanReport, nobody: str) -> Step:
    """Ask for a decision, or wait while nobody may decide (`nobody` says why).

    An approval that somebody deleted is created again, with the expiry of the deleted one.
    """
    digest = report.digest or ""
    before = pending_approval(seen.run.status, digest)
    until = parse_instant(before["expiresAt"]) if before else seen.now + seen.connection.expires_after
    if seen.now >= until:
        return expired(until)
    if nobody:
        return Wait(Phase.AWAITING_APPROVAL, f"{held_reasons(report)} {nobody}", until if before else None)
    return CreateApproval(
        digest, until, seen.run.requested_by, seen.connection.require_distinct_approver, report.previous_connection
    )


def expired(at: datetime) -> Step:
    """The run ends because nobody decided in time."""
    return Finish(Outcome.EXPIRED, Outcome.EXPIRED.value, f"Nobody decided before {at:%Y-%m-%dT%H:%MZ}.")


def covers(approval: Approval, report: PlanReport) -> bool:
    """Whether an approval is about this plan: about its changes, and about all connections on which the decider needs
    the verb.
    """
    return (approval.digest, approval.previous_connection) == (report.digest, report.previous_connection)


def counts(approval: Approval, now: datetime) -> str:
    """Approved | Rejected | Expired | Pending. A decision counts if it was seen before the approval expired."""
    if approval.decision and (approval.seen_at or now) < approval.expires_at:
        return approval.decision
    return "Expired" if approval.decision or now >= approval.expires_at else "Pending"
