"""Two sources of one district: what each brings, and the roster that they make together."""

import duckdb
import pytest

from rostersync.errors import Permanent
from support.days import Planned, Roster, Row, dicts, plain
from support.two_sources import FIRST, SECOND, both, ours, theirs


def united(roster: Roster, table: str, status: str = "active") -> dict[str, Row]:
    """The roster's rows of a table, by id, as exports read them."""
    with duckdb.connect(":memory:", config={"threads": 1}) as con:
        roster.store.reader().attach(con, "rivers", None)
        rows = dicts(con.execute(f"SELECT * FROM store_{table}"))  # noqa: S608
        roster.store.reader().detach(con)
    assert len({r["id"] for r in rows}) == len(rows)
    return {r["id"]: {k: plain(v) for k, v in r.items()} for r in rows if r["status"] == status}


def roster_changes(planned: Planned) -> dict[str, tuple[str, str]]:
    """(change, cause) of the roster's records, by id."""
    found = {}
    with duckdb.connect(":memory:", config={"threads": 1}) as con:
        for file in sorted((planned.folder / "roster").glob("*.parquet")):
            for row in dicts(con.execute("SELECT id, change, cause FROM read_parquet(?)", [str(file)])):
                found[row["id"]] = (row["change"], row["cause"])
    return found


def test_people_and_schools_of_two_sources_are_one(roster: Roster) -> None:
    planned = both(roster)
    assert planned.reasons == {"SafetyLoosened"}
    people = united(roster, "users")
    assert people.keys() == {"s1", "s2", "s3", "t1", "t2", "p1", "a1", "ic-93"}
    assert people["s1"]["orgSourcedIds"] == ["1001"]
    assert people["t1"]["orgSourcedIds"] == ["1001", "ic-72"], "organisations of both are united"
    assert (people["s1"]["givenName"], people["s1"]["phone"], people["s1"]["sms"]) == ("Given s1", "111", "5")
    assert united(roster, "orgs").keys() == {"d1", "1001", "1002", "ic-70", "ic-72"}
    assert united(roster, "classes")["ic-82"]["schoolSourcedId"] == "1001"
    assert united(roster, "enrollments")["ic-83"]["userSourcedId"] == "s1"
    changes = roster_changes(planned)
    counts = planned.report.roster
    assert counts is not None
    students = next(e for e in counts.entities if e.entity == "Student")
    assert (students.created, students.updated, students.deleted, students.unchanged) == (1, 1, 0, 2)
    own = next(e for e in planned.report.entities if e.entity == "Student")
    assert (own.created, own.population) == (2, 0), "what this source contributes is counted apart"
    assert counts.total.created + counts.total.updated == len(changes)
    assert counts.sources == ("rivers", "campus")
    assert changes["s1"] == ("Update", "SourceCreated")
    assert changes["ic-93"] == ("Create", "SourceCreated")
    assert "ic-91" not in changes


def test_an_only_source_has_no_roster_beside_its_records(roster: Roster) -> None:
    roster.begin(ours(), **FIRST)
    assert roster.plan(ours(), **FIRST).report.roster is None


def test_what_each_source_contributed_stays_its_own(roster: Roster) -> None:
    both(roster)
    assert roster.stored("users").keys() == {"s1", "s2", "s3", "t1", "t2", "p1", "a1"}
    assert roster.plan(ours(), **FIRST).report.no_changes
    assert roster.plan(theirs(), **SECOND).report.no_changes


def test_a_night_of_each_source_after_the_other(roster: Roster) -> None:
    both(roster)
    roster.run(ours().change("users", "s1", phone="222"), **FIRST)
    assert united(roster, "users")["s1"]["phone"] == "222"
    planned = roster.run(theirs().change("users", "91", sms="6", phone="000"), **SECOND)
    assert roster_changes(planned) == {"s1": ("Update", "SourceChanged")}
    assert united(roster, "users")["s1"]["sms"] == "6"
    assert united(roster, "users")["s1"]["phone"] == "222"


def test_who_leaves_one_source_stays_while_the_other_has_them(roster: Roster) -> None:
    both(roster)
    planned = roster.run(ours().without("users", "s1").without("enrollments", "e1"), **FIRST)
    assert planned.ids("Delete") == {"s1", "e1"}
    assert united(roster, "users")["s1"]["givenName"] == "Sam", "the id that stands there stays"
    assert united(roster, "users")["s1"]["phone"] == "999"
    planned = roster.run(theirs().without("users", "91").without("enrollments", "83"), **SECOND)
    assert roster_changes(planned)["s1"] == ("Delete", "SourceMissing")
    assert "s1" not in united(roster, "users")
    assert "s1" in united(roster, "users", "tobedeleted")


def test_a_master_decides_where_it_has_a_value(roster: Roster) -> None:
    fields = [{"entity": "Student", "attributes": ["phone", "username"], "source": "campus", "mode": "Master"}]
    both(roster, masterFields=fields)
    person = united(roster, "users")["s1"]
    assert (person["phone"], person["username"], person["givenName"]) == ("999", "s.one", "Given s1")


def test_changed_words_make_the_roster_anew_and_must_be_everybodys(roster: Roster) -> None:
    both(roster)
    fields = [{"entity": "Student", "attributes": ["*"], "source": "campus", "mode": "Master"}]
    planned = roster.run(theirs(), **SECOND, masterFields=fields)
    assert roster_changes(planned) == {"s1": ("Update", "SettingsChanged")}
    assert planned.rows == {}
    assert united(roster, "users")["s1"]["givenName"] == "Sam"
    with pytest.raises(Permanent, match=r"spec\.masterFields of source rivers") as caught:
        roster.plan(ours(), **FIRST)
    assert caught.value.reason == "DistrictSettingsDiffer"
    assert roster.plan(ours(), **FIRST, masterFields=fields).report.no_changes


def test_links_hold_when_an_address_changes_in_one_system_first(roster: Roster) -> None:
    both(roster)
    planned = roster.run(ours().change("users", "s1", email="other@x.example"), **FIRST)
    assert roster_changes(planned) == {"s1": ("Update", "SourceChanged")}
    assert "ic-91" not in united(roster, "users")


def test_a_recycled_account_moves_and_is_always_held(roster: Roster) -> None:
    both(roster)
    planned = roster.run(theirs().change("users", "91", email="s2@x.example", givenName="Sue"), **SECOND)
    assert "Relinked" in planned.reasons
    assert roster_changes(planned)["s2"] == ("Update", "Relinked")
    assert roster_changes(planned)["s1"] == ("Update", "Relinked")
    people = united(roster, "users")
    assert (people["s1"]["sms"], people["s2"]["sms"]) == (None, "5")
    assert united(roster, "enrollments")["ic-83"]["userSourcedId"] == "s2", "references follow"


def test_two_candidates_are_duplicates(roster: Roster) -> None:
    second = theirs().change("users", "91", email="s1@x.example", identifier="77")
    first = ours().change("users", "s1", email="s1@x.example").change("users", "s2", identifier="77")
    roster.begin(first, **FIRST)
    planned = roster.run(second, **SECOND)
    assert ("Student", "ic-91", "Duplicate", "Duplicate", None, None, "Skip") in planned.issues
    assert ("Enrollment", "ic-83", "Skipped", "DanglingReference", "userSourcedId", None, "Skip") in planned.issues
    assert "ic-91" not in united(roster, "users")


def test_equal_ids_without_a_prefix_are_held_back(roster: Roster) -> None:
    roster.begin(ours(), **FIRST)
    second = theirs().add("users", "s3", email="else@x.example", orgSourcedIds=["71"])
    planned = roster.run(second, **SECOND | {"sisIDPrefix": ""})
    assert ("Student", "s3", "Skipped", "IdTaken", None, None, "Skip") in planned.issues
    assert united(roster, "users")["s3"]["email"] == "s3@x.example"


def test_two_that_stood_become_one(roster: Roster) -> None:
    both(roster)
    planned = roster.run(theirs().change("users", "93", email="s2@x.example"), **SECOND)
    assert roster_changes(planned) == {"s2": ("Update", "SourceChanged"), "ic-93": ("Delete", "Merged")}
    assert united(roster, "users")["s2"]["orgSourcedIds"] == ["1001", "ic-72"]


def test_a_school_is_mapped_onto_one_that_is_there(roster: Roster) -> None:
    mapping = {"schoolsMapping": {"schools": [{"sourcedId": "72", "target": {"existing": "1002"}}]}}
    roster.begin(ours(), **FIRST)
    roster.run(theirs(), **SECOND, **mapping)
    assert united(roster, "orgs").keys() == {"d1", "1001", "1002", "ic-70"}
    assert united(roster, "orgs")["1002"]["name"] == "South"
    assert united(roster, "users")["ic-93"]["orgSourcedIds"] == ["1002"]
    assert roster.plan(ours(), **FIRST).report.no_changes
    missing = {"schoolsMapping": {"schools": [{"sourcedId": "72", "target": {"existing": "9999"}}]}}
    with pytest.raises(Permanent, match="9999") as caught:
        roster.plan(theirs(), **SECOND, **missing)
    assert caught.value.reason == "SchoolNotThere"


def test_a_restore_of_one_source_makes_the_roster_again(roster: Roster) -> None:
    first = both(roster)
    left = roster.run(ours().without("users", "s1").without("enrollments", "e1"), **FIRST)
    roster.apply(roster.restore(left, **FIRST))
    assert united(roster, "users")["s1"]["phone"] == "111"
    roster.apply(roster.restore(first, **SECOND))
    assert united(roster, "users").keys() == {"s1", "s2", "s3", "t1", "t2", "p1", "a1"}
    assert united(roster, "users")["s1"]["sms"] is None


def test_the_value_that_was_first_stands_until_its_source_drops_it(roster: Roster) -> None:
    fields = [{"entity": "Student", "attributes": ["phone"], "source": "campus", "mode": "DoNotOverride"}]
    words = {"masterFields": fields}
    first = ours().change("users", "s1", phone=None)
    roster.begin(first, **FIRST, **words)
    roster.run(theirs(), **SECOND, **words)
    assert united(roster, "users")["s1"]["phone"] == "999"
    roster.run(ours(), **FIRST, **words)
    assert united(roster, "users")["s1"]["phone"] == "999", "the older source has one now, too late"
    roster.run(theirs().change("users", "91", phone="998"), **SECOND, **words)
    assert united(roster, "users")["s1"]["phone"] == "998", "whose it is may change it"
    roster.run(theirs().change("users", "91", phone=None), **SECOND, **words)
    assert united(roster, "users")["s1"]["phone"] == "111"
    roster.run(theirs(), **SECOND, **words)
    assert united(roster, "users")["s1"]["phone"] == "111"


def test_a_run_of_some_schools_touches_the_roster_of_these_alone(roster: Roster) -> None:
    both(roster)
    day = ours().change("users", "s1", phone="222").change("users", "s3", phone="333")
    planned = roster.plan(day, schools=("1001",), **FIRST)
    assert roster_changes(planned) == {"s1": ("Update", "SourceChanged")}
    roster.apply(planned)
    assert united(roster, "users")["s1"]["phone"] == "222"
    assert roster_changes(roster.plan(day, **FIRST)) == {"s3": ("Update", "SourceChanged")}


def test_a_source_that_is_emptied_leaves_the_other_ones_people(roster: Roster) -> None:
    both(roster)
    planned = roster.run(theirs().wiped("users", "enrollments"), **SECOND)
    assert "EntityEmptied" in planned.reasons
    assert united(roster, "users").keys() == {"s1", "s2", "s3", "t1", "t2", "p1", "a1"}
    assert united(roster, "users")["s1"]["sms"] is None


def test_other_sources_without_the_option_are_refused(roster: Roster) -> None:
    both(roster)
    with pytest.raises(Permanent) as caught:
        roster.plan(ours(), **FIRST | {"multipleDataSources": False})
    assert caught.value.reason == "StoreHasOtherSource"
