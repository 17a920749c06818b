"""What absent fields mean, and which thresholds stand."""

from typing import Any

import pytest

from rostersync.api.v1alpha1 import defaults
from rostersync.api.v1alpha1.focusconnection import FocusConnection
from rostersync.model import Change, Entity
from rostersync.sources.focus import FOCUS


def connection(**spec: Any) -> FocusConnection:
    config = {"serviceURL": "https://focus.example/v1p1/", "credentialsSecretRef": {"name": "focus"}}
    base: dict[str, Any] = {"termsOfUse": {"accepted": True}, "deliveryConfig": config}
    return FocusConnection.model_validate({"metadata": {"name": "springfield"}, "spec": base | spec})


def thresholds(*rules: dict[str, Any]) -> dict[tuple[str, str, str], defaults.Threshold]:
    found = defaults.effective_thresholds(connection(syncHoldThreshold={"rules": list(rules)}).spec)
    return {(t.entity.value, t.change, t.rule): t for t in found}


def test_names_default_to_the_connections() -> None:
    assert (defaults.district(connection()), FOCUS.source_id(connection())) == ("springfield", "springfield")
    named = connection(district="d", sourceID="s")
    assert (defaults.district(named), FOCUS.source_id(named)) == ("d", "s")


def test_entities_come_in_dependency_order() -> None:
    listed = ["Student", "School", "District"]
    assert defaults.entities(connection(entities=listed).spec) == (Entity.DISTRICT, Entity.SCHOOL, Entity.STUDENT)


def test_default_thresholds_for_every_entity() -> None:
    found = thresholds()
    assert len(found) == len(Entity) * len(Change)
    percents = {change: found["Student", change, "default"].percent for change in Change}
    assert percents == {"Create": 50, "Update": 75, "Delete": 10}
    assert {t.min_population for t in found.values()} == {20}


@pytest.mark.parametrize(
    ("rule", "gone"),
    [
        ({"entity": "Student", "change": "Delete", "percent": 5}, {("Student", "Delete")}),
        ({"entity": "Student", "change": "Any", "percent": 5}, {("Student", c.value) for c in Change}),
        ({"entity": "*", "change": "Delete", "percent": 5}, {(e.value, "Delete") for e in Entity}),
        ({"entity": "Student", "change": "Delete", "percent": 5, "count": 3}, {("Student", "Delete")}),
        ({"entity": "Student", "change": "Delete", "count": 5}, set()),
        ({"entity": "Student", "change": "Delete", "percent": 5, "perSchool": True}, set()),
    ],
)
def test_a_default_gives_way_only_to_a_percent_rule_without_per_school(
    rule: dict[str, Any], gone: set[tuple[str, str]]
) -> None:
    standing = {(entity, change) for entity, change, origin in thresholds(rule) if origin == "default"}
    assert {(e.value, c.value) for e in Entity for c in Change} - standing == gone


def test_a_star_is_each_entity_by_itself() -> None:
    found = thresholds({"entity": "*", "change": "Any", "count": 500, "perSchool": True})
    mine = [t for t in found.values() if t.rule == "syncHoldThreshold.rules[0]"]
    assert [t.entity for t in mine] == list(Entity)
    assert {(t.percent, t.count, t.per_school) for t in mine} == {(None, 500, True)}


@pytest.mark.parametrize(("given", "stands"), [(None, 20), (0, 0), (50, 50)])
def test_floor_of_a_percent_rule(given: int | None, stands: int) -> None:
    rule = {"entity": "Student", "change": "Delete", "percent": 5, "minPopulation": given}
    assert thresholds(rule)["Student", "Delete", "syncHoldThreshold.rules[0]"].min_population == stands
