"""Stores of every kind give the same plans, digests and exports."""

from pathlib import Path

from rostersync.deliveries.oneroster_csv import write_bundle
from rostersync.stores.engine import connect
from rostersync.stores.port import Store
from support.days import Roster, district
from support.stores import Kept


def exported(store: Store, folder: Path) -> dict[str, bytes]:
    con = connect(None, 1, folder / "scratch", [folder, *store.reader().folders])
    try:
        store.reader().attach(con, "rivers", None)
        write_bundle(con, folder / "bundle")
    finally:
        con.close()
    return {file.name: file.read_bytes() for file in (folder / "bundle").iterdir()}


def test_plans_and_exports_are_those_of_the_embedded_store(kept: Kept, tmp_path: Path) -> None:
    ours, theirs = Roster(tmp_path / "embedded"), Roster(tmp_path / "other")
    theirs.store = kept.store
    today = district()
    tomorrow = today.change("users", "s1", givenName="Other").without("users", "s2")

    for day in (today, tomorrow, tomorrow):
        a, b = ours.run(day), theirs.run(day)
        assert (a.manifest.digest, a.rows, a.holds, a.issues) == (b.manifest.digest, b.rows, b.holds, b.issues)
        assert a.manifest.base_revision == b.manifest.base_revision

    assert exported(ours.store, tmp_path / "a") == exported(theirs.store, tmp_path / "b")


def test_the_nights_after_a_restore_hold_for_the_same(kept: Kept, tmp_path: Path) -> None:
    roster = Roster(tmp_path)
    roster.store = kept.store
    free = {"entity": "*", "change": "Any", "percent": 10000}
    none = {"entity": "Student", "change": "Delete", "count": 0, "window": "7d"}
    spec = {"bulkUploadMode": True, "syncHoldThreshold": {"rules": [free, none]}}
    day = district()
    roster.run(day, **spec)
    roster.apply(roster.restore(roster.run(day.without("users", "s1", "p1"), **spec), **spec))

    other = roster.plan(day.without("users", "s3"), **spec).holds
    assert {h for h in other if h[0] == "Threshold"} == {("Threshold", "Student", "Delete", 1, 3, 0, "Count")}
    again = roster.run(day.without("users", "p1"), **spec)
    assert ("RestoredRecords", 1) in again.holds
    roster.run(day, **spec)
    assert "RestoredRecords" not in roster.plan(day.without("users", "p1"), **spec).reasons
