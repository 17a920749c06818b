"""How often a store that moved is planned for again: up to a limit, on both sides of the decision, and no further."""

from datetime import UTC, datetime, timedelta

import pytest

from rostersync.api.kinds import Ref
from rostersync.lifecycle.decide import REPLANS, next_step
from rostersync.lifecycle.observed import Connection, Observed, Run, Sibling, Work, WorkState
from rostersync.lifecycle.steps import CreateApproval, Finish, StartPlan
from rostersync.model import PlanReport

NOW = datetime(2026, 11, 24, 2, 7, tzinfo=UTC)
A = "sha256:" + "a" * 64


def seen(plans, holds=0, apply=None, siblings=()):
    """A run whose plan was made so many times, on revision 4."""
    plan = Work(WorkState.SUCCEEDED, plans, PlanReport("r", "done", A, 4, holds_total=holds))
    return Observed(
        NOW, Run("r"), Connection(Ref("FocusConnection", "springfield")), plan=plan, apply=apply, siblings=siblings
    )


@pytest.mark.parametrize("plans", range(1, REPLANS + 3))
def test_an_apply_that_finds_the_store_moved_is_planned_for_again_up_to_the_limit(plans):
    moved = Work(WorkState.FAILED, plans, None, "BaseMoved", "the store moved", of_plan=plans)

    step = next_step(seen(plans, apply=moved))

    if plans <= REPLANS:
        assert step == StartPlan(plans + 1, again=True)
    else:
        assert isinstance(step, Finish)
        assert step.reason == "BaseMoved"


@pytest.mark.parametrize("plans", range(1, REPLANS + 3))
def test_a_held_plan_of_a_store_that_moved_is_planned_again_before_anybody_is_asked_up_to_the_limit(plans):
    other = Sibling("other", "sha256:" + "b" * 64, newer=False, revision=5)

    step = next_step(seen(plans, holds=1, siblings=(other,)))

    if plans <= REPLANS:
        assert step == StartPlan(plans + 1, again=True)
    else:
        assert step == CreateApproval(A, NOW + timedelta(hours=72), (), False)


@pytest.mark.parametrize("revision", [3, 4])
def test_a_store_that_is_where_the_plan_saw_it_is_asked_about_at_once(revision):
    other = Sibling("other", "sha256:" + "b" * 64, newer=False, revision=revision)

    assert isinstance(next_step(seen(1, holds=1, siblings=(other,))), CreateApproval)
