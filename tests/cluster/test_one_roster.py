"""One roster, two connections: the later one reads nothing, and when it follows, people who may approve on both decide."""

import pytest

from support.cluster.operator import Operator
from support.cluster.plane import ControlPlane
from support.cluster.scene import Object, Scene, condition, succeeded
from support.people import grant, rule

SIMULATED = {"district": "simulated", "sourceID": "simulated"}
NOBODY_BUT_A = [
    {"entity": "Student", "conditions": [{"attribute": "familyName", "condition": "Contains", "values": ["a"]}]}
]


@pytest.fixture
def carl(plane: ControlPlane, namespace: str) -> str:
    """May make connections and runs, and approve on his own connection alone."""
    grant(
        plane,
        namespace,
        {
            "carl": rule(("get", "list", "watch", "create", "patch"), "focusconnections", "syncruns", "syncapprovals"),
            "carl ann": rule(("approve",), "focusconnections") | {"resourceNames": ["carls-own"]},
            "ann": rule(("approve",), "focusconnections") | {"resourceNames": ["simulated"]},
            "ann alice": rule(("get", "list", "patch"), "syncapprovals"),
        },
    )
    return "carl"


def ready(connection: Object) -> tuple[str, ...]:
    return tuple(condition(connection, "Ready")[:2])


def test_a_later_connection_of_a_roster_does_nothing_until_it_follows_and_then_both_are_asked(
    scene: Scene, operator: Operator, carl: str
) -> None:
    scene.connect("simulated")
    scene.run("first", "simulated")
    scene.ended("first", "Applied")
    scene.connect("carls-own", **SIMULATED, filterRules=NOBODY_BUT_A)
    scene.until("focusconnection", "carls-own", lambda c: ready(c) == ("False", "SourceTaken"))
    scene.run("stolen", "carls-own", user=carl)
    told = succeeded(scene.ended("stolen", "Failed"))
    assert told[1] == "SourceTaken"
    assert "FocusConnection simulated is older" in told[2]
    operator.kill()
    operator.start()
    operator.ready()
    scene.run("again", "carls-own", user=carl)
    assert succeeded(scene.ended("again", "Failed"))[1] == "SourceTaken"  # an operator that knows nothing yet
    assert not scene.list("jobs", "rostersync.dev/connection=carls-own")

    scene.kubectl("delete", "focusconnection", "simulated")
    scene.until("focusconnection", "carls-own", lambda c: ready(c)[0] == "True")
    scene.run("followed", "carls-own", user=carl)
    approval = scene.held("followed")
    assert approval["spec"]["previousConnection"]["name"] == "simulated"
    assert "ConnectionChanged" in approval["status"]["holdReasons"]
    told = (scene.decide(approval, "Approved", user=carl),)
    assert 'lack the verb approve on focusconnections.rostersync.dev "simulated"' in told[0]
    scene.decide(approval, "Approved", user="ann")
    scene.ended("followed", "Applied")


def test_an_approval_that_is_deleted_comes_back_with_its_first_expiry(scene: Scene) -> None:
    scene.connect(previewDataUpload=True)
    scene.run("one")
    first = scene.held("one")
    scene.kubectl("delete", "syncapproval", first["metadata"]["name"])

    def another() -> Object | None:
        found = scene.get("syncapproval", first["metadata"]["name"])
        state = (found.get("status") or {}).get("state") if found else None
        return found if found and found["metadata"]["uid"] != first["metadata"]["uid"] and state == "Pending" else None

    again = scene.wait(another, "another approval")
    assert again["spec"] == first["spec"]
    scene.decide(again, "Approved")
    scene.ended("one", "Applied")
