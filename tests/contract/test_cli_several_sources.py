"""Two systems of one district on the command line: one roster, each person once, and whose each value is."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.cli import Bench, name_of, reason_of
from support.simulated import everything
from support.sis import CAMPUS, FOCUS, SIS

WHY = ("--reason", "one roster", "--by", "dana")
PEOPLE = ("Student", "Teacher", "Contact", "Admin")
WORDS: dict[str, Any] = {
    "multipleDataSources": True,
    "compareByDomainsOfUniqueness": True,
    "domainsOfUniqueness": [
        *({"entity": entity, "attributes": ["identifier"]} for entity in (*PEOPLE, "School", "District")),
        {"entity": "Calendar", "attributes": ["title", "schoolYear", "startDate"]},
        {"entity": "Course", "attributes": ["courseCode", "orgSourcedId"]},
        {"entity": "Class", "attributes": ["classCode", "schoolSourcedId", "termSourcedIds"]},
        {"entity": "Enrollment", "attributes": ["classSourcedId", "userSourcedId"]},
    ],
    "masterFields": [
        {"entity": "Student", "attributes": ["username"], "source": "ic-campus", "mode": "Master"},
    ],
}


class Two:
    """Both systems, and the command line in one folder. They have the same people under the same raw ids."""

    def __init__(self, folder: Path, focus: Any, campus: Any) -> None:
        self.bench = Bench(folder, focus)
        self.simulators = {"focus": (FOCUS, focus), "campus": (CAMPUS, campus)}

    def manifests(self, which: str, **spec: Any) -> list[str]:
        """Options -f for one of the two connections, with the district's words."""
        sis, simulator = self.simulators[which]
        assert isinstance(sis, SIS)
        made = self.bench.connection(district="springfield", **WORDS | spec)
        made["kind"] = sis.kind
        made["metadata"]["name"] = {"focus": "springfield", "campus": "campus"}[which]
        made["spec"]["deliveryConfig"] = sis.delivery_config(simulator)
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": sis.secret_name}}
        path = self.bench.folder / f"{which}.yaml"
        path.write_text(yaml.safe_dump_all([made, secret | {"stringData": sis.secret(simulator)}]))
        return ["-f", str(path)]

    def run(self, which: str, code: int = 0, **spec: Any) -> dict[str, Any]:
        return self.bench.run(code=code, manifests=self.manifests(which, **spec))

    def exported(self, file: str) -> list[dict[str, str]]:
        bundle = self.bench.folder / "bundle"
        self.bench.call("export", "--to", str(bundle))
        with (bundle / file).open() as opened:
            return list(csv.DictReader(opened))


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Two]:
    with FOCUS.simulated(20) as focus, CAMPUS.simulated(20) as campus:
        yield Two(tmp_path, focus, campus)


def page_of(two: Two, *words: str) -> list[str]:
    """The lines of a page, with single blanks."""
    return [" ".join(line.split()) for line in two.bench.call("show", *words).stdout.splitlines()]


def test_a_district_of_two_systems(two: Two) -> None:
    assert two.run("focus")["status"]["outcome"] == "Applied"
    assert "No other connection here is of district springfield (spec.multipleDataSources is on)." in page_of(
        two, "springfield"
    )
    alone = {file: len(two.exported(file)) for file in ("users.csv", "classes.csv", "enrollments.csv", "orgs.csv")}
    held = two.run("campus", code=3, sisIDPrefix="ic-")
    reasons = {h["reason"] for h in held["status"]["holds"]}
    assert reasons == {"SafetyLoosened", "Threshold"}, (
        "everybody gets the primary school that only the newer system tells"
    )
    assert "In the roster of all sources" in two.bench.call("show", name_of(held)).stdout
    two.bench.call("approve", name_of(held), *WHY)
    both = {file: len(two.exported(file)) for file in alone}
    assert both == alone, "everybody and everything is there once"
    assert reason_of(two.run("focus")) == "NoChanges"
    assert reason_of(two.run("campus", sisIDPrefix="ic-")) == "NoChanges"
    page = page_of(two, "springfield")
    assert "ic-campus InfiniteCampusConnection campus agrees" in page
    assert "Student username ic-campus whenever it has one" in page
    assert any(line.endswith("(springfield, then ic-campus).") for line in page)
    assert json.loads(two.bench.call("show", "iccon/campus", "-o", "json").stdout)["metadata"]["name"] == "campus"

    shown = two.bench.call("diff", name_of(held), "--limit", "0").stdout
    assert "In the roster of all sources" in shown.replace("\n", " ")
    verified = json.loads(two.bench.call("verify", name_of(held), "--output", "json").stdout)
    assert {p["result"].lower() for p in verified["points"]} <= {"proved", "unknown"}

    changed = two.run("focus", masterFields=[])
    assert name_of(changed)
    found = json.loads(two.bench.call("diff", name_of(changed), "--roster", "--output", "json").stdout)
    assert all(c["cause"] == "SettingsChanged" for c in found)
    with_old_words = two.run("campus", code=1, sisIDPrefix="ic-")
    assert reason_of(with_old_words) == "DistrictSettingsDiffer"
    page = page_of(two, "campus")
    assert page[0] == "InfiniteCampusConnection campus", "a name alone will do where no other connection has it"
    assert "springfield springfield differs in spec.masterFields" in page
    assert "Student username ic-campus whenever it has one only InfiniteCampusConnection campus" in page
    assert len(everything(two.simulators["focus"][1].roster, "users")) == alone["users.csv"]
