"""Plans of some schools are those of the reference model, leave no reference to nowhere, and change no other school.

A whole plan after one of some schools gives the store that the whole plan alone would have given.
"""

import copy
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rostersync.errors import Permanent
from support.districts import changed_connection, connection, grow
from support.reference import Model, ModelStore
from support.reference_gate import schools_of
from support.reference_scoped import Scoped, dangling
from support.side_by_side import Engine, differences
from support.staging import stage

SHARDS, DISTRICTS, DAYS = 4, 7, 3
FIRST_DAY = datetime(2026, 1, 10, 3, tzinfo=UTC)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_engine_and_model_agree_on_some_schools(shard: int, tmp_path: Path) -> None:
    left = sum(agree(f"{shard}/{number}", tmp_path) for number in range(DISTRICTS))
    assert left


def agree(example: str, folder: Path) -> int:
    """Compare a district over its days; returns how many changes were left out."""
    rng = random.Random("some schools " + example)
    district = grow(rng)
    spec = {**connection(rng, district), "onIncompleteRead": "Apply"}
    store = ModelStore()
    shutil.rmtree(folder / "district", ignore_errors=True)
    engine = Engine(folder / "district")
    left = 0
    for day in range(DAYS):
        if day:
            district.next_day()
            changed = changed_connection(rng, district, spec) if rng.random() < 0.3 else spec
            spec = {**changed, "onIncompleteRead": "Apply"}
        proof, now = district.proof(), FIRST_DAY + timedelta(days=day)
        pull = district.pull(proof)
        extract = stage(folder / "district" / f"extract-{day}", pull, proof)
        told = f"example {example}, day {day}, spec {spec}"
        model = Model(spec)
        try:
            whole = model.plan(pull, proof, store, now)
        except Permanent:
            return left
        mapped = sorted(model.orgs.kept_targets)
        alone = copy.deepcopy(store)
        if whole.changes:
            alone.apply(whole)
        if mapped and (day or rng.random() < 0.5):
            schools = tuple(rng.sample(mapped, rng.randint(1, max(1, len(mapped) - 1))))
            told += f", schools {schools}"
            expected = Scoped(model, whole, set(schools)).plan()
            planned = engine.plan(spec, extract, f"some-{day}", now, schools=schools)
            assert differences(expected, planned, store) == [], told
            left += sum(c.out_of_scope for c in planned.manifest.entities)
            before, nowhere = copy.deepcopy(store), dangling(store)
            if expected.changes:
                store.apply(expected)
                engine.apply(planned)
            assert engine.rows() == store.rows, told
            assert dangling(store) <= nowhere | dangling(alone), told
            every = {i for i, o in before.table("orgs").items() if o["entity"] == "School"}
            for (table, i), row in before.rows.items():
                if row["status"] == "active" and schools_of(table, row, every) - set(schools):
                    assert store.rows[table, i] == row, told
        expected = Model(spec).plan(pull, proof, store, now)
        planned = engine.plan(spec, extract, f"run-{day}", now)
        assert differences(expected, planned, store) == [], told
        if expected.changes:
            store.apply(expected)
            engine.apply(planned)
        assert engine.rows() == store.rows, told
        assert store.rows == alone.rows, told
    return left
