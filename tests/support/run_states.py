"""What is seen of a run in each of its states, and the conditions that its status then has."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rostersync.api.kinds import Ref
from rostersync.lifecycle import status
from rostersync.lifecycle.decide import next_step
from rostersync.lifecycle.observed import Approval, Connection, Observed, Run, Work, WorkState
from rostersync.model import ApplyReport, Entity, EntityCounts, Hold, HoldReason, Mode, PlanReport, Schools

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
A = "sha256:" + "a" * 64
HOLD = Hold(HoldReason.THRESHOLD, Entity.STUDENT, "Delete", None, 312, 1204, 10, "Percent")


def plan(holds: int = 0, **kwargs: Any) -> Work[PlanReport]:
    """A plan that was made."""
    counts = [EntityCounts(Entity.STUDENT, deleted=312, population=1204), EntityCounts(Entity.CLASS, created=2)]
    report = PlanReport("r", "done", A, 4, counts, [HOLD] * holds, holds, schools=Schools(3, 2, 1, 0, ("1003",)))
    return Work(WorkState.SUCCEEDED, 1, replace(report, **kwargs))


def seen(run: dict[str, Any] | None = None, connection: dict[str, Any] | None = None, **kwargs: Any) -> Observed:
    """What is seen of a run."""
    base = Observed(
        NOW,
        Run("r", generation=7, **(run or {})),
        Connection(Ref("FocusConnection", "springfield"), **(connection or {})),
    )
    return replace(base, **kwargs)


def decided(known: Observed) -> dict[str, Any]:
    """The status of a run that was seen so."""
    return status.of(known, next_step(known), lambda h: f"{h.count} of {h.population}")


def conditions(made: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Type -> status and reason."""
    return {c["type"]: (c["status"], c["reason"]) for c in made["conditions"]}


APPROVAL = Approval("r-aaaaaaaa", A, LATER, "u")
YES = replace(APPROVAL, decision="Approved", decided_by="dana", reason="end of term", seen_at=NOW)
APPLIED = Work(WorkState.SUCCEEDED, 1, ApplyReport("r", "done", A, 5))
REFUSED: Work[Any] = Work(WorkState.FAILED, 1, None, "CredentialsRefused", "Focus refused the token request (401)")

# Laid out by hand, so that all of a run's conditions stand in one line or two beside what was seen.
TABLE = {
    "planning": (seen(), {
        "Succeeded": ("Unknown", "Planning"), "Reconciling": ("True", "Planning"), "Planned": ("Unknown", "Planning"),
    }),
    "queued": (seen(may_start=False), {"Succeeded": ("Unknown", "Queued"), "Reconciling": ("True", "Queued")}),
    "plan failed": (seen(plan=REFUSED), {
        "Succeeded": ("False", "CredentialsRefused"), "Stalled": ("True", "CredentialsRefused"),
        "Planned": ("False", "CredentialsRefused"),
    }),
    "no changes": (seen(plan=plan(no_changes=True)), {
        "Succeeded": ("True", "NoChanges"), "Planned": ("True", "NoChanges"),
    }),
    "no changes, and not read whole": (seen(plan=plan(no_changes=True, incomplete=["users"])), {
        "Succeeded": ("True", "AppliedIncomplete"), "Planned": ("True", "NoChanges"),
    }),
    "dry run": (seen(run={"mode": Mode.DRY_RUN}, plan=plan(1)), {
        "Succeeded": ("True", "DryRun"), "Planned": ("True", "Planned"),
    }),
    "held": (seen(plan=plan(1), approval=APPROVAL), {
        "Succeeded": ("Unknown", "AwaitingApproval"), "Reconciling": ("True", "AwaitingApproval"),
        "Planned": ("True", "Planned"), "Approved": ("Unknown", "AwaitingApproval"),
    }),
    "approved, applying": (seen(plan=plan(1), approval=YES), {
        "Succeeded": ("Unknown", "Applying"), "Reconciling": ("True", "Applying"), "Planned": ("True", "Planned"),
        "Approved": ("True", "Approved"), "Applied": ("Unknown", "Applying"),
    }),
    "approved, not to be applied yet": (seen(plan=plan(1), approval=YES, may_apply=False), {
        "Succeeded": ("Unknown", "Queued"), "Reconciling": ("True", "Queued"), "Planned": ("True", "Planned"),
        "Approved": ("True", "Approved"),
    }),
    "rejected": (seen(plan=plan(1), approval=replace(YES, decision="Rejected")), {
        "Succeeded": ("False", "Rejected"), "Planned": ("True", "Planned"), "Approved": ("False", "Rejected"),
    }),
    "expired": (seen(plan=plan(1), approval=replace(APPROVAL, expires_at=NOW)), {
        "Succeeded": ("False", "Expired"), "Planned": ("True", "Planned"), "Approved": ("False", "Expired"),
    }),
    "cancelled": (seen(run={"cancel": True}, plan=plan(1), approval=APPROVAL), {
        "Succeeded": ("False", "Cancelled"), "Planned": ("True", "Planned"), "Approved": ("False", "Superseded"),
        "Cancelled": ("True", "Cancelled"),
    }),
    "cancelled too late": (seen(run={"cancel": True}, plan=plan(), apply=APPLIED), {
        "Succeeded": ("True", "Applied"), "Planned": ("True", "Planned"), "Approved": ("True", "NoHolds"),
        "Applied": ("True", "Applied"), "Cancelled": ("False", "TooLate"),
    }),
    "applied": (seen(plan=plan(1), approval=YES, apply=APPLIED), {
        "Succeeded": ("True", "Applied"), "Planned": ("True", "Planned"), "Approved": ("True", "Approved"),
        "Applied": ("True", "Applied"),
    }),
    "planned again on a full disk": (
        seen(
            plan=Work(WorkState.FAILED, 2, None, "DiskFull", "Make room.", ended_at=NOW), approval=YES,
            apply=replace(APPLIED, state=WorkState.FAILED, reason="BaseMoved"),
        ), {
            "Succeeded": ("Unknown", "Queued"), "Reconciling": ("True", "Queued"), "Planned": ("False", "DiskFull"),
        },
    ),
    "apply failed": (seen(plan=plan(), apply=replace(APPLIED, state=WorkState.FAILED, reason="Digest", message="no")), {
        "Succeeded": ("False", "Digest"), "Stalled": ("True", "Digest"),
        "Planned": ("True", "Planned"), "Approved": ("True", "NoHolds"), "Applied": ("False", "Digest"),
    }),
}  # fmt: skip
