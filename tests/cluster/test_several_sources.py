"""Two connections of one district: they agree before they run, and neither loses what the other one brings."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from rostersync.simulator.roster import Row
from rostersync.simulator.server import Simulator
from support.cluster.kubelet import Kubelet
from support.cluster.scene import Object, Scene, condition, succeeded
from support.cluster.store_file import rows
from support.rosters import Rows, by_hand
from support.simulated import simulated

ROUNDS = int(os.environ.get("ROSTERSYNC_TEST_ROUNDS", "4"))  # of two runs each, at the same time
WORDS: dict[str, Any] = {
    "district": "springfield",
    "multipleDataSources": True,
    "compareByDomainsOfUniqueness": True,
    "domainsOfUniqueness": [{"entity": "Student", "attributes": ["identifier"]}],
    "masterFields": [{"entity": "Student", "attributes": ["username"], "source": "accounts", "mode": "Master"}],
    "entities": ["School", "Student"],
}
ALWAYS = {"rules": [{"entity": "Student", "change": "Update", "count": 0}]}


@dataclass
class Two:
    """A district of two systems with the same students, whose given names come from one and usernames from the other."""

    scene: Scene
    kubelet: Kubelet
    systems: dict[str, Simulator]
    rows: dict[str, dict[str, list[Row]]]

    def connect(self, name: str, **spec: Any) -> None:
        delivery = {
            "serviceURL": self.systems[name].url,
            "insecureHTTP": True,
            "credentialsSecretRef": {"name": f"{name}-credentials"},
        }
        prefix = {"sisIDPrefix": "ac-"} if name == "accounts" else {}
        self.scene.connect(name, deliveryConfig=delivery, **WORDS | prefix | spec)

    def change(self, name: str, student: int, **values: str) -> None:
        """Change a student at one of the systems."""
        rows = self.rows[name]["users"]
        at = [i for i, row in enumerate(rows) if row["role"] == "student"][student]
        rows[at] = rows[at] | values
        self.systems[name].serve(Rows(self.rows[name]))

    def remove(self, name: str, student: int) -> None:
        """A student leaves one of the systems."""
        rows = self.rows[name]["users"]
        del rows[[i for i, row in enumerate(rows) if row["role"] == "student"][student]]
        self.systems[name].serve(Rows(self.rows[name]))

    def students(self) -> dict[str, tuple[str, str]]:
        """What the roster says of each student: identifier -> given name and username."""
        query = """SELECT identifier, givenName, username FROM users
            WHERE source = '*' AND entity = 'Student' AND status = 'active'"""
        return {row[0]: (row[1], row[2]) for row in rows(self.scene, self.kubelet, query)}

    def wanted(self) -> dict[str, tuple[str, str]]:
        """What both systems together say."""
        of = {name: [row for row in rows["users"] if row["role"] == "student"] for name, rows in self.rows.items()}
        given, names = (
            {row["identifier"]: row[value] for row in of[name]}
            for name, value in (("focus", "givenName"), ("accounts", "username"))
        )
        alone = {row["identifier"]: row["givenName"] for row in of["accounts"]}
        return {student: ((alone | given)[student], name) for student, name in names.items()}


@pytest.fixture
def two(scene: Scene, kubelet: Kubelet) -> Iterator[Two]:
    with simulated(40) as focus, simulated(40) as accounts:
        made = Two(scene, kubelet, {"focus": focus, "accounts": accounts}, {})
        for name, simulator in made.systems.items():
            made.rows[name] = by_hand(simulator.roster)
            data = {"clientID": simulator.client_id, "clientSecret": simulator.client_secret}
            scene.cluster.apply(scene.secret(f"{name}-credentials", **data))
        yield made


def joined(two: Two, **spec: Any) -> None:
    """Both connections, each with its first import."""
    scene = two.scene
    two.connect("focus", **spec)
    two.connect("accounts", **spec)
    scene.run("focus-first", "focus")
    scene.ended("focus-first", "Applied")
    scene.run("accounts-first", "accounts")
    scene.decide(scene.held("accounts-first"), "Approved")
    told = scene.ended("accounts-first", "Applied")["status"]["roster"]
    assert told["sources"] == ["focus", "accounts"]
    students = next(e for e in told["entities"] if e["entity"] == "Student")
    assert students["updated"]
    assert not students["created"], "the same students are there already"
    assert two.students() == two.wanted()


def ready(connection: Object) -> tuple[str, str]:
    return condition(connection, "Ready")[:2]


def is_asked(run: Object) -> bool:
    return succeeded(run)[1] == "AwaitingApproval"


def approval_of(run: Object) -> str:
    return str(run["status"].get("approval", {}).get("uid", ""))


def test_no_run_starts_before_the_connections_of_a_district_agree(two: Two) -> None:
    scene = two.scene
    two.connect("focus", masterFields=[])
    two.connect("accounts")
    for name in ("focus", "accounts"):
        scene.until("focusconnection", name, lambda c: ready(c) == ("False", "DistrictSettingsDiffer"))
    assert "spec.masterFields differ from those of FocusConnection accounts" in scene.tell()
    scene.run("monday", "focus")
    waits = scene.until("syncrun", "monday", lambda r: succeeded(r)[1] == "Queued")
    assert "spec.masterFields differ" in succeeded(waits)[2]
    assert not scene.list("jobs", "rostersync.dev/run=monday")

    two.connect("focus")
    for name in ("focus", "accounts"):
        scene.until("focusconnection", name, lambda c: ready(c)[0] == "True")
    scene.ended("monday", "Applied")


def test_runs_of_both_at_once_lose_nothing(two: Two) -> None:
    joined(two)
    scene = two.scene
    for number in range(ROUNDS):
        two.change("focus", number % 7, givenName=f"Given {number}")
        two.change("accounts", number % 5, username=f"user-{number}")
        for name in ("focus", "accounts"):
            scene.run(f"{name}-{number}", name)
        for name in ("focus", "accounts"):
            scene.ended(f"{name}-{number}", "Applied")
        assert two.students() == two.wanted()


def test_a_held_plan_stays_approvable_while_it_is_the_same_and_is_asked_anew_when_it_is_not(two: Two) -> None:
    joined(two)
    scene = two.scene
    two.connect("accounts", syncHoldThreshold=ALWAYS)
    two.change("accounts", 0, username="held")
    scene.run("held", "accounts")
    before = scene.held("held")

    two.change("focus", 1, givenName="Another")
    scene.run("beside", "focus")
    scene.ended("beside", "Applied")
    scene.decide(before, "Approved")
    assert scene.ended("held", "Applied")["status"]["approval"]["uid"] == before["metadata"]["uid"]
    assert two.students() == two.wanted()

    two.change("accounts", 2, username="again")
    scene.run("again", "accounts")
    before = scene.held("again")
    two.remove("focus", 2)  # so the change is one of another record now
    scene.run("leaves", "focus")
    scene.ended("leaves", "Applied")
    scene.decide(before, "Approved")
    asked = scene.until("syncrun", "again", lambda r: is_asked(r) and approval_of(r) != before["metadata"]["uid"])
    assert asked["status"]["plan"]["digest"] != before["spec"]["planDigest"]
    scene.decide(scene.held("again"), "Approved")
    scene.ended("again", "Applied")
    assert two.students() == two.wanted()
