"""Schools Mapping's truth table: which organisations are mapped, which vanished, and where each leads."""

from collections.abc import Mapping
from typing import Any

import pytest

from rostersync.errors import Permanent
from rostersync.sync.schools import READ, Org, Reading, SchoolRules, StoredOrg, decide
from rostersync.sync.scope import Scope, State


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
    stored: Mapping[str, StoredOrg] | None = None,
    reading: Reading = READ,
) -> Scope:
    return decide(orgs, rules or SchoolRules(), remembered or {}, stored or {}, reading)


def states(scope: Scope) -> dict[str, State]:
    """What a reference to each organisation means."""
    return {i: p.state for i, p in scope.places.items()}


def targets(scope: Scope) -> dict[str, str]:
    """Where each organisation leads in the store."""
    return {i: p.leads_to for i, p in scope.places.items()}


def kept(parent: str | None = None, is_school: bool = False) -> StoredOrg:
    return StoredOrg(is_school, parent)


def left(parent: str | None = None) -> StoredOrg:
    return StoredOrg(False, parent, left=True)


def numbers(scope: Scope) -> tuple[int, int, int, int]:
    return scope.schools.found, scope.schools.mapped, scope.schools.missing, scope.schools.vanished


def test_auto_maps_every_school_and_what_stands_above_it() -> None:
    scope = of([above("d"), school("1"), school("2"), above("other")])
    assert states(scope) == {"d": State.PASSING, "1": State.MAPPED, "2": State.MAPPED, "other": State.PASSING}
    assert numbers(scope) == (2, 2, 0, 0)
    assert scope.imported == (("1", "1"), ("2", "2"))


def test_selected_maps_only_the_schools_that_are_named() -> None:
    scope = of([above("d"), school("1"), school("2", parent="e"), above("e")], selected("1"))
    assert states(scope) == {"d": State.PASSING, "1": State.MAPPED, "2": State.UNMAPPED, "e": State.UNMAPPED}
    assert numbers(scope) == (2, 1, 1, 0)
    assert scope.schools.missing_ids == ("2",)


@pytest.mark.parametrize(
    "rules", [SchoolRules(exclude=frozenset({"2"})), SchoolRules(False, {"1": None, "2": None}, frozenset({"2"}))]
)
def test_exclude_takes_a_school_out_in_both_modes(rules: SchoolRules) -> None:
    scope = of([school("1"), school("2")], rules, {"2": "2"})
    assert states(scope) == {"1": State.MAPPED, "2": State.UNMAPPED}
    assert numbers(scope) == (2, 1, 1, 0)
    assert scope.kept_targets == {"1"}


def test_a_target_is_the_given_id_as_it_stands_else_prefix_and_sis_id() -> None:
    rules = SchoolRules(targets={"1": "WHS", "2": None}, prefix="FOC-")
    scope = of([above("d"), school("1"), school("2")], rules)
    assert targets(scope) == {"d": "FOC-d", "1": "WHS", "2": "FOC-2"}
    assert scope.imported == (("1", "WHS"), ("2", "FOC-2"))


def test_a_target_belongs_to_schools_only() -> None:
    rules = SchoolRules(targets={"d": "WHS"}, prefix="FOC-")
    assert targets(of([above("d"), school("1")], rules))["d"] == "FOC-d"


def test_several_schools_lead_to_one() -> None:
    rules = SchoolRules(targets={"1": "WHS", "2": "WHS"})
    scope = of([school("1"), school("2")], rules)
    assert targets(scope) == {"1": "WHS", "2": "WHS"}
    assert scope.kept_targets == {"WHS"}
    assert numbers(scope) == (2, 2, 0, 0)


@pytest.mark.parametrize(
    "sent",
    [[], [school("2", status="tobedeleted")], [school("2", status="INACTIVE")], [above("2", "d")]],
    ids=["gone", "removed", "inactive", "sent as something else"],
)
def test_a_mapped_school_that_is_a_school_no_more_has_vanished(sent: list[Org]) -> None:
    scope = of([above("d"), school("1"), *sent], remembered={"1": "1", "2": "WHS"})
    assert states(scope)["2"] is State.VANISHED
    assert targets(scope)["2"] == "WHS"
    assert scope.kept_targets == {"1", "WHS"}
    assert scope.vanished_targets == {"WHS"}
    assert numbers(scope) == (1, 1, 0, 1)
    assert scope.schools.vanished_ids == ("2",)
    assert scope.imported == (("1", "1"),)


def test_a_vanished_school_that_is_taken_out_of_the_mapping_is_wanted_by_nobody() -> None:
    for rules in (SchoolRules(exclude=frozenset({"2"})), selected("1")):
        scope = of([school("1")], rules, {"1": "1", "2": "2"})
        assert states(scope)["2"] is State.UNMAPPED
        assert scope.kept_targets == {"1"}
        assert numbers(scope) == (1, 1, 0, 0)


def test_a_named_school_that_never_came_is_told_as_vanished_and_protects_nothing() -> None:
    scope = of([school("1")], selected("1", "77"))
    assert numbers(scope) == (1, 1, 0, 1)
    assert scope.schools.vanished_ids == ("77",)
    assert scope.vanished_targets == frozenset()
    assert "77" not in scope.places


def test_a_school_of_unknown_status_is_no_import_yet_and_has_not_vanished() -> None:
    scope = of([school("1", status="pending"), school("2")], remembered={"1": "1"})
    assert states(scope)["1"] is State.MAPPED
    assert scope.imported == (("2", "2"),)
    assert numbers(scope) == (2, 2, 0, 0)


def test_ancestors_go_up_any_number_of_steps_and_a_loop_ends() -> None:
    scope = of([above("nation", "state"), above("state", "nation"), above("d", "state"), school("1")])
    assert {i for i, s in states(scope).items() if s is State.PASSING} == {"nation", "state", "d"}


def test_a_school_is_no_ancestor_only_its_own_mapping_counts() -> None:
    scope = of([above("d"), school("campus"), school("1", parent="campus")], selected("1"))
    assert states(scope) == {"d": State.PASSING, "campus": State.UNMAPPED, "1": State.MAPPED}


def test_a_vanished_school_that_stands_above_another_stays_vanished() -> None:
    scope = of([above("2", "d"), above("d"), school("1", parent="2")], remembered={"1": "1", "2": "2"})
    assert states(scope) == {"1": State.MAPPED, "2": State.VANISHED, "d": State.PASSING}


def test_what_stands_above_a_vanished_school_stays() -> None:
    orgs, rules = [above("d"), above("e"), school("1", parent="e")], selected("1", "2")
    scope = of(orgs, rules, remembered={"2": "2"}, stored={"2": kept("d", True), "d": kept()})
    assert states(scope)["d"] is State.PASSING
    assert states(of(orgs, rules, remembered={"2": "2"}, stored={"2": kept(None, True)}))["d"] is State.UNMAPPED


def test_a_chain_that_the_pull_interrupts_goes_on_through_the_store() -> None:
    orgs, stored = [above("d"), school("1", parent="x")], {"x": kept("y"), "y": kept("d")}
    assert states(of(orgs, selected("1"), stored=stored))["d"] is State.PASSING
    gone = of(orgs, selected("1"), stored=stored, reading=Reading(unsent_go=True))
    assert states(gone) == {"d": State.PASSING, "1": State.MAPPED}
    assert states(of(orgs, selected("1"), stored={"x": kept("x")}))["d"] is State.UNMAPPED


def test_the_pull_speaks_before_the_store() -> None:
    orgs = [above("d"), above("e"), school("1", parent="e")]
    scope = of(orgs, selected("1"), {"1": "1"}, {"1": kept("d", True), "d": kept(), "e": kept("d")})
    assert states(scope) == {"1": State.MAPPED, "e": State.PASSING, "d": State.UNMAPPED}


@pytest.mark.parametrize(
    ("sent", "reading", "stays"),
    [
        ([], Reading(), True),
        ([], Reading(unsent_go=True), False),
        ([above("x", status="inactive")], Reading(), False),
        ([above("x", status="inactive")], Reading(removed_go=False), True),
    ],
    ids=["not sent", "not sent in bulk mode", "removed", "removed while deletes wait"],
)
def test_what_the_store_keeps_can_be_referred_to(sent: list[Org], reading: Reading, stays: bool) -> None:
    scope = of([school("1"), *sent], SchoolRules(prefix="F-"), stored={"F-x": kept()}, reading=reading)
    assert ("x" in scope.places) is stays
    if stays:
        assert (scope.places["x"].leads_to, scope.places["x"].state) == ("F-x", State.PASSING)


def test_what_stands_below_a_school_has_its_home_there() -> None:
    orgs = [school("1"), above("x", "1"), above("y", "x"), above("z", "2"), school("2"), above("w", "z")]
    scope = of(orgs, selected("1", **{"2": "WHS"}), {"1": "1"}, {"w": kept()})
    assert {i: p.home for i, p in scope.places.items()} == {
        "1": "1",
        "x": "1",
        "y": "1",
        "2": "WHS",
        "z": "WHS",
        "w": "WHS",
    }
    assert {p.own for p in scope.places.values()} == {State.MAPPED, State.PASSING}


def test_what_stands_below_a_vanished_school_comes_and_what_refers_to_it_does_not() -> None:
    place = of([above("x", "2")], remembered={"2": "WHS"}).places["x"]
    assert (place.state, place.own, place.home) == (State.VANISHED, State.PASSING, "WHS")


def test_what_stands_below_a_school_that_nobody_wants_is_not_wanted_either() -> None:
    orgs = [school("2", parent="d"), above("x", "2"), above("d")]
    assert states(of(orgs, SchoolRules(exclude=frozenset({"2"})))) == {
        "2": State.UNMAPPED,
        "x": State.UNMAPPED,
        "d": State.PASSING,
    }


def test_where_organisations_were_not_read_to_their_end_those_of_the_store_pass() -> None:
    orgs, stored = [above("d"), above("e"), school("1", parent="new")], {"d": kept()}
    part = of(orgs, selected("1"), stored=stored, reading=Reading(whole=False))
    assert states(part) == {"1": State.MAPPED, "d": State.PASSING, "e": State.UNMAPPED}
    assert states(of(orgs, selected("1"), stored=stored))["d"] is State.UNMAPPED


@pytest.mark.parametrize(
    ("orgs", "stored", "fits"),
    [
        ([above("T")], {}, False),
        ([], {"T": kept()}, False),
        ([school("T")], {"T": kept()}, True),
        ([], {"T": kept(None, True)}, True),
        ([], {}, True),
    ],
    ids=["pulled as no school", "stored as no school", "pulled as a school now", "stored as a school", "free"],
)
def test_a_target_is_a_school_or_free(orgs: list[Org], stored: dict[str, StoredOrg], fits: bool) -> None:
    rules = SchoolRules(targets={"1": "T"})
    if fits:
        assert "1" in of([school("1"), *orgs], rules, stored=stored).places
    else:
        with pytest.raises(Permanent, match="schoolsMapping leads school 1 to T"):
            of([school("1"), *orgs], rules, stored=stored)


def test_a_target_that_was_a_school_and_is_sent_as_something_else_has_only_vanished() -> None:
    scope = of([school("1"), above("2")], SchoolRules(targets={"1": "2"}), {"2": "2"}, {"2": kept(None, True)})
    assert states(scope)["2"] is State.VANISHED


def test_a_vanished_school_keeps_the_target_it_was_imported_under() -> None:
    rules = SchoolRules(targets={"2": "NEW"})
    scope = of([school("1")], rules, {"2": "OLD"})
    assert targets(scope)["2"] == "OLD"
    assert scope.kept_targets == {"1", "OLD"}


def test_at_most_20_ids_of_a_kind_are_told_and_all_are_counted() -> None:
    many = [school(f"{n:02}") for n in range(30)]
    scope = of([school("x"), *many], selected("x"))
    assert (scope.schools.missing, scope.schools.missing_ids) == (30, tuple(f"{n:02}" for n in range(20)))


@pytest.mark.parametrize("row", [kept, left], ids=["leaves", "has left"])
def test_a_department_that_leaves_belongs_to_the_school_above_and_else_to_nothing(row: Any) -> None:
    stored = {"x": row("1"), "y": row("x"), "z": row("d"), "w": row("2"), "d": kept(), "1": kept("d", True)}
    scope = of([above("d"), school("1"), school("2")], selected("1"), stored=stored, reading=Reading(unsent_go=True))
    assert states(scope) == {
        "d": State.PASSING,
        "1": State.MAPPED,
        "2": State.UNMAPPED,
        "x": State.PASSING,
        "y": State.PASSING,
        "w": State.UNMAPPED,
    }
    assert (scope.places["x"].home, scope.places["y"].home) == ("1", "1")


def test_a_target_may_be_the_id_of_a_department_that_has_left() -> None:
    assert targets(of([school("1")], SchoolRules(targets={"1": "x"}), stored={"x": left()}))["1"] == "x"
