"""Killed at any moment, the store holds the old revision or the new one, whole; and applying again brings it through.

220 kills in five shards; 20 of them are of the very first apply, which makes the file. The steps that the dying process
reported prove where it died: at least 13 of each shard (so 52 of all) between BEGIN and the return of COMMIT.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from rostersync.plan.apply import apply
from rostersync.stores.embedded.store import EmbeddedStore
from support.killing import Kill, Killer
from support.plans import write_manifest, write_plan
from support.there_and_back import changes, first, revision_that_is_whole

KILLS = 50  # of each shard, and 20 first imports
BETWEEN = 13  # of them between BEGIN and the return of COMMIT
STEPS = ["verify", "begin", "orgs", "users", "enrollments", "revision", "commit", "commit", "committed"]
LONGEST = {"commit": 0.012, "committed": 0.03}  # seconds after the step within which the kill comes


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with Killer() as process:
        yield process


@pytest.mark.parametrize("shard", range(4))
def test_a_killed_apply_leaves_the_old_revision_or_the_new_one(tmp_path: Path, killer: Killer, shard: int) -> None:
    rng = random.Random(shard)
    store = EmbeddedStore(tmp_path / "store" / "roster.duckdb", memory_limit=100_000_000, threads=1)
    plans = [write_plan(tmp_path / f"content-{parity}", changes(parity)) for parity in (0, 1)]
    apply(write_plan(tmp_path / "first", first()), store.writer())
    between, old, new = 0, 0, 0  # (what an apply after a kill wrote is looked at after the next kill)
    revision = 0
    # On a busy machine fewer kills hit the moment that counts: then there are more of them.
    while revision < KILLS or ((between < BETWEEN or not old or not new) and revision < 5 * KILLS):
        revision += 1
        plan = plans[revision % 2]
        write_manifest(plan, f"sha256:{revision}", run=f"run-{revision}", baseRevision=revision)
        after = rng.choice(STEPS)
        delay = rng.uniform(0, LONGEST.get(after, 0.004))
        marks = killer.kill(Kill(str(store.path), str(plan), after, delay, checkpoint=shard % 2 == 1))
        between += "begin" in marks and "committed" not in marks
        found = _whole(store, tmp_path / "scratch")
        assert found in (revision, revision + 1)
        assert found == revision + 1 or "committed" not in marks
        assert found == revision or "commit" in marks
        old, new = old + (found == revision), new + (found == revision + 1)
        report = apply(plan, store.writer())
        assert (report.revision, report.already_applied) == (revision + 1, found == revision + 1)
    assert _whole(store, tmp_path / "scratch") == revision + 1
    assert between >= BETWEEN
    assert old
    assert new
    assert not list(tmp_path.glob("store/.*.part-*"))


def test_a_killed_first_apply_leaves_an_empty_store_or_the_first_revision(tmp_path: Path, killer: Killer) -> None:
    rng = random.Random(99)
    plan = write_plan(tmp_path / "first", first())
    for attempt in range(20):
        store = EmbeddedStore(tmp_path / f"store-{attempt}" / "roster.duckdb", memory_limit=100_000_000, threads=1)
        after = rng.choice(["make", "make", "make", "begin", "commit", "committed"])
        killer.kill(Kill(str(store.path), str(plan), after, rng.uniform(0, 0.03)))
        found = _whole(store, tmp_path / "scratch")
        assert found in (0, 1)
        assert apply(plan, store.writer()).already_applied == (found == 1)
        assert _whole(store, tmp_path / "scratch") == 1
        assert not list(store.path.parent.glob(".*.part-*"))


def _whole(store: EmbeddedStore, scratch: Path) -> int:
    return revision_that_is_whole(store, scratch, "store.revisions", "store.users")
