"""Files of the state folder that were spoiled: each command says which one, and what to do, and nothing is applied by it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rostersync.simulator.server import Simulator
from support.cli import Bench, name_of
from support.simulated import simulated


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with simulated(40) as running:
        yield running


@pytest.fixture(scope="module")
def whole(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, dict[str, Any]]:
    bench = Bench(tmp_path_factory.mktemp("whole"), simulator)
    return bench, bench.held()


@pytest.fixture
def copy(whole: tuple[Bench, dict[str, Any]], tmp_path: Path) -> tuple[Bench, str]:
    bench, held = whole
    shutil.copytree(bench.state, tmp_path / "state")
    return Bench(tmp_path, bench.simulator), name_of(held)


def half(text: str) -> bytes:
    return text.encode()[: len(text) // 2]


def without(*fields: str) -> Any:
    def cut(text: str) -> bytes:
        data = json.loads(text)
        inner = data
        for field in fields[:-1]:
            inner = inner[field]
        del inner[fields[-1]]
        return json.dumps(data).encode()

    return cut


def with_(value: Any, *fields: str) -> Any:
    def put(text: str) -> bytes:
        data = json.loads(text)
        inner = data
        for field in fields[:-1]:
            inner = inner[field]
        inner[fields[-1]] = value
        return json.dumps(data).encode()

    return put


SPOILED = {
    "nothing": lambda _: b"",
    "half": half,
    "zeros": lambda text: bytes(len(text)),
    "no text": lambda _: b"\xff\xfe{}",
    "a list": lambda _: b"[]",
    "an empty object": lambda _: b"{}",
    "deep": lambda _: b"[" * 100_000,
    "no metadata": without("metadata"),
    "no name": without("metadata", "name"),
    "no time": without("metadata", "creationTimestamp"),
    "another time": with_("yesterday", "metadata", "creationTimestamp"),
    "no spec": without("spec"),
    "a text for spec": with_("none", "spec"),
    "a list for status": with_([1], "status"),
}
OF_RUNS = SPOILED | {
    "another outcome": with_("Perhaps", "status", "outcome"),
    "a number for conditions": with_(5, "status", "conditions"),
    "no connection": without("spec", "connectionRef"),
}
OF_APPROVALS = SPOILED | {
    "no digest": without("spec", "planDigest"),
    "another end": with_("soon", "spec", "expiresAt"),
}
COMMANDS = {
    "show": ("show", "RUN"),
    "runs": ("runs",),
    "diff": ("diff", "RUN"),
    "issues": ("issues", "RUN"),
    "verify": ("verify", "RUN"),
    "apply": ("apply", "RUN"),
    "approve": ("approve", "RUN", "--reason", "They have left"),
    "restore": ("restore", "RUN"),
}


def outputs(bench: Bench, run: str) -> Iterator[tuple[str, int, str]]:
    for name, words in COMMANDS.items():
        result = bench.call(*(run if word == "RUN" else word for word in words), code=None)
        yield name, result.exit_code, result.output


@pytest.mark.parametrize("how", OF_RUNS)
def test_a_spoiled_run(copy: tuple[Bench, str], how: str) -> None:
    bench, run = copy
    path = bench.state / "runs" / f"{run}.json"
    path.write_bytes(OF_RUNS[how](path.read_text()))
    for name, code, said in outputs(bench, run):
        assert "Unexpected" not in said, (name, said)
        if code and name in ("show", "runs", "verify", "approve"):
            assert f"{path} is spoiled: " in said, (name, said)
            assert "Restore it from a backup, or remove it." in said, (name, said)


@pytest.mark.parametrize("how", OF_APPROVALS)
def test_a_spoiled_approval(copy: tuple[Bench, str], how: str) -> None:
    bench, run = copy
    path = bench.state / "approvals" / f"{run}.json"
    path.write_bytes(OF_APPROVALS[how](path.read_text()))
    for name, code, said in outputs(bench, run):
        assert "Unexpected" not in said, (name, said)
        if code and name in ("show", "approve"):
            assert f"{path} is spoiled: " in said, (name, said)


@pytest.mark.parametrize("file", ["connection.json", "plan/manifest.json", "reports/plan-1.json", "extract/proof.json"])
@pytest.mark.parametrize("how", ["nothing", "half", "no text", "a list", "an empty object", "deep"])
def test_a_spoiled_artifact(copy: tuple[Bench, str], file: str, how: str) -> None:
    bench, run = copy
    path = bench.state / "artifacts" / run / file
    path.write_bytes(SPOILED[how](path.read_text()))
    for name, _, said in outputs(bench, run):
        assert "Unexpected" not in said, (name, said)


def test_a_file_that_is_far_too_large_is_not_read_whole(
    copy: tuple[Bench, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rostersync.durable.LARGEST", 1024)
    bench, run = copy

    said = bench.call("show", run, code=1).output

    assert f"{run}.json is spoiled: it is larger than" in said
