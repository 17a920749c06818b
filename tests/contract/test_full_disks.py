"""Store, artifacts and scratch on disks of their own that are full at every step: the old revision or the new one, an end
that is true, and a next command that goes on once there is room. What was approved stays approved.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from rostersync.errors import DiskFull
from rostersync.model import Entity
from rostersync.plan.apply import apply
from rostersync.simulator.server import Simulator
from rostersync.stores.embedded.store import EmbeddedStore
from support.commands import Commands, Desk, commands
from support.disks import disk, mounts_of_our_own
from support.plans import create, table_rows, write_plan
from support.pod import APPROVED, Cluster, connection, credentials
from support.rosters import content, revision
from support.simulated import simulated

LIGHT = ("--threads", "1", "--memory", "300")
KIB = 1024
ROOM = 1 << 30


@pytest.fixture(scope="module", autouse=True)
def mine() -> None:
    mounts_of_our_own()


@pytest.fixture(scope="module")
def fresh(mine: None) -> Iterator[Commands]:
    """Commands that see the disks of this module."""
    with commands() as process:
        yield process


# -- the store alone --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A store at revision 1, and a plan of 3,000 records for it."""
    folder = tmp_path_factory.mktemp("plans")
    store = EmbeddedStore(folder / "store" / "roster.duckdb", memory_limit=200_000_000, threads=1)
    apply(
        write_plan(folder / "one", [create(Entity.STUDENT, f"u{n}", givenName=f"G{n}") for n in range(200)]),
        store.writer(),
    )
    rows = [create(Entity.STUDENT, f"v{n}", givenName=f"G{n}", familyName=f"F{n * 7}") for n in range(3000)]
    return store.path, write_plan(folder / "two", rows, run="run-2", base=1)


@pytest.mark.parametrize("free", range(0, 2240, 160))
def test_an_apply_is_done_or_is_not_and_says_which(tmp_path: Path, plans: tuple[Path, Path], free: int) -> None:
    first, plan = plans
    with disk(tmp_path / "store") as small:
        shutil.copy(first, small.folder)
        store = EmbeddedStore(
            small.folder / first.name, scratch=tmp_path / "scratch", memory_limit=200_000_000, threads=1
        )
        small.leave(free * KIB)
        after: list[Exception] = []
        said, full = 1, None
        try:
            said = apply(plan, store.writer(), trouble=after.append).revision
        except DiskFull as error:
            full = error
        assert full is None or (full.volume, "disk of the store" in str(full)) == ("store", True)
        assert (len(table_rows(store, tmp_path, "SELECT id FROM store_users")), said) in ((200, 1), (3200, 2))
        small.resize(ROOM)
        again = apply(plan, store.writer())
        assert (again.revision, again.already_applied) == (2, said == 2)
        assert sorted(p.name for p in small.folder.iterdir() if p.name != "scratch") == [
            first.name,
            f"{first.name}.lock",
        ]


@pytest.mark.parametrize("free", [0, 160, 640, 1280, 2000])
@pytest.mark.parametrize("what", ["compact", "forget", "backup"])
def test_a_store_that_cannot_be_rewritten_stays_as_it_is(
    tmp_path: Path, plans: tuple[Path, Path], what: str, free: int
) -> None:
    with disk(tmp_path / "store") as small:
        shutil.copy(plans[0], small.folder)
        store = EmbeddedStore(small.folder / plans[0].name, scratch=tmp_path / "scratch", threads=1)
        deeds = {
            "compact": lambda: store.writer().compact(),
            "forget": lambda: store.writer().forget("springfield", "u77"),
            "backup": lambda: store.writer().backup(small.folder / "copy"),
        }
        small.leave(free * KIB)
        with pytest.raises(DiskFull) as error:
            deeds[what]()
        assert error.value.volume == ("backup" if what == "backup" else "store")
        assert len(table_rows(store, tmp_path, "SELECT id FROM store_users")) in (
            (199, 200) if what == "forget" else (200,)
        )
        assert not list(small.folder.glob(".*"))
        small.resize(ROOM)
        deeds[what]()
        assert b"u77" not in store.path.read_bytes() or what != "forget"


# -- commands ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with simulated(60, guardians=0.5) as server:
        yield server


@pytest.fixture(scope="module")
def imported(fresh: Commands, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Day 0 of the district, imported."""
    desk = Desk(fresh, tmp_path_factory.mktemp("imported"))
    manifest(desk, simulator)
    run(desk, exits=0)
    return desk


@pytest.fixture
def desk(imported: Desk, simulator: Simulator, fresh: Commands, tmp_path: Path) -> Iterator[Desk]:
    """A copy of it, and a source in which 40 % of the students have left: that has to be approved."""
    made = Desk(fresh, tmp_path)
    shutil.copytree(imported.state, made.state)
    manifest(made, simulator)
    yield made
    simulator.clear_events()
    simulator.set_day(0)


def manifest(desk: Desk, simulator: Simulator, **spec: Any) -> None:
    delivery = {
        "serviceURL": simulator.url,
        "insecureHTTP": True,
        "pageSize": 25,
        "credentialsSecretRef": {"name": "c"},
    }
    desk.env |= {"ROSTERSYNC_CLIENT_ID": simulator.client_id, "ROSTERSYNC_CLIENT_SECRET": simulator.client_secret}
    base = {"termsOfUse": {"accepted": True}, "bulkUploadMode": True, "deliveryConfig": delivery}
    head = {"apiVersion": "rostersync.dev/v1alpha1", "kind": "FocusConnection", "metadata": {"name": "rivers"}}
    desk.write("connection.yaml", yaml.safe_dump({**head, "spec": {**base, **spec}}))


def run(desk: Desk, *words: Any, exits: int | None = None) -> Any:
    return desk("run", "-f", "connection.yaml", "-q", "-o", "json", *LIGHT, *words, exits=exits)


def reason(of: dict[str, Any]) -> str:
    return next(str(c["reason"]) for c in of["status"]["conditions"] if c["type"] == "Succeeded")


@pytest.mark.parametrize("free", [0, 8, 40, 96, 160, 224, 320])
def test_artifacts_that_are_full_at_any_step_of_a_run(desk: Desk, simulator: Simulator, free: int) -> None:
    simulator.set_day(3)
    before = content(desk.store)
    with disk(desk.state / "artifacts") as small:
        small.leave(free * KIB)
        _either(desk, run(desk), before, "artifacts")
        small.resize(ROOM)
        _goes_on(desk)


@pytest.mark.parametrize("free", [0, 8, 32, 128, 540, 1200, 2080])
def test_a_store_that_is_full_at_any_step_of_a_run(desk: Desk, simulator: Simulator, free: int) -> None:
    simulator.set_day(3)
    before = content(desk.store)
    with disk(desk.store.parent) as small:
        small.leave(free * KIB)
        _either(desk, run(desk), before, "store")
        small.resize(ROOM)
        _goes_on(desk)


@pytest.mark.parametrize("free", [0, 40, 160, 640, 1000])
def test_everything_on_one_disk_that_is_full(desk: Desk, simulator: Simulator, free: int) -> None:
    simulator.set_day(3)
    before = content(desk.store)
    with disk(desk.state) as small:
        small.leave(free * KIB)
        _either(desk, run(desk), before, "")
        small.resize(ROOM)
        _goes_on(desk)


@pytest.mark.parametrize("free", [0, 40, 120])
def test_a_scratch_that_is_full_where_plans_are_made_before_they_are_sealed(
    fresh: Commands, simulator: Simulator, tmp_path: Path, free: int
) -> None:
    cluster = Cluster(fresh, tmp_path)
    spec = {"artifacts": {"encryptionKeySecretRef": {"name": "seal"}}}
    cluster.give(connection(simulator.url, **spec), {**credentials(simulator), "seal": {"key": "open sesame"}})
    cluster.renew = lambda: None  # type: ignore[method-assign]  # the scratch folder is the disk
    with disk(cluster.scratch) as small:
        small.leave(free * KIB)
        done = cluster.commands.start(
            cluster.jobs,
            "job",
            "plan",
            *cluster.plan_words("nightly"),
            "--root",
            str(cluster.root),
            "--allow-loopback",
            cwd=cluster.folder,
            env={"PATH": "/usr/bin:/bin"},
        ).wait()
        assert (done.code, cluster.reason) == (1, "DiskFull")
        assert "disk of the scratch" in cluster.report["error"]["message"]
    assert not list(cluster.scratch.iterdir())


def _either(desk: Desk, done: Any, before: Any, volume: str) -> None:
    """The old revision and a full disk, or the new one and an end that says so."""
    applied = revision(desk.store) == 2
    assert applied or content(desk.store) == before
    assert done.code == (0 if applied else 1), done.err
    if not applied:
        assert done.error["reason"] == "DiskFull", done.err
        assert f"disk of the {volume}" in done.error["message"]
    if len(desk.runs()) > 1:  # else there was no room to write down that there is one
        outcome = desk.runs()[0]["status"].get("outcome")
        assert outcome in (("Applied", None) if applied else ("Failed", None))


def _goes_on(desk: Desk) -> None:
    """With room the next run comes to the new revision, and all runs to an end."""
    last = run(desk, exits=0).json
    assert revision(desk.store) == 2
    assert reason(last) in ("Applied", "NoChanges")
    assert {r["status"]["outcome"] for r in desk.runs()} <= {"Applied", "Failed", "NoChanges"}
    assert not [p for p in desk.state.rglob(".*") if p.name not in (".", "..")]


@pytest.mark.parametrize("free", [0, 24])
def test_an_approval_outlives_a_full_store(desk: Desk, simulator: Simulator, free: int) -> None:
    simulator.add_event("mass-leave:40")
    held = run(desk, exits=3).json["metadata"]["name"]
    with disk(desk.store.parent) as small:
        small.leave(free * KIB)
        for words in (("approve", held, "--reason", "they have left"), ("apply", held)):
            done = desk(*words, "-q", exits=1)
            assert (done.error["reason"], "disk of the store" in done.error["message"]) == ("DiskFull", True)
            stands = next(r for r in desk.runs() if r["metadata"]["name"] == held)
            assert (reason(stands), stands["status"]["approval"]["state"]) == ("Queued", "Approved")
        small.resize(ROOM)
        desk("apply", held, "-q", exits=0)
        assert revision(desk.store) == 2
        with duckdb.connect(str(desk.store), read_only=True) as con:
            [said] = con.execute("SELECT approver_reason FROM revisions WHERE revision = 2").fetchall()
        assert said == ("they have left",)


def test_an_apply_job_on_a_full_store_can_be_begun_again(fresh: Commands, simulator: Simulator, tmp_path: Path) -> None:
    cluster = Cluster(fresh, tmp_path)
    cluster.give(connection(simulator.url), credentials(simulator))
    cluster.imported("first")
    simulator.add_event("mass-leave:40")
    digest = cluster.plan("held")["digest"]
    with disk(cluster.store.parent) as small:
        small.leave(0)
        report = cluster.apply("held", digest, *APPROVED, exits=1)
        assert (cluster.reason, report["stage"]) == ("DiskFull", "commit")
        small.resize(ROOM)
        assert cluster.apply("held", digest, *APPROVED, number=2)["revision"] == 2
    simulator.clear_events()


@pytest.mark.parametrize("what", ["compact", "backup", "forget", "export"])
def test_commands_about_a_store_that_is_full(desk: Desk, what: str) -> None:
    words = {"backup": ("--to", "kept/copy"), "export": ("--to", "kept/out"), "forget": ("nobody", "--yes")}.get(
        what, ()
    )
    before = content(desk.store)
    full: Path = desk.home / "kept" if what in ("backup", "export") else desk.store.parent
    with disk(full) as small:
        small.leave(0)
        done = desk(what, *words, exits=1)
        assert done.error["reason"] == "DiskFull", done.err
        assert f"disk of the {what if full.name == 'kept' else 'store'}" in done.error["message"]
        assert content(desk.store) == before
        assert not [p for p in full.rglob(".*") if p.is_file()]
        small.resize(ROOM)
        if what != "forget":
            desk(what, *words, exits=0)
