"""One look at a run, with what it observes and decides as it is: what is done before everything is known, of a run that is
not what the store says, and which step each state of the objects leads to. Only what would reach the API server is noted
instead."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from rostersync.controller.cluster.cache import RUNS
from rostersync.controller.connections.policy_check import Guard
from rostersync.controller.options import Options
from rostersync.controller.process import Process
from rostersync.controller.runs.lookups import Facts
from support.everybody import connection
from support.remembering import CONNECTIONS

NOW = datetime(2026, 11, 26, 3, tzinfo=UTC)
EARLIER = "2026-11-26T02:00:00Z"
A = "sha256:" + "a" * 64
GUARD = Guard((), True, ())
JOB = {"type": "Plan", "name": "one-plan-1", "attempts": 1, "startTime": EARLIER, "completionTime": EARLIER}


def planned(**more):
    """The status of a run whose plan is done."""
    return {"plan": {"digest": A, "baseRevision": 0, "noChanges": False}, "holdsTotal": 0, "jobs": [JOB]} | more


# what is known of a run, and what that leads to: (fields of its spec, its status, fields of the connection's spec)
STATES = {
    "new": ({}, {}, {}, "start_plan"),
    "planned without a hold": ({}, planned(), {}, "start_apply"),
    "held": ({}, planned(holdsTotal=1), {}, "create_approval"),
    "planned, nothing to change": (
        {},
        planned(plan={"digest": A, "baseRevision": 0, "noChanges": True}),
        {},
        "Finish NoChanges",
    ),
    "planned as a dry run": ({"mode": "DryRun"}, planned(), {}, "Finish DryRun"),
    "cancelled": ({"cancel": True}, {}, {}, "Finish Cancelled"),
    "terms not accepted": ({}, {}, {"termsOfUse": {"accepted": False}}, "Finish TermsNotAccepted"),
    "imports suspended": (
        {},
        {},
        {"dataRollover": {"suspendImport": [{"start": "2026-11-26T03:00:00", "end": "2026-11-26T04:00:00"}]}},
        "Finish ImportSuspended",
    ),
    "suspended": ({}, {}, {"suspend": True}, "Wait Queued"),
    "planned, then suspended": ({}, planned(), {"suspend": True}, "Wait Queued"),
}


class ActedError(Exception):
    """What was done."""


def look_at(state, *, listed=True, stands=True):
    """What one look at a run does: the name of the actor's method, or None; of a status that is written, what it says."""
    asked, status, fields, _ = STATES[state]
    made = Process(Options(image="rostersync:test"), None)
    shared = made.shared
    shared.listed, shared.clock = listed, lambda: NOW
    meta = {"namespace": "rosters", "generation": 1, "resourceVersion": "5", "creationTimestamp": EARLIER}
    conn = connection("springfield", **fields)
    shared.store.put(CONNECTIONS, {**conn, "metadata": {**meta, "name": "springfield", "uid": "c1"}})
    spec = {"connectionRef": {"kind": "FocusConnection", "name": "springfield"}, **asked}
    run = {"metadata": {**meta, "name": "one", "uid": "u1"}, "spec": spec, "status": status}
    shared.store.put(RUNS, run)

    async def facts(_):
        return Facts((), frozenset(), GUARD)

    async def does_stand(run):
        if not stands:
            shared.store.remove(RUNS, run)
        return stands

    async def nothing(*_):
        pass

    def act(name):
        async def acted(*arguments):
            raise ActedError(name if name != "write_run" else told(arguments[1]))

        return acted

    made.runs.lookups.facts, made.runs.lookups.stands, made.runs.actor.record_approvals = facts, does_stand, nothing
    for name in ("start_plan", "start_apply", "create_approval", "write_run"):
        setattr(made.runs.actor, name, act(name))
    try:
        asyncio.run(made.runs.reconcile("rosters", "one"))
    except ActedError as acted:
        return str(acted)
    finally:
        assert shared.slots.refusal("rosters", "d", "another").text == "", "a slot that was promised is free again"
    return None


def told(status):
    """`Finish REASON` or `Wait REASON`, of a status that is written."""
    succeeded = next(c for c in status["conditions"] if c["type"] == "Succeeded")
    return f"{'Finish' if status.get('outcome') else 'Wait'} {succeeded['reason']}"


@pytest.mark.parametrize("state", STATES)
def test_when_all_runs_are_known_every_step_is_done(state):
    assert look_at(state) == STATES[state][-1]


@pytest.mark.parametrize("state", STATES)
def test_before_that_runs_are_planned_and_nothing_is_applied_or_ended(state):
    step = STATES[state][-1]
    allowed = step == "start_plan" or step.startswith("Wait")
    assert look_at(state, listed=False) == (step if allowed else None)


@pytest.mark.parametrize("state", STATES)
def test_no_job_is_made_of_a_run_that_is_gone(state):
    step = STATES[state][-1]
    assert look_at(state, stands=False) == (None if step in ("start_plan", "start_apply") else step)


def test_the_approval_that_is_asked_for_is_about_the_plan_and_ends_when_the_connection_says():
    """What `observed` reads and `next_step` decides arrives at the one that acts."""
    state, seen = STATES["held"], []
    made = Process(Options(image="rostersync:test"), None)
    made.shared.listed, made.shared.clock = True, lambda: NOW
    meta = {"namespace": "rosters", "generation": 1, "resourceVersion": "5", "creationTimestamp": EARLIER}
    fields = {"approval": {"expiresAfter": "5h", "requireDistinctApprover": True}}
    made.shared.store.put(
        CONNECTIONS, {**connection("springfield", **fields), "metadata": {**meta, "name": "springfield", "uid": "c1"}}
    )
    before = {"previousConnection": {"name": "north"}} | state[1]["plan"]
    made.shared.store.put(
        RUNS,
        {
            "metadata": {**meta, "name": "one", "uid": "u1"},
            "status": {**state[1], "plan": before},
            "spec": {"connectionRef": {"kind": "FocusConnection", "name": "springfield"}, "requestedBy": "alex"},
        },
    )

    async def facts(_):
        return Facts((), frozenset(), GUARD)

    async def nothing(*_):
        pass

    async def asked(_, __, step, guard):
        seen.append((step, guard))
        raise ActedError

    made.runs.lookups.facts, made.runs.actor.record_approvals, made.runs.actor.create_approval = facts, nothing, asked
    with pytest.raises(ActedError):
        asyncio.run(made.runs.reconcile("rosters", "one"))

    ((step, guard),) = seen
    assert (step.digest, step.expires_at, step.requested_by) == (A, NOW + timedelta(hours=5), ("alex",))
    assert (step.require_distinct_approver, step.previous_connection, guard) == (True, "north", GUARD)
