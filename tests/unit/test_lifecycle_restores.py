"""Restores beside one another: one plan has one approval, and what another restore did replaces nothing but the same."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rostersync.api.kinds import Ref
from rostersync.lifecycle.decide import next_step
from rostersync.lifecycle.observed import Approval, Connection, Observed, Run, Sibling, Work, WorkState
from rostersync.lifecycle.outcomes import Outcome
from rostersync.lifecycle.steps import CreateApproval, Finish, StartPlan, Wait
from rostersync.model import Hold, HoldReason, Mode, PlanReport

NOW = datetime(2026, 9, 1, 3, tzinfo=UTC)
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
REPORT = PlanReport(
    run="r", stage="done", digest=A, base_revision=4, holds=[Hold(reason=HoldReason.RESTORE)], holds_total=1
)
THEIRS = Approval("other-aaaaaaaa", A, NOW + timedelta(hours=1), "u2")
THEIR_YES = replace(THEIRS, decision="Approved", decided_by="dana", seen_at=NOW)
OTHER = Sibling("other", A, newer=False, held=True, approval=THEIRS)


def seen(*siblings: Sibling, approval: Approval | None = None) -> Observed:
    """A restore whose plan is done."""
    return Observed(
        NOW,
        Run("r", mode=Mode.RESTORE),
        Connection(Ref("FocusConnection", "springfield")),
        plan=Work(WorkState.SUCCEEDED, 1, REPORT),
        approval=approval,
        siblings=siblings,
    )


def test_the_same_restore_is_asked_about_once() -> None:
    step = next_step(seen(OTHER))

    assert isinstance(step, Finish)
    assert (step.outcome, step.by) == (Outcome.SAME_AS_HELD, "other")
    assert "already wait for a decision in run other" in step.message


def test_what_was_approved_elsewhere_is_not_applied_here() -> None:
    step = next_step(seen(replace(OTHER, approval=THEIR_YES)))

    assert isinstance(step, Finish)
    assert (step.outcome, step.by) == (Outcome.SAME_AS_HELD, "other")
    assert step.message == "The same changes were approved in run other, which applies them."


@pytest.mark.parametrize(
    "other",
    [
        replace(OTHER, digest=B, approval=replace(THEIRS, digest=B)),
        replace(OTHER, digest=B, approval=replace(THEIR_YES, digest=B)),
        replace(OTHER, newer=True),
        Sibling("other", B, newer=True),
        Sibling("other", B, newer=True, no_changes=True),
        Sibling("other", B, newer=True, outcome=Outcome.REJECTED),
        Sibling("other", A, newer=True, outcome=Outcome.REJECTED),
    ],
)
def test_other_restores_leave_it_alone(other: Sibling) -> None:
    assert isinstance(next_step(seen(other)), CreateApproval)
    mine = Approval("r-aaaaaaaa", A, NOW + timedelta(hours=1), "u1")
    assert isinstance(next_step(seen(other, approval=mine)), Wait)


def test_a_later_run_that_applied_the_same_ends_it() -> None:
    mine = Approval("r-aaaaaaaa", A, NOW + timedelta(hours=1), "u1")
    step = next_step(seen(Sibling("other", A, newer=True, outcome=Outcome.APPLIED, revision=5), approval=mine))

    assert isinstance(step, Finish)
    assert step.message == "The same changes were applied by run other."


def test_a_plan_from_before_another_restore_is_made_again_before_anybody_is_asked() -> None:
    step = next_step(seen(Sibling("other", B, newer=False, outcome=Outcome.APPLIED, revision=5)))

    assert step == StartPlan(2, again=True)
