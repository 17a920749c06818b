"""A roster is delivered to a kind of place that the product does not have, and by nothing that names it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from rostersync.simulator.server import Simulator
from rostersync.stores.embedded.store import EmbeddedStore
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


def sent(store: Path) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(store), read_only=True) as con:
        columns = "delivery, revision, place, json_extract_string(files, '$[0].sha256')"
        return con.execute(f"SELECT {columns} FROM sent ORDER BY ALL").fetchall()  # noqa: S608


def test_without_a_kind_a_delivery_is_refused(pod: Cluster) -> None:
    pod.run(*DELIVER, hook="support.example_delivery:forget", exits=42)

    assert pod.reason == "NotYetSupported"
    assert "spec.deliveries" in pod.report["error"]["message"]


def test_an_apply_fills_the_outbox_and_a_delivery_empties_it(pod: Cluster, folder: Path) -> None:
    assert outbox(pod.store) == [(1, "springfield/feed")]

    pod.run(*DELIVER, hook=HOOK)

    report = pod.report
    [made] = report.pop("deliveries")
    assert report == {"run": "nightly", "stage": "done", "revision": 1}
    assert (made["name"], made["where"], made["revision"]) == ("feed", f"folder {folder}", 1)
    assert (made["bundles"], made["files"], made["bytes"] > 1000, len(made["sha256"])) == (1, 1, True, 64)
    assert sent(pod.store) == [("springfield/feed", 1, f"folder {folder}", made["sha256"])]
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

    [standing] = pod.report["deliveries"]
    assert (pod.report["stage"], standing["revision"], "bundles" in standing) == ("done", 1, False)
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


def test_one_that_was_killed_between_revisions_goes_on_with_the_one_it_was_at(
    pod: Cluster, simulator: Simulator, folder: Path
) -> None:
    changes = delivery(folder) | {"oneRosterCSV": {"mode": "Delta"}}
    pod.run(*DELIVER, hook=HOOK)
    for day in (1, 2, 3):
        simulator.set_day(day)
        pod.give(connection(simulator.url, deliveries=[changes]), credentials(simulator))
        pod.imported(f"day-{day}", *APPROVED, hook=HOOK)
    pod.give(connection(simulator.url, deliveries=[changes]), {"feed": SECRET})
    first: dict[int, str] = {}
    for revision in (2, 3, 4):
        (folder / "told").write_text(f"kill {revision}")
        pod.run(*DELIVER, hook=HOOK, exits=-9)
        first[revision] = json.loads((folder / f"{revision}.json").read_text())["sha256"]
        assert outbox(pod.store) == [(n, "springfield/feed") for n in range(revision, 5)]
    pod.run(*DELIVER, hook=HOOK)

    assert received(folder) == [1, 2, 2, 3, 3, 4, 4]
    assert {n: json.loads((folder / f"{n}.json").read_text())["sha256"] for n in first} == first
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

    failed, done = pod.report["deliveries"]
    assert (pod.reason, failed["name"], failed["error"]["reason"]) == ("LoginRefused", "feed", "LoginRefused")
    assert (done["name"], done["revision"], "error" in done) == ("second", 2, False)
    assert outbox(pod.store) == [(1, "springfield/feed"), (2, "springfield/feed")]
    assert received(folder / "second") == [2]


def test_a_receiver_that_is_slow_keeps_no_other_one_waiting_and_the_store_from_nobody(
    pod: Cluster, simulator: Simulator, folder: Path
) -> None:
    both = [delivery(folder), delivery(folder / "second", "second")]
    simulator.set_day(1)
    pod.give(connection(simulator.url, deliveries=both), credentials(simulator))
    pod.imported("later", *APPROVED, hook=HOOK)
    pod.give(connection(simulator.url, deliveries=both), {"feed": SECRET})
    (folder / "told").write_text("hang")
    running = pod.start(*DELIVER, hook=HOOK)
    until(lambda: (folder / "reached").exists() and received(folder / "second") == [2])
    until(lambda: [d["name"] for d in pod.report.get("deliveries", ())] == ["second"])  # it is settled
    assert outbox(pod.store) == [(1, "springfield/feed"), (2, "springfield/feed")]

    EmbeddedStore(pod.store).writer().compact()  # alone with the file, while it is being sent

    running.kill(15)
    assert running.wait().code == 143
    assert pod.report["stage"] == "send"


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
    assert (reason_of(first), delivered(first)) == ("Delivering", ("False", "LoginRefused"))
    assert (first["status"]["revision"], first["status"]["outboxPending"]) == (1, True)

    (folder / "told").unlink()
    second = bench.run(manifests=files)

    assert (second["status"]["outcome"], delivered(second)) == ("NoChanges", ("True", "Delivered"))
    assert received(folder) == [1]
    assert outbox(bench.store) == []
