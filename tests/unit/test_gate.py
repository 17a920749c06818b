"""The gate's truth table: which plans wait for a person, and with which numbers."""

from dataclasses import replace
from typing import Any

import pytest

from rostersync.api.v1alpha1.defaults import Threshold, effective_thresholds
from rostersync.api.v1alpha1.focusconnection import FocusConnectionSpec
from rostersync.hold.gate import Counted, Facts, Switches, verdict
from rostersync.model import Change, Entity, Hold, HoldReason
from rostersync.plan.worst import worst
from support.days import spec

STUDENT, TEACHER, CLASS = Entity.STUDENT, Entity.TEACHER, Entity.CLASS


def counted(population: int, created: int = 0, updated: int = 0, deleted: int = 0) -> Counted:
    return Counted({Change.CREATE: created, Change.UPDATE: updated, Change.DELETE: deleted}, population)


def facts(entities: dict[Entity, Counted], **more: Any) -> Facts:
    left = {e: c.population + c.changes[Change.CREATE] - c.changes[Change.DELETE] for e, c in entities.items()}
    return Facts(**{"entities": entities, "resulting": left, **more})


def limits(*rules: dict[str, Any]) -> tuple[Threshold, ...]:
    """Thresholds as a connection with these rules has them, the defaults included."""
    return effective_thresholds(FocusConnectionSpec.model_validate(spec(syncHoldThreshold={"rules": list(rules)})))


def thresholds(found: Facts, *rules: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The Threshold holds as (entity, change, school, count, population, limit, unit)."""
    holds = verdict(found, Switches(limits=limits(*rules)))
    return [
        (h.entity, h.change, h.school, h.count, h.population, h.limit, h.unit)
        for h in holds
        if h.reason is HoldReason.THRESHOLD
    ]


@pytest.mark.parametrize(
    ("population", "deleted", "percent", "held"),
    [
        (100, 10, 10, False),
        (100, 11, 10, True),
        (200, 20, 10, False),
        (200, 21, 10, True),
        (21, 2, 10, False),
        (21, 3, 10, True),
        (1000, 1, 0, True),
        (20, 20, 100, False),
        (3_000_000_000, 300_000_000, 10, False),
        (3_000_000_000, 300_000_001, 10, True),
        (10**17, 10**16, 10, False),
        (10**17, 10**16 + 1, 10, True),
    ],
)
def test_percent_is_exceeded_only_strictly_above_and_in_integers(
    population: int, deleted: int, percent: int, held: bool
) -> None:
    found = thresholds(
        facts({STUDENT: counted(population, deleted=deleted)}),
        {"entity": "Student", "change": "Delete", "percent": percent},
    )
    expected = [(STUDENT, "Delete", None, deleted, population, percent, "Percent")] if held else []
    assert found == expected


@pytest.mark.parametrize(("deleted", "held"), [(4, False), (5, False), (6, True)])
def test_a_count_is_exceeded_only_strictly_above(deleted: int, held: bool) -> None:
    found = thresholds(
        facts({STUDENT: counted(1000, deleted=deleted)}), {"entity": "Student", "change": "Delete", "count": 5}
    )
    assert found == ([(STUDENT, "Delete", None, deleted, 1000, 5, "Count")] if held else [])


def test_a_count_of_nothing_holds_the_first_change() -> None:
    assert thresholds(facts({STUDENT: counted(1000, created=1)}), {"entity": "Student", "change": "Create", "count": 0})


def test_percent_and_count_of_one_rule_are_two_holds() -> None:
    rule = {"entity": "Student", "change": "Delete", "percent": 5, "count": 3}
    assert sorted(thresholds(facts({STUDENT: counted(100, deleted=6)}), rule), key=str) == [
        (STUDENT, "Delete", None, 6, 100, 3, "Count"),
        (STUDENT, "Delete", None, 6, 100, 5, "Percent"),
    ]


@pytest.mark.parametrize(
    ("rule", "population", "held"),
    [
        ({"percent": 5}, 19, set()),
        ({"percent": 5}, 20, {"Percent"}),
        ({"percent": 5, "minPopulation": 50}, 49, set()),
        ({"percent": 5, "minPopulation": 50}, 50, {"Percent"}),
        ({"percent": 5, "minPopulation": 0}, 5, {"Percent"}),
        ({"percent": 5, "count": 3, "minPopulation": 50}, 49, {"Count"}),
        ({"percent": 5, "count": 3, "minPopulation": 50}, 50, {"Count", "Percent"}),
    ],
)
def test_min_population_silences_percent_only_and_is_20_where_no_number_is_given(
    rule: dict[str, int], population: int, held: set[str]
) -> None:
    found = thresholds(
        facts({STUDENT: counted(population, deleted=4)}), {"entity": "Student", "change": "Delete", **rule}
    )
    assert {h[-1] for h in found} == held


def test_percent_of_a_population_of_nothing_does_not_apply() -> None:
    found = facts({STUDENT: counted(0, created=500)})
    assert thresholds(found, {"entity": "*", "change": "Any", "percent": 0, "minPopulation": 0}) == []
    assert thresholds(found, {"entity": "*", "change": "Any", "percent": 0, "count": 499, "minPopulation": 0}) == [
        (STUDENT, "Any", None, 500, 0, 499, "Count")
    ]


@pytest.mark.parametrize(
    ("change", "count"),
    [("Create", 1), ("Update", 2), ("Delete", 4), ("Any", 7)],
)
def test_each_change_is_counted_by_itself_and_any_counts_all_three(change: str, count: int) -> None:
    found = thresholds(facts({STUDENT: counted(1000, 1, 2, 4)}), {"entity": "Student", "change": change, "count": 0})
    assert found == [(STUDENT, change, None, count, 1000, 0, "Count")]


def test_a_star_means_each_entity_by_itself() -> None:
    found = facts({STUDENT: counted(100, deleted=6), TEACHER: counted(100, deleted=5), CLASS: counted(100, deleted=5)})
    assert thresholds(found, {"entity": "*", "change": "Delete", "percent": 5}) == [
        (STUDENT, "Delete", None, 6, 100, 5, "Percent")
    ]


@pytest.mark.parametrize(("change", "most"), [("deleted", 10), ("updated", 75), ("created", 50)])
def test_the_defaults_are_10_percent_deletes_75_updates_and_50_creates(change: str, most: int) -> None:
    assert thresholds(facts({STUDENT: counted(100, **{change: most})})) == []
    assert len(thresholds(facts({STUDENT: counted(100, **{change: most + 1})}))) == 1
    assert thresholds(facts({STUDENT: counted(19, **{change: 19})})) == []


@pytest.mark.parametrize(
    ("rule", "default_stands"),
    [
        ({"entity": "Student", "change": "Delete", "percent": 90}, False),
        ({"entity": "*", "change": "Delete", "percent": 90}, False),
        ({"entity": "Student", "change": "Any", "percent": 90}, False),
        ({"entity": "*", "change": "Any", "percent": 90}, False),
        ({"entity": "Teacher", "change": "Delete", "percent": 90}, True),
        ({"entity": "Student", "change": "Update", "percent": 90}, True),
        ({"entity": "Student", "change": "Delete", "count": 90}, True),
        ({"entity": "Student", "change": "Delete", "percent": 90, "perSchool": True}, True),
        ({"entity": "*", "change": "Any", "count": 90, "perSchool": True}, True),
    ],
)
def test_a_default_gives_way_only_to_a_percent_rule_for_all_schools_of_its_entity_and_change(
    rule: dict[str, Any], default_stands: bool
) -> None:
    found = thresholds(facts({STUDENT: counted(100, deleted=50)}), rule)
    assert ((STUDENT, "Delete", None, 50, 100, 10, "Percent") in found) is default_stands


def test_a_rule_by_school_counts_each_school_and_names_it() -> None:
    found = facts(
        {STUDENT: counted(200, deleted=8)},
        by_school={
            STUDENT: {"north": counted(30, deleted=2), "south": counted(50, deleted=6), "tiny": counted(5, deleted=5)}
        },
    )
    rule = {"entity": "Student", "change": "Delete", "percent": 8, "count": 5, "perSchool": True}
    assert sorted(thresholds(found, rule), key=str) == [
        (STUDENT, "Delete", "south", 6, 50, 5, "Count"),
        (STUDENT, "Delete", "south", 6, 50, 8, "Percent"),
    ]


def test_every_matching_rule_is_checked() -> None:
    rules = [
        {"entity": "Student", "change": "Delete", "percent": 5},
        {"entity": "Student", "change": "Delete", "percent": 7},
        {"entity": "Student", "change": "Any", "percent": 9},
    ]
    found = {h[-2] for h in thresholds(facts({STUDENT: counted(100, deleted=8)}), *rules)}
    assert found == {5, 7}


def alone(**more: Any) -> list[Hold]:
    """The holds of a plan with one small change, under the default limits."""
    switches = {k: more.pop(k) for k in ("preview", "hold_first_import", "hold_on_config_change") if k in more}
    return verdict(facts({STUDENT: counted(100, created=1)}, **more), Switches(limits=limits(), **switches))


@pytest.mark.parametrize(
    ("more", "hold"),
    [
        ({"identity_changed": True}, Hold(HoldReason.IDENTITY_CHANGED, count=1)),
        ({"source_changed": True}, Hold(HoldReason.SOURCE_CHANGED, count=1)),
        ({"restored_reverted": 2}, Hold(HoldReason.RESTORED_RECORDS, count=2)),
        ({"safety_loosened": True}, Hold(HoldReason.SAFETY_LOOSENED, count=1)),
        ({"other_sources": 2}, Hold(HoldReason.SAFETY_LOOSENED, count=1, population=2)),
        ({"connection_changed": True}, Hold(HoldReason.CONNECTION_CHANGED, count=1)),
        ({"requirement_holds": {"Teacher": 3}}, Hold(HoldReason.REQUIREMENT_HOLD, TEACHER, count=3)),
        ({"preview": True}, Hold(HoldReason.PREVIEW, count=1)),
        ({"first_import": True, "hold_first_import": True}, Hold(HoldReason.FIRST_IMPORT, count=1)),
        ({"emptied_schools": ((CLASS, "n", 4),)}, Hold(HoldReason.SCHOOL_EMPTIED, CLASS, "Delete", "n", 4, 4)),
        ({"rekeyed": {STUDENT: (10, 20)}}, Hold(HoldReason.RE_KEYED, STUDENT, "Delete", None, 10, 20)),
    ],
)
def test_what_holds_whatever_the_limits_say(more: dict[str, Any], hold: Hold) -> None:
    assert alone(**more) == [hold]


def test_a_plan_within_its_limits_goes() -> None:
    assert alone() == []
    assert alone(first_import=True, hold_on_config_change=True) == []


@pytest.mark.parametrize(
    ("population", "created", "deleted", "held"),
    [(5, 0, 5, True), (5, 0, 4, False), (5, 1, 5, False), (0, 0, 0, False)],
)
def test_an_entity_without_records_left_holds(population: int, created: int, deleted: int, held: bool) -> None:
    found = verdict(
        facts({STUDENT: counted(population, created, 0, deleted), TEACHER: counted(100, created=1)}), Switches()
    )
    assert found == ([Hold(HoldReason.ENTITY_EMPTIED, STUDENT, "Delete", None, deleted, population)] if held else [])


def test_an_entity_is_also_emptied_when_its_last_records_become_another() -> None:
    found = facts({STUDENT: counted(2, updated=2)}, resulting={STUDENT: 0, TEACHER: 2})
    assert [h.reason for h in verdict(found, Switches())] == [HoldReason.ENTITY_EMPTIED]


@pytest.mark.parametrize(
    ("pairs", "deletes", "held"), [(10, 20, True), (9, 20, False), (19, 19, False), (11, 21, True), (10, 21, False)]
)
def test_20_deletes_of_which_half_pair_with_creates_are_new_ids_for_the_same(
    pairs: int, deletes: int, held: bool
) -> None:
    assert bool(alone(rekeyed={STUDENT: (pairs, deletes)})) is held


@pytest.mark.parametrize(
    ("found", "switch", "held"),
    [
        ({STUDENT: counted(100, created=40)}, True, False),
        ({STUDENT: counted(100, updated=10)}, True, False),
        ({STUDENT: counted(100, updated=11)}, True, True),
        ({STUDENT: counted(100, updated=11), TEACHER: counted(10)}, True, False),
        ({STUDENT: counted(100, updated=11), TEACHER: counted(10, updated=1)}, True, True),
        ({STUDENT: counted(100, deleted=1)}, True, True),
        ({STUDENT: counted(100, deleted=1)}, False, False),
    ],
)
def test_a_changed_configuration_holds_when_it_deletes_or_updates_more_than_10_percent_of_all_records(
    found: dict[Entity, Counted], switch: bool, held: bool
) -> None:
    changed = replace(facts(found), config_changed=True)
    reasons = [h.reason for h in verdict(changed, Switches(hold_on_config_change=switch))]
    assert reasons == ([HoldReason.CONFIG_CHANGED] if held else [])
    assert verdict(replace(changed, config_changed=False), Switches()) == []


EVERYTHING = Facts(
    entities={STUDENT: counted(100)},
    resulting={STUDENT: 0},
    emptied_schools=((STUDENT, "north", 5), (STUDENT, "south", 5)),
    vanished_schools={"west": 7},
    relinked=3,
    rekeyed={STUDENT: (30, 30)},
    requirement_holds={"Student": 1, "Teacher": 1},
    restored_reverted=1,
    restores=True,
    identity_changed=True,
    source_changed=True,
    config_changed=True,
    safety_loosened=True,
    connection_changed=True,
    first_import=True,
)


def test_a_plan_without_changes_has_no_holds() -> None:
    assert verdict(EVERYTHING, Switches(limits=limits(), preview=True, hold_first_import=True)) == []


def test_all_holds_are_listed_not_only_the_first() -> None:
    changed = facts({STUDENT: counted(100, deleted=100), TEACHER: counted(100, created=60)})
    found = replace(EVERYTHING, entities=changed.entities, resulting=changed.resulting)
    holds = verdict(found, Switches(limits=limits(), preview=True, hold_first_import=True))
    assert {h.reason for h in holds} == set(HoldReason)
    assert (len(holds), holds) == (19, worst(holds))


def test_worse_holds_come_first_and_those_without_a_limit_before_all() -> None:
    found = replace(
        facts({STUDENT: counted(100, deleted=20), TEACHER: counted(100, deleted=40)}), identity_changed=True
    )
    holds = verdict(found, Switches(limits=limits()))
    assert [(h.reason.value, h.count) for h in holds] == [("IdentityChanged", 60), ("Threshold", 40), ("Threshold", 20)]
