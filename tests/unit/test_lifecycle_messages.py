"""What a plan came to, in sentences: a dry run says what would be, and an empty source what that most likely means."""

import pytest

from rostersync.lifecycle.messages import dry_run_message, no_changes_message
from rostersync.model import Entity, EntityCounts, Hold, HoldReason, PlanReport, Schools


def report(**fields: object) -> PlanReport:
    """A plan that changes something and holds nothing, and `fields` over it."""
    usual: dict[str, object] = {"run": "r", "stage": "done", "base_revision": 0, "entities": [], "holds": []}
    return PlanReport(**{**usual, "holds_total": 0, "no_changes": False, **fields})  # type: ignore[arg-type]


HOLD = Hold(HoldReason.PREVIEW)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Dry run: would be applied; nothing was changed."),
        ({"holds": [HOLD], "holds_total": 1}, "Dry run: would be held for 1 reason; nothing was changed."),
        ({"holds": [HOLD], "holds_total": 12}, "Dry run: would be held for 12 reasons; nothing was changed."),
        ({"no_changes": True}, "Dry run: there is nothing to change in the store."),
    ],
    ids=["applied", "one reason", "more than are listed", "nothing"],
)
def test_a_dry_run_says_what_would_be(fields: dict[str, object], said: str) -> None:
    assert dry_run_message(report(**fields)) == said


EMPTY = "The credential probably sees nothing"


def test_a_source_that_shows_nothing_is_said_to_be_hidden_from_the_credential() -> None:
    assert EMPTY in no_changes_message(report(no_changes=True))
    assert EMPTY in no_changes_message(report(no_changes=True, entities=[EntityCounts(Entity.STUDENT)]))


@pytest.mark.parametrize(
    "fields",
    [
        {"entities": [EntityCounts(Entity.STUDENT, population=3, unchanged=3)]},
        {"entities": [EntityCounts(Entity.STUDENT, skipped=3)]},
        {"entities": [EntityCounts(Entity.STUDENT, duplicates=2)]},
        {"schools": Schools(found=1)},
        {"incomplete": ["users"]},
    ],
    ids=["unchanged", "skipped", "duplicates", "a school", "not read whole"],
)
def test_a_source_that_shows_something_is_not(fields: dict[str, object]) -> None:
    said = no_changes_message(report(no_changes=True, **fields))

    assert said.startswith("There is nothing to change in the store.")
    assert EMPTY not in said
