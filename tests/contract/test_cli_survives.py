"""Processes that end in the middle: SIGTERM, SIGKILL, two at once, and a failure that nobody foresaw."""

import json
import signal
import time

import pytest

from rostersync.sync import pipeline
from support.cli import Bench, reason_of
from support.simulated import simulated


@pytest.fixture
def bench(tmp_path):
    with simulated(30) as simulator:
        yield Bench(tmp_path, simulator)


def begun(bench, *words):
    """A command that is in the middle of reading, from a source that answers slowly."""
    bench.simulator.add_fault("slow:30000,after=2")
    process = bench.start(*words, *bench.manifests())
    deadline = time.monotonic() + 60
    while len(bench.simulator.requests) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    return process


def end(process, number):
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def the_run(bench):
    return json.loads(bench.call("runs", "--output", "json").stdout)["items"][-1]


def test_sigterm_ends_a_run_which_says_so_and_can_be_run_again(bench):
    code, _, err = end(begun(bench, "run"), signal.SIGTERM)

    assert code == 143
    assert json.loads(err.splitlines()[-1])["reason"] == "Terminated"
    assert reason_of(the_run(bench)) == "Interrupted"
    bench.simulator.clear_faults()
    assert bench.run()["status"]["outcome"] == "Applied"


def test_sigterm_of_a_plan_leaves_a_report_of_how_far_it_came(bench):
    report = bench.folder / "plan.json"

    code, _, _ = end(begun(bench, "plan", "--report", str(report)), signal.SIGTERM)

    assert code == 143
    said = json.loads(report.read_text())
    assert (said["stage"], "error" in said, "digest" in said) == ("extract", False, False)


def test_a_killed_run_is_interrupted_at_the_next_command(bench):
    process = begun(bench, "run")
    assert reason_of(the_run(bench)) == "Planning"

    end(process, signal.SIGKILL)

    run = the_run(bench)
    assert (run["status"]["outcome"], reason_of(run)) == ("Failed", "Interrupted")
    bench.simulator.clear_faults()
    assert bench.run()["status"]["outcome"] == "Applied"


def test_a_second_run_at_once_is_told_to_wait(bench):
    process = begun(bench, "run")
    try:
        result = bench.call("run", *bench.manifests(), code=1)
        assert json.loads(result.stderr)["reason"] == "StoreBusy"
        assert "springfield" in result.stderr
    finally:
        end(process, signal.SIGKILL)
    assert len(list((bench.state / "runs").iterdir())) == 1


@pytest.mark.parametrize("debug", [(), ("--debug",)], ids=["", "debug"])
def test_an_unforeseen_failure_tells_nothing_of_its_text(bench, monkeypatch, debug):
    def fail(*_):
        raise ValueError("Conversion Error: could not cast 'Zyxwvut' to DATE")

    monkeypatch.setattr(pipeline, "shape", fail)

    result = bench.call("run", *bench.manifests(), *debug, code=1)

    assert "Zyxwvut" not in result.output
    assert ("pipeline.py" in result.stderr) == bool(debug)
    kept = next((bench.state / "artifacts").glob("*/errors/shape.txt"))
    assert str(kept) in result.stderr
    assert "Zyxwvut" in kept.read_text()
    outside = [
        p for p in bench.state.rglob("*") if p.is_file() and "artifacts" not in p.parts and "store" not in p.parts
    ]
    assert all("Zyxwvut" not in p.read_text() for p in outside)
    assert reason_of(the_run(bench)) == "Unexpected"
