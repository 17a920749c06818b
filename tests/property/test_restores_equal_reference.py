"""Restores of generated districts: the former roster exactly, and with days between what the reference model plans."""

import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rostersync.errors import Permanent
from rostersync.model import Entity
from rostersync.plan.origin import Restored
from support.districts import changed_connection, connection, grow
from support.reference_restore import restore
from support.side_by_side import Engine, Planned
from support.staging import stage

DISTRICTS, DAYS = 7, 4
FIRST_DAY = datetime(2026, 1, 10, 3, tzinfo=UTC)
Rows = dict[tuple[str, str], dict[str, Any]]


def active(engine: Engine) -> Rows:
    """The roster, without tombstones."""
    return {
        key: {k: v for k, v in row.items() if k != "status"}
        for key, row in engine.rows().items()
        if row["status"] == "active"
    }


def days(rng: random.Random, folder: Path) -> tuple[Engine, Any, list[tuple[Planned, Rows, Rows]]]:
    """A district over some days: the engine, its spec, and every plan that was applied with the rosters around it."""
    district = grow(rng)
    spec = connection(rng, district)
    engine, applied = Engine(folder), []
    for day in range(rng.randint(2, DAYS)):
        if day:
            district.next_day()
            spec = changed_connection(rng, district, spec) if rng.random() < 0.3 else spec
        proof = district.proof()
        extract = stage(folder / f"extract-{day}", district.pull(proof), proof)
        before = active(engine)
        try:
            planned = engine.plan(spec, extract, f"run-{day}", FIRST_DAY + timedelta(days=day))
        except Permanent:
            continue
        if planned.changes:
            engine.apply(planned)
            applied.append((planned, before, active(engine)))
    return engine, spec, applied


def meant(schools: set[str], applied: list[tuple[Planned, Rows, Rows]]) -> set[str]:
    """The schools that are asked for, also by their ids in the SIS."""
    imported = dict(pair for planned, _, _ in applied for pair in planned.manifest.schools_imported)
    return schools | {imported[i] for i in schools if i in imported}


@pytest.mark.parametrize("number", range(DISTRICTS))
def test_the_former_roster_comes_back_exactly(number: int, tmp_path: Path) -> None:
    rng = random.Random(f"exactly/{number}")
    engine, spec, applied = days(rng, tmp_path / "district")
    if not applied:
        return
    newest, before, after = applied[-1]
    at = FIRST_DAY + timedelta(days=DAYS)

    back = engine.restore(spec, Restored(newest.manifest.run), "back", at)
    engine.apply(back)
    assert active(engine) == before
    assert back.held == {}
    assert {cause for _, _, cause, _ in back.changes.values()} == {"Restored"}

    again = engine.restore(spec, Restored(newest.manifest.run), "again", at)
    assert (again.changes, again.held, again.manifest.no_changes) == ({}, {}, True)

    engine.apply(engine.restore(spec, Restored("back"), "forth", at))
    assert active(engine) == after
    shutil.rmtree(tmp_path / "district")


@pytest.mark.parametrize("number", range(DISTRICTS))
def test_with_days_between_it_is_what_the_model_says(number: int, tmp_path: Path) -> None:
    rng = random.Random(f"between/{number}")
    engine, spec, applied = days(rng, tmp_path / "district")
    if not applied:
        return
    place = rng.randrange(len(applied))
    planned, before, after = applied[place]
    later = {key for other, _, _ in applied[place + 1 :] for key in other.changes}
    only = set(rng.sample([*Entity], 4)) if rng.random() < 0.4 else set()
    every = sorted({i for (t, i), r in [*before.items(), *after.items()] if t == "orgs" and r["entity"] == "School"})
    schools = set(rng.sample(every, min(len(every), rng.randint(1, 2)))) if rng.random() < 0.6 else set()
    changed = {key: (entity, change) for key, (entity, change, _, _) in planned.changes.items()}
    at = FIRST_DAY + timedelta(days=DAYS)

    expected = restore(changed, before, after, active(engine), later, {e.value for e in only}, meant(schools, applied))
    asked = Restored(planned.manifest.run, tuple(e for e in Entity if e in only), tuple(sorted(schools)))
    back = engine.restore(spec, asked, "back", at)

    assert back.changes == expected.changes
    assert back.held == expected.held
    if not back.changes:
        return
    assert ("Restore", None, None) in back.holds
    engine.apply(back)
    assert active(engine) == expected.roster
    assert engine.restore(spec, asked, "again", at).changes == {}
    shutil.rmtree(tmp_path / "district")
