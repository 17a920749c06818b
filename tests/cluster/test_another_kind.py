"""A kind of connection that the product does not have, installed from its record, beside a FocusConnection of its name."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.cluster.kubelet import Kubelet
from support.cluster.operator import TESTS, Operator
from support.cluster.plane import ControlPlane
from support.cluster.product import installed_kind
from support.cluster.scene import Object, Scene, condition, succeeded
from support.example_kind import KIND, registered
from support.people import Person, grant, rule

EXAMPLE = "exampleconnection"
PLUGIN = "from support.example_kind import register; from rostersync.plugin.command import main; register(); main()"


@pytest.fixture(scope="module")
def another(plane: ControlPlane) -> Iterator[ControlPlane]:
    """A control plane with CRD, policies and roles of the example kind."""
    with registered(), installed_kind(plane, KIND):
        yield plane


@pytest.fixture(scope="module")
def kubelet(another: ControlPlane) -> Iterator[Kubelet]:
    with Kubelet(another, another.folder / "another-kubelet", "support.example_kind:register") as started:
        yield started


@pytest.fixture(scope="module")
def operator(another: ControlPlane, kubelet: Kubelet) -> Iterator[Operator]:
    with Operator(another, another.folder / "another-operator", program="support.with_example_kind") as started:
        yield started


def connect_example(scene: Scene, **spec: str) -> None:
    """An ExampleConnection called springfield, too."""
    known = {"accountName": scene.simulator.client_id, "accessKey": scene.simulator.client_secret}
    example = scene.connection(kind="ExampleConnection", **spec)
    example["spec"]["deliveryConfig"]["credentialsSecretRef"] = {"name": "example-account"}
    scene.cluster.apply(scene.secret("example-account", **known), example)


@pytest.fixture
def both(scene: Scene) -> Scene:
    """A connection of each kind, both called springfield, each with the roster of a district of its own."""
    scene.connect()
    connect_example(scene, district="lakeside")
    return scene


def last_run(scene: Scene, kind: str, name: str) -> Object:
    """The connection, once its last run is that one."""
    return scene.until(kind, "springfield", lambda c: (c["status"].get("lastRun") or {}).get("name") == name)


def test_two_connections_of_one_name_are_imported_side_by_side(
    both: Scene, kubelet: Kubelet, operator: Operator, tmp_path: Path
) -> None:
    both.run("focus")
    both.run("example", f"{KIND.name}/springfield")
    assert both.ended("focus", "Applied")["status"]["revision"] == 1
    assert both.ended("example", "Applied")["status"]["revision"] == 1

    claims = {claim["metadata"]["name"] for claim in both.list("persistentvolumeclaims")}
    assert claims == {
        "rostersync-springfield-store",
        "rostersync-springfield-artifacts",
        "rostersync-lakeside-store",
        "rostersync-springfield-artifacts-exampleconnection",
    }
    for claim in claims:
        assert list(kubelet.claim(both.namespace, claim).iterdir()), claim
    labels = {job["metadata"]["labels"]["rostersync.dev/connection"] for job in both.list("jobs")}
    assert labels == {"springfield", "ExampleConnection_springfield"}

    for kind, run in (("focusconnection", "focus"), (EXAMPLE, "example")):
        connection = last_run(both, kind, run)
        assert condition(connection, "ConnectionVerified")[0] == "True"
        assert condition(connection, "Ready")[0] == "True"
    metrics = httpx.get(f"{operator.url}/metrics", trust_env=False).text
    for name in ("springfield", "exampleconnection/springfield"):
        told = f'{{connection="{name}",namespace="{both.namespace}"}} 1.0'
        assert f"rostersync_connection_ready{told}" in metrics

    admin = Person.of(both.cluster, "admin", both.namespace, tmp_path)

    def roster(*words: str) -> str:
        return admin.types(*words, command=(sys.executable, "-c", PLUGIN), PYTHONPATH=str(TESTS)).stdout

    listed = roster("runs").splitlines()
    assert [line.split("  ")[0] for line in listed[2:4]] == ["ExampleConnection springfield", "springfield"]
    roster("check", "xcon/springfield")
    made = json.loads(roster("run", "xcon/springfield", "-o", "json"))
    assert made["metadata"]["name"].endswith("-exampleconnection")
    assert made["status"]["outcome"] == "NoChanges"


def test_its_runs_are_asked_for_and_end_with_it_and_not_with_the_other(both: Scene, kubelet: Kubelet) -> None:
    both.kubectl("annotate", EXAMPLE, "springfield", "rostersync.dev/requestedAt=monday")
    (run,) = both.wait(lambda: both.list("syncruns", "rostersync.dev/trigger=Request"), "a run")
    assert run["spec"]["connectionRef"] == {"kind": "ExampleConnection", "name": "springfield"}
    assert run["metadata"]["name"].endswith("-exampleconnection")
    both.ended(run["metadata"]["name"], "Applied")
    last_run(both, EXAMPLE, run["metadata"]["name"])
    assert "lastRun" not in both.get("focusconnection", "springfield")["status"]

    kubelet.hold.add("plan")
    try:
        both.run("focus")
        both.run("example", f"{KIND.name}/springfield")
        both.stands("example", "Planning")
        both.stands("focus", "Planning")
        both.kubectl("delete", EXAMPLE, "springfield")
        assert "its connection was deleted" in succeeded(both.ended("example", "Cancelled"))[2]
    finally:
        kubelet.hold.discard("plan")
    both.ended("focus", "Applied")


def test_who_may_approve_on_the_one_may_not_on_the_other(both: Scene) -> None:
    grant(
        both.cluster,
        both.namespace,
        {
            "bob": rule(("approve",), "focusconnections"),
            "ann": rule(("approve",), KIND.plural),
            "ann bob": rule(("get", "list", "patch"), "syncapprovals"),
        },
    )
    both.kubectl("patch", EXAMPLE, "springfield", "--type=merge", "-p", '{"spec":{"previewDataUpload":true}}')
    both.run("example", f"{KIND.name}/springfield")
    approval = both.held("example")
    assert approval["spec"]["connectionRef"] == {"kind": "ExampleConnection", "name": "springfield"}
    refused = both.decide(approval, "Approved", user="bob")
    assert 'lack the verb approve on exampleconnections.rostersync.dev "springfield"' in refused
    both.decide(approval, "Approved", user="ann")
    both.ended("example", "Applied")


def test_a_roster_that_goes_from_one_kind_to_the_other_asks_for_the_verb_on_both(scene: Scene) -> None:
    """Their names are the same, so only the kind tells that another connection had the roster."""
    grant(
        scene.cluster,
        scene.namespace,
        {
            "bob": rule(("approve",), "focusconnections"),
            "carl": rule(("approve",), KIND.plural),
            "ann": rule(("approve",), "focusconnections", KIND.plural),
            "ann bob carl": rule(("get", "list", "patch"), "syncapprovals"),
        },
    )
    scene.connect()
    scene.run("focus")
    scene.ended("focus", "Applied")
    scene.kubectl("delete", "focusconnection", "springfield")
    connect_example(scene, sourceID="springfield")
    scene.simulator.add_event("mass-leave:3")
    scene.run("example", f"{KIND.name}/springfield")
    approval = scene.held("example")
    assert "ConnectionChanged" in approval["status"]["holdReasons"]
    assert approval["spec"]["previousConnection"] == {"kind": "FocusConnection", "name": "springfield"}
    for user, lacks in (("bob", KIND.plural), ("carl", "focusconnections")):
        assert f"lack the verb approve on {lacks}.rostersync.dev" in scene.decide(approval, "Approved", user=user)
    scene.decide(approval, "Approved", user="ann")
    scene.ended("example", "Applied")
