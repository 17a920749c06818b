"""A SIS and a directory of one district, each with an approver of its own: who may decide what, and when somebody is asked anew."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from rostersync.simulator.roster import Row
from rostersync.simulator.server import Simulator
from support.cluster.kubelet import Kubelet
from support.cluster.operator import Operator
from support.cluster.plane import ControlPlane
from support.cluster.scene import Object, Scene
from support.cluster.store_file import rows
from support.directory import PUPILS, SPRINGFIELD, Person, remove
from support.directory_desk import SECRET, connection
from support.people import grant, rule
from support.rosters import Rows, by_hand, without
from support.samba import Server, samba
from support.simulated import simulated

KINDS = {"focus": "focusconnections", "accounts": "activedirectoryconnections"}
APPROVERS = {"focus": "ann", "accounts": "bob"}
BOTH = 5  # students whom both have
WORDS: dict[str, Any] = {
    "district": "springfield",
    "multipleDataSources": True,
    "compareByDomainsOfUniqueness": True,
    "domainsOfUniqueness": [{"entity": "Student", "attributes": ["email"]}],
    "masterFields": [{"entity": "Student", "attributes": ["username"], "source": "ad-accounts", "mode": "Master"}],
    "entities": ["School", "Student"],
}
DELETES = {"rules": [{"entity": "Student", "change": "Delete", "count": 0}]}


@dataclass
class Two:
    """The district: its SIS, its directory, and who decides about each."""

    scene: Scene
    kubelet: Kubelet
    directory: Server
    sis: dict[str, list[Row]]

    def connect(self, **spec: Any) -> None:
        self.scene.connect("focus", **WORDS | spec)
        made = connection(self.directory, spec=WORDS | spec)
        made["metadata"] = {"name": "accounts", "namespace": self.scene.namespace}
        self.scene.cluster.apply(made)

    def run(self, name: str, of: str) -> None:
        self.scene.run(name, of if of == "focus" else f"ActiveDirectoryConnection/{of}")

    def decided(self, of: str, approval: Object) -> None:
        """The approver of the other connection may not decide, and the own one approves."""
        (other,) = {"focus", "accounts"} - {of}
        refused = self.scene.decide(approval, "Approved", user=APPROVERS[other])
        assert f"lack the verb approve on {KINDS[of]}" in refused
        told = self.scene.decide(approval, "Approved", user=APPROVERS[of])
        assert "patched" in told, told

    def leave_sis(self, email: str) -> None:
        self.sis["users"] = without(self.sis["users"], lambda u: u["email"] == email)
        self.scene.simulator.serve(Rows(self.sis))

    def leave_directory(self, *people: Person) -> None:
        self.directory.modify("".join(remove(person.dn) for person in people))

    def students(self, source: str = "*") -> dict[str, str]:
        """What the roster, or a source, says: email -> username."""
        query = "SELECT source, lower(email), username FROM users WHERE entity = 'Student' AND status = 'active'"
        return {email: name for of, email, name in rows(self.scene, self.kubelet, query) if of == source}


def mail(person: Person) -> str:
    return f"{person.account}@springfield.example"


@pytest.fixture
def sis() -> Iterator[Simulator]:
    with simulated(20) as simulator:
        made = by_hand(simulator.roster)
        for number, row in enumerate(u for u in made["users"] if u["role"] == "student"):
            row["email"] = mail(PUPILS[number]) if number < BOTH else f"only{number}@springfield.example"
        simulator.serve(Rows(made))
        yield simulator


@pytest.fixture
def two(plane: ControlPlane, namespace: str, operator: Operator, kubelet: Kubelet, sis: Simulator) -> Iterator[Two]:
    with samba(SPRINGFIELD) as directory:
        scene = Scene(plane, namespace, sis)
        scene.prepare()
        scene.cluster.apply(scene.secret(SECRET, **directory.secret()))
        may = {
            APPROVERS[name]: rule(("approve",), plural) | {"resourceNames": [name]} for name, plural in KINDS.items()
        }
        look = rule(("get", "list", "patch"), "syncapprovals", *KINDS.values())
        grant(scene.cluster, namespace, may | {"ann bob": look})
        yield Two(scene, kubelet, directory, by_hand(sis.roster))
        scene.close()


def test_each_approver_decides_about_one_source_and_the_roster_has_both(two: Two) -> None:
    scene = two.scene
    two.connect()
    two.run("sis-first", "focus")
    scene.ended("sis-first", "Applied")
    alone = two.students("focus")
    two.run("directory-first", "accounts")
    two.decided("accounts", scene.held("directory-first"))
    scene.ended("directory-first", "Applied")
    both = two.students()
    assert both.keys() > alone.keys()
    assert {mail(p) for p in PUPILS} <= both.keys()
    assert [both[mail(p)] for p in PUPILS[:BOTH]] == [p.account for p in PUPILS[:BOTH]]

    # Somebody of each leaves, and both runs are held. Each plan is the same after the other one's apply.
    two.connect(syncHoldThreshold=DELETES)
    only_sis = sorted(alone.keys() - {mail(p) for p in PUPILS})[0]
    shared, only_directory, later = PUPILS[0], PUPILS[BOTH], PUPILS[1]
    two.leave_sis(only_sis)
    two.leave_directory(shared, only_directory)
    two.run("sis-second", "focus")
    two.run("directory-second", "accounts")
    held = {"focus": scene.held("sis-second"), "accounts": scene.held("directory-second")}
    two.decided("focus", held["focus"])
    scene.ended("sis-second", "Applied")
    two.decided("accounts", held["accounts"])
    ended = scene.ended("directory-second", "Applied")
    assert ended["status"]["approval"]["uid"] == held["accounts"]["metadata"]["uid"], "nobody was asked twice"
    left = two.students()
    assert left.keys() == both.keys() - {only_sis, mail(only_directory)}
    assert left[mail(shared)] == alone[mail(shared)], "without an account, the SIS's username counts again"

    # Whom the directory drops, the SIS drops meanwhile: now the roster loses a person, which nobody has approved.
    two.leave_directory(later)
    two.run("directory-third", "accounts")
    before = scene.held("directory-third")
    two.leave_sis(mail(later))
    two.run("sis-third", "focus")
    two.decided("focus", scene.held("sis-third"))
    scene.ended("sis-third", "Applied")
    assert two.students()[mail(later)] == later.account, "the directory still has them"
    scene.decide(before, "Approved", user="bob")
    scene.until(
        "syncrun",
        "directory-third",
        lambda r: (r["status"].get("approval") or {}).get("uid", "") not in ("", before["metadata"]["uid"]),
    )
    again = scene.held("directory-third")
    assert again["spec"]["planDigest"] != before["spec"]["planDigest"]
    two.decided("accounts", again)
    scene.ended("directory-third", "Applied")
    assert two.students().keys() == left.keys() - {mail(later)}
