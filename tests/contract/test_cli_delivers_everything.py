"""A receiver of changes gets everything, where the changes would not continue what it has."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rostersync.execution import deliver
from rostersync.simulator.server import Simulator
from support.cli import Bench
from support.oneroster_reader import Reader
from support.simulated import simulated

CHANGES: dict[str, Any] = {
    "name": "feed",
    "oneRosterCSV": {"mode": "Delta"},
    "directory": {"existingClaim": "passport", "path": "in"},
}


NO_LIMIT = [{"entity": "*", "change": "Any", "percent": 100}]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulated(40) as made:
        yield made


@pytest.fixture
def bench(tmp_path: Path, simulator: Simulator) -> Bench:
    return Bench(tmp_path, simulator)


class Nights:
    """One run after the other, and what each has sent."""

    def __init__(self, bench: Bench, simulator: Simulator) -> None:
        self.bench, self.simulator, self.day = bench, simulator, 0
        self.folder = bench.state / "volumes" / "passport" / "in"

    def run(self, *deliveries: dict[str, Any], options: tuple[str, ...] = ()) -> None:
        self.simulator.set_day(self.day)
        self.day += 1
        files = self.manifests(*deliveries)
        self.bench.call("run", *files, "--quiet", *options)

    def manifests(self, *deliveries: dict[str, Any]) -> list[str]:
        return self.bench.manifests(deliveries=list(deliveries), syncHoldThreshold={"rules": NO_LIMIT})

    def sent(self, folder: Path | None = None) -> list[str]:
        """`bulk` or `delta` of each bundle, in order."""
        return [how(path) for path in sorted((folder or self.folder).glob("*.zip"))]

    def agrees(self) -> None:
        """Whoever read all bundles in order has the roster as it is."""
        reader, newest = Reader(), Reader()
        for path in sorted(self.folder.glob("*.zip")):
            unpacked = self.bench.folder / path.stem
            with zipfile.ZipFile(path) as opened:
                opened.extractall(unpacked)
            reader.take(unpacked)
        export = self.bench.folder / "export"
        self.bench.call("export", "--to", str(export))
        newest.take(export)
        assert reader.content == newest.content


def how(path: Path) -> str:
    with zipfile.ZipFile(path) as opened:
        manifest = opened.read("manifest.csv").decode().splitlines()
    (found,) = {
        line.rpartition(",")[2] for line in manifest if line.startswith("file.") and not line.endswith(",absent")
    }
    return found


def a_student(nights: Nights) -> str:
    with zipfile.ZipFile(sorted(nights.folder.glob("*.zip"))[0]) as opened:
        rows = [line.split(",") for line in opened.read("users.csv").decode().splitlines()]
    return next(row[0] for row in rows if "student" in row)


@pytest.fixture
def nights(bench: Bench, simulator: Simulator) -> Nights:
    return Nights(bench, simulator)


def test_what_is_delivered_changes_and_changes_back(nights: Nights) -> None:
    narrow = CHANGES | {"oneRosterCSV": {"mode": "Delta", "entities": ["School", "Student"]}}
    for deliveries in (CHANGES, CHANGES, narrow, CHANGES, CHANGES):
        nights.run(deliveries)

    assert nights.sent() == ["bulk", "delta", "bulk", "bulk", "delta"]
    nights.agrees()


def test_changes_continue_what_came_last_whatever_the_delivery_is_called(nights: Nights) -> None:
    other = CHANGES | {"name": "other"}
    for deliveries in (CHANGES, CHANGES, other, CHANGES):
        nights.run(deliveries)

    assert nights.sent()[0] == "bulk"
    assert nights.sent()[3] == "delta"
    nights.agrees()


def test_another_folder_has_nothing_yet(nights: Nights, tmp_path: Path) -> None:
    nights.run(CHANGES)
    nights.run(CHANGES)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    nights.run(CHANGES, options=("--volume", f"passport={elsewhere}"))

    assert nights.sent(elsewhere / "in") == ["bulk"]


def test_a_person_who_is_forgotten_is_told_to_no_receiver_again(nights: Nights) -> None:
    nights.run(CHANGES)
    nights.run(CHANGES)
    student = a_student(nights)
    nights.bench.call("forget", student, "--yes")
    nights.bench.call("deliver", *nights.manifests(CHANGES), "--quiet")

    assert nights.sent() == ["bulk", "bulk"]
    with zipfile.ZipFile(sorted(nights.folder.glob("*.zip"))[-1]) as opened:
        assert student not in opened.read("users.csv").decode()
    nights.run(CHANGES)
    assert nights.sent() == ["bulk", "bulk", "delta"]
    nights.agrees()


def test_who_got_a_person_while_the_person_was_forgotten_gets_everything_next(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights.run(CHANGES)
    student, settle = a_student(nights), deliver._Attempt._settle

    def later(attempt: Any, *bundle: Any) -> None:
        attempt.execution.store(attempt.run, attempt.connection).writer().forget(attempt.district, student)
        settle(attempt, *bundle)

    with monkeypatch.context() as patched:
        patched.setattr(deliver._Attempt, "_settle", later)
        nights.run(CHANGES)
    nights.run(CHANGES)

    assert nights.sent() == ["bulk", "delta", "bulk"]
    nights.agrees()


def test_everything_is_sent_when_somebody_asks_for_it(nights: Nights) -> None:
    nights.run(CHANGES)
    nights.run(CHANGES)
    for path in nights.folder.glob("*.zip"):
        path.unlink()
    nights.bench.call("deliver", *nights.manifests(CHANGES), "--everything", "--quiet")

    assert nights.sent() == ["bulk"]


@pytest.mark.parametrize("command", ["run", "deliver"])
def test_a_delivery_that_is_younger_than_the_roster_gets_it_at_once(nights: Nights, command: str) -> None:
    nights.run()
    files = nights.manifests(CHANGES)
    nights.bench.call(command, *files, "--quiet")
    nights.bench.call(command, *files, "--quiet")

    assert nights.sent() == ["bulk"]
