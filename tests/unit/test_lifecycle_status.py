"""What a status says for each way that a run goes: conditions, outcome, exit code, times."""

from dataclasses import replace

import pytest

from rostersync.api.v1alpha1.syncrun import SyncRunStatus
from rostersync.lifecycle import status
from rostersync.lifecycle.conditions import approval_state
from rostersync.lifecycle.decide import next_step
from rostersync.lifecycle.outcomes import ENDINGS, Outcome, exit_code
from rostersync.lifecycle.steps import CreateApproval, Finish, StartApply, StartDeliver, StartPlan, Wait
from rostersync.model import Mode
from support.run_states import APPROVAL, LATER, TABLE, YES, A, conditions, decided, plan, seen


@pytest.mark.parametrize(("known", "expected"), TABLE.values(), ids=TABLE)
def test_conditions(known, expected):
    assert conditions(decided(known)) == expected


@pytest.mark.parametrize(("known", "_expected"), TABLE.values(), ids=TABLE)
def test_every_condition_is_whole(known, _expected):
    made = decided(known)

    assert made["observedGeneration"] == 7
    for condition in made["conditions"]:
        assert condition["observedGeneration"] == 7
        assert condition["lastTransitionTime"] == "2026-11-24T02:00:00Z"
        assert condition["reason"]
        assert condition["message"]


@pytest.mark.parametrize(("known", "_expected"), TABLE.values(), ids=TABLE)
def test_outcome_and_completion_time_are_set_only_at_the_end(known, _expected):
    made = decided(known)

    final = isinstance(next_step(known), Finish)
    assert ("outcome" in made, "completionTime" in made) == (final, final)


EXITS = {
    Outcome.APPLIED: 0,
    Outcome.APPLIED_INCOMPLETE: 0,
    Outcome.NO_CHANGES: 0,
    Outcome.DRY_RUN: 0,
    Outcome.SAME_AS_HELD: 3,
    Outcome.REJECTED: 1,
    Outcome.EXPIRED: 1,
    Outcome.SUPERSEDED: 1,
    Outcome.CANCELLED: 1,
    Outcome.IMPORT_SUSPENDED: 1,
    Outcome.DELIVERED: 0,
    Outcome.DELIVERY_FAILED: 1,
    Outcome.FAILED: 1,
}


@pytest.mark.parametrize("outcome", Outcome)
def test_exit_code_of_an_outcome(outcome):
    made = status.of(seen(plan=plan()), Finish(outcome, outcome.value, "…"))

    assert exit_code(made) == EXITS[outcome]
    assert conditions(made)["Succeeded"][0] == ("True" if EXITS[outcome] == 0 else "False")
    assert ("Stalled" in conditions(made)) == (outcome in (Outcome.FAILED, Outcome.DELIVERY_FAILED))
    assert set(ENDINGS) == set(Outcome)


def test_exit_code_of_a_held_run_is_3_and_of_an_unfinished_one_1():
    assert exit_code(decided(TABLE["held"][0])) == 3
    assert exit_code(decided(TABLE["approved, applying"][0])) == 1


def test_a_transition_time_changes_only_with_its_status():
    first = status.of(seen(plan=plan(1)), CreateApproval(A, LATER, (), False))
    known = seen(run={"status": first}, plan=plan(1), approval=YES)

    then = status.of(replace(known, now=LATER), StartApply(A, None))

    times = {c["type"]: c["lastTransitionTime"] for c in then["conditions"]}
    assert times["Planned"] == "2026-11-24T02:00:00Z"
    assert times["Reconciling"] == "2026-11-24T02:00:00Z"
    assert times["Approved"] == "2026-11-24T03:00:00Z"


def test_start_time_is_kept():
    first = status.of(seen(), StartPlan(1))

    then = status.of(replace(seen(run={"status": first}, plan=plan()), now=LATER), StartApply(A, None))

    assert then["startTime"] == "2026-11-24T02:00:00Z"


def test_counts_totals_and_holds():
    made = decided(TABLE["held"][0])

    assert made["plan"] == {"digest": A, "baseRevision": 4, "noChanges": False}
    assert made["entities"][0] == {
        "entity": "Student",
        "created": 0,
        "updated": 0,
        "deleted": 312,
        "unchanged": 0,
        "skipped": 0,
        "errors": 0,
        "duplicates": 0,
        "deferred": 0,
        "kept": 0,
        "outOfScope": 0,
        "population": 1204,
    }
    assert (made["totals"]["deleted"], made["totals"]["created"]) == (312, 2)
    assert made["holds"] == [
        {
            "reason": "Threshold",
            "entity": "Student",
            "change": "Delete",
            "count": 312,
            "population": 1204,
            "limit": 10,
            "unit": "Percent",
            "message": "312 of 1204",
        }
    ]
    assert made["holdsTotal"] == 1
    assert made["schools"] == {"found": 3, "mapped": 2, "missing": 1, "vanished": 0, "missingIDs": ["1003"]}


STATES = {
    "pending": (APPROVAL, Wait("AwaitingApproval", ""), "Pending"),
    "approved": (YES, StartApply(A, None), "Approved"),
    "rejected": (replace(YES, decision="Rejected"), Finish(Outcome.REJECTED, "Rejected", ""), "Rejected"),
    "expired": (APPROVAL, Finish(Outcome.EXPIRED, "Expired", ""), "Expired"),
    "decided too late": (YES, Finish(Outcome.EXPIRED, "Expired", ""), "Expired"),
    "run superseded": (APPROVAL, Finish(Outcome.SUPERSEDED, "Superseded", ""), "Superseded"),
    "for another digest": (replace(YES, digest="sha256:b"), Wait("AwaitingApproval", ""), "Superseded"),
}


@pytest.mark.parametrize(("approval", "step", "expected"), STATES.values(), ids=STATES)
def test_approval_state(approval, step, expected):
    assert approval_state(approval, seen(plan=plan(1), approval=approval), step) == expected


@pytest.mark.parametrize(("known", "_expected"), TABLE.values(), ids=TABLE)
def test_a_status_is_one_of_the_api(known, _expected):
    made = decided(known)
    strict = SyncRunStatus.model_validate(made).model_dump(exclude_unset=True)

    assert set(strict) == set(made)


@pytest.mark.parametrize(("outcome", "field"), [("SameAsHeld", "sameAs"), ("Superseded", "supersededBy")])
def test_the_other_run_is_named(outcome, field):
    made = status.of(seen(plan=plan(1)), Finish(Outcome(outcome), outcome, "…", "other"))

    assert made[field] == "other"


def test_a_final_run_keeps_its_status():
    final = {"outcome": "Applied", "conditions": []}

    assert decided(seen(run={"status": final})) == final


def test_a_run_that_only_delivers_has_a_start():
    made = status.of(seen({"mode": Mode.DELIVER}), StartDeliver())
    assert made["startTime"] == "2026-11-24T02:00:00Z"
