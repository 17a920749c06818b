"""Whatever ends an apply to PostgreSQL, the database has the old revision or the new one, whole; and applying again succeeds.

100 kills (half of the client by SIGKILL, half of its backend), 20 restarts of the server in immediate mode, and 30 connections
that are cut at some byte. ROSTERSYNC_TEST_KILLS multiplies these numbers.
"""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rostersync.errors import Retryable, Unsure
from rostersync.plan.apply import apply
from rostersync.stores.port import Store
from support import postgres
from support.killing import Kill, Killer
from support.plans import write_manifest, write_plan
from support.postgres import Server
from support.proxy import Proxy, proxy
from support.there_and_back import changes, first, revision_that_is_whole

TIMES = float(os.environ.get("ROSTERSYNC_TEST_KILLS", "1"))
KILLS, ENDED, RESTARTS, CUTS = (round(n * TIMES) for n in (50, 50, 20, 30))
STEPS = ["begin", "orgs", "users", "enrollments", "revision", "commit", "commit", "committed"]
LONGEST = {"commit": 0.004, "committed": 0.02}  # seconds after the step within which it happens
SHARDS = 2


class Seesaw:
    """A store and the plans that bring it from one revision to the next."""

    def __init__(self, folder: Path, server: Server, name: str) -> None:
        self.folder, self.secrets = folder, server.database(name)
        self.store = postgres.opened(folder / "s", self.secrets)
        self.plans = [write_plan(folder / f"content-{parity}", changes(parity)) for parity in (0, 1)]
        apply(write_plan(folder / "first", first()), self.store.writer())
        self.revision = 1
        self.old, self.new = 0, 0

    def next(self) -> Path:
        """The plan of the next revision."""
        plan = self.plans[self.revision % 2]
        write_manifest(plan, f"sha256:{self.revision}", run=f"run-{self.revision}", baseRevision=self.revision)
        return plan

    def interrupted(self, plan: Path, *, committed: bool | None) -> None:
        """After something happened: what is there is whole, and the plan goes through. `committed`: what is known."""
        found = revision_that_is_whole(self.store, self.folder / "s" / "scratch", "postgres_revisions")
        assert found in (self.revision, self.revision + 1)
        assert committed is None or committed == (found == self.revision + 1)
        self.old, self.new = self.old + (found == self.revision), self.new + (found > self.revision)
        report = apply(plan, self.store.writer())
        assert (report.revision, report.already_applied) == (self.revision + 1, found > self.revision)
        self.revision += 1


@pytest.fixture
def seesaw(tmp_path: Path) -> Iterator[Seesaw]:
    name = "seesaw_" + tmp_path.name[-12:].replace("-", "_")
    yield Seesaw(tmp_path, postgres.server(), name)
    postgres.server().drop(name)


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with Killer() as process:
        yield process


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_client_that_is_killed(seesaw: Seesaw, killer: Killer, shard: int) -> None:
    rng = random.Random(shard)
    for _ in range(KILLS // SHARDS):
        plan, after = seesaw.next(), rng.choice(STEPS)
        delay = rng.uniform(0, LONGEST.get(after, 0.02))
        marks = killer.kill(Kill(str(seesaw.folder / "k"), str(plan), after, delay, secrets=seesaw.secrets))
        postgres.server().let_go()
        seesaw.interrupted(plan, committed=True if "committed" in marks else None if "commit" in marks else False)
    assert seesaw.old
    assert seesaw.new


@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_backend_that_is_ended(seesaw: Seesaw, shard: int) -> None:
    rng = random.Random(10 + shard)
    for _ in range(ENDED // SHARDS):
        plan, after = seesaw.next(), rng.choice(STEPS)
        delay = rng.uniform(0, LONGEST.get(after, 0.02))
        with postgres.server().connection("postgres") as cursor:

            def end(cursor: "postgres.driver.Cursor" = cursor) -> None:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rostersync'"
                )
                cursor.fetchall()

            applied = _during(plan, seesaw.store, after, delay, end)
        seesaw.interrupted(plan, committed=applied)
    assert seesaw.old
    assert seesaw.new


def test_a_server_that_restarts(tmp_path: Path) -> None:
    rng = random.Random(20)
    with postgres.started() as server:
        seesaw = Seesaw(tmp_path, server, "seesaw")
        for _ in range(RESTARTS):
            plan, after = seesaw.next(), rng.choice(STEPS)
            delay = rng.uniform(0, LONGEST.get(after, 0.02))
            applied = _during(plan, seesaw.store, after, delay, server.restart)
            seesaw.interrupted(plan, committed=applied)
        assert seesaw.old
        assert seesaw.new


def test_a_connection_that_is_cut(seesaw: Seesaw) -> None:
    """Anywhere, and in the moment of COMMIT: its question or its answer is lost."""
    rng = random.Random(30)
    with proxy(postgres.server().port) as between:
        through = _through(seesaw, between)
        apply(seesaw.next(), through.writer())
        seesaw.revision += 1
        all_of_it = tuple(between.carried)
        for n in range(CUTS):
            plan = seesaw.next()
            between.up = bool(n & 2)
            if n % 2:
                applied = _tried(plan, through, _cutting(between, rng.randrange(250)))
            else:
                between.cut = rng.randrange(1, all_of_it[not between.up])
                applied = _tried(plan, through)
            between.cut = None
            seesaw.interrupted(plan, committed=applied)
        assert between.cuts >= CUTS * 2 // 3
    assert seesaw.old
    assert seesaw.new


def test_whether_a_commit_succeeded_is_unknown_while_the_server_cannot_be_asked(seesaw: Seesaw) -> None:
    """The answer to COMMIT is cut, and nobody is let in afterwards: at some byte nobody can tell."""
    told: set[bool | None] = set()
    with proxy(postgres.server().port) as between:
        through = _through(seesaw, between)
        between.closes, between.up = True, False
        for later in range(0, 250, 25):
            plan, between.cuts = seesaw.next(), 0
            applied = _tried(plan, through, _cutting(between, later))
            between.cut = None
            told.add(applied)
            seesaw.interrupted(plan, committed=applied)
    assert None in told
    assert seesaw.new


def _through(seesaw: Seesaw, between: Proxy) -> Store:
    """The store as it is seen through the proxy."""
    changed = {name: data | {"port": str(between.port)} for name, data in seesaw.secrets.items()}
    return postgres.opened(seesaw.folder / "p", changed)


def _cutting(between: Proxy, later: int) -> Callable[[str], None]:
    """At COMMIT: the connection carries so many bytes more, in the direction that the proxy cuts."""

    def mark(step: str) -> None:
        if step == "commit":
            between.cut = between.carried[not between.up] + later

    return mark


def _tried(plan: Path, store: Store, mark: Callable[[str], None] = lambda _: None) -> bool | None:
    """Whether the plan was applied. None when the store itself could not tell. Other errors than Retryable fail."""
    try:
        apply(plan, store.writer(), mark=mark)
    except Unsure:
        return None
    except Retryable:
        return False
    return True


def _during(plan: Path, store: Store, after: str, delay: float, what: Callable[[], None]) -> bool | None:
    """Applies the plan while something happens at a step."""
    threads: list[threading.Thread] = []

    def happens() -> None:
        time.sleep(delay)
        what()

    def mark(step: str) -> None:
        if step == after and not threads:
            threads.append(threading.Thread(target=happens))
            threads[0].start()

    applied = _tried(plan, store, mark)
    for thread in threads:
        thread.join()
    return applied
