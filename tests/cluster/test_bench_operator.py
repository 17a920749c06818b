"""`make bench-operator` at a tiny size: it ends well, and its numbers add up. What they are worth a quiet machine says."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.cluster.programs import programs

ROOT = Path(__file__).parents[2]
RUNS, FINISHED, CONNECTIONS, SINGLES, HELD, CROWD, BESIDE = 4, 8, 4, 2, 2, 6, 2
ENGINE = "# Benchmarks\n\nThe engine's part.\n\n## 10k users\n\n| work |\n"


def bench(*arguments: str | Path, folder: Path, script: str = "operator_run.py") -> subprocess.CompletedProcess[str]:
    """A script of `bench/`."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests")}
    command = [sys.executable, ROOT / "bench" / script, *arguments]
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Figures of one round, as JSON beside the page that is returned; the page had the engine's part before."""
    programs("control-plane")
    folder = tmp_path_factory.mktemp("bench")
    written = folder / "BENCHMARKS.md"
    written.write_text(ENGINE)
    sizes = {
        "runs": RUNS,
        "finished": FINISHED,
        "connections": CONNECTIONS,
        "singles": SINGLES,
        "held": HELD,
        "crowd": CROWD,
        "beside": BESIDE,
    }
    given = [f"--{name}={count}" for name, count in sizes.items()]
    done = bench(
        *given,
        "--rounds=1",
        "--pause=1",
        "--idle=1",
        f"--out={written}",
        f"--figures={folder / 'figures.json'}",
        folder=folder,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return written


@pytest.fixture
def figures(page: Path) -> dict[str, Any]:
    """What was measured."""
    found: dict[str, Any] = json.loads((page.parent / "figures.json").read_text())
    return found


def test_the_operator_writes_each_run_twice_and_none_is_lost(figures: dict[str, Any]) -> None:
    (burst,) = figures["bursts"]
    assert (burst["counts"]["jobs"], burst["counts"]["statuses"]) == (RUNS, RUNS)
    assert burst["counts"]["all"] >= burst["counts"]["jobs"] + burst["counts"]["statuses"]
    assert (burst["duplicates"], burst["lost"]) == (0, 0)


def test_every_run_is_measured_once(figures: dict[str, Any]) -> None:
    (burst,), rest = figures["bursts"], figures["rest"]
    assert (len(burst["latencies"]), len(rest["singles"]), len(figures["approvals"])) == (RUNS, SINGLES, HELD)
    assert all(0 < taken <= burst["seconds"] for taken in burst["latencies"])
    assert rest["ready"] > 0
    assert rest["job"] > 0


def test_who_stands_beside_a_crowd_is_measured_with_and_without_it(figures: dict[str, Any]) -> None:
    crowd = figures["crowd"]
    assert (crowd["count"], len(crowd["alone"]), len(crowd["beside"])) == (CROWD, BESIDE, BESIDE)
    assert crowd["statuses"] <= CROWD + 2 * BESIDE


def test_the_engines_part_of_the_page_stays(page: Path) -> None:
    text = page.read_text()
    assert text.startswith(ENGINE)
    assert f"{RUNS} SyncRuns at once, {FINISHED} finished runs, {CONNECTIONS} connections" in text[len(ENGINE) :]


def test_runs_that_only_deliver_get_one_job_each(tmp_path: Path) -> None:
    programs("control-plane")
    (tmp_path / "page.md").write_text(ENGINE)
    done = bench(f"--runs={RUNS}", "--out=page.md", folder=tmp_path, script="operator_deliveries.py")
    assert done.returncode == 0, done.stdout + done.stderr
    text = (tmp_path / "page.md").read_text()
    assert text.startswith(ENGINE)
    assert f"{RUNS} Jobs, {RUNS} statuses; 0 duplicates, 0 lost" in text


def test_a_size_of_nothing_is_refused_with_a_sentence(tmp_path: Path) -> None:
    done = bench("--runs=0", folder=tmp_path)
    assert done.returncode == 2
    assert "are at least 1" in done.stderr


def test_the_operators_part_of_the_page_stays_when_the_engines_is_written(tmp_path: Path) -> None:
    script = """
from operator_page import OPERATOR, placed, split
from report import updated
part = OPERATOR.marked("## The operator\\n\\n| its | figures |")
page = placed(open("page.md").read(), part)
again = updated(page, "10k", "Anew.", [], "a machine")
assert split(again)[1] == part and again.endswith(part + "\\n")
assert updated(split(page)[0], "10k", "Anew.", [], "a machine") == split(again)[0]
assert placed(page, part) == page
"""
    (tmp_path / "page.md").write_text(ENGINE)
    environment = os.environ | {"PYTHONPATH": str(ROOT / "bench")}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
