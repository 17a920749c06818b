"""From a simulated Focus into a receiver's folder: what arrives day by day is the roster, and strict importers take it."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rostersync.simulator.server import Simulator
from support.cli import Bench
from support.oneroster_checks import manifest, problems
from support.oneroster_reader import Reader
from support.simulated import simulated

DAYS = 3
EVERYTHING = ["District", "School", "Calendar", "Course", "Class", "Student", "Teacher", "Contact", "Admin"]
EVERYTHING += ["Enrollment", "Demographics"]

NOTHING_IS_HELD: dict[str, Any] = {"syncHoldThreshold": {"rules": [{"entity": "*", "change": "Any", "percent": 100}]}}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with simulated(60) as made:
        yield made


@pytest.fixture
def bench(tmp_path: Path, simulator: Simulator) -> Bench:
    return Bench(tmp_path, simulator)


def delivery(name: str, **asked: Any) -> dict[str, Any]:
    return {"name": name, "oneRosterCSV": asked, "directory": {"existingClaim": "share", "path": name}}


def bundles(bench: Bench, name: str) -> list[Path]:
    """What arrived so far, unpacked, in order."""
    found = []
    for archive in sorted((bench.state / "volumes" / "share" / name).glob("*.zip")):
        folder = bench.folder / name / archive.stem
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(folder)
        found.append(folder)
    return found


def test_deltas_of_many_days_are_the_newest_export(bench: Bench, simulator: Simulator) -> None:
    feeds = [delivery("old", mode="Delta"), delivery("new", mode="Delta", version="1.2"), delivery("bulk")]
    for day in range(DAYS):
        simulator.set_day(day)
        bench.run(manifests=bench.manifests(**NOTHING_IS_HELD, deliveries=feeds, entities=EVERYTHING))

    for name, version in (("old", "1.1"), ("new", "1.2")):
        reader = Reader()
        arrived = bundles(bench, name)
        assert len(arrived) > 1
        for number, bundle in enumerate(arrived):
            assert problems(bundle, reader.ids) == [], f"{bundle.name} of {version}"
            assert ("bulk" in manifest(bundle).values()) is (number == 0)
            reader.take(bundle)
        exported = bench.folder / f"export-{version}"
        bench.call("export", "--to", str(exported), "--version", version, "--strict")
        assert problems(exported) == []
        newest = Reader()
        newest.take(exported)
        assert reader.content == newest.content
    last = bundles(bench, "bulk")[-1]
    assert {p.name: p.read_bytes() for p in last.iterdir()} == {
        p.name: p.read_bytes() for p in (bench.folder / "export-1.1").iterdir()
    }


def test_another_choice_of_schools_begins_with_everything(bench: Bench, simulator: Simulator) -> None:
    bench.run(manifests=bench.manifests(**NOTHING_IS_HELD, deliveries=[delivery("feed", mode="Delta")]))
    simulator.set_day(1)
    school = sorted(read_of(bundles(bench, "feed")[0]).ids["orgs"])[-1]
    bench.run(
        manifests=bench.manifests(**NOTHING_IS_HELD, deliveries=[delivery("feed", mode="Delta", schools=[school])])
    )

    first, second = bundles(bench, "feed")
    assert "delta" not in manifest(second).values()
    assert problems(second) == []
    assert set(manifest(first).values()) == set(manifest(second).values())


def read_of(bundle: Path) -> Reader:
    """What one bundle says."""
    reader = Reader()
    reader.take(bundle)
    return reader
