"""Deliveries on the command line: run delivers at once, a failure says what to do, and what was sent is listed."""

import json
import os
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rostersync.simulator.server import Simulator
from support import example_delivery
from support.cli import Bench, reason_of
from support.example_delivery import SECRET, delivery, received
from support.simulated import simulated

FOLDER = {"name": "passport", "oneRosterCSV": {}, "directory": {"existingClaim": "passport", "path": "in/focus"}}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulated(40) as made:
        yield made


@pytest.fixture
def bench(tmp_path: Path, simulator: Simulator) -> Iterator[Bench]:
    with example_delivery.registered():
        yield Bench(tmp_path, simulator)


def feed(bench: Bench, *deliveries: dict[str, Any]) -> list[str]:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "feed"}, "stringData": SECRET}
    return bench.manifests(secret, deliveries=list(deliveries))


def listed(bench: Bench, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(bench.call("deliveries", "-o", "json", *words).stdout)
    return found


def test_a_run_delivers_into_the_state_folder_and_says_what_and_where(bench: Bench) -> None:
    result = bench.call("run", *feed(bench, FOLDER), "--quiet")

    [bundle] = (bench.state / "volumes" / "passport" / "in" / "focus").iterdir()
    assert bundle.name == "springfield-000001.zip"
    with zipfile.ZipFile(bundle) as opened:
        assert "users.csv" in opened.namelist()
    assert "What was delivered" in result.stdout
    assert "folder in/focus of volume claim passport" in result.stdout
    [made] = listed(bench)
    assert (made["delivery"], made["pending"], made["sent"][0]["bytes"]) == ("passport", [], bundle.stat().st_size)
    checksum = made["sent"][0]["files"][0]["sha256"]
    assert len(checksum) == 64
    for shown in (result.stdout, bench.call("deliveries").stdout):
        assert checksum[:12] in shown
        assert checksum not in shown
        assert max(map(len, shown.splitlines())) < 150
    assert "folder in/focus of volume claim passport" in bench.call("deliveries").stdout


def test_a_volume_may_be_another_folder(bench: Bench, tmp_path: Path) -> None:
    there = tmp_path / "mnt"
    refused = bench.call("run", *feed(bench, FOLDER), "--volume", f"passport={there}", code=2)
    assert "There is no folder" in refused.output
    there.mkdir()
    bench.call("run", *feed(bench, FOLDER), "--quiet", "--volume", f"passport={there}")

    assert [p.name for p in (there / "in" / "focus").iterdir()] == ["springfield-000001.zip"]
    assert not (bench.state / "volumes").exists()


def test_a_failed_delivery_leaves_the_run_applied_and_deliver_tries_again_at_once(bench: Bench, tmp_path: Path) -> None:
    place = tmp_path / "receiver"
    files = feed(bench, delivery(place), FOLDER)
    (place / "told").write_text("fail")
    failed = bench.call("run", *files, "--quiet", code=1)

    assert "Not delivered: feed (LoginRefused): The receiver refused the login." in failed.stdout
    assert "springfield-000001.zip" in {p.name for p in (bench.state / "volumes").rglob("*.zip")}
    assert [(d["delivery"], d["pending"]) for d in listed(bench)] == [("feed", [1]), ("passport", [])]

    again = bench.call("deliver", *files, "--quiet", code=1)
    assert "The receiver refused the login." in again.output
    (place / "told").unlink()
    done = json.loads(bench.call("deliver", *files, "-o", "json", "--quiet").stdout)

    assert (done["spec"]["mode"], done["status"]["outcome"]) == ("Import", "Applied")
    assert received(place) == [1]
    assert [(d["delivery"], d["pending"]) for d in listed(bench)] == [("feed", []), ("passport", [])]


def test_what_was_given_up_is_delivered_by_a_run_that_does_nothing_else(bench: Bench, tmp_path: Path) -> None:
    place = tmp_path / "receiver"
    files = feed(bench, delivery(place))
    (place / "told").write_text("fail")
    first = bench.run(manifests=files, code=1)
    path = bench.state / "runs" / f"{first['metadata']['name']}.json"
    for part in (bench.state / "artifacts").rglob("apply-*.json"):  # as if a week had passed
        os.utime(part, (1_700_000_000, 1_700_000_000))
    bench.call("runs")
    ended = json.loads(path.read_text())["status"]
    assert ended["outcome"] == "DeliveryFailed"
    assert "rostersync deliver" in str(ended["conditions"])

    (place / "told").unlink()
    done = json.loads(bench.call("deliver", *files, "-o", "json", "--quiet").stdout)
    assert (done["spec"]["mode"], done["status"]["outcome"]) == ("Deliver", "Delivered")
    assert received(place) == [1]
    nothing = json.loads(bench.call("deliver", *files, "-o", "json", "--quiet").stdout)
    assert (nothing["status"]["outcome"], received(place)) == ("NoChanges", [1])
    shown = bench.call("show").stdout
    assert "Delivered before this run" in shown
    assert "What was delivered" not in shown
    assert "NoChanges: Nothing was left to deliver." in shown


def test_an_approval_delivers_where_no_secret_is_needed_and_says_what_to_do_elsewhere(
    bench: Bench, simulator: Simulator, tmp_path: Path
) -> None:
    files = feed(bench, FOLDER)
    bench.run(manifests=files)
    simulator.add_event("mass-leave:30")
    held = bench.run(manifests=files, code=3)
    done = bench.call("approve", held["metadata"]["name"], "--reason", "end of term", "-o", "json", "--quiet")
    assert json.loads(done.stdout)["status"]["outcome"] == "Applied"
    assert len(list((bench.state / "volumes").rglob("*.zip"))) == 2

    place = tmp_path / "receiver"
    files = feed(bench, delivery(place))
    simulator.add_event("mass-leave:40")
    held = bench.run(manifests=files, code=3)
    done = bench.call("approve", held["metadata"]["name"], "--reason", "end of term", "-o", "json", "--quiet", code=1)
    run = json.loads(done.stdout)
    assert reason_of(run) == "Delivering"
    missing = (
        "Applied, but not delivered: Secret default/feed, which delivery feed names, is not given; name the file or folder "
        "that has it in ROSTERSYNC_STORE_SECRETS, with the keys user, and password. The next run tries again, or at once: "
        "`rostersync deliver -f …`."
    )
    assert missing in str(run["status"]["conditions"])
    bench.call("deliver", *files, "--quiet")
    assert received(place) == [3]


def test_an_approval_delivers_what_needs_no_secret_and_says_of_the_rest_what_is_missing(
    bench: Bench, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "receiver"
    other = delivery(tmp_path / "other") | {"name": "other"}
    other["sftp"] = other["sftp"] | {"secretRef": {"name": "other"}}
    files = feed(bench, delivery(place), FOLDER, other)
    bench.run(manifests=files, code=1)  # the Secret of `other` is missing there, too
    simulator.add_event("mass-leave:30")
    held = bench.run(manifests=files, code=3)["metadata"]["name"]
    only_feed = tmp_path / "feed.yaml"
    made = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "feed"}, "stringData": SECRET}
    only_feed.write_text(json.dumps(made))
    monkeypatch.setenv("ROSTERSYNC_STORE_SECRETS", str(only_feed))

    told = bench.call("approve", held, "--reason", "end of term", "--quiet", code=1).output

    assert received(place) == [1, 2]
    assert "springfield-000002.zip" in {p.name for p in (bench.state / "volumes").rglob("*.zip")}
    assert "Not delivered: other (SecretNotFound): Secret default/other, which delivery other names" in told
    assert [(d["delivery"], d["pending"]) for d in listed(bench)] == [
        ("feed", []),
        ("other", [1, 2]),
        ("passport", []),
    ]


def test_a_failed_delivery_says_why_whatever_looks_at_it_later(bench: Bench, tmp_path: Path) -> None:
    place = tmp_path / "receiver"
    files = feed(bench, delivery(place))
    (place / "told").write_text("fail")
    run = bench.run(manifests=files, code=1)["metadata"]["name"]
    for part in (bench.state / "artifacts").rglob("deliver-*.json"):  # the pause after the failure is over
        os.utime(part, (time.time() - 7200, time.time() - 7200))

    for look in ("runs", "show"):
        bench.call(look)
        seen = bench.show(run)
        assert reason_of(seen) == "Delivering"
        assert "Applied, but not delivered: The receiver refused the login." in str(seen["status"]["conditions"])


def test_a_connection_without_deliveries_is_told_so(bench: Bench) -> None:
    bench.run()
    assert "has no deliveries" in bench.call("deliver", *bench.manifests(), code=1).output
    assert "There are no deliveries" in bench.call("deliveries").stdout


def test_who_forgets_a_person_hears_what_was_delivered(bench: Bench, simulator: Simulator) -> None:
    files = feed(bench, FOLDER)
    bench.run(manifests=files)
    with zipfile.ZipFile(next((bench.state / "volumes").rglob("*.zip"))) as opened:
        person = opened.read("users.csv").decode().splitlines()[1].split(",")[0]
    said = bench.call("forget", person, "--yes").output

    assert (
        "cannot be called back: springfield/passport to folder in/focus of volume claim passport: once, revision 1"
        in said
    )
    unknown = bench.call("forget", "nobody", "--yes", code=1).output
    assert "Was delivered" not in unknown


def test_test_connection_probes_each_delivery_and_says_what_fails(bench: Bench, tmp_path: Path) -> None:
    place = tmp_path / "receiver"
    files = feed(bench, delivery(place), FOLDER)
    told = bench.call("check", *files, "-o", "json")
    stages = [json.loads(line).get("stage") for line in told.stderr.splitlines()]
    assert [s for s in stages if s] == ["check", "check deliveries", "check source"]
    found = json.loads(told.stdout)
    assert [(d["name"], d.get("error")) for d in found["deliveries"]] == [("feed", None), ("passport", None)]
    folder = bench.state / "volumes" / "passport" / "in" / "focus"
    assert list(folder.iterdir()) == []
    assert "Delivery passport: can be delivered to folder in/focus" in bench.call("check", *files).stdout

    folder.rmdir()
    folder.write_text("not a folder")
    failed = bench.call("check", *files, code=1)
    assert "Delivery passport: " in failed.stdout
    assert "Delivery feed: can be delivered to" in failed.stdout
    assert "Connection is OK" in failed.stdout


def test_bad_deliveries_are_refused_by_name_before_anything_is_read(bench: Bench) -> None:
    twice = bench.call("run", *feed(bench, FOLDER, FOLDER), code=1).output
    assert "two deliveries with the name passport" in twice
    both = FOLDER | {"sftp": delivery(bench.folder / "x")["sftp"]}
    assert (
        "must say where it is delivered to once, but has sftp and directory"
        in bench.call("run", *feed(bench, both), code=1).output
    )
    lost = bench.manifests(deliveries=[delivery(bench.folder / "x"), FOLDER])
    failed = bench.call("run", *lost, "--quiet", code=1)
    assert "Secret default/feed, which delivery feed names, is not given" in failed.output
    assert [(d["delivery"], d["pending"]) for d in listed(bench)] == [("feed", [1]), ("passport", [])]


def test_changes_that_waited_are_sent_in_order_and_byte_by_byte_as_if_they_had_not(
    bench: Bench, simulator: Simulator, tmp_path: Path
) -> None:
    place, delta = tmp_path / "receiver", {"oneRosterCSV": {"mode": "Delta"}}
    files = feed(bench, delivery(place) | delta, FOLDER | delta)
    bench.call("run", *files, "--quiet")
    (place / "told").write_text("fail")
    for day in (1, 2, 3):
        simulator.set_day(day)
        bench.call("run", *files, "--quiet", code=1)
    assert [(d["delivery"], d["pending"]) for d in listed(bench)] == [("feed", [2, 3, 4]), ("passport", [])]
    (place / "told").unlink()
    bench.call("deliver", *files, "--quiet")

    assert received(place) == [1, 2, 3, 4]
    [waited, at_once] = listed(bench)
    sent = {d["delivery"]: {s["revision"]: s["files"][0]["sha256"] for s in d["sent"]} for d in (waited, at_once)}
    assert sent["feed"] == sent["passport"]
    assert {n: json.loads((place / f"{n}.json").read_text())["sha256"] for n in (1, 2, 3, 4)} == sent["feed"]
    with zipfile.ZipFile(next((bench.state / "volumes").rglob("*000003.zip"))) as opened:
        assert "delta" in opened.read("manifest.csv").decode()


def test_a_delivery_that_is_pointed_elsewhere_begins_with_everything(
    bench: Bench, simulator: Simulator, tmp_path: Path
) -> None:
    delta = {"oneRosterCSV": {"mode": "Delta"}}
    bench.call("run", *feed(bench, FOLDER | delta), "--quiet")
    simulator.set_day(1)
    elsewhere = {"directory": {"existingClaim": "passport", "path": "elsewhere"}}
    bench.call("run", *feed(bench, FOLDER | delta | elsewhere), "--quiet")

    [bundle] = (bench.state / "volumes" / "passport" / "elsewhere").iterdir()
    with zipfile.ZipFile(bundle) as opened:
        assert "file.users,bulk" in opened.read("manifest.csv").decode()


def test_an_apply_without_a_delivery_s_secret_is_applied_and_ends_with_what_is_to_be_given(
    bench: Bench, tmp_path: Path
) -> None:
    plan = json.loads(bench.call("plan", *feed(bench, delivery(tmp_path / "receiver")), "--quiet").stdout)

    copy = tmp_path / "report.json"
    done = bench.call("apply", plan["run"], "--quiet", "--report", str(copy), code=42)

    report = json.loads(done.stdout)
    assert (report["stage"], report["revision"], "error" in report) == ("done", 1, False)
    assert json.loads(copy.read_text()) == report
    assert "Applied, but not delivered: Secret default/feed, which delivery feed names, is not given" in done.stderr
    assert "The next run tries again, or at once: `rostersync deliver -f …`." in done.stderr
