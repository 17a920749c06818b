"""What only a cluster brings into a run's state machine: missing things, evictions, queues, guards, and twins."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rostersync.api.kinds import Ref
from rostersync.lifecycle import status
from rostersync.lifecycle.decide import DISRUPTIONS, PATIENCE, next_step
from rostersync.lifecycle.observed import Approval, Connection, Observed, Run, Sibling, Work, WorkState
from rostersync.lifecycle.outcomes import Outcome
from rostersync.lifecycle.steps import CreateApproval, Finish, StartApply, StartPlan, Wait
from rostersync.model import ApplyReport, Consent, Entity, EntityCounts, Hold, HoldReason, Mode, PlanReport

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
A = "sha256:" + "a" * 64
HOLD = Hold(HoldReason.THRESHOLD, Entity.STUDENT, "Delete", None, 312, 1204, 10, "Percent")
CLEAN = Work(WorkState.SUCCEEDED, 1, PlanReport("r", "done", A, 4, [EntityCounts(Entity.STUDENT, deleted=312)]))
HELD = replace(CLEAN, report=replace(CLEAN.report, holds=[HOLD], holds_total=1))
PENDING = Approval("r-aaaaaaaa", A, NOW + HOUR, "uid-1")
YES = replace(PENDING, decision="Approved", decided_by="dana", reason="end of term", seen_at=NOW)
CONSENT = Consent("dana", A, "end of term", "uid-1", approval="r-aaaaaaaa")
UNGUARDED = "admission policies are missing (x)"
ASK = CreateApproval(A, NOW + timedelta(hours=72), (), False)
NOBODY = Wait(
    "AwaitingApproval",
    "Held for 1 reason. Nobody can decide: the connection requires four eyes, and more people requested this run or changed "
    "the connection than an approval can list. Cancel this run and run it again with `rostersync run`.",
)
ASKED = {
    "plan": {"digest": A},
    "approval": {"name": "r-aaaaaaaa", "uid": "uid-1", "state": "Pending", "expiresAt": "2026-11-24T03:00:00Z"},
}
RUNNING, LOST = Work(WorkState.RUNNING), Work(WorkState.LOST)


def seen(run=None, connection=None, **kwargs):
    base = Observed(
        NOW,
        Run("r", created_at=NOW, **(run or {})),
        Connection(Ref("FocusConnection", "springfield"), **(connection or {})),
    )
    return replace(base, **kwargs)


def missing(ago, **run):
    return Observed(
        NOW, Run("r", created_at=NOW - ago, **run), Connection(Ref("FocusConnection", "springfield"), missing=True)
    )


def twin(approval, **more):
    return (Sibling("other", A, False, held=True, approval=approval, **more),)


THEIRS = replace(PENDING, name="other-aaaaaaaa", uid="uid-2")
THEIR_YES = replace(YES, name="other-aaaaaaaa", uid="uid-2")
QUEUED = "Waiting for its turn: another Job works on the store of district springfield."

STEPS = {
    "a connection that is not there yet is waited for": (missing(timedelta()), "Queued"),
    "until patience ends": (missing(PATIENCE - timedelta(seconds=1)), "Queued"),
    "and then the run fails": (missing(PATIENCE), "ConnectionNotFound"),
    "cancelled while it waits for its connection": (missing(HOUR, cancel=True), "Cancelled"),
    "a disrupted plan goes on": (seen(plan=replace(RUNNING, disruptions=DISRUPTIONS)), "Planning"),
    "a plan that is disrupted again and again ends the run": (
        seen(plan=replace(RUNNING, disruptions=DISRUPTIONS + 1)),
        "TooManyDisruptions",
    ),
    "disruptions before the plan was done do not matter afterwards": (
        seen(plan=replace(CLEAN, disruptions=DISRUPTIONS + 1)),
        StartApply(A, None, 1),
    ),
    "a disrupted apply is never given up": (
        seen(plan=CLEAN, apply=replace(RUNNING, disruptions=99)),
        "Applying",
    ),
    "a held plan asks nobody while the policies are missing": (
        seen(plan=HELD, unguarded=UNGUARDED),
        "AwaitingApproval",
    ),
    "a pending approval waits while the policies are missing": (
        seen(plan=HELD, approval=PENDING, unguarded=UNGUARDED),
        "AwaitingApproval",
    ),
    "it expires all the same": (
        seen(plan=HELD, approval=replace(PENDING, expires_at=NOW), unguarded=UNGUARDED),
        "Expired",
    ),
    "a plan without holds needs no policies": (seen(plan=CLEAN, unguarded=UNGUARDED), StartApply(A, None, 1)),
    "a dry run needs no policies": (
        seen(plan=HELD, unguarded=UNGUARDED, run={"mode": Mode.DRY_RUN}),
        "DryRun",
    ),
    "nothing to change needs no policies": (
        seen(plan=replace(HELD, report=replace(HELD.report, no_changes=True)), unguarded=UNGUARDED),
        "NoChanges",
    ),
    "the digest that another run asks about is not asked for without policies either": (
        seen(plan=HELD, unguarded=UNGUARDED, siblings=twin(THEIRS)),
        "SameAsHeld",
    ),
    "a twin whose approval is superseded holds nothing": (
        seen(plan=HELD, siblings=twin(replace(THEIRS, superseded=True))),
        ASK,
    ),
    "a twin whose approval was given and is superseded gives nothing": (
        seen(plan=HELD, siblings=twin(replace(THEIR_YES, superseded=True))),
        ASK,
    ),
    "a twin without an approval holds nothing": (seen(plan=HELD, siblings=twin(None)), ASK),
    "of two twins the one whose approval stands counts": (
        seen(plan=HELD, siblings=(*twin(replace(THEIRS, superseded=True)), *twin(THEIRS))),
        "SameAsHeld",
    ),
    "a newer twin holds nothing for an older run": (
        seen(plan=HELD, siblings=(replace(twin(THEIRS)[0], newer=True),)),
        ASK,
    ),
    "an own approval that was superseded is made anew": (
        seen(plan=HELD, approval=replace(YES, superseded=True)),
        ASK,
    ),
    "with four eyes, and more who asked than are listed, nobody is asked": (
        seen(plan=HELD, run={"more_requesters": True}, connection={"require_distinct_approver": True}),
        NOBODY,
    ),
    "an approval from before them waits": (
        seen(
            plan=HELD, approval=PENDING, run={"more_requesters": True}, connection={"require_distinct_approver": True}
        ),
        NOBODY,
    ),
    "without four eyes they do not matter": (seen(plan=HELD, run={"more_requesters": True}), ASK),
    "an approval that was deleted while it was pending comes back with its first expiry": (
        seen(plan=HELD, run={"status": ASKED}),
        replace(ASK, expires_at=NOW + HOUR),
    ),
    "or not at all, when that has passed": (
        replace(seen(plan=HELD, run={"status": ASKED}), now=NOW + HOUR),
        "Expired",
    ),
    "also while nobody could decide": (
        replace(seen(plan=HELD, run={"status": ASKED}, unguarded=UNGUARDED), now=NOW + HOUR),
        "Expired",
    ),
    "one about another plan is another": (
        seen(plan=HELD, run={"status": ASKED | {"plan": {"digest": "sha256:" + "b" * 64}}}),
        ASK,
    ),
    "one that was superseded is followed by another": (
        seen(plan=HELD, run={"status": ASKED | {"approval": ASKED["approval"] | {"state": "Superseded"}}}),
        ASK,
    ),
    "a planned run waits while its connection is suspended": (
        seen(plan=CLEAN, connection={"suspended": True}),
        "Queued",
    ),
    "an approved run waits while its connection is suspended": (
        seen(plan=HELD, approval=YES, connection={"suspended": True}),
        "Queued",
    ),
    "an apply that runs is not stopped by suspension": (
        seen(plan=CLEAN, apply=RUNNING, connection={"suspended": True}),
        "Applying",
    ),
    "an apply that was lost waits while its connection is suspended": (
        seen(plan=CLEAN, apply=LOST, connection={"suspended": True}),
        "Queued",
    ),
    "a held run asks even while its connection is suspended": (seen(plan=HELD, connection={"suspended": True}), ASK),
    "a plan that runs is not stopped by suspension": (
        seen(plan=RUNNING, connection={"suspended": True}),
        "Planning",
    ),
    "a lost plan is made again": (seen(plan=LOST, tries=3), StartPlan(2)),
    "a lost apply is made again with its consent": (
        seen(plan=HELD, approval=YES, apply=LOST),
        StartApply(A, CONSENT, 2),
    ),
    "a lost apply waits for a slot": (seen(plan=CLEAN, apply=LOST, may_apply=False, queued=QUEUED), "Queued"),
    "a deleted connection does not stop an apply": (
        seen(plan=CLEAN, apply=RUNNING, connection={"deleted": True}),
        "Applying",
    ),
    "a deleted connection ends a run that waits": (seen(connection={"deleted": True}), "Cancelled"),
    "an apply of a plan that was replaced is history": (
        seen(plan=replace(CLEAN, number=2), apply=Work(WorkState.FAILED, 1, None, "BaseMoved", of_plan=0)),
        StartApply(A, None, 2),
    ),
}


@pytest.mark.parametrize(("known", "expected"), STEPS.values(), ids=STEPS)
def test_next_step(known, expected):
    step = next_step(known)

    if isinstance(expected, str):
        assert isinstance(step, Finish | Wait)
        assert step.reason == expected
    elif isinstance(expected, Wait):
        assert replace(step, until=None) == expected
    else:
        assert step == expected


def test_while_nobody_can_decide_a_deleted_approval_is_looked_at_when_it_expires():
    step = next_step(seen(plan=HELD, run={"status": ASKED}, unguarded=UNGUARDED))
    assert (step.reason, step.until) == ("AwaitingApproval", NOW + HOUR)


@pytest.mark.parametrize(
    ("step", "state"),
    [
        (Wait("AwaitingApproval", "policies are missing"), "Pending"),
        (Finish(Outcome.EXPIRED, "Expired", "too late"), "Expired"),
        (Finish(Outcome.CANCELLED, "Cancelled", "as asked"), "Superseded"),
    ],
    ids=["waits", "expires", "ends"],
)
def test_the_expiry_of_an_approval_that_was_deleted_stays_known(step, state):
    made = status.of(seen(plan=HELD, run={"status": ASKED}), step)["approval"]
    assert made == ASKED["approval"] | {"state": state}


def test_patience_ends_at_a_time_that_the_run_is_looked_at_again():
    assert next_step(missing(timedelta(minutes=4))).until == NOW + timedelta(minutes=6)


@pytest.mark.parametrize(
    ("known", "part"),
    {
        "before the plan": (seen(may_start=False, queued=QUEUED), QUEUED),
        "before the plan, without a word": (seen(may_start=False), "Waiting for its turn."),
        "before the apply": (seen(plan=CLEAN, may_apply=False, queued=QUEUED), QUEUED),
        "a pod that does not start": (seen(plan=replace(RUNNING, message="Secret focus is missing")), "Secret focus"),
        "an apply that does not start": (
            seen(plan=CLEAN, apply=replace(RUNNING, message="No node takes the pod")),
            "No node",
        ),
        "policies are missing": (seen(plan=HELD, unguarded=UNGUARDED), UNGUARDED),
        "policies went missing": (seen(plan=HELD, approval=PENDING, unguarded=UNGUARDED), UNGUARDED),
    }.values(),
)
def test_who_waits_says_what_for(known, part):
    assert part in next_step(known).message


def test_what_waits_without_policies_has_no_command_that_would_approve_it():
    assert "rostersync approve" not in next_step(seen(plan=HELD, approval=PENDING, unguarded=UNGUARDED)).message


@pytest.mark.parametrize("reason", ["ConnectionNotFound", "TooManyDisruptions"])
def test_what_cannot_go_on_failed(reason):
    known = next(k for k, expected in STEPS.values() if expected == reason)

    assert next_step(known).outcome == Outcome.FAILED


def test_every_wait_is_a_status():
    for known, expected in STEPS.values():
        step = next_step(known)
        assert status.of(known, step)["conditions"], expected


def test_the_connection_of_a_run_is_remembered_by_uid():
    first = status.of(seen(connection={"uid": "u-1"}), StartPlan(1))
    again = seen(run={"status": first}, connection={"uid": "u-2"})

    assert first["connectionUID"] == "u-1"
    assert status.of(again, StartPlan(1))["connectionUID"] == "u-1"


def test_disruptions_of_both_halves_are_counted():
    applied = Work(WorkState.SUCCEEDED, 1, ApplyReport("r", "done", A, 5), disruptions=2)
    known = seen(plan=replace(CLEAN, disruptions=1), apply=applied)

    assert status.of(known, next_step(known))["disruptions"] == 3
