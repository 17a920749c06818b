"""Runs of some schools beside others of their connection: which replaces which, and what people are told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rostersync.api.kinds import Ref
from rostersync.lifecycle.about import about
from rostersync.lifecycle.decide import next_step
from rostersync.lifecycle.messages import deferred
from rostersync.lifecycle.observed import Approval, Connection, Observed, Run, Sibling, Work, WorkState
from rostersync.lifecycle.outcomes import Outcome
from rostersync.lifecycle.steps import Finish
from rostersync.model import Entity, EntityCounts, Hold, HoldReason, PlanReport

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
REPORT = PlanReport("r", "done", A, 4, [EntityCounts(Entity.STUDENT, deleted=2)], [Hold(HoldReason.PREVIEW)], 1)


def held(schools: tuple[str, ...], *siblings: Sibling) -> Observed:
    """A run of these schools whose plan waits for a person."""
    return Observed(
        NOW,
        Run("r", schools=schools),
        Connection(Ref("FocusConnection", "springfield")),
        plan=Work(WorkState.SUCCEEDED, 1, REPORT),
        approval=Approval("r-aaaaaaaa", A, NOW + timedelta(hours=1), "u1"),
        siblings=siblings,
    )


@pytest.mark.parametrize(
    ("mine", "later", "replaced"),
    [
        ((), (), True),
        (("1",), (), True),
        (("1",), ("1",), True),
        (("1",), ("2", "1"), True),
        ((), ("1",), False),
        (("1",), ("2",), False),
        (("1", "2"), ("1",), False),
    ],
)
@pytest.mark.parametrize(
    "found", [{"digest": B}, {"digest": B, "no_changes": True}, {"digest": B, "outcome": "Applied"}]
)
def test_a_later_run_replaces_a_plan_if_it_is_about_all_of_it(
    mine: tuple[str, ...], later: tuple[str, ...], replaced: bool, found: dict[str, object]
) -> None:
    step = next_step(held(mine, Sibling("later", newer=True, schools=later, **found)))  # type: ignore[arg-type]

    assert (isinstance(step, Finish) and step.outcome == Outcome.SUPERSEDED) is replaced


def test_an_earlier_run_replaces_nothing() -> None:
    step = next_step(held(("1",), Sibling("earlier", B, newer=False)))

    assert not isinstance(step, Finish)


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (0, ""),
        (1, " 1 change that is not of its schools alone waits for a run of the whole district."),
        (1200, " 1,200 changes that are not of its schools alone wait for a run of the whole district."),
    ],
)
def test_what_is_left_out_is_said(left: int, said: str) -> None:
    report = replace(REPORT, entities=[EntityCounts(Entity.STUDENT, deleted=2, out_of_scope=left)])

    assert deferred(report) == said
    assert [line for line in about(report) if "Out of scope" in line] == (
        [f"Out of scope: {left} changes, which wait for a run of the whole district."] if left else []
    )
