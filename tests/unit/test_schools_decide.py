"""Schools Mapping's truth table: which organisations are mapped, which vanished, and where each leads."""

from collections.abc import Mapping

import pytest

from rostersync.sync.schools import Org, SchoolRules, Scope, State, decide


def school(sis_id: str, parent: str | None = "d", status: str | None = None) -> Org:
    return Org(sis_id, True, status, parent)


def above(sis_id: str, parent: str | None = None, status: str | None = None) -> Org:
    return Org(sis_id, False, status, parent)


def selected(*ids: str, **targets: str) -> SchoolRules:
    return SchoolRules(auto=False, targets={**dict.fromkeys(ids), **targets})


def of(
    orgs: list[Org],
    rules: SchoolRules | None = None,
    remembered: Mapping[str, str] | None = None,
    parents: Mapping[str, str | None] | None = None,
) -> Scope:
    return decide(orgs, rules or SchoolRules(), remembered or {}, parents or {})


def numbers(scope: Scope) -> tuple[int, int, int, int]:
    return scope.schools.found, scope.schools.mapped, scope.schools.missing, scope.schools.vanished


def test_auto_maps_every_school_and_what_stands_above_it() -> None:
    scope = of([above("d"), school("1"), school("2"), above("other")])
    assert scope.states == {"d": State.ANCESTOR, "1": State.MAPPED, "2": State.MAPPED, "other": State.UNMAPPED}
    assert numbers(scope) == (2, 2, 0, 0)
    assert scope.imported == (("1", "1"), ("2", "2"))


def test_selected_maps_only_the_schools_that_are_named() -> None:
    scope = of([above("d"), school("1"), school("2", parent="e"), above("e")], selected("1"))
    assert scope.states == {"d": State.ANCESTOR, "1": State.MAPPED, "2": State.UNMAPPED, "e": State.UNMAPPED}
    assert numbers(scope) == (2, 1, 1, 0)
    assert scope.schools.missing_ids == ("2",)


@pytest.mark.parametrize(
    "rules", [SchoolRules(exclude=frozenset({"2"})), SchoolRules(False, {"1": None, "2": None}, frozenset({"2"}))]
)
def test_exclude_takes_a_school_out_in_both_modes(rules: SchoolRules) -> None:
    scope = of([school("1"), school("2")], rules, {"2": "2"})
    assert scope.states == {"1": State.MAPPED, "2": State.UNMAPPED}
    assert numbers(scope) == (2, 1, 1, 0)
    assert scope.kept_targets == {"1"}


def test_a_target_is_the_given_id_as_it_stands_else_prefix_and_sis_id() -> None:
    rules = SchoolRules(targets={"1": "WHS", "2": None}, prefix="FOC-")
    scope = of([above("d"), school("1"), school("2")], rules)
    assert scope.targets == {"d": "FOC-d", "1": "WHS", "2": "FOC-2"}
    assert scope.imported == (("1", "WHS"), ("2", "FOC-2"))


def test_a_target_belongs_to_schools_only() -> None:
    rules = SchoolRules(targets={"d": "WHS"}, prefix="FOC-")
    assert of([above("d"), school("1")], rules).targets["d"] == "FOC-d"


def test_several_schools_lead_to_one() -> None:
    rules = SchoolRules(targets={"1": "WHS", "2": "WHS"})
    scope = of([school("1"), school("2")], rules)
    assert scope.targets == {"1": "WHS", "2": "WHS"}
    assert scope.kept_targets == {"WHS"}
    assert numbers(scope) == (2, 2, 0, 0)


@pytest.mark.parametrize(
    "sent",
    [[], [school("2", status="tobedeleted")], [school("2", status="INACTIVE")], [above("2", "d")]],
    ids=["gone", "removed", "inactive", "sent as something else"],
)
def test_a_mapped_school_that_is_a_school_no_more_has_vanished(sent: list[Org]) -> None:
    scope = of([above("d"), school("1"), *sent], remembered={"1": "1", "2": "WHS"})
    assert scope.states["2"] is State.VANISHED
    assert scope.targets["2"] == "WHS"
    assert scope.kept_targets == {"1", "WHS"}
    assert scope.vanished_targets == {"WHS"}
    assert numbers(scope) == (1, 1, 0, 1)
    assert scope.schools.vanished_ids == ("2",)
    assert scope.imported == (("1", "1"),)


def test_a_vanished_school_that_is_taken_out_of_the_mapping_is_forgotten() -> None:
    for rules in (SchoolRules(exclude=frozenset({"2"})), selected("1")):
        scope = of([school("1")], rules, {"1": "1", "2": "2"})
        assert "2" not in scope.states
        assert scope.kept_targets == {"1"}
        assert numbers(scope) == (1, 1, 0, 0)


def test_a_named_school_that_never_came_is_told_as_vanished_and_protects_nothing() -> None:
    scope = of([school("1")], selected("1", "77"))
    assert numbers(scope) == (1, 1, 0, 1)
    assert scope.schools.vanished_ids == ("77",)
    assert scope.vanished_targets == frozenset()
    assert "77" not in scope.states


def test_a_school_of_unknown_status_is_no_import_yet_and_has_not_vanished() -> None:
    scope = of([school("1", status="pending"), school("2")], remembered={"1": "1"})
    assert scope.states["1"] is State.MAPPED
    assert scope.imported == (("2", "2"),)
    assert numbers(scope) == (2, 2, 0, 0)


def test_ancestors_go_up_any_number_of_steps_and_a_loop_ends() -> None:
    scope = of([above("nation", "state"), above("state", "nation"), above("d", "state"), school("1")])
    assert {i for i, s in scope.states.items() if s is State.ANCESTOR} == {"nation", "state", "d"}


def test_a_school_is_no_ancestor_only_its_own_mapping_counts() -> None:
    scope = of([above("d"), school("campus"), school("1", parent="campus")], selected("1"))
    assert scope.states == {"d": State.ANCESTOR, "campus": State.UNMAPPED, "1": State.MAPPED}


def test_a_vanished_school_that_stands_above_another_stays_vanished() -> None:
    scope = of([above("2", "d"), above("d"), school("1", parent="2")], remembered={"1": "1", "2": "2"})
    assert scope.states == {"1": State.MAPPED, "2": State.VANISHED, "d": State.ANCESTOR}


def test_what_stands_above_a_vanished_school_stays() -> None:
    scope = of([above("d"), above("e"), school("1", parent="e")], remembered={"2": "2"}, parents={"2": "d", "d": None})
    assert scope.states["d"] is State.ANCESTOR
    assert of([above("d")], remembered={"2": "2"}, parents={"2": None}).states["d"] is State.UNMAPPED


def test_a_vanished_school_keeps_the_target_it_was_imported_under() -> None:
    rules = SchoolRules(targets={"2": "NEW"})
    scope = of([school("1")], rules, {"2": "OLD"})
    assert scope.targets["2"] == "OLD"
    assert scope.kept_targets == {"1", "OLD"}


def test_at_most_20_ids_of_a_kind_are_told_and_all_are_counted() -> None:
    many = [school(f"{n:02}") for n in range(30)]
    scope = of([school("x"), *many], selected("x"))
    assert (scope.schools.missing, scope.schools.missing_ids) == (30, tuple(f"{n:02}" for n in range(20)))
