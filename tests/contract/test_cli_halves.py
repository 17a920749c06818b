"""`plan` and `apply` as separate steps: their reports, their exit codes, and consent by word."""

import json

import pytest

from support.cli import Bench, name_of, reason_of
from support.simulated import simulated


@pytest.fixture
def bench(tmp_path):
    with simulated(60) as simulator:
        yield Bench(tmp_path, simulator)


def planned(bench, *words, code=0):
    result = bench.call("plan", *bench.manifests(), "--quiet", *words, code=code)
    return json.loads(result.stdout)


def test_the_two_halves_make_an_import(bench):
    files = bench.folder / "plan.json", bench.folder / "apply.json"

    plan = planned(bench, "--report", str(files[0]))
    assert not bench.store.exists()
    bench.call("apply", plan["run"], "--report", str(files[1]))

    for file in files:
        assert len(file.read_bytes()) <= 4096
    assert json.loads(files[0].read_text()) == plan
    applied = json.loads(files[1].read_text())
    assert (applied["digest"], applied["revision"], applied["stage"]) == (plan["digest"], 1, "done")
    assert bench.show(plan["run"])["status"]["outcome"] == "Applied"


def test_a_held_plan_is_a_success_and_its_apply_waits(bench):
    bench.run()
    bench.simulator.add_event("mass-leave:30")

    plan = planned(bench, "--run", "bad-day")
    report = bench.folder / "apply.json"
    bench.call("apply", "bad-day", "--report", str(report), code=3)

    assert (plan["run"], plan["holdsTotal"] > 0) == ("bad-day", True)
    assert json.loads(report.read_text())["error"]["reason"] == "AwaitingApproval"


def test_a_plan_by_its_digest_needs_a_consent_when_it_is_held(bench):
    held = bench.held()
    digest = held["status"]["plan"]["digest"]

    refused = bench.call("apply", "--plan", digest, code=42)
    assert json.loads(refused.stdout)["error"]["reason"] == "ApprovalRequired"
    assert reason_of(bench.show(name_of(held))) == "AwaitingApproval"

    applied = bench.call("apply", "--plan", digest, "--approved-by", "dana", "--reason", "seen")
    assert json.loads(applied.stdout)["revision"] == 2
    assert bench.show(name_of(held))["status"]["outcome"] == "Applied"


def test_applying_twice_is_once(bench):
    digest = bench.run()["status"]["plan"]["digest"]

    again = json.loads(bench.call("apply", "--plan", digest).stdout)

    assert (again["alreadyApplied"], again["revision"]) == (True, 1)


def test_an_unknown_plan_is_permanent(bench):
    assert "has the digest" in bench.call("apply", "--plan", "sha256:00", code=42).stderr
    assert "No run" in bench.call("apply", "nothing", code=42).stderr
    assert "Give either" in bench.call("apply", code=2).stderr


def test_a_permanent_failure_of_the_plan_is_42_and_in_its_report(bench):
    bench.simulator.client_secret = "another"
    manifests = bench.manifests()
    bench.simulator.client_secret = "now this one"
    report = bench.folder / "plan.json"

    bench.call("plan", *manifests, "--run", "first", "--report", str(report), code=42)

    said = json.loads(report.read_text())
    assert (said["stage"], said["error"]["reason"]) == ("extract", "CredentialsRefused")
    assert bench.show("first")["status"]["outcome"] == "Failed"


def test_a_refused_manifest_is_42(bench):
    assert bench.call("plan", *bench.manifests(sisIDPrefix="no spaces"), code=42)


def test_a_plan_of_nothing_new_is_a_success(bench):
    bench.run()

    assert planned(bench)["noChanges"] is True
