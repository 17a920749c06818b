"""A roster is carried out by a kind of delivery that the product does not have, and by nothing that names it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from rostersync.simulator.server import Simulator
from support import example_delivery
from support.cli import Bench, reason_of
from support.commands import Commands, until
from support.example_delivery import SECRET, delivery, received
from support.pod import APPROVED, ENGINE, Cluster, connection, credentials
from support.simulated import simulated

HOOK = "support.example_delivery:register"
DELIVER = ("deliver", "--run", "nightly", "--uid", "uid-1", "--number", 1, *ENGINE)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulated(40) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "receiver"


@pytest.fixture
def pod(warm: Commands, simulator: Simulator, tmp_path: Path, folder: Path) -> Cluster:
    """An imported district, and a Job that is to deliver it: it has no Secret of the SIS and no artifacts."""
    made = Cluster(warm, tmp_path)
    imported(made, simulator, folder, "nightly")
    return made


def imported(pod: Cluster, simulator: Simulator, folder: Path, run: str) -> dict[str, Any]:
    given = connection(simulator.url, deliveries=[delivery(folder)])
    pod.give(given, credentials(simulator))
    report = pod.imported(run, hook=HOOK)
    pod.give(given, {"feed": SECRET})
    return report


def outbox(store: Path) -> list[tuple[int, str]]:
    with duckdb.connect(str(store), read_only=True) as con:
        return con.execute("SELECT revision, delivery FROM outbox ORDER BY ALL").fetchall()


def test_without_a_kind_a_delivery_is_refused(pod: Cluster) -> None:
    pod.run(*DELIVER, exits=42)

    assert pod.reason == "NotYetSupported"
    assert "spec.deliveries" in pod.report["error"]["message"]


def test_an_apply_fills_the_outbox_and_a_delivery_empties_it(pod: Cluster, folder: Path) -> None:
    assert outbox(pod.store) == [(1, "springfield/feed")]

    pod.run(*DELIVER, hook=HOOK)

    assert pod.report == {"run": "nightly", "stage": "done", "revision": 1, "sent": ["feed"]}
    assert outbox(pod.store) == []
    assert json.loads((folder / "1.json").read_text())["users"] > 10
    assert list(pod.scratch.iterdir()) == []


def test_an_apply_says_that_something_is_to_be_delivered(pod: Cluster, simulator: Simulator, folder: Path) -> None:
    simulator.set_day(1)

    assert imported(pod, simulator, folder, "later")["outboxPending"] is True
    assert outbox(pod.store) == [(1, "springfield/feed"), (2, "springfield/feed")]


def test_nothing_to_deliver_is_done(pod: Cluster, folder: Path) -> None:
    pod.run(*DELIVER, hook=HOOK)
    pod.run(*DELIVER, hook=HOOK)

    assert pod.report == {"run": "nightly", "stage": "done", "sent": []}
    assert received(folder) == [1]


def test_a_delivery_that_fails_leaves_the_outbox_and_the_next_one_takes_it_up(
    pod: Cluster, simulator: Simulator, folder: Path
) -> None:
    (folder / "told").write_text("fail")
    pod.run(*DELIVER, hook=HOOK, exits=1)
    assert (pod.report["stage"], pod.reason) == ("send", "LoginRefused")
    assert outbox(pod.store) == [(1, "springfield/feed")]

    (folder / "told").unlink()
    simulator.set_day(1)
    imported(pod, simulator, folder, "later")
    pod.run(*DELIVER, hook=HOOK)

    assert received(folder) == [2]
    assert outbox(pod.store) == []


def test_one_that_was_killed_when_it_had_sent_sends_the_same_again(pod: Cluster, folder: Path) -> None:
    (folder / "told").write_text("kill")
    pod.run(*DELIVER, hook=HOOK, exits=-9)
    assert pod.report["stage"] == "send"
    assert outbox(pod.store) == [(1, "springfield/feed")]

    pod.run(*DELIVER, hook=HOOK)

    assert received(folder) == [1, 1]
    assert outbox(pod.store) == []


def test_one_that_hangs_is_ended_by_sigterm_and_says_where_it_was(pod: Cluster, folder: Path) -> None:
    (folder / "told").write_text("hang")
    running = pod.start(*DELIVER, hook=HOOK)
    until((folder / "reached").exists)
    running.kill(15)

    assert running.wait().code == 143
    assert pod.report["stage"] == "send"
    assert outbox(pod.store) == [(1, "springfield/feed")]
    assert list(pod.scratch.iterdir()) == []


def test_it_ends_itself_before_its_deadline(pod: Cluster, folder: Path) -> None:
    (folder / "told").write_text("hang")
    pod.run(*DELIVER, "--deadline", 3, hook=HOOK, exits=42)

    assert pod.reason == "DeadlineExceeded"


@pytest.mark.parametrize(
    ("secrets", "reason"),
    [({}, "SecretNotFound"), ({"feed": {"user": "district"}}, "SecretIncomplete")],
)
def test_a_secret_that_is_not_there_or_not_whole_is_named(
    pod: Cluster, simulator: Simulator, folder: Path, secrets: dict[str, dict[str, str]], reason: str
) -> None:
    pod.give(connection(simulator.url, deliveries=[delivery(folder)]), secrets)
    pod.run(*DELIVER, hook=HOOK, exits=42)

    assert pod.reason == reason
    assert "team-a/feed" in pod.report["error"]["message"]
    assert received(folder) == []


def test_a_delivery_that_fails_keeps_no_other_one_back(pod: Cluster, simulator: Simulator, folder: Path) -> None:
    both = [delivery(folder), delivery(folder / "second", "second")]
    simulator.set_day(1)
    pod.give(connection(simulator.url, deliveries=both), credentials(simulator))
    pod.imported("later", *APPROVED, hook=HOOK)
    pod.give(connection(simulator.url, deliveries=both), {"feed": SECRET})
    (folder / "told").write_text("fail")

    pod.run(*DELIVER, hook=HOOK, exits=1)

    assert (pod.reason, pod.report["sent"]) == ("LoginRefused", ["second"])
    assert outbox(pod.store) == [(1, "springfield/feed"), (2, "springfield/feed")]
    assert received(folder / "second") == [2]


@pytest.fixture
def bench(tmp_path: Path, simulator: Simulator) -> Iterator[Bench]:
    with example_delivery.registered():
        yield Bench(tmp_path, simulator)


def manifests(bench: Bench, folder: Path) -> list[str]:
    feed = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "feed"}, "stringData": SECRET}
    return bench.manifests(feed, deliveries=[delivery(folder)])


def delivered(run: dict[str, Any]) -> tuple[str, str]:
    return next(((c["status"], c["reason"]) for c in run["status"]["conditions"] if c["type"] == "Delivered"), ("", ""))


def test_a_local_run_delivers(bench: Bench, folder: Path) -> None:
    run = bench.run(manifests=manifests(bench, folder))

    assert (run["status"]["outcome"], delivered(run)) == ("Applied", ("True", "Delivered"))
    assert "outboxPending" not in run["status"]
    assert received(folder) == [1]


def test_a_local_run_that_cannot_deliver_is_applied_and_the_next_one_delivers(bench: Bench, folder: Path) -> None:
    files = manifests(bench, folder)
    (folder / "told").write_text("fail")
    first = bench.run(manifests=files, code=1)

    assert "outcome" not in first["status"]
    assert (reason_of(first), delivered(first)) == ("Queued", ("False", "LoginRefused"))
    assert (first["status"]["revision"], first["status"]["outboxPending"]) == (1, True)

    (folder / "told").unlink()
    second = bench.run(manifests=files)

    assert (second["status"]["outcome"], delivered(second)) == ("NoChanges", ("True", "Delivered"))
    assert received(folder) == [1]
    assert outbox(bench.store) == []
