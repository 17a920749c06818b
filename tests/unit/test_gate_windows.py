"""Limits that look back, and changes of entity, in the gate's truth table."""

from typing import Any

import pytest

from rostersync.api.v1alpha1.defaults import Threshold, effective_thresholds
from rostersync.api.v1alpha1.focusconnection import FocusConnectionSpec
from rostersync.hold.gate import Counted, Facts, Switches, verdict
from rostersync.model import Change, Entity, HoldReason
from support.days import spec

STUDENT = Entity.STUDENT


def counted(population: int, created: int = 0, updated: int = 0, deleted: int = 0) -> Counted:
    return Counted({Change.CREATE: created, Change.UPDATE: updated, Change.DELETE: deleted}, population)


def limits(*rules: dict[str, Any]) -> tuple[Threshold, ...]:
    return effective_thresholds(FocusConnectionSpec.model_validate(spec(syncHoldThreshold={"rules": list(rules)})))


def held(found: Facts, *rules: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The Threshold holds as (entity, change, school, count, population, limit, unit, before, window)."""
    return [
        (h.entity, h.change, h.school, h.count, h.population, h.limit, h.unit, h.before, h.window)
        for h in verdict(found, Switches(limits=limits(*rules)))
        if h.reason is HoldReason.THRESHOLD
    ]


def windowed(own: int, earlier: int, population: int, start: int, **rule: Any) -> list[tuple[Any, ...]]:
    """Threshold holds of a plan that deletes `own` of `population`, after `earlier` of the `start` there were."""
    here = {(STUDENT, None): counted(start, deleted=earlier)}
    before = {("24h", least): here for least in (1, 20)} if earlier else {}
    given = {"entity": "Student", "change": "Delete", "window": "24h", **rule}
    found = Facts({STUDENT: counted(population, deleted=own)}, {}, before=before)
    return [(count, people, *more) for _, _, _, count, people, _, *more in held(found, given)]


@pytest.mark.parametrize(
    ("numbers", "rule", "expected"),
    [
        ((10, 0, 100, 0), {"percent": 10}, []),
        ((11, 0, 100, 0), {"percent": 10}, [(11, 100, "Percent", None, None)]),
        ((9, 9, 91, 100), {"percent": 18}, []),
        ((9, 10, 90, 100), {"percent": 18}, [(19, 100, "Percent", 10, "24h")]),
        ((0, 90, 10, 100), {"percent": 10}, []),
        ((1, 90, 19, 109), {"percent": 10}, [(91, 109, "Percent", 90, "24h")]),
        ((3, 1, 24, 19), {"percent": 10}, [(3, 24, "Percent", None, None)]),
        ((2, 1, 24, 19), {"percent": 10}, []),
        ((2, 3, 97, 100), {"count": 4}, [(5, 100, "Count", 3, "24h")]),
        ((2, 2, 98, 100), {"count": 4}, []),
        ((5, 6, 94, 100), {"percent": 10, "count": 10}, [(11, 100, "Count", 6, "24h"), (11, 100, "Percent", 6, "24h")]),
    ],
    ids=[
        "alone, up to the limit",
        "alone, above it",
        "together, up to the limit",
        "together, above it",
        "a plan that deletes none",
        "few are left",
        "began with too few, alone above",
        "began with too few, alone below",
        "a count together",
        "a count together, up to it",
        "both",
    ],
)
def test_a_window_counts_what_was_applied_against_the_population_at_its_start(
    numbers: tuple[int, int, int, int], rule: dict[str, int], expected: list[Any]
) -> None:
    assert sorted(windowed(*numbers, **rule), key=str) == expected


def test_the_default_for_deletes_looks_back_a_day_and_the_others_do_not() -> None:
    assert {(t.change, t.window) for t in limits()} == {("Create", None), ("Update", None), ("Delete", "24h")}


def test_a_window_by_school_goes_by_that_school() -> None:
    found = Facts(
        entities={STUDENT: counted(100, deleted=2)},
        resulting={STUDENT: 98},
        by_school={STUDENT: {"north": counted(40, deleted=1), "south": counted(60, deleted=1)}},
        before={("7d", 20): {(STUDENT, "north"): counted(50, deleted=10), (STUDENT, None): counted(110, deleted=10)}},
    )
    rule = {"entity": "Student", "change": "Delete", "percent": 21, "window": "7d", "perSchool": True}
    assert held(found, rule) == [(STUDENT, "Delete", "north", 11, 50, 21, "Percent", 10, "7d")]


def test_who_changes_entity_leaves_one_and_is_new_in_the_other_and_the_plan_says_an_update() -> None:
    found = Facts(
        {STUDENT: counted(248, updated=183), Entity.CONTACT: counted(300)},
        {},
        judged={STUDENT: counted(248, deleted=183), Entity.CONTACT: counted(300, created=183)},
    )
    assert held(found) == [
        (STUDENT, "Delete", None, 183, 248, 10, "Percent", None, None),
        (Entity.CONTACT, "Create", None, 183, 300, 50, "Percent", None, None),
    ]
