"""Killed at any moment, a process leaves names behind. The next `forget` removes them all, and never fails because of them."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from rostersync.simulator.server import Simulator
from support.commands import Commands, Desk, until
from support.rosters import content
from support.simulated import simulated

LIGHT = ("--threads", "1", "--memory", "300")


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with simulated(60, guardians=0.5) as server:
        yield server


@pytest.fixture(scope="module")
def imported(warm: Commands, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk(warm, tmp_path_factory.mktemp("imported"))
    delivery = {"serviceURL": simulator.url, "insecureHTTP": True, "credentialsSecretRef": {"name": "c"}}
    desk.env |= {"ROSTERSYNC_CLIENT_ID": simulator.client_id, "ROSTERSYNC_CLIENT_SECRET": simulator.client_secret}
    spec = {"termsOfUse": {"accepted": True}, "bulkUploadMode": True, "deliveryConfig": delivery}
    head = {"apiVersion": "rostersync.dev/v1alpha1", "kind": "FocusConnection", "metadata": {"name": "rivers"}}
    desk.write("connection.yaml", yaml.safe_dump({**head, "spec": spec}))
    seal = {"artifacts": {"encryptionKeySecretRef": {"name": "seal"}}}
    desk.write("sealed.yaml", yaml.safe_dump({**head, "spec": {**spec, **seal}}))
    desk.env["ROSTERSYNC_ARTIFACT_KEY"] = "open sesame"
    desk("run", "-f", "connection.yaml", "-q", *LIGHT, exits=0)
    simulator.set_day(3)
    return desk


@pytest.fixture
def desk(imported: Desk, warm: Commands, tmp_path: Path) -> Desk:
    made = Desk(warm, tmp_path, dict(imported.env))
    shutil.copytree(imported.state, made.state)
    for name in ("connection.yaml", "sealed.yaml"):
        shutil.copy(imported.home / name, made.home)
    return made


def killed(desk: Desk, hook: str, *words: Any, reached: str = "reached") -> None:
    """A command that came as far as its hook says, and was killed there."""
    said = desk.root / "said"
    said.mkdir()
    running = desk.start(*words, hook=f"support.sabotage:{hook}", SABOTAGE=str(said))
    until((said / reached).exists)
    running.kill()
    assert running.wait().code == -9


def naming(desk: Desk, person: str) -> list[str]:
    """Files that name a person, and those that nobody can look into."""
    found = []
    for path in (p for p in desk.home.rglob("*") if p.is_file()):
        try:
            text = str(pq.read_table(path).to_pylist()).encode() if path.suffix == ".parquet" else path.read_bytes()
        except (OSError, pa.ArrowException) as error:  # not finished
            text = f"{person}: {type(error).__name__}".encode()
        if person.encode() in text:
            found.append(str(path.relative_to(desk.home)))
    return found


MOMENTS = {
    "while reading": ("wait_in_extract", "run", "connection.yaml"),
    "while reading what is to be sealed": ("wait_in_extract", "run", "sealed.yaml"),
    "with spilled records": ("spill_and_wait", "run", "connection.yaml"),
    "while writing the plan": ("wait_in_freeze", "run", "connection.yaml"),
    "while writing the plan that is to be sealed": ("wait_in_freeze", "run", "sealed.yaml"),
    "before the commit": ("wait_before_commit", "run", "connection.yaml"),
    "before the commit of a sealed plan": ("wait_before_commit", "run", "sealed.yaml"),
}


@pytest.mark.parametrize(("hook", "word", "file"), MOMENTS.values(), ids=MOMENTS)
def test_forget_removes_what_a_killed_run_left(desk: Desk, hook: str, word: str, file: str) -> None:
    person = next(i for i in sorted(content(desk.store)["users"]) if i)
    reached = "spilled" if hook == "spill_and_wait" else "reached"
    killed(desk, hook, word, "-f", file, *LIGHT, reached=reached)
    part = next(desk.state.glob("artifacts/*/extract/*/part-*.parquet"), None)
    if hook == "wait_in_freeze" and part:
        part.write_bytes(part.read_bytes()[:-50])  # and one that a power cut left unfinished
    assert naming(desk, person)

    done = desk("forget", person, "--yes", exits=0)

    assert naming(desk, person) == []
    assert "Removed: " in done.out
    assert "Exports, and copies made by other means" in done.out


@pytest.mark.parametrize("what", ["compact", "backup", "export", "forget"])
def test_forget_removes_what_a_killed_copy_left(desk: Desk, what: str) -> None:
    person, other = sorted(content(desk.store)["users"])[:2]
    words = {"backup": ("--to", "kept/copy"), "export": ("--to", "kept/out"), "forget": (other, "--yes")}.get(what, ())
    (desk.home / "kept").mkdir()
    killed(desk, "wait_while_copying", what, *words)
    left = list(desk.home.rglob(".*.part-*"))
    assert left

    if what == "export":  # it lies where the person who exports wants it: the next export clears it
        desk(what, *words, exits=0)
        shutil.rmtree(desk.home / "kept" / "out")
    desk("forget", person, "--yes", exits=0)

    assert naming(desk, person) == []
    assert not list(desk.home.rglob(".*.part-*"))


def test_forget_says_which_backups_it_does_not_reach(desk: Desk) -> None:
    person = sorted(content(desk.store)["users"])[0]
    (desk.home / "kept").mkdir()
    for name in ("kept/one", "kept/two"):
        desk("backup", "--to", name, exits=0)
    (desk.home / "kept" / "two").unlink()

    said = desk("forget", person, "--yes", exits=0).out

    assert f"the backup {desk.home / 'kept' / 'one'} (" in said
    assert "two" not in said


def test_the_next_run_clears_what_a_killed_one_left(desk: Desk) -> None:
    killed(desk, "wait_in_freeze", "run", "-f", "sealed.yaml", *LIGHT)
    assert list(desk.state.rglob("*.parquet"))

    desk("run", "-f", "sealed.yaml", "-q", *LIGHT, exits=0)

    left = [p for p in desk.state.rglob("*") if p.name.startswith((".", "spill-")) or p.name == "extract"]
    assert left == []
