"""Which approval belongs to a run, whether it can be decided, and what follows from a decision. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from rostersync.api.objects import run_status
from rostersync.instants import parse_instant
from rostersync.lifecycle.outcomes import HELD_EXIT, Outcome, exit_code, succeeded_message, succeeded_reason
from rostersync.plugin.status import Object, is_final, is_held


def approval_of(run: Object, approvals: Iterable[Object]) -> Object | None:
    """The approval of the run's current plan: the one that its status names, if that was made for this very run."""
    status = run_status(run)
    named = (status.get("approval") or {}).get("uid")
    digest = (status.get("plan") or {}).get("digest")
    own = [a for a in approvals if a["spec"]["runRef"]["uid"] == run["metadata"]["uid"]]
    if named:
        return next((a for a in own if a["metadata"]["uid"] == named), None)
    fitting = [
        a for a in own if a["spec"]["planDigest"] == digest and (a.get("status") or {}).get("state") == "Pending"
    ]
    return fitting[0] if len(fitting) == 1 else None


def undecidable(run: Object, approval: Object | None, digest: str | None, now: datetime) -> str | None:
    """Why the run's plan cannot be decided now; None if it can.

    `digest`: the only plan that the caller would decide.
    """
    name, status = run["metadata"]["name"], run_status(run)
    if not is_held(run):
        stands = succeeded_reason(status)
        how = f"it is {stands}. {succeeded_message(status)}" if stands else "the operator has not taken it up yet."
        return f"Run {name} does not wait for a decision: {how.rstrip()}"
    if approval is None:
        return f"Run {name} has no SyncApproval that could be decided (yet): {succeeded_message(status)}"
    spec, state = approval["spec"], (approval.get("status") or {}).get("state")
    planned = spec["planDigest"]
    if spec.get("decision"):
        why = f": {spec['reason']}" if spec.get("reason") else ""
        return f"Run {name} was {spec['decision'].lower()} by {spec.get('decidedBy', 'somebody')} already{why}"
    if digest is not None and digest != planned:
        return f"The plan of run {name} has the digest {planned}, not {digest}; look at it again. Nothing was decided."
    if state == "Expired" or now >= parse_instant(spec["expiresAt"]):
        return f"The time to decide about run {name} ended at {spec['expiresAt']}; what is decided now does not count."
    if state != "Pending" or planned != (status.get("plan") or {}).get("digest"):
        return f"The plan of run {name} is being made again ({state or 'no state'}); look at it again in a moment."
    return None


def decision_of(approval: Object, decision: str, user: str, reason: str) -> dict[str, Any]:
    """The patch that decides. It names uid and resourceVersion, so that it only fits the object that was shown."""
    shown = approval["metadata"]
    return {
        "metadata": {"uid": shown["uid"], "resourceVersion": shown["resourceVersion"]},
        "spec": {"decision": decision, "decidedBy": user, "reason": reason},
    }


def is_decided(run: Object, approval_uid: str) -> bool:
    """Whether a decision has taken effect: the run has ended, or waits for another decision."""
    now_waits_for = (run_status(run).get("approval") or {}).get("uid")
    return is_final(run) or (is_held(run) and now_waits_for not in (None, approval_uid))


def exit_after(run: Object, decision: str) -> int:
    """The exit code of approve and reject once they have waited.

    A run that was to be rejected, and is, exits with 0.
    """
    status = run_status(run)
    if decision == "Rejected":
        return 0 if status.get("outcome") == Outcome.REJECTED else HELD_EXIT if is_held(run) else 1
    return exit_code(status)
