"""Active Directory with the operator: admission, Test Connection, a run, a hold, its approval, and a wrong password."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from rostersync.simulator.server import Simulator
from support.cluster.operator import Operator
from support.cluster.plane import ControlPlane
from support.cluster.scene import Object, Scene, condition
from support.directory import PUPILS, RULES, SPRINGFIELD, STUDENTS, remove
from support.directory_desk import SECRET, connection
from support.people import grant, rule
from support.samba import Server, samba
from support.simulated import simulated

KIND, PLURAL = "ActiveDirectoryConnection", "activedirectoryconnections"


@pytest.fixture
def directory() -> Iterator[Server]:
    with samba(SPRINGFIELD) as server:
        yield server


@pytest.fixture
def unused() -> Iterator[Simulator]:
    with simulated(10) as simulator:
        yield simulator


@pytest.fixture
def scene(
    plane: ControlPlane, namespace: str, operator: Operator, unused: Simulator, directory: Server
) -> Iterator[Scene]:
    made = Scene(plane, namespace, unused)
    made.prepare()
    made.cluster.apply(made.secret(SECRET, **directory.secret()))
    yield made
    made.close()


def declared(scene: Scene, directory: Server, **delivery: Any) -> Object:
    made = connection(directory, **delivery)
    made["metadata"]["namespace"] = scene.namespace
    return made


def test_a_directory_from_its_first_check_to_an_approved_plan(scene: Scene, directory: Server) -> None:
    grant(
        scene.cluster,
        scene.namespace,
        {"ann": rule(("approve",), PLURAL), "ann bob": rule(("get", "list", "patch"), "syncapprovals", PLURAL)},
    )
    scene.cluster.apply(declared(scene, directory))
    verified = scene.until(PLURAL, "springfield", lambda c: condition(c, "ConnectionVerified")[0] == "True")
    assert condition(verified, "Ready")[0] == "True"
    assert "1 Admin, 61 Students, 8 Teachers; 3 persons left out" in condition(verified, "ConnectionVerified")[2]
    assert directory.url() in scene.kubectl("get", "adcon", "-o", "wide")

    scene.run("first", f"{KIND}/springfield")
    assert scene.ended("first", "Applied")["status"]["totals"]["created"] == 71
    directory.modify("".join(remove(person.dn) for person in PUPILS[:20]))
    scene.run("second", f"{KIND}/springfield")
    approval = scene.held("second")
    assert f"lack the verb approve on {PLURAL}" in scene.decide(approval, "Approved", user="bob")
    scene.decide(approval, "Approved", user="ann")
    assert scene.ended("second", "Applied")["status"]["totals"]["deleted"] == 20


def test_what_is_wrong_is_seen_in_the_status(scene: Scene, directory: Server) -> None:
    scene.cluster.apply(scene.secret(SECRET, **directory.secret(password="wrong")), declared(scene, directory))
    seen = scene.until(PLURAL, "springfield", lambda c: condition(c, "ConnectionVerified")[0] == "False")
    _, reason, message = condition(seen, "ConnectionVerified")[:3]
    assert reason == "CredentialsRefused"
    assert f"check Secret {scene.namespace}/{SECRET}, keys bindDN and password" in message


WHOLE = {
    "url": "ldaps://dc1.example",
    "credentialsSecretRef": {"name": "s"},
    "baseDNs": ["DC=ad,DC=example"],
    "entities": RULES,
    "unmatched": "Create",
}
SENTENCES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "plain": ({"url": "ldap://dc1.example"}, {}, "plain LDAP is refused"),
    "both": ({"startTLS": True}, {}, "startTLS only goes with ldap://"),
    "web": ({"url": "https://dc1.example"}, {}, "should match"),
    "password": ({"url": "ldaps://a:b@dc1.example"}, {}, "must not hold a user or password"),
    "nobody": ({"entities": [{"entity": "Student"}]}, {}, "needs groups or organizationalUnits"),
    "classes": ({"entities": [{"entity": "Class", "organizationalUnits": [STUDENTS]}]}, {}, "Unsupported value"),
    "filter": ({"filter": "a=b"}, {}, "should match"),
    "schools": ({}, {"schoolsMapping": {"mode": "Auto"}}, "a directory has no schools to map"),
    "enrolments": ({}, {"entities": ["School", "Class", "Enrollment"]}, "a directory only has"),
    "no school": ({}, {"entities": ["Student"]}, "entities must include School"),
}


def create(plane: ControlPlane, namespace: str, delivery: dict[str, Any], spec: dict[str, Any]) -> Any:
    made = {
        "apiVersion": "rostersync.dev/v1alpha1",
        "kind": KIND,
        "metadata": {"name": "springfield", "namespace": namespace},
        "spec": {"termsOfUse": {"accepted": True}, "deliveryConfig": {**WHOLE, **delivery}, **spec},
    }
    return plane.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(made))


@pytest.mark.parametrize("case", SENTENCES)
def test_what_a_directory_cannot_do_is_refused_at_admission(plane: ControlPlane, namespace: str, case: str) -> None:
    delivery, spec, sentence = SENTENCES[case]
    told = create(plane, namespace, delivery, spec)
    assert told.returncode != 0
    assert sentence in told.stderr


@pytest.mark.parametrize(
    "delivery",
    [
        {},
        {"url": "ldap://dc1.example:389/", "startTLS": True},
        {"url": "ldap://dc1.example", "insecureLDAP": True, "filter": "(&(a=b)(c=d))"},
        {"organization": {"name": "North", "type": "school"}, "attributes": {"phone": "mobile"}},
    ],
    ids=str,
)
def test_what_a_directory_can_do_is_taken(plane: ControlPlane, namespace: str, delivery: dict[str, Any]) -> None:
    told = create(plane, namespace, delivery, {"entities": ["School", "Student"]})
    assert told.returncode == 0, told.stderr
