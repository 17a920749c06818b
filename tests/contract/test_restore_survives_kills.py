"""Killed at any moment, a restore's apply leaves the old revision or the new one, with what the store remembers of restores.

There and back: each restore takes back the one before it, by plans of the real engine, with a kill after every step.
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rostersync.plan.apply import apply
from rostersync.stores.embedded.store import EmbeddedStore
from rostersync.stores.engine import connect
from rostersync.stores.port import StoreState
from support.days import Planned, Roster
from support.killing import Kill, Killer, consent_to
from support.restoring import FREE, LATER, changed, everything, full
from support.stores import KINDS, Kept

TABLES = ["academicSessions", "courses", "classes", "users", "enrollments", "demographics"]
STEPS = ["verify", "begin", *TABLES, "revision", "commit", "commit", "commit", "commit", "committed"]
LONGEST = {"embedded": {"commit": 0.02, "committed": 0.03}, "postgres": {"commit": 0.004, "committed": 0.02}}


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with Killer() as process:
        yield process


@pytest.fixture(params=LONGEST)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    folder = tmp_path / "store"
    with KINDS[request.param].there(folder):
        yield Kept(request.param, folder, tmp_path / "scratch")


def test_a_killed_restore_leaves_the_old_revision_or_the_new_one(kept: Kept, killer: Killer, tmp_path: Path) -> None:
    rng = random.Random(7)
    roster = Roster(tmp_path / "runs")
    roster.store = kept.store
    roster.run(full(), **FREE)
    rosters = {1: everything(roster)}  # by the parity of the revision
    last = roster.run(changed(), **FREE)
    rosters[0] = everything(roster)
    revision, died, old, new = 2, 0, 0, 0
    steps = rng.sample(STEPS, len(STEPS))
    # On a busy machine fewer kills hit the moment that counts: then there are more of them.
    while steps or ((not old or not new) and revision < 4 * len(STEPS)):
        plan = roster.restore(last, **LATER, **FREE)
        assert plan.manifest.base_revision == revision
        after = steps.pop() if steps else "commit"
        delay = rng.uniform(0, LONGEST[kept.name].get(after, 0.006))
        marks = killer.kill(_kill(kept, plan, after, delay))
        died += "closed" not in marks
        found, restores, records = _told(kept)
        assert found.revision in (revision, revision + 1)
        assert found.revision == revision + 1 or "committed" not in marks
        assert found.revision == revision or "commit" in marks
        assert everything(roster) == rosters[found.revision % 2]
        assert restores == tuple(range(3, found.revision + 1))
        assert records == {n: len(plan.rows) for n in restores}
        old, new = old + (found.revision == revision), new + (found.revision > revision)

        for again in (found.revision > revision, True):
            report = apply(plan.folder, kept.store.writer(), consent_to(plan.folder))
            assert (report.revision, report.already_applied) == (revision + 1, again)
        revision += 1
        assert _told(kept)[1] == tuple(range(3, revision + 1))
        last = plan
    assert died > len(STEPS) / 2
    assert old
    assert new


def _kill(kept: Kept, plan: Planned, after: str, delay: float) -> Kill:
    store = kept.store
    if isinstance(store, EmbeddedStore):
        return Kill(str(store.path), str(plan.folder), after, delay, approved=True)
    secrets = KINDS[kept.name].secrets(kept.folder)
    return Kill(str(kept.scratch), str(plan.folder), after, delay, secrets=secrets, approved=True)


def _told(kept: Kept) -> tuple[StoreState, tuple[int, ...], dict[Any, int]]:
    """The state, the revisions that the store remembers as restores, and how many records each restored."""
    reader = kept.store.reader()
    con = connect(None, 1, kept.scratch, reader.folders)
    try:
        state = reader.attach(con, "rivers", "rivers")
        rows = con.execute(
            "SELECT revision, count(*) FROM store_history WHERE cause = 'Restored' GROUP BY revision"
        ).fetchall()
        assert state.last is not None
        assert state.last.revision == state.revision
        return state, state.last.restores, dict(rows)
    finally:
        con.close()
