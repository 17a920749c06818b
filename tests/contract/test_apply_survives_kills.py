"""Killed at any moment, the store holds the old revision or the new one, whole; and applying again brings it through.

220 kills in five shards; 20 of them are of the very first apply, which makes the file. The steps that the dying process
reported prove where it died: at least 13 of each shard (so 52 of all) between BEGIN and the return of COMMIT.
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rostersync.model import Entity
from rostersync.plan.apply import apply
from rostersync.stores.embedded.store import EmbeddedStore
from rostersync.stores.engine import connect
from support.killing import Kill, Killer
from support.plans import Row, create, delete, row_hash, update, write_manifest, write_plan

KILLS = 50  # of each shard, and 20 first imports
BETWEEN = 13  # of them between BEGIN and the return of COMMIT
STEPS = ["verify", "begin", "orgs", "users", "enrollments", "revision", "commit", "commit", "committed"]
LONGEST = {"commit": 0.012, "committed": 0.03}  # seconds after the step within which the kill comes
PEOPLE = 60
RECORDS = 2 * PEOPLE + 1


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with Killer() as process:
        yield process


@pytest.mark.parametrize("shard", range(4))
def test_a_killed_apply_leaves_the_old_revision_or_the_new_one(tmp_path: Path, killer: Killer, shard: int) -> None:
    rng = random.Random(shard)
    store = EmbeddedStore(tmp_path / "store" / "roster.duckdb", memory_limit=100_000_000, threads=1)
    plans = [write_plan(tmp_path / f"content-{parity}", _changes(parity)) for parity in (0, 1)]
    apply(write_plan(tmp_path / "first", _first()), store.writer())
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
        found = _revision_that_is_whole(store, tmp_path / "scratch")
        assert found in (revision, revision + 1)
        assert found == revision + 1 or "committed" not in marks
        assert found == revision or "commit" in marks
        old, new = old + (found == revision), new + (found == revision + 1)
        report = apply(plan, store.writer())
        assert (report.revision, report.already_applied) == (revision + 1, found == revision + 1)
    assert _revision_that_is_whole(store, tmp_path / "scratch") == revision + 1
    assert between >= BETWEEN
    assert old
    assert new
    assert not list(tmp_path.glob("store/.*.part-*"))


def test_a_killed_first_apply_leaves_an_empty_store_or_the_first_revision(tmp_path: Path, killer: Killer) -> None:
    rng = random.Random(99)
    plan = write_plan(tmp_path / "first", _first())
    for attempt in range(20):
        store = EmbeddedStore(tmp_path / f"store-{attempt}" / "roster.duckdb", memory_limit=100_000_000, threads=1)
        after = rng.choice(["make", "make", "make", "begin", "commit", "committed"])
        killer.kill(Kill(str(store.path), str(plan), after, rng.uniform(0, 0.03)))
        found = _revision_that_is_whole(store, tmp_path / "scratch")
        assert found in (0, 1)
        assert apply(plan, store.writer()).already_applied == (found == 1)
        assert _revision_that_is_whole(store, tmp_path / "scratch") == 1
        assert not list(store.path.parent.glob(".*.part-*"))


def _pupil(n: int, version: int) -> dict[str, Any]:
    return {"givenName": f"Name {n}", "grades": [f"{version:02}"], "orgSourcedIds": ["FOC-s"]}


def _enrolled(n: int, version: int) -> dict[str, Any]:
    return {"classSourcedId": f"FOC-c{version}", "userSourcedId": f"FOC-u{n}"}


def _first() -> list[Row]:
    """Revision 1: the content of even parity … except for the record that comes and goes."""
    return [
        create(Entity.SCHOOL, "FOC-s", name="School 0"),
        *(create(Entity.STUDENT, f"FOC-u{n}", **_pupil(n, 0)) for n in range(PEOPLE)),
        *(create(Entity.ENROLLMENT, f"FOC-e{n}", **_enrolled(n, 0)) for n in range(PEOPLE)),
    ]


def _changes(parity: int) -> list[Row]:
    """From one content to the other: everything changes, and half of the enrolments go or come back."""
    was, now = (0, 1) if parity else (1, 0)
    half = range(PEOPLE // 2, PEOPLE)
    return [
        update(Entity.SCHOOL, "FOC-s", {"name": f"School {was}"}, name=f"School {now}"),
        *(update(Entity.STUDENT, f"FOC-u{n}", _pupil(n, was), **_pupil(n, now)) for n in range(PEOPLE)),
        *(update(Entity.ENROLLMENT, f"FOC-e{n}", _enrolled(n, was), **_enrolled(n, now)) for n in range(PEOPLE // 2)),
        *(
            delete(Entity.ENROLLMENT, f"FOC-e{n}", _enrolled(n, 0))
            if parity
            else create(Entity.ENROLLMENT, f"FOC-e{n}", "Restored", **_enrolled(n, 0))
            for n in half
        ),
    ]


def _revision_that_is_whole(store: EmbeddedStore, scratch: Path) -> int:
    """The revision found, after checking that all tables agree with exactly that revision."""
    con = connect(100_000_000, 1, scratch, [store.path.parent])
    try:
        state = store.reader().attach(con, "springfield", "focus")
        if state.revision == 0:
            assert con.execute("SELECT count(*) FROM store_users").fetchone() == (0,)
            return 0
        version = (state.revision - 1) % 2
        assert state.last is not None
        assert state.last.revision == state.revision
        assert con.execute("SELECT name, status FROM store_orgs").fetchall() == [(f"School {version}", "active")]
        pupils = con.execute("SELECT id, grades, hash, status FROM store_users ORDER BY hash").fetchall()
        assert pupils == sorted(
            ((f"FOC-u{n}", [f"{version:02}"], row_hash(_pupil(n, version)), "active") for n in range(PEOPLE)),
            key=lambda row: row[2],
        )
        enrolled = con.execute('SELECT id, "classSourcedId", hash, status FROM store_enrollments').fetchall()
        assert sorted(enrolled) == sorted(
            (f"FOC-e{n}", f"FOC-c{v}", row_hash(_enrolled(n, v)), status)
            for n in range(PEOPLE)
            for v, status in [(version, "active") if n < PEOPLE // 2 else (0, ("active", "tobedeleted")[version])]
        )
        assert con.execute("SELECT DISTINCT revision FROM store.users").fetchall() == [(state.revision,)]
        history = con.execute("SELECT revision, count(*) FROM store_history GROUP BY 1 ORDER BY 1").fetchall()
        assert history == [(r, RECORDS) for r in range(1, state.revision + 1)]
        numbers = con.execute("SELECT revision FROM store.revisions ORDER BY 1").fetchall()
        assert numbers == [(r,) for r in range(1, state.revision + 1)]
        return state.revision
    finally:
        con.close()
