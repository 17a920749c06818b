"""`make demo` tells its story to the end, with another district for another seed, and stops where it does not hold."""

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from support.samba import need_samba

DEMO = Path(__file__).parents[2] / "deploy" / "demo" / "demo.py"
STUDENTS = 60  # enough for the thresholds' minPopulation of 20


def test_the_story_holds_in_two_districts(tmp_path: Path) -> None:
    """One test, so that the two demos are told once and side by side."""
    begun = {seed: _begin(seed, tmp_path / str(seed)) for seed in (5, 6)}
    told = {seed: _end(process, tmp_path / str(seed)) for seed, process in begun.items()}

    for seed, (out, runs) in told.items():
        _ends_as_the_story_says(runs)
        _shows_every_command(out, runs)
        _exports_what_was_approved(tmp_path / str(seed) / "export", runs)
        _delivered_the_same(out, tmp_path / str(seed))
        _leaves_no_simulator_behind(out)
    for of_one, of_other in zip(told[5][1], told[6][1], strict=True):
        assert _counts(of_one) != _counts(of_other)


def _begin(seed: int, folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, DEMO, "--seed", str(seed), "--students", str(STUDENTS), "--folder", folder]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _end(process: "subprocess.Popen[str]", folder: Path) -> tuple[str, list[dict[str, Any]]]:
    """What a demo printed, and its runs in their order."""
    out, _ = process.communicate(timeout=900)
    assert process.returncode == 0, out
    return out, [json.loads(path.read_text()) for path in sorted((folder / "state" / "runs").glob("*.json"))]


def _counts(run: dict[str, Any]) -> Any:
    return run["status"]["totals"], {e["entity"]: e["population"] for e in run["status"]["entities"]}


def _ends_as_the_story_says(runs: list[dict[str, Any]]) -> None:
    assert [r["status"]["outcome"] for r in runs] == ["Applied", "NoChanges", "Applied", "Applied"]
    assert [r["status"].get("holdsTotal", 0) > 0 for r in runs] == [False, False, False, True]
    assert runs[3]["status"]["approval"]["state"] == "Approved"


def _shows_every_command(out: str, runs: list[dict[str, Any]]) -> None:
    held = runs[3]["metadata"]["name"]
    commands = [line.split()[2] for line in out.splitlines() if line.startswith("$ rostersync")]

    assert commands == [
        "simulate",
        "check",
        "run",
        "runs",
        "run",
        "run",
        "diff",
        "run",
        "show",
        "diff",
        "issues",
        "approve",
        "export",
        "runs",
        "deliveries",
    ]
    assert f"$ rostersync approve {held} --reason " in out


def _exports_what_was_approved(bundle: Path, runs: list[dict[str, Any]]) -> None:
    left = {e["entity"]: e["population"] + e["created"] - e["deleted"] for e in runs[3]["status"]["entities"]}
    lines = (bundle / "users.csv").read_text().splitlines()
    assert len(lines) - 1 == sum(left[e] for e in ("Student", "Teacher", "Contact", "Admin"))


def _delivered_the_same(out: str, folder: Path) -> None:
    bundles = sorted((folder / "state" / "volumes" / "rostersync-passport" / "inbox").iterdir())
    assert [b.name for b in bundles] == [f"springfield-00000{revision}.zip" for revision in (1, 2, 3)]
    with zipfile.ZipFile(bundles[-1]) as opened:
        assert opened.read("users.csv") == (folder / "export" / "users.csv").read_bytes()
    assert f"The newest bundle is {bundles[-1]}" in out


def _leaves_no_simulator_behind(out: str) -> None:
    origin = next(line for line in out.splitlines() if line.startswith("It listens at")).split()[3].rstrip(";")
    with pytest.raises(ConnectionRefusedError), closing(_connection(origin)) as connection:
        connection.request("GET", "/_simulator")


def _connection(origin: str) -> HTTPConnection:
    return HTTPConnection(origin.removeprefix("http://"), timeout=5)


def test_stops_at_an_unexpected_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "ROSTERSYNC_STATE", str(tmp_path))
    with pytest.raises(SystemExit, match="should have ended with exit code 0, but it was 1"):
        _demo().rostersync("show")


def test_leaves_a_folder_alone_that_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / "homework.txt").write_text("dear diary")
    with pytest.raises(SystemExit, match="not from an earlier demo"):
        _demo().clean(tmp_path)
    assert (tmp_path / "homework.txt").exists()


def test_the_second_act_joins_accounts_and_people(tmp_path: Path) -> None:
    folder = tmp_path / "act"
    need_samba()
    command = [sys.executable, DEMO.with_name("second_act.py"), "--students", "60", "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "is left out" not in done.stdout
    runs = [json.loads(path.read_text()) for path in (folder / "state" / "runs").glob("*.json")]
    of_accounts = [r for r in runs if r["spec"]["connectionRef"].get("kind") == "ActiveDirectoryConnection"]
    assert len(of_accounts) == 3
    assert all(r["status"]["outcome"] == "Applied" for r in runs)
    # The account that goes takes no student with it, and an address that changes is the directory's to say.
    told = " ".join(done.stdout.split())
    assert "→ new.address@springfield.example (ad-accounts" in told
    assert "Sources of district springfield" in told
    assert "not valid" not in told
    assert "agrees" in told
    assert "Look further: ROSTERSYNC_STATE=" in told
    assert sum(r["status"]["totals"]["deleted"] for r in of_accounts) == 1


def test_the_second_act_is_left_out_where_samba_is_missing(tmp_path: Path) -> None:
    script = f"import sys; sys.argv = ['second_act', '--folder', {str(tmp_path / 'act')!r}]; import second_act"
    script += "; second_act.missing = lambda: ['samba-ad-dc']; second_act.main()"
    done = subprocess.run([sys.executable, "-c", script], cwd=DEMO.parent, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "is left out" in done.stdout
    assert not (tmp_path / "act").exists()


def _demo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo", DEMO)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
