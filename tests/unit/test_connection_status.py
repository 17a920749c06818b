"""What a connection's status says, from what is known of it."""

from dataclasses import replace

import pytest

from rostersync.api.v1alpha1.connection import ConnectionStatus
from rostersync.lifecycle.connection_status import RunSeen, of
from rostersync.lifecycle.triggers import Answer
from support.connection_states import ENDED, GONE, LATER, PLANNED, REFUSED, TABLE, VERIFIED, conditions, known


@pytest.mark.parametrize(("seen", "expected"), TABLE.values(), ids=TABLE)
def test_conditions(seen, expected):
    assert conditions(of(seen)) == expected


@pytest.mark.parametrize(("seen", "_expected"), TABLE.values(), ids=TABLE)
def test_a_status_is_one_of_the_api_and_every_condition_is_whole(seen, _expected):
    made = of(seen)

    assert set(ConnectionStatus.model_validate(made).model_dump(exclude_unset=True)) == set(made)
    assert made["observedGeneration"] == seen.generation
    assert all(c["message"] and c["lastTransitionTime"] == "2026-07-01T02:30:00Z" for c in made["conditions"])


@pytest.mark.parametrize(("seen", "_expected"), TABLE.values(), ids=TABLE)
def test_looked_at_again_later_the_status_is_the_same(seen, _expected):
    made = of(seen)

    assert of(replace(seen, status=made, now=LATER)) == made


def test_what_was_tested_keeps_its_generation():
    made = of(known(generation=4, checked=VERIFIED))

    by_type = {c["type"]: c["observedGeneration"] for c in made["conditions"]}
    assert by_type == {"Ready": 4, "Reconciling": 4, "ConnectionVerified": 3, "SchoolsComplete": 4}


def test_a_transition_time_changes_only_with_the_condition_s_status():
    first = of(known(checked=REFUSED))

    then = of(known(status=first, checked=replace(REFUSED, reason="Unreachable", message="…"), now=LATER))
    mended = of(known(status=first, checked=VERIFIED, now=LATER))

    times = {c["type"]: c["lastTransitionTime"] for c in then["conditions"]}
    assert set(times.values()) == {"2026-07-01T02:30:00Z"}
    assert {c["lastTransitionTime"] for c in mended["conditions"]} == {"2026-07-01T03:30:00Z"}


def test_missing_policies_and_vanished_schools_are_named():
    made = of(known(missing_policies=("a", "b"), runs=(PLANNED,)))

    messages = {c["type"]: c["message"] for c in made["conditions"]}
    assert "a, b" in messages["PoliciesInstalled"]
    assert "1 mapped school is" in messages["SchoolsComplete"]
    assert "1003" in messages["SchoolsComplete"]


def ended(name, completed, outcome="Applied", **kwargs):
    return RunSeen(name, outcome, outcome, f"2026-07-0{completed}T00:00:00Z", **kwargs)


RUNS = {
    "none": ((), {}, None, None, 0),
    "the run that ended last is the last, whichever was made first": (
        (ended("a", 3, revision=7), ended("b", 2)),
        {},
        {"name": "a", "outcome": "Applied", "completionTime": "2026-07-03T00:00:00Z", "revision": 7},
        None,
        0,
    ),
    "a run without a revision": (
        (ended("a", 3, "NoChanges"),),
        {},
        {"name": "a", "outcome": "NoChanges", "completionTime": "2026-07-03T00:00:00Z"},
        None,
        0,
    ),
    "history took the last run away": ((), {"lastRun": {"name": "old"}}, {"name": "old"}, None, 0),
    "one at work": ((RunSeen("a", "Queued"), RunSeen("b", "Planning")), {}, None, "b", 0),
    "one that applies": ((RunSeen("a", "Applying"),), {}, None, "a", 0),
    "those that wait for a decision are counted": ((RunSeen("a", "AwaitingApproval"), PLANNED), {}, None, None, 2),
    "one that is queued is neither at work nor held": ((RunSeen("a", "Queued"),), {}, None, None, 0),
    "one that nobody took up yet": ((RunSeen("a"),), {}, None, None, 0),
}


@pytest.mark.parametrize(("runs", "before", "last", "active", "held"), RUNS.values(), ids=RUNS)
def test_runs(runs, before, last, active, held):
    made = of(known(runs=runs, status=before))

    assert (made.get("lastRun"), made.get("activeRun"), made["heldRuns"]) == (last, active, held)


TESTED = {"found": 5, "mapped": 5, "missing": 0, "vanished": 0}
NONE = dict.fromkeys(TESTED, 0)
SCHOOLS = {
    "of Test Connection before there is a plan": (
        known(checked=replace(VERIFIED, schools=TESTED)),
        TESTED,
    ),
    "of the newest plan": (
        known(checked=replace(VERIFIED, schools=TESTED), runs=(RunSeen("a", schools=TESTED), PLANNED)),
        GONE,
    ),
    "of the newest plan, not of a run without one": (known(runs=(PLANNED, RunSeen("b", "Planning"))), GONE),
    "of the newest plan of an import, since a restore asks for no schools": (
        known(runs=(PLANNED, RunSeen("b", schools=NONE, mode="Restore"))),
        GONE,
    ),
    "of the status before when nothing is known any more": (known(status={"schools": TESTED}), TESTED),
    "none": (known(), None),
}


@pytest.mark.parametrize(("seen", "expected"), SCHOOLS.values(), ids=SCHOOLS)
def test_schools(seen, expected):
    assert of(seen).get("schools") == expected


def test_what_was_handled_is_remembered():
    made = of(known(answer=Answer((), LATER, "asked", "hash"), handled_check="tested"))

    assert made["nextRunTime"] == "2026-07-01T03:30:00Z"
    assert made["lastHandledRequestedAt"] == "asked"
    assert made["lastHandledCheckRequestedAt"] == "tested"
    assert made["lastRunSpecHash"] == "hash"


def test_a_suspended_connection_has_no_next_run():
    assert "nextRunTime" not in of(known(answer=Answer((), LATER), suspended=True))


def test_the_last_run_is_the_last_import():
    look = replace(ENDED, name="look", outcome="DryRun", completed="2026-06-09T00:00:00Z", mode="DryRun")

    assert of(known(runs=(ENDED, look)))["lastRun"]["name"] == "r"
    assert "lastRun" not in of(known(runs=(look,)))
