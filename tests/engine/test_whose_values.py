"""Whose a value of a roster of two sources is, and what it would be if that source had none: in files, pages and lists."""

import csv
import io
import json
from typing import Any

from rich.console import Console

from rostersync.render import changes, orgs, whose
from support.days import Day, Planned, Roster
from support.two_sources import FIRST, SECOND, both, ours, theirs

MASTER = [{"entity": "Student", "attributes": ["phone", "username"], "source": "campus", "mode": "Master"}]
WORDS = {"masterFields": MASTER}


def second() -> Day:
    """The other source: with the same given name as the first and another phone."""
    return theirs().change("users", "91", givenName="Given s1")


def change_of(planned: Planned, record: str) -> changes.RecordChange:
    return next(c for c in changes.read(planned.folder, roster=True) if c.id == record)


def lines(planned: Planned) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=240, markup=False, highlight=False)
    changes.page(console, changes.read(planned.folder, roster=True), None, orgs.read(planned.folder))
    return [" ".join(line.split()) for line in out.getvalue().splitlines()]


def then(without: str, value: Any, source: str | None) -> list[dict[str, Any]]:
    return [{"without": without, "value": value, "source": source}]


def test_a_value_says_whose_it_is_and_what_the_next_source_has(roster: Roster) -> None:
    planned = both(roster, second(), **WORDS)
    change = change_of(planned, "s1")
    assert change.source_of("phone") == "campus"
    assert change.otherwise == {
        "phone": then("campus", "111", "rivers"),
        "sms": then("campus", None, None),
    }, "of the attributes that change alone"
    assert change_of(planned, "t1").otherwise == {
        "orgSourcedIds": then("rivers", ["ic-72"], "campus") + then("campus", ["1001"], "rivers")
    }
    shown = lines(planned)
    assert "phone: 111 → 999 (campus; without it: 111 of rivers)" in shown
    assert "sms: ∅ → 5 (campus; without it: none)" in shown
    north, far = "North (1001)", "Far High (ic-72)"
    told = f"rivers, campus; without rivers: {far}; without campus: {north}"
    assert f"orgSourcedIds: {north} → {north}, {far} ({told})" in shown, "also the school that the other source brings"
    assert "All of it is of campus." in shown, "who is new, and nobody else has"


def test_what_a_record_is_has_a_source_too(roster: Roster) -> None:
    master = [{"entity": "Student", "attributes": ["role"], "source": "campus", "mode": "Master"}]
    planned = both(roster, theirs().change("users", "91", role="teacher"), masterFields=master)
    assert change_of(planned, "s1").after["entity"] == "Teacher"
    assert change_of(planned, "s1").source_of("entity") == "campus"
    assert "entity: Student → Teacher (campus)" in lines(planned)


def test_a_record_says_what_joins_it_and_what_leaves_it(roster: Roster) -> None:
    planned = both(roster, second())
    joined = change_of(planned, "s1").as_dict()
    assert (joined["joined"], "left" in joined) == ([{"source": "campus", "id": "ic-91"}], False)
    assert "joined by ic-91 of campus" in lines(planned)
    assert {"joined", "left"} & change_of(planned, "ic-93").as_dict().keys() == set(), "its own record"

    planned = roster.run(second().without("users", "91").without("enrollments", "83"), **SECOND)
    assert change_of(planned, "s1").as_dict()["left"] == [{"source": "campus", "id": "ic-91"}]
    assert "left by ic-91 of campus" in lines(planned)


def test_what_the_next_source_has_may_be_the_same(roster: Roster) -> None:
    both(roster, second(), **WORDS)
    planned = roster.run(ours().change("users", "s1", phone="999", username="new"), **FIRST, **WORDS)
    assert "username: s.one → new (rivers; without it: none)" in lines(planned)
    planned = roster.run(second().change("users", "91", phone="998", username="new"), **SECOND, **WORDS)
    assert "phone: 999 → 998 (campus; without it: 999 of rivers)" in lines(planned)
    planned = roster.run(second().change("users", "91", phone="999"), **SECOND, **WORDS)
    assert "phone: 998 → 999 (campus; without it: the same of rivers)" in lines(planned)


def test_whom_one_source_has_is_of_it_alone(roster: Roster) -> None:
    both(roster, second(), **WORDS)
    planned = roster.run(second().change("users", "93", phone="3"), **SECOND, **WORDS)
    assert "phone: ∅ → 3 (campus alone)" in lines(planned)
    assert change_of(planned, "ic-93").otherwise == {}


def test_lists_for_programs_have_it(roster: Roster) -> None:
    planned = both(roster, second(), **WORDS)
    out, wide, text = io.StringIO(newline=""), io.StringIO(newline=""), io.StringIO()
    changes.write_csv(out, [change_of(planned, "s1"), change_of(planned, "t1")], sources=True)
    rows = {(r["id"], r["attribute"]): r for r in csv.DictReader(io.StringIO(out.getvalue(), newline=""))}
    phone, schools = rows["s1", "phone"], rows["t1", "orgSourcedIds"]
    assert (phone["source"], phone["otherwise"], phone["otherwiseSource"]) == ("campus", "111", "rivers")
    assert schools["otherwise"] == "without rivers: ic-72; without campus: 1001"
    changes.write_wide(wide, [change_of(planned, "s1"), change_of(planned, "ic-93")], sources=True)
    [one, alone] = csv.DictReader(io.StringIO(wide.getvalue().removeprefix("\ufeff"), newline=""))
    assert one["source"] == "sms: campus; phone: campus"
    assert one["otherwise"] == "sms: none; phone: 111 (rivers)"
    assert (alone["source"], alone["otherwise"]) == ("campus alone", "")
    changes.write_json(text, [change_of(planned, "s1")])
    assert json.loads(text.getvalue())[0]["otherwise"]["phone"] == then("campus", "111", "rivers")


def test_a_plan_counts_whose_its_changed_values_are(roster: Roster) -> None:
    found = whose.read(both(roster, second(), **WORDS).folder)
    told = {(w.entity, w.attribute, w.source): dict(w.then) for w in found}
    assert told["Student", "phone", "campus"] == {"rivers": 1}
    assert told["Student", "sms", "campus"] == {"none": 1}
    out = io.StringIO()
    whose.page(Console(file=out, width=160, markup=False, highlight=False), found, 1)
    assert "Whose the changed values of the roster are" in out.getvalue()
    assert "more rows; these have the most values." in out.getvalue()


def test_a_plan_with_one_source_says_nothing_of_it(roster: Roster) -> None:
    roster.begin(ours(), **FIRST)
    assert whose.read(roster.plan(ours().change("users", "s1", phone="2"), **FIRST).folder) == ()
