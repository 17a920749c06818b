"""The nights after a restore: what their plans hold for, windows and restored records, is what the reference model says."""

import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rostersync.errors import Permanent
from rostersync.model import Entity
from rostersync.plan.origin import Restored
from support.districts import changed_connection, connection, grow
from support.reference import Model, ModelStore
from support.reference_restore import restore
from support.side_by_side import Engine, differences
from support.staging import stage

DISTRICTS, DAYS = 6, 4
FIRST_DAY = datetime(2026, 1, 10, 3, tzinfo=UTC)
WINDOWS = [
    {"entity": "*", "change": "Delete", "percent": 10, "minPopulation": 1, "window": "7d"},
    {"entity": "*", "change": "Create", "count": 2, "window": "30h"},
    {"entity": "*", "change": "Delete", "count": 1, "window": "7d", "perSchool": True},
    {"entity": "*", "change": "Any", "count": 6, "window": "2d"},
]


def active(store: ModelStore) -> dict[tuple[str, str], dict[str, object]]:
    """The roster, without tombstones."""
    return {
        k: {n: v for n, v in row.items() if n != "status"} for k, row in store.rows.items() if row["status"] == "active"
    }


@pytest.mark.parametrize("number", range(DISTRICTS))
def test_nights_after_a_restore(number: int, tmp_path: Path) -> None:
    rng = random.Random(f"nights/{number}")
    district = grow(rng)
    spec = connection(rng, district) | {"syncHoldThreshold": {"rules": WINDOWS}}
    engine, store, applied = Engine(tmp_path / "district"), ModelStore(), []
    taken_back = rng.randint(1, DAYS - 2)
    for day in range(DAYS):
        if day:
            district.next_day()
            spec = changed_connection(rng, district, spec) if rng.random() < 0.2 else spec
            spec = spec | {"syncHoldThreshold": {"rules": WINDOWS}}
        proof, now = district.proof(), FIRST_DAY + timedelta(hours=17 * day)
        pull = district.pull(proof)
        extract = stage(tmp_path / f"extract-{day}", pull, proof)
        try:
            expected = Model(spec).plan(pull, proof, store, now)
        except Permanent:
            return
        planned = engine.plan(spec, extract, f"run-{day}", now)
        assert differences(expected, planned, store) == [], f"district {number}, day {day}, spec {spec}"
        if expected.changes:
            before = active(store)
            store.apply(expected)
            engine.apply(planned)
            applied.append((planned, before, active(store), store.log[-1]))
        if day == taken_back and applied:
            at = now + timedelta(hours=5)
            place = rng.randrange(len(applied))
            run, was, became, entry = applied[place]
            changed = {key: (entity, change) for key, (entity, change, _, _) in run.changes.items()}
            later = {key for other, *_ in applied[place + 1 :] for key in other.changes}
            only = set(rng.sample([*Entity], 4)) if rng.random() < 0.3 else set()
            made = restore(changed, was, became, active(store), later, {e.value for e in only})
            back = engine.restore(spec, Restored(run.manifest.run, tuple(e for e in Entity if e in only)), "back", at)
            assert back.changes == made.changes
            if back.changes:
                engine.apply(back)
                store.restore(spec, made, entry, at)
                assert engine.rows() == store.rows
    shutil.rmtree(tmp_path / "district")
