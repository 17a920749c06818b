"""The run's state machine as a truth table: what is known, and the step it must lead to.

One long table of all states, a few lines each.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rostersync.api.kinds import Ref
from rostersync.lifecycle.decide import next_step
from rostersync.lifecycle.observed import Approval, Connection, Observed, Run, Sibling, Window, Work, WorkState
from rostersync.lifecycle.outcomes import Outcome
from rostersync.lifecycle.steps import (
    CreateApproval,
    Finish,
    Nothing,
    StartApply,
    StartPlan,
    Wait,
)
from rostersync.model import ApplyReport, Consent, Entity, EntityCounts, Hold, HoldReason, Mode, PlanReport

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
HOLD = Hold(HoldReason.THRESHOLD, Entity.STUDENT, "Delete", None, 312, 1204, 10, "Percent")


def report(digest=A, holds=0, no_changes=False, deferred=0, incomplete=(), base=4, previous=""):
    counts = EntityCounts(Entity.STUDENT, deleted=0 if no_changes else 312, deferred=deferred, population=1204)
    return PlanReport(
        "r",
        "done",
        digest,
        base,
        [counts],
        [HOLD] * holds,
        holds,
        incomplete=list(incomplete),
        no_changes=no_changes,
        previous_connection=previous,
    )


def done(**kwargs):
    number = kwargs.pop("number", 1)
    return Work(WorkState.SUCCEEDED, number, report(**kwargs))


def failed(reason, number=1, of_plan=1):
    return Work(WorkState.FAILED, number, None, reason, "what was tried and what to do", of_plan=of_plan)


def full(minutes, number=1):
    return replace(failed("DiskFull", number=number), ended_at=NOW - timedelta(minutes=minutes))


def applied(revision=5):
    return Work(WorkState.SUCCEEDED, 1, ApplyReport("r", "done", A, revision))


def approval(decision=None, digest=A, seen=None, expires=NOW + HOUR, name="r-aaaaaaaa"):
    by, why = ("dana", "end of term") if decision else ("", "")
    return Approval(name, digest, expires, "uid-1", decision, by, why, seen or (NOW if decision else None))


def seen(**kwargs):
    run, connection = kwargs.pop("run", {}), kwargs.pop("connection", {})
    base = Observed(NOW, Run("r", **run), Connection(Ref("FocusConnection", "springfield"), **connection))
    return replace(base, **kwargs)


def sibling(**kwargs):
    return Sibling(**{"name": "other", "digest": A, "newer": False} | kwargs)


CONSENT = Consent("dana", A, "end of term", "uid-1", approval="r-aaaaaaaa")
OTHERS = replace(CONSENT, approval="other-aaaaaaaa")
HELD = done(holds=1)
OPEN = Window(NOW, NOW + HOUR)

STEPS = {
    "a new run plans": (seen(), StartPlan(1)),
    "a run that waits for its turn does not plan": (seen(may_start=False), "Queued"),
    "a suspended connection starts nothing": (seen(connection={"suspended": True}), "Queued"),
    "terms that are not accepted fail the run": (seen(connection={"terms_accepted": False}), "TermsNotAccepted"),
    "a connection's problem fails the run by its reason": (
        seen(connection={"problem": ("NotYetSupported", "masterFields comes later")}),
        "NotYetSupported",
    ),
    "inside a Suspend Import window nothing is read": (seen(connection={"suspend_import": (OPEN,)}), "ImportSuspended"),
    "a window's end does not belong to it": (
        seen(connection={"suspend_import": (Window(NOW - HOUR, NOW),)}),
        StartPlan(1),
    ),
    "a window that opens later does not matter": (
        seen(connection={"suspend_import": (Window(NOW + HOUR, NOW + 2 * HOUR),)}),
        StartPlan(1),
    ),
    "a window that opens while a plan is made does not stop it": (
        seen(plan=done(), connection={"suspend_import": (OPEN,)}),
        StartApply(A, None, 1),
    ),
    "a running plan is waited for": (seen(plan=Work(WorkState.RUNNING)), "Planning"),
    "a lost plan is made again while tries are left": (seen(plan=Work(WorkState.LOST), tries=2), StartPlan(2)),
    "a lost plan without tries left ends the run": (seen(plan=Work(WorkState.LOST)), "Interrupted"),
    "a failure ends the run, since its Job has retried": (seen(plan=failed("Unreachable"), tries=3), "Unreachable"),
    "a plan without a digest is a lost report": (seen(plan=Work(WorkState.SUCCEEDED, 1, None)), "ReportLost"),
    "nothing to change is a success": (seen(plan=done(no_changes=True)), "NoChanges"),
    "nothing to change, but not read whole": (
        seen(plan=done(no_changes=True, incomplete=("users",))),
        "AppliedIncomplete",
    ),
    "nothing to change, but deletes are deferred": (seen(plan=done(no_changes=True, deferred=3)), "AppliedIncomplete"),
    "a dry run ends after the plan": (seen(plan=done(), run={"mode": Mode.DRY_RUN}), "DryRun"),
    "a held dry run makes no approval": (seen(plan=HELD, run={"mode": Mode.DRY_RUN}), "DryRun"),
    "a dry run of nothing to change is a dry run": (
        seen(plan=done(no_changes=True), run={"mode": Mode.DRY_RUN}),
        "DryRun",
    ),
    "a plan without holds is applied": (seen(plan=done()), StartApply(A, None, 1)),
    "a clean plan waits while applying is not allowed": (seen(plan=done(), may_apply=False), "Queued"),
    "a clean plan waits while the connection is suspended": (
        seen(plan=done(), connection={"suspended": True}),
        "Queued",
    ),
    "a held plan asks, with the requesters and the expiry": (
        seen(
            plan=HELD,
            run={"requested_by": ("alex",)},
            connection={"require_distinct_approver": True, "expires_after": 3 * HOUR},
        ),
        CreateApproval(A, NOW + 3 * HOUR, ("alex",), True),
    ),
    "a held run waits for its decision": (seen(plan=HELD, approval=approval()), "AwaitingApproval"),
    "an approved run is applied with the consent": (
        seen(plan=HELD, approval=approval("Approved")),
        StartApply(A, CONSENT, 1),
    ),
    "an approved run waits while applying is not allowed": (
        seen(plan=HELD, approval=approval("Approved"), may_apply=False),
        "Queued",
    ),
    "a rejected run ends": (seen(plan=HELD, approval=approval("Rejected")), "Rejected"),
    "an approval that nobody decided expires": (seen(plan=HELD, approval=approval(expires=NOW)), "Expired"),
    "a decision seen in time counts after the expiry": (
        seen(plan=HELD, approval=approval("Approved", seen=NOW - 2 * HOUR, expires=NOW - HOUR)),
        StartApply(A, CONSENT, 1),
    ),
    "a decision seen too late does not count": (
        seen(plan=HELD, approval=approval("Approved", seen=NOW, expires=NOW)),
        "Expired",
    ),
    "an approval for another digest does nothing": (
        seen(plan=HELD, approval=approval("Approved", digest=B)),
        CreateApproval(A, NOW + timedelta(hours=72), (), False),
    ),
    "the connection of the last plan is asked too, where it was another": (
        seen(plan=done(holds=1, previous="north")),
        CreateApproval(A, NOW + timedelta(hours=72), (), False, "north"),
    ),
    "an approval that did not ask it does nothing": (
        seen(plan=done(holds=1, previous="north"), approval=approval("Approved")),
        CreateApproval(A, NOW + timedelta(hours=72), (), False, "north"),
    ),
    "an approval that asked another one does nothing": (
        seen(plan=done(holds=1, previous="north"), approval=replace(approval("Approved"), previous_connection="south")),
        CreateApproval(A, NOW + timedelta(hours=72), (), False, "north"),
    ),
    "an approval that asked it is applied, and says so": (
        seen(plan=done(holds=1, previous="north"), approval=replace(approval("Approved"), previous_connection="north")),
        StartApply(A, replace(CONSENT, previous_connection="north"), 1),
    ),
    "an older run's approval that did not ask it does nothing": (
        seen(plan=done(holds=1, previous="north"), siblings=(sibling(held=True, approval=approval("Approved")),)),
        CreateApproval(A, NOW + timedelta(hours=72), (), False, "north"),
    ),
    "a lost apply goes on with no consent that did not ask it": (
        seen(plan=done(holds=1, previous="north"), approval=approval("Approved"), apply=Work(WorkState.LOST)),
        StartApply(A, None, 2),
    ),
    "a superseded approval does nothing": (
        seen(plan=HELD, approval=replace(approval("Approved"), superseded=True)),
        CreateApproval(A, NOW + timedelta(hours=72), (), False),
    ),
    "the digest that an older run holds is not asked for twice": (
        seen(plan=HELD, siblings=(sibling(held=True, approval=approval(name="other-aaaaaaaa")),)),
        "SameAsHeld",
    ),
    "the digest that an older run got approved is applied": (
        seen(plan=HELD, siblings=(sibling(held=True, approval=approval("Approved", name="other-aaaaaaaa")),)),
        StartApply(A, OTHERS, 1),
    ),
    "another digest held by an older run is no reason to wait": (
        seen(plan=HELD, siblings=(sibling(held=True, digest=B, approval=approval(digest=B)),)),
        CreateApproval(A, NOW + timedelta(hours=72), (), False),
    ),
    "a held run ends when a later one finds other changes": (
        seen(plan=HELD, approval=approval(), siblings=(sibling(newer=True, digest=B, held=True),)),
        "Superseded",
    ),
    "a held run ends when a later one finds no changes": (
        seen(plan=HELD, approval=approval(), siblings=(sibling(newer=True, digest=B, no_changes=True),)),
        "Superseded",
    ),
    "a held run stays when a later one is SameAsHeld": (
        seen(plan=HELD, approval=approval(), siblings=(sibling(newer=True, outcome="SameAsHeld"),)),
        "AwaitingApproval",
    ),
    "an approved run whose changes a later one applied is applied": (
        seen(plan=HELD, approval=approval("Approved"), siblings=(sibling(newer=True, outcome="Applied"),)),
        "Applied",
    ),
    "a running apply is waited for": (seen(plan=done(), apply=Work(WorkState.RUNNING)), "Applying"),
    "applied is the end": (seen(plan=done(), apply=applied()), "Applied"),
    "deferred deletes are said at the end": (seen(plan=done(deferred=3), apply=applied()), "AppliedIncomplete"),
    "an incomplete reading is said at the end": (
        seen(plan=done(incomplete=("users",)), apply=applied()),
        "AppliedIncomplete",
    ),
    "a lost apply is done once more, with its consent": (
        seen(plan=HELD, approval=approval("Approved"), apply=Work(WorkState.LOST)),
        StartApply(A, CONSENT, 2),
    ),
    "a lost apply that the store knows of is done": (
        seen(plan=done(), apply=Work(WorkState.LOST), applied_revision=5),
        "Applied",
    ),
    "a moved base is planned again from the staged extract": (
        seen(plan=HELD, approval=approval("Approved"), apply=failed("BaseMoved")),
        StartPlan(2, again=True),
    ),
    "an equal digest on the new base keeps its approval": (
        seen(plan=done(holds=1, number=2, base=9), approval=approval("Approved"), apply=failed("BaseMoved")),
        StartApply(A, CONSENT, 2),
    ),
    "another digest on the new base asks again": (
        seen(plan=done(holds=1, number=2, digest=B), approval=approval("Approved"), apply=failed("BaseMoved")),
        CreateApproval(B, NOW + timedelta(hours=72), (), False),
    ),
    "a base that keeps moving ends the run": (
        seen(plan=done(number=6), apply=failed("BaseMoved", 6, of_plan=6)),
        "BaseMoved",
    ),
    "a failed apply ends the run": (seen(plan=done(), apply=failed("DigestMismatch")), "DigestMismatch"),
    "cancel before the plan": (seen(run={"cancel": True}), "Cancelled"),
    "cancel while held": (seen(run={"cancel": True}, plan=HELD, approval=approval()), "Cancelled"),
    "cancel when the apply has begun is too late": (
        seen(run={"cancel": True}, plan=done(), apply=Work(WorkState.RUNNING)),
        "Applying",
    ),
    "a deleted connection cancels a held run": (
        seen(connection={"deleted": True}, plan=HELD, approval=approval()),
        "Cancelled",
    ),
    "a deleted connection lets an apply finish": (
        seen(connection={"deleted": True}, plan=done(), apply=applied()),
        "Applied",
    ),
    "an apply that found a disk full waits, and its approval stays": (
        seen(plan=HELD, approval=approval("Approved"), apply=full(minutes=0)),
        "Queued",
    ),
    "an apply that found a disk full is begun again after a while, with the same approval": (
        seen(plan=HELD, approval=approval("Approved"), apply=full(minutes=1)),
        StartApply(A, CONSENT, 2),
    ),
    "the pauses between tries on a full disk grow": (
        seen(plan=HELD, approval=approval("Approved"), apply=full(number=3, minutes=8)),
        "Queued",
    ),
    "an apply whose artifacts were out of reach is begun again after a while, with the same approval": (
        seen(plan=HELD, approval=approval("Approved"), apply=replace(full(minutes=1), reason="ArtifactsAway")),
        StartApply(A, CONSENT, 2),
    ),
    "an apply whose store was out of reach is begun again after a while, with the same approval": (
        seen(plan=HELD, approval=approval("Approved"), apply=replace(full(minutes=1), reason="StoreUnreachable")),
        StartApply(A, CONSENT, 2),
    ),
    "a plan that is made again and finds its artifacts out of reach waits, and what was decided stays": (
        seen(
            plan=replace(full(minutes=0, number=2), reason="ArtifactsAway"),
            approval=approval("Approved"),
            apply=failed("BaseMoved"),
        ),
        "Queued",
    ),
    "a first plan whose artifacts are out of reach fails, and the next run goes on": (
        seen(plan=replace(full(minutes=0), reason="ArtifactsAway")),
        "ArtifactsAway",
    ),
    "an apply that found a disk full ten times fails": (
        seen(plan=HELD, approval=approval("Approved"), apply=full(number=10, minutes=999)),
        "DiskFull",
    ),
    "an apply that found a disk full has done nothing and can be cancelled": (
        seen(run={"cancel": True}, plan=HELD, approval=approval("Approved"), apply=full(minutes=0)),
        "Cancelled",
    ),
    "a full disk of an older plan holds nothing up": (
        seen(plan=done(number=2), apply=full(minutes=0)),
        StartApply(A, None, 2),
    ),
    "a plan that is made again and finds a disk full waits, and what was decided stays": (
        seen(plan=full(minutes=0, number=2), approval=approval("Approved"), apply=failed("BaseMoved")),
        "Queued",
    ),
    "a plan that found a disk full is made again from what is staged": (
        seen(plan=full(minutes=3, number=2), approval=approval("Approved"), apply=failed("BaseMoved")),
        StartPlan(3, again=True),
    ),
    "a plan without holds that is made again and finds a disk full waits, too": (
        seen(plan=full(minutes=0, number=2), apply=failed("BaseMoved")),
        "Queued",
    ),
    "a plan that is made again fails after ten tries on a full disk": (
        seen(plan=full(minutes=999, number=10), apply=failed("BaseMoved")),
        "DiskFull",
    ),
    "a first plan that finds a disk full fails: there is nothing to keep": (
        seen(plan=full(minutes=0)),
        "DiskFull",
    ),
    "a run whose new plan found a disk full can be cancelled": (
        seen(run={"cancel": True}, plan=full(minutes=0, number=2), apply=failed("BaseMoved")),
        "Cancelled",
    ),
    "an apply of which nobody can tell whether it was committed is begun again": (
        seen(plan=done(), apply=failed("ApplyUnsure")),
        StartApply(A, None, 2),
    ),
    "an apply that stays unsure fails in the end": (
        seen(plan=done(), apply=failed("ApplyUnsure", number=10)),
        "JobsLost",
    ),
    "an unsure apply is not cancelled: it may be applied": (
        seen(run={"cancel": True}, plan=done(), apply=failed("ApplyUnsure")),
        StartApply(A, None, 2),
    ),
    "a final run is never started again": (
        seen(run={"status": {"outcome": "Failed"}}),
        Nothing(),
    ),
}


@pytest.mark.parametrize(("known", "expected"), STEPS.values(), ids=STEPS)
def test_next_step(known, expected):
    step = next_step(known)

    if isinstance(expected, str):
        assert isinstance(step, Finish | Wait)
        assert step.reason == expected
    else:
        assert step == expected


OUTCOMES = {
    "Interrupted": Outcome.FAILED,
    "Unreachable": Outcome.FAILED,
    "TermsNotAccepted": Outcome.FAILED,
    "NoChanges": Outcome.NO_CHANGES,
    "Cancelled": Outcome.CANCELLED,
    "ImportSuspended": Outcome.IMPORT_SUSPENDED,
    "Applied": Outcome.APPLIED,
    "SameAsHeld": Outcome.SAME_AS_HELD,
}


@pytest.mark.parametrize("reason", OUTCOMES)
def test_reason_belongs_to_its_outcome(reason):
    known = next(k for k, expected in STEPS.values() if expected == reason)

    step = next_step(known)

    assert isinstance(step, Finish)
    assert step.outcome == OUTCOMES[reason]


def test_a_wait_for_room_says_when_it_is_tried_again_and_that_nobody_is_asked():
    step = next_step(seen(plan=HELD, approval=approval("Approved"), apply=full(minutes=0)))

    assert step.until == NOW + timedelta(minutes=1)
    assert "2026-11-24T02:01Z; no new approval is needed" in step.message


def test_a_held_run_says_the_command_that_approves_it():
    step = next_step(seen(plan=HELD, approval=approval()))

    assert isinstance(step, Wait)
    assert 'rostersync approve r --reason "…"' in step.message
    assert step.until == NOW + HOUR


def test_same_as_held_names_the_run_to_approve():
    known = STEPS["the digest that an older run holds is not asked for twice"][0]

    assert "rostersync approve other --reason" in next_step(known).message


def test_a_run_that_could_not_read_all_says_that_nothing_was_to_apply_and_what_is_left():
    step = next_step(seen(plan=done(no_changes=True, deferred=3, incomplete=("users",))))

    assert step.message == (
        "There is nothing to change in the store. Not read completely: users. 3 deletes are left for a later run."
    )
