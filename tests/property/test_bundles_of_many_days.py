"""A reader that applies every delta has what the newest bulk bundle says, over random districts and their days."""

import random
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from rostersync.api.v1alpha1.deliveries import Delivery
from rostersync.deliveries.port import Edition
from rostersync.deliveries.registry import format_of
from rostersync.errors import Permanent
from rostersync.model import Entity
from rostersync.stores import as_of
from rostersync.stores.engine import connect
from support.districts import connection, grow
from support.oneroster_checks import problems
from support.oneroster_reader import Reader
from support.side_by_side import Engine
from support.staging import stage

FIRST_DAY = datetime(2026, 1, 10, 3, tzinfo=UTC)
DAYS, DISTRICTS = 10, 10


@pytest.mark.parametrize("number", range(DISTRICTS))
def test_deltas_in_order_are_the_newest_bulk(number: int, tmp_path: Path) -> None:
    rng = random.Random(f"bundles {number}")
    district = grow(rng)
    engine = Engine(tmp_path)
    spec = connection(rng, district)
    spec.pop("entities", None)
    times, removed = [], set[str]()
    for day in range(DAYS):
        if day:
            district.next_day()
        proof = district.proof()
        extract = stage(tmp_path / f"extract-{day}", district.pull(proof), proof)
        now = FIRST_DAY + timedelta(days=day)
        try:
            planned = engine.plan(spec if rng.random() < 0.8 else connection(rng, district), extract, f"run-{day}", now)
        except Permanent:
            continue  # this connection cannot be planned
        if planned.changes:
            engine.apply(planned)
            times.append(now)
            removed |= {table for (table, _), (_, change, *_) in planned.changes.items() if change == "Delete"}

    con = connect(None, 1, tmp_path / "scratch", [*engine.store.reader().folders, tmp_path])
    engine.store.reader().attach(con, "district", None)
    some = rng.sample(sorted(deliveries(rng, con).items()), 3)  # all of them take minutes
    receivers = {key: (asked, Reader()) for key, asked in some}
    had: dict[str, int | None] = dict.fromkeys(receivers)
    deleted: Counter[str] = Counter()
    for revision, at in enumerate(times, start=1):
        as_of.as_of(con, revision, "then_")
        for key, (asked, reader) in receivers.items():
            told, since = f"{key}, revision {revision}", had[key]
            try:
                bundle = written(con, tmp_path / "delta", asked, revision, at, since)
            except Permanent as refused:
                if refused.reason != "NoSuchSchool":
                    raise
                continue  # nobody gets empty files; the next bundle has it all
            had[key] = revision
            assert problems(bundle, reader.ids, required=False, words=False) == [], told
            before = reader.ids
            reader.take(bundle)
            deleted.update(name for name, ids in before.items() if ids - reader.ids[name])
    for key, (asked, reader) in receivers.items():
        if had[key] != len(times):
            continue
        bulk = written(con, tmp_path / "bulk", asked, len(times), times[-1], None)
        assert problems(bulk, required=False, words=False) == [], key
        newest = Reader()
        newest.take(bulk)
        assert reader.content == newest.content, key
    con.close()
    assert deleted or removed <= {"academicSessions"}  # which none of the three may have asked for


def deliveries(rng: random.Random, con: duckdb.DuckDBPyConnection) -> dict[str, Delivery]:
    """Deltas of everything, of a school, of some entities, and of some entities of two schools; of either version."""
    found = con.execute("SELECT id FROM store_orgs WHERE entity = 'School' ORDER BY id").fetchall()
    schools = [school for (school,) in found] or ["none"]
    most = [e.value for e in Entity if e is not Entity.CONTACT and (e is not Entity.DISTRICT or rng.random() < 0.3)]
    narrowings: dict[str, dict[str, Any]] = {
        "everything": {},
        "a school": {"schools": rng.sample(schools, 1)},
        "most entities": {"entities": most},
        "two schools": {"entities": ["School", "Class", "Student", "Enrollment"], "schools": schools[:2]},
    }
    place = {"directory": {"existingClaim": "c"}}
    return {
        f"{name} in {version}": Delivery.model_validate(
            {"name": "d", "oneRosterCSV": {"mode": "Delta", "version": version, **narrowing}, **place}
        )
        for name, narrowing in narrowings.items()
        for version in ("1.1", "1.2")
    }


def written(
    con: duckdb.DuckDBPyConnection, folder: Path, asked: Delivery, revision: int, at: datetime, since: int | None
) -> Path:
    """The files of an edition."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if since is not None:
        as_of.as_of(con, since, "before_")
    files = format_of(asked).write(Edition(con, asked, "district", revision, at, since, "then_"), folder).files
    assert files[-1].name == "manifest.csv"
    return folder
