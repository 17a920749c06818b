"""One look at a run: what is done before everything is known, and of a run that is not what the store says."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from rostersync.controller import runs
from rostersync.controller.look import Facts
from rostersync.controller.options import Options
from rostersync.controller.process import Process
from rostersync.controller.slots import Refusal
from rostersync.controller.store import RUNS
from rostersync.lifecycle.outcomes import Outcome
from rostersync.lifecycle.steps import CreateApproval, Finish, StartApply, StartPlan, Wait

NOW = datetime(2026, 11, 26, tzinfo=UTC)
STEPS = {
    StartPlan(): "start_plan",
    StartApply("sha256:1", None): "start_apply",
    CreateApproval("sha256:1", NOW, (), False): "create_approval",
    Finish(Outcome.APPLIED, "Applied", "Done."): "write_run",
    Wait("AwaitingApproval", "Held."): "write_run",
}


class ActedError(Exception):
    """What was done."""


def look_at(monkeypatch, step, *, listed, stands=True):
    """What one look at a run does: the name of the actor's method, or None."""
    made = Process(Options(image="rostersync:test"), None)
    made.shared.listed = listed
    meta = {"namespace": "rosters", "name": "one", "uid": "u1", "resourceVersion": "5"}
    made.shared.store.put(RUNS, {"metadata": meta, "spec": {"connectionRef": {"name": "s"}}, "status": {}})
    seen = SimpleNamespace(plan=None)
    monkeypatch.setattr(runs, "observed", lambda *_: (seen, SimpleNamespace(district="d"), Refusal()))
    monkeypatch.setattr(runs, "next_step", lambda _: step)
    monkeypatch.setattr(runs.statuses, "of", lambda *_: {"stage": "new"})

    async def facts(run):
        return Facts((), frozenset(), None)

    async def does_stand(run):
        if not stands:
            made.shared.store.remove(RUNS, run)
        return stands

    async def nothing(*_):
        pass

    def act(name):
        async def acted(*_):
            raise ActedError(name)

        return acted

    made.runs.look.facts, made.runs.look.stands, made.runs.actor.record_approvals = facts, does_stand, nothing
    for name in ("start_plan", "start_apply", "create_approval", "write_run"):
        setattr(made.runs.actor, name, act(name))
    try:
        asyncio.run(made.runs.reconcile("rosters", "one"))
    except ActedError as acted:
        return str(acted)
    finally:
        assert made.shared.slots.refusal("rosters", "d", "another").text == "", "a slot that was promised is free again"
    return None


@pytest.mark.parametrize(("step", "act"), STEPS.items(), ids=lambda v: type(v).__name__)
def test_when_all_runs_are_known_every_step_is_done(step, act, monkeypatch):
    assert look_at(monkeypatch, step, listed=True) == act


@pytest.mark.parametrize(("step", "act"), STEPS.items(), ids=lambda v: type(v).__name__)
def test_before_that_runs_are_planned_and_nothing_is_applied_or_ended(step, act, monkeypatch):
    allowed = isinstance(step, StartPlan | Wait)
    assert look_at(monkeypatch, step, listed=False) == (act if allowed else None)


@pytest.mark.parametrize(("step", "act"), STEPS.items(), ids=lambda v: type(v).__name__)
def test_no_job_is_made_of_a_run_that_is_gone(step, act, monkeypatch):
    makes_job = isinstance(step, StartPlan | StartApply)
    assert look_at(monkeypatch, step, listed=True, stands=False) == (None if makes_job else act)
