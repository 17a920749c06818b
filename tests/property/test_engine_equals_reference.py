"""The engine plans what the reference model plans: generated districts, their days, and the edits of their connections.

Every example is a district over three days; each day's plan is compared in all that it says (changes with causes and
values, counts, holds, schools), and so is the store after it was applied. Shards run side by side under pytest-xdist.
"""

import random
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from rostersync.errors import Permanent
from support.districts import changed_connection, connection, grow
from support.reference import Model, ModelStore
from support.side_by_side import Engine, differences
from support.staging import stage

SHARDS, DISTRICTS, DAYS = 10, 17, 3
FIRST_DAY = datetime(2026, 1, 10, 3, tzinfo=UTC)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_engine_and_model_agree(shard: int, tmp_path: Path) -> None:
    compared = []

    # No shrinking: a smaller seed is no smaller district. A failure names its example, which `agree` takes again.
    @seed(shard)
    @settings(
        max_examples=DISTRICTS,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(number=st.integers(0, 2**62))
    def agree_on_many(number: int) -> None:
        compared.append(agree(f"{shard}/{number}", tmp_path))

    agree_on_many()
    assert sum(compared) > DISTRICTS * DAYS * 0.9


def agree(example: str, folder: Path) -> int:
    """Compare a district over its days; returns how many plans were compared."""
    rng = random.Random(example)
    district = grow(rng)
    spec = connection(rng, district)
    store = ModelStore()
    shutil.rmtree(folder / "district", ignore_errors=True)
    engine = Engine(folder / "district")
    for day in range(DAYS):
        if day:
            district.next_day()
            spec = changed_connection(rng, district, spec) if rng.random() < 0.4 else spec
        proof, now = district.proof(), FIRST_DAY + timedelta(days=day)
        pull = district.pull(proof)
        extract = stage(folder / "district" / f"extract-{day}", pull, proof, parts=rng.choice([1, 1, 3]))
        told = f"example {example}, day {day}, spec {spec}"
        try:
            expected = Model(spec).plan(pull, proof, store, now)
        except Permanent as refused:
            with pytest.raises(Permanent, check=lambda e, reason=refused.reason: e.reason == reason):
                engine.plan(spec, extract, f"run-{day}", now)
            return day + 1
        planned = engine.plan(spec, extract, f"run-{day}", now)
        assert differences(expected, planned, store) == [], told
        assert planned.manifest.no_changes is not bool(expected.changes), told
        assert planned.manifest.causes == Counter(cause for _, _, cause, _ in planned.changes.values()), told
        if expected.changes:
            store.apply(expected)
            engine.apply(planned)
        assert engine.rows() == store.rows, told
    return DAYS
