"""`job purge`: what goes when a run has ended without being applied, and what stays to be looked at."""

import pytest

from support.pod import Cluster, connection, credentials
from support.simulated import simulated


@pytest.fixture
def cluster(warm, tmp_path):
    made = Cluster(warm, tmp_path)
    with simulated(10) as simulator:
        made.give(connection(simulator.url), credentials(simulator))
        for name in ("a", "b"):
            made.plan(name)
        yield made


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_a_run_that_ended_keeps_its_plan_and_loses_the_raw_records(cluster):
    run = cluster.artifacts / "a"
    for left in ("scratch", ".plan.part-0a", ".plan.gone-1b"):
        (run / left).mkdir()
    beside = cluster.artifacts / "b" / ".plan.part-2c"  # of a plan that is being made at the same time
    beside.mkdir()
    before = names(run / "plan")

    cluster.run("purge", "--run", "a", "--run", "never-was")

    assert names(run) == ["connection.json", "plan", "reports", "run.json"]
    assert names(run / "plan") == before
    assert (cluster.artifacts / "b" / "extract").exists()
    assert beside.exists()
    assert cluster.report["stage"] == "done"


def test_a_run_that_is_removed_leaves_nothing(cluster):
    (cluster.artifacts / ".a.gone-0a").mkdir()

    cluster.run("purge", "--remove", "a", "--remove", "never-was")

    assert names(cluster.artifacts) == ["b"]


def test_a_later_run_of_the_same_name_is_left_alone(cluster):
    cluster.run("purge", "--run", "a=uid-of-another", "--remove", "b=uid-of-another")
    assert names(cluster.artifacts) == ["a", "b"]
    assert (cluster.artifacts / "a/extract").exists()

    cluster.run("purge", "--run", "a=uid-1", "--remove", "b=uid-1")

    assert names(cluster.artifacts) == ["a"]
    assert not (cluster.artifacts / "a/extract").exists()


@pytest.mark.parametrize("name", ["..", "../store", ".gone-x", "a/plan"])
def test_nothing_but_runs_can_be_named(cluster, name):
    cluster.store.touch()

    cluster.run("purge", "--remove", name, exits=42)

    assert cluster.reason == "InvalidRun"
    assert names(cluster.artifacts) == ["a", "b"]
    assert cluster.store.exists()


def test_a_plan_first_removes_what_belongs_to_no_run_any_more(cluster):
    cluster.plan("c", "--known", "b", "--known", "c")

    assert names(cluster.artifacts) == ["b", "c"]


def test_a_plan_that_nothing_follows_keeps_no_raw_records(cluster):
    cluster.plan("dry", "--dry-run")

    assert (cluster.artifacts / "dry/plan").exists()
    assert not (cluster.artifacts / "dry/extract").exists()


def test_a_plan_without_changes_keeps_no_raw_records(cluster):
    cluster.apply("a", cluster.plan("a", number=2)["digest"])

    assert cluster.plan("same")["noChanges"]
    assert not (cluster.artifacts / "same/extract").exists()
