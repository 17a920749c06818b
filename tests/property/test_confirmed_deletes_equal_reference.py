"""Records that a pull hides although they live are asked for, and then deleted by no plan, as in the reference model."""

import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rostersync.errors import Permanent
from support.asked import Asked, plan_and_ask
from support.districts import changed_connection, connection, grow
from support.reference import ModelStore
from support.side_by_side import Engine, differences
from support.staging import stage

SHARDS, DISTRICTS, DAYS = 4, 6, 2
FIRST_DAY = datetime(2026, 1, 10, 3, tzinfo=UTC)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_engine_and_model_agree_on_what_is_asked(shard: int, tmp_path: Path) -> None:
    doubted = sum(agree(f"{shard}/{number}", tmp_path) for number in range(DISTRICTS))
    assert doubted


def agree(example: str, folder: Path) -> int:
    """Compare a district over its days; returns how many plans found hidden records."""
    rng = random.Random("asked " + example)
    district = grow(rng)
    spec = {**connection(rng, district), "bulkUploadMode": True, "onIncompleteRead": "Apply"}
    spec["confirmDeletes"] = {"records": rng.choice([1, 2, 25, 25, 25])}
    store = ModelStore()
    shutil.rmtree(folder / "district", ignore_errors=True)
    engine = Engine(folder / "district")
    found = 0
    for day in range(DAYS):
        if day:
            district.next_day()
            changed = changed_connection(rng, district, spec) if rng.random() < 0.3 else spec
            spec = {**changed, "bulkUploadMode": True, "onIncompleteRead": "Apply"}
        proof, now = district.proof(), FIRST_DAY + timedelta(days=day)
        if rng.random() < 0.8:  # otherwise, little is left to be asked for
            proof = {name: {**told, "complete": told["offered"]} for name, told in proof.items()}
        pull = district.pull(proof)
        living = {
            name: {r["sourcedId"] for r in rows if (r["status"] or "active").lower() == "active"}
            for name, rows in pull.items()
        }
        for name in rng.sample(sorted(pull), rng.choice([2, 3, 4])) if day else ():
            hidden = {r["sourcedId"] for r in pull[name] if rng.random() < 0.4}
            pull[name] = [r for r in pull[name] if r["sourcedId"] not in hidden]
        source = Asked(living, rng.choice([(), (), (), ("users",), ("enrollments", "classes")]))
        extract = stage(folder / "district" / f"extract-{day}", pull, proof)
        told = f"example {example}, day {day}, spec {spec}"
        try:
            expected = plan_and_ask(spec, pull, proof, store, now, source)
        except Permanent as refused:
            with pytest.raises(Permanent, check=lambda e, reason=refused.reason: e.reason == reason):
                engine.plan(spec, extract, f"run-{day}", now, source=source)
            return found
        planned = engine.plan(spec, extract, f"run-{day}", now, source=source)
        found += bool(planned.manifest.still_there)
        assert differences(expected, planned, store) == [], told
        if planned.manifest.still_there:  # what was answered is kept with the pull
            again = engine.plan(spec, extract, f"again-{day}", now)
            assert again.manifest.digest == planned.manifest.digest, told
        if expected.changes:
            store.apply(expected)
            engine.apply(planned)
        assert engine.rows() == store.rows, told
    return found
