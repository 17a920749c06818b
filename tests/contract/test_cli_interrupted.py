"""SIGTERM and Ctrl-C at any moment: a command ends as interrupted or has done its work, and the next one tells which.

DuckDB makes an error of its own of a signal, also of one that comes while it commits.
"""

import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rostersync.simulator.server import Simulator
from support.commands import Commands, Desk, until
from support.rosters import content, revision
from support.simulated import simulated

LIGHT = ("--threads", "1", "--memory", "300")
ENDS = {signal.SIGTERM: (143, "Terminated"), signal.SIGINT: (130, "Interrupted")}
BOTH = pytest.mark.parametrize("number", list(ENDS), ids=["sigterm", "sigint"])


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with simulated(60, guardians=0.5) as server:
        yield server


@pytest.fixture(scope="module")
def approved(warm: Commands, simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A district that was imported, and a plan for it that is approved and not applied."""
    desk = Desk(warm, tmp_path_factory.mktemp("approved"))
    delivery = {"serviceURL": simulator.url, "insecureHTTP": True, "credentialsSecretRef": {"name": "c"}}
    desk.env |= {"ROSTERSYNC_CLIENT_ID": simulator.client_id, "ROSTERSYNC_CLIENT_SECRET": simulator.client_secret}
    spec = {"termsOfUse": {"accepted": True}, "bulkUploadMode": True, "deliveryConfig": delivery}
    head = {"apiVersion": "rostersync.dev/v1alpha1", "kind": "FocusConnection", "metadata": {"name": "rivers"}}
    desk.write("connection.yaml", yaml.safe_dump({**head, "spec": spec}))
    desk("run", "-f", "connection.yaml", "-q", *LIGHT, exits=0)
    simulator.add_event("mass-leave:40")
    desk("run", "-f", "connection.yaml", "-q", *LIGHT, exits=3)
    desk("approve", held(desk), "--reason", "they have left", "--no-apply")
    return desk


@pytest.fixture
def desk(approved: Desk, warm: Commands, tmp_path: Path) -> Desk:
    made = Desk(warm, tmp_path, dict(approved.env))
    shutil.copytree(approved.state, made.state)
    shutil.copy(approved.home / "connection.yaml", made.home)
    return made


def held(desk: Desk) -> str:
    return str(desk.runs()[0]["metadata"]["name"])


def signalled(number: int, at: str, seconds: float = 0) -> dict[str, str]:
    there = {"SABOTAGE_SIGNAL": str(int(number)), "SABOTAGE_AT": at, "SABOTAGE_SECONDS": str(seconds)}
    return {"hook": "support.sabotage:signalled", **there}


MOMENTS = [
    *((stage, 0.0) for stage in ("verify", "begin", "users", "revision", "commit", "committed", "closed")),
    *(("begin", s) for s in (0.001, 0.01)),
    *(("commit", s) for s in (0.0005, 0.002, 0.005, 0.01, 0.02)),
    *(("closed", s) for s in (0.005, 0.02)),
]


@BOTH
@pytest.mark.parametrize(("at", "seconds"), MOMENTS, ids=[f"{a}+{s}" for a, s in MOMENTS])
def test_an_apply_is_interrupted_or_done(desk: Desk, number: int, at: str, seconds: float) -> None:
    old, run = content(desk.store), held(desk)

    done = desk("apply", run, "-q", *LIGHT, **signalled(number, at, seconds))

    code, reason = ENDS[signal.Signals(number)]
    assert done.code in (0, code), done
    if done.code:
        assert done.error["reason"] == reason
    if done.code == 0 or at in ("committed", "closed"):
        assert revision(desk.store) == 2
    elif at in ("verify", "begin", "users", "revision"):
        assert content(desk.store) == old
    found = revision(desk.store)
    told = desk("show", run, "-o", "json", exits=0).json["status"]
    assert told.get("outcome") == ("Applied" if found == 2 else None), "the next command tells which"
    desk("apply", run, "-q", *LIGHT, exits=0)
    assert (revision(desk.store), desk.runs()[0]["status"]["outcome"]) == (2, "Applied")


@BOTH
@pytest.mark.parametrize("at", ["extract", "shape", "link", "compare", "gate", "freeze"])
@pytest.mark.parametrize("seconds", [0.0, 0.01])
def test_a_plan_is_interrupted_or_done(desk: Desk, number: int, at: str, seconds: float) -> None:
    before = desk.store.read_bytes()

    done = desk("plan", "-f", "connection.yaml", "-q", *LIGHT, **signalled(number, at, seconds))

    code, reason = ENDS[signal.Signals(number)]
    assert done.code in (0, code), done
    newest = desk.runs()[0]["status"]
    if done.code:
        assert done.error["reason"] == reason
        said = {c["type"]: c["reason"] for c in newest["conditions"]}
        assert (newest["outcome"], said["Succeeded"]) in (("Failed", "Interrupted"), ("SameAsHeld", "SameAsHeld"))
    assert desk.store.read_bytes() == before
    assert not list(desk.state.rglob(".*part-*"))


@BOTH
def test_a_query_that_is_interrupted_is_no_failure_of_its_own(desk: Desk, tmp_path: Path, number: int) -> None:
    said = tmp_path / "said"
    said.mkdir()
    running: Any = desk.start("run", "-f", "connection.yaml", "-q", hook="support.pod:long_query", SABOTAGE=str(said))
    until((said / "reached").exists)
    time.sleep(0.2)
    running.kill(number)
    done = running.wait()

    assert (done.code, done.error["reason"]) == ENDS[signal.Signals(number)]
    assert desk.runs()[0]["status"]["conditions"][0]["reason"] == "Interrupted"


@BOTH
@pytest.mark.parametrize("what", ["compact", "backup", "export"])
def test_other_commands_end_as_interrupted(desk: Desk, number: int, what: str) -> None:
    words = {"backup": ("--to", "copy"), "export": ("--to", "out")}.get(what, ())
    before = content(desk.store)
    there = {"SABOTAGE_SIGNAL": str(int(number))}

    done = desk(what, *words, hook="support.sabotage:signalled_while_copying", **there)

    assert (done.code, done.error["reason"]) == ENDS[signal.Signals(number)]
    assert content(desk.store) == before
    assert not [*desk.state.rglob(".*part-*"), *desk.home.glob(".*part-*")]
