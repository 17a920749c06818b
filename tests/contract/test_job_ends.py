"""Jobs that end before they are done: SIGTERM, SIGKILL, their own deadline. Each says how far it came, and soon."""

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import duckdb
import pytest

from support.commands import until
from support.pod import Cluster, connection, credentials
from support.simulated import simulated

SOON = 2.0  # seconds, on a machine that has nothing else to do; others share it here
PATIENCE = 5 * SOON


@pytest.fixture
def simulator():
    with simulated(40) as made:
        yield made


@pytest.fixture
def cluster(warm, simulator, tmp_path):
    made = Cluster(warm, tmp_path)
    made.give(connection(simulator.url), credentials(simulator))
    return made


@pytest.fixture
def said(tmp_path):
    """A folder for a hook to say that it was reached."""
    folder = tmp_path / "said"
    folder.mkdir()
    return folder


def terminated(running):
    """SIGTERM, and how it ended, which must be soon."""
    running.kill(signal.SIGTERM)
    began = time.monotonic()
    done = running.wait()
    assert time.monotonic() - began < PATIENCE
    assert (done.code, done.error["reason"]) == (143, "Terminated")
    return done


def process_one() -> tuple[str, ...]:
    """How a command becomes process 1, as in a container; where that is not allowed, it is an ordinary one."""
    wrapper = ("unshare", "--pid", "--fork", "--kill-child")
    allowed = shutil.which("unshare") and subprocess.run([*wrapper, "true"], capture_output=True, check=False)
    return wrapper if allowed and allowed.returncode == 0 else ()


def test_sigterm_ends_process_1_which_has_said_how_far_it_came(cluster, simulator):
    simulator.add_fault("slow:60000,after=2")
    wrapper = process_one()
    process = cluster.bare("plan", *cluster.plan_words("nightly"), wrapper=wrapper)
    until(lambda: len(simulator.requests) >= 2, 60)
    pid = process.pid
    if wrapper:
        pid = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    began = time.monotonic()
    subprocess.run(["kill", "-TERM", str(pid)], check=True)
    _, err = process.communicate(timeout=60)

    assert time.monotonic() - began < PATIENCE
    assert process.returncode == 143
    assert json.loads(err.splitlines()[-1])["reason"] == "Terminated"
    assert (cluster.report["stage"], "error" in cluster.report) == ("extract", False)
    simulator.clear_faults()
    assert cluster.imported()["revision"] == 1


def test_sigterm_in_the_middle_of_a_query(cluster, said):
    running = cluster.start("plan", *cluster.plan_words("nightly"), hook="support.pod:long_query", SABOTAGE=str(said))
    until((said / "reached").exists)
    time.sleep(0.2)

    terminated(running)

    assert cluster.report["stage"] == "compare"
    assert list(cluster.scratch.iterdir()) == []
    assert cluster.imported()["revision"] == 1


def test_sigterm_while_a_retry_waits(cluster, simulator):
    simulator.add_fault("429:300,on=users")
    running = cluster.start("plan", *cluster.plan_words("nightly"), patient=True)
    until(lambda: any(r.path.endswith("users") for r in simulator.requests))
    time.sleep(0.2)

    terminated(running)

    assert cluster.report["stage"] == "extract"


def test_sigterm_before_the_commit_applies_nothing(cluster, said):
    digest = cluster.plan()["digest"]
    words = ("--run", "nightly", "--uid", "uid-1", "--number", 1, "--of-plan", 1, "--plan", digest)
    running = cluster.start("apply", *words, hook="support.sabotage:wait_before_commit", SABOTAGE=str(said))
    until((said / "reached").exists)

    terminated(running)

    with duckdb.connect(str(cluster.store), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM revisions").fetchone() == (0,)
    assert (cluster.report["stage"], "revision" in cluster.report) == ("revision", False)
    applied = cluster.apply("nightly", digest)
    assert (applied["revision"], applied["alreadyApplied"]) == (1, False)


def test_a_killed_extract_is_gone_on_with(cluster, simulator, said):
    running = cluster.start(
        "plan", *cluster.plan_words("nightly"), hook="support.sabotage:wait_in_extract", SABOTAGE=str(said)
    )
    until((said / "reached").exists)
    running.kill(signal.SIGKILL)
    assert running.wait().code == -signal.SIGKILL
    assert cluster.report["stage"] == "extract", "the report of a killed process stays"
    read = [r.path.rpartition("/")[2] for r in simulator.requests]
    simulator.requests.clear()

    cluster.plan()

    again = {r.path.rpartition("/")[2] for r in simulator.requests}
    assert {"orgs", "courses", "classes"} <= set(read)
    assert {"orgs", "courses", "classes"}.isdisjoint(again)
    assert "users" in again
    left = [p.name for p in (cluster.artifacts / "nightly").rglob(".*")]
    assert left == []


def test_a_killed_apply_is_applied_once(cluster, said):
    digest = cluster.plan()["digest"]
    words = ("--run", "nightly", "--uid", "uid-1", "--number", 1, "--of-plan", 1, "--plan", digest)
    running = cluster.start("apply", *words, hook="support.sabotage:wait_before_commit", SABOTAGE=str(said))
    until((said / "reached").exists)
    running.kill(signal.SIGKILL)
    assert running.wait().code == -signal.SIGKILL

    assert cluster.apply("nightly", digest)["alreadyApplied"] is False
    assert cluster.apply("nightly", digest)["alreadyApplied"] is True


def test_the_deadline_ends_a_plan_whose_source_does_not_answer(cluster, simulator):
    simulator.add_fault("slow:60000,on=users")

    done = cluster.run("plan", *cluster.plan_words("nightly"), "--deadline", 5, exits=42)

    assert done.error["reason"] == cluster.reason == "DeadlineExceeded"
    assert (cluster.report["stage"], "digest" in cluster.report) == ("extract", False)
    assert "5 seconds" in cluster.report["error"]["message"]
    kept = json.loads((cluster.artifacts / "nightly/reports/plan-1.json").read_text())
    assert kept["error"] == cluster.report["error"]


def test_the_deadline_ends_a_query(cluster, said):
    hook = {"hook": "support.pod:long_query", "SABOTAGE": str(said)}

    cluster.run("plan", *cluster.plan_words("nightly"), "--deadline", 12, exits=42, **hook)

    assert (said / "reached").exists()
    assert (cluster.reason, cluster.report["stage"]) == ("DeadlineExceeded", "compare")
    assert list(cluster.scratch.iterdir()) == []


def test_the_deadline_ends_an_apply_that_has_not_begun_to_commit(cluster, said):
    digest = cluster.plan()["digest"]
    hook = {"hook": "support.sabotage:wait_before_commit", "SABOTAGE": str(said)}

    cluster.apply("nightly", digest, "--deadline", 10, exits=42, **hook)

    assert (cluster.reason, cluster.report["stage"]) == ("DeadlineExceeded", "revision")
    assert cluster.apply("nightly", digest)["alreadyApplied"] is False


def test_a_commit_that_has_begun_is_waited_for_beyond_the_deadline(cluster):
    digest = cluster.plan()["digest"]

    applied = cluster.apply("nightly", digest, "--deadline", 12, hook="support.pod:slow_commit", SABOTAGE_SECONDS="13")

    assert (applied["stage"], applied["revision"]) == ("done", 1)


def test_a_plan_that_is_done_is_not_failed_by_a_deadline_while_it_clears_up(cluster):
    plan = cluster.plan("nightly", "--deadline", 15, hook="support.pod:slow_close", SABOTAGE_SECONDS="16")

    assert (plan["stage"], "error" in plan) == ("done", False)


def test_the_deadline_ends_a_check(cluster, simulator):
    simulator.add_fault("slow:60000")

    cluster.run("check", "--deadline", 3, exits=42)

    assert (cluster.reason, cluster.report["stage"]) == ("DeadlineExceeded", "connect")
