"""The roster that two sources of a district make together, in a store of every kind: read, told as of earlier, copied, forgotten."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from engine.test_several_sources import FIRST, SECOND, ours, theirs
from rostersync.errors import BaseMoved
from rostersync.local.copying import copy
from rostersync.stores import as_of
from rostersync.stores.embedded.store import EmbeddedStore
from rostersync.stores.engine import connect
from rostersync.stores.port import Store
from support.days import AS_OF, Roster
from support.stores import Kept

PEOPLE = {"s1", "s2", "s3", "t1", "t2", "p1", "a1"}


@pytest.fixture
def roster(kept: Kept, tmp_path: Path) -> Roster:
    """Both sources imported, and a night of the second one."""
    made = Roster(tmp_path / "runs")
    made.store = kept.store
    made.run(ours(), **FIRST)
    made.run(theirs(), **SECOND)
    made.run(theirs().change("users", "91", sms="6").without("users", "93"), **SECOND)
    return made


def told(store: Store, scratch: Path, query: str, revision: int | None = None) -> set[Any]:
    """What the district's roster says, as exports read it."""
    reader = store.reader()
    con: duckdb.DuckDBPyConnection = connect(None, 1, scratch, reader.folders)
    try:
        reader.attach(con, "rivers", None)
        if revision is not None:
            as_of.as_of(con, revision, "then_")
        return set(con.execute(query).fetchall())
    finally:
        con.close()


def test_who_reads_the_roster_reads_what_both_make(roster: Roster, tmp_path: Path) -> None:
    active = "SELECT id FROM store_users WHERE status = 'active'"
    assert {i for (i,) in told(roster.store, tmp_path / "s", active)} == PEOPLE
    assert told(roster.store, tmp_path / "s", "SELECT sms, phone FROM store_users WHERE id = 's1'") == {("6", "111")}


def test_earlier_rosters_are_told(roster: Roster, tmp_path: Path) -> None:
    active = "SELECT id FROM then_users WHERE status = 'active'"
    assert {i for (i,) in told(roster.store, tmp_path / "s", active, 2)} == PEOPLE | {"ic-93"}
    assert {i for (i,) in told(roster.store, tmp_path / "s", active, 1)} == PEOPLE
    assert told(roster.store, tmp_path / "s", "SELECT sms FROM then_users WHERE id = 's1'", 2) == {("5",)}
    assert told(roster.store, tmp_path / "s", "SELECT sms FROM then_users WHERE id = 's1'", 1) == {(None,)}


def test_a_plan_that_saw_another_roster_is_made_again(roster: Roster) -> None:
    first = roster.plan(ours().change("users", "s2", phone="1"), **FIRST)
    second = roster.plan(theirs().change("users", "91", sms="7"), **SECOND)
    roster.apply(first)
    with pytest.raises(BaseMoved):
        roster.apply(second)
    again = roster.plan(theirs().change("users", "91", sms="7"), **SECOND)
    assert again.manifest.digest == second.manifest.digest, "an approval of it stands"
    roster.apply(again)
    moved = roster.plan(theirs().change("users", "91", sms="8"), **SECOND)
    roster.run(ours().change("users", "s2", phone="1").change("users", "s1", sms="of the first"), **FIRST)
    assert roster.plan(theirs().change("users", "91", sms="8"), **SECOND).manifest.digest != moved.manifest.digest


def test_whoever_is_forgotten_is_forgotten_under_every_id(roster: Roster, kept: Kept, tmp_path: Path) -> None:
    roster.run(theirs().change("users", "91", familyName="Zyxquil"), **SECOND)
    assert kept.holds("Zyxquil")
    forgotten = roster.store.writer().forget("rivers", "ic-91")
    assert forgotten.still_active
    assert not kept.holds("Zyxquil")
    assert {i for (i,) in told(roster.store, tmp_path / "s", "SELECT id FROM store_users WHERE id = 's1'")} == set()
    roster.run(ours(), **FIRST)
    assert told(roster.store, tmp_path / "s", "SELECT phone FROM store_users WHERE id = 's1'") == {("111",)}


def test_who_left_a_source_is_forgotten_there_too(roster: Roster, kept: Kept, tmp_path: Path) -> None:
    def ids_of(record: str) -> set[str]:
        reader = roster.store.reader()
        con = connect(None, 1, tmp_path / "s", reader.folders)
        try:
            return set(reader.same_person(con, "rivers", record))
        finally:
            con.close()

    marked = theirs().change("users", "91", familyName="Zyxquil")
    left = theirs().without("users", "91").without("enrollments", "83")
    roster.run(marked, **SECOND)
    roster.run(left, **SECOND)
    assert ids_of("s1") == ids_of("ic-91") == {"s1", "ic-91"}
    roster.run(marked.change("users", "91", email="of@another.example"), **SECOND)
    assert ids_of("s1") == {"s1"}, "who comes back as somebody else is nobody else"
    roster.run(left, **SECOND)
    assert (ids_of("s1"), ids_of("ic-91")) == ({"s1"}, {"ic-91"})
    roster.run(marked, **SECOND)
    roster.run(left, **SECOND)
    assert kept.holds("Zyxquil")
    roster.store.writer().forget("rivers", "s1")
    assert not kept.holds("Zyxquil")
    assert not kept.holds("ic-91")


def test_a_former_link_is_kept_as_long_as_there_is_something_to_forget(roster: Roster, tmp_path: Path) -> None:
    roster.run(theirs().without("users", "91").without("enrollments", "83"), **SECOND)
    writer, reader = roster.store.writer(), roster.store.reader()
    con = connect(None, 1, tmp_path / "s", reader.folders)
    try:
        for days, found in ((-1, 2), (1, 1)):
            writer.expire("rivers", timedelta(0), AS_OF + timedelta(days=days))
            assert len(reader.same_person(con, "rivers", "s1")) == found
    finally:
        con.close()


def test_a_district_of_several_sources_moves_to_another_store(roster: Roster, tmp_path: Path) -> None:
    target = EmbeddedStore(tmp_path / "target" / "roster.duckdb", threads=1)
    copy(roster.store, target, "rivers", tmp_path / "copying")
    rows = "SELECT to_json(u)::VARCHAR FROM store_users u"
    assert told(target, tmp_path / "s", rows) == told(roster.store, tmp_path / "s", rows)
    roster.store = target
    assert roster.plan(ours(), **FIRST).report.no_changes
