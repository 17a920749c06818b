"""Infinite Campus and Illuminate with the operator: admission, Test Connection, hold, approval, delivery, restore, removal."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rostersync.api.kinds import KINDS
from support.cluster.kubelet import Kubelet
from support.cluster.operator import Operator
from support.cluster.plane import ControlPlane
from support.cluster.scene import Object, Scene, condition, succeeded
from support.people import Person, grant, rule
from support.sis import CAMPUS, FOCUS, ILLUMINATE_SIGNED, SIS

FOLDER = {"name": "passport", "oneRosterCSV": {}, "directory": {"existingClaim": "rostersync-passport"}}


@pytest.fixture(params=[CAMPUS, ILLUMINATE_SIGNED], ids=lambda sis: sis.name)
def sis(request: pytest.FixtureRequest) -> SIS:
    found: SIS = request.param
    return found


@pytest.fixture
def scene(plane: ControlPlane, namespace: str, operator: Operator, sis: SIS) -> Iterator[Scene]:
    """A scene whose simulator is that system."""
    with sis.simulated() as simulator:
        made = Scene(plane, namespace, simulator)
        made.prepare()
        made.cluster.apply(made.secret(sis.secret_name, **sis.secret(simulator)))
        yield made
        made.close()


def connection(scene: Scene, sis: SIS, name: str = "springfield", **spec: Any) -> Object:
    return scene.connection(name, sis.kind, deliveryConfig=sis.delivery_config(scene.simulator), **spec)


def claim(scene: Scene) -> Object:
    meta = {
        "name": "rostersync-passport",
        "namespace": scene.namespace,
        "labels": {"rostersync.dev/district": "springfield"},
    }
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": spec}


def test_a_district_of_that_kind_from_its_first_check_to_its_removal(
    scene: Scene, sis: SIS, kubelet: Kubelet, operator: Operator, tmp_path: Path
) -> None:
    kind, plural = KINDS[sis.kind].singular, KINDS[sis.kind].plural
    grant(
        scene.cluster,
        scene.namespace,
        {
            "bob": rule(("approve",), "focusconnections"),
            "ann": rule(("approve",), plural),
            "ann bob": rule(("get", "list", "patch"), "syncapprovals", plural),
            "bob ann": rule(("get",), "secrets") | {"apiGroups": [""]},
        },
    )
    scene.cluster.apply(claim(scene), connection(scene, sis, deliveries=[FOLDER]))
    verified = scene.until(plural, "springfield", lambda c: condition(c, "ConnectionVerified")[0] == "True")
    assert condition(verified, "Ready")[0] == "True"

    scene.run("first", f"{sis.kind}/springfield")
    first = scene.ended("first", "Applied")
    assert first["spec"]["connectionRef"] == {"kind": sis.kind, "name": "springfield"}
    assert condition(first, "Delivered")[:2] == ("True", "Delivered")
    assert [path.name for path in kubelet.claim(scene.namespace, "rostersync-passport").iterdir()] == [
        "springfield-000001.zip"
    ]
    claims = {found["metadata"]["name"] for found in scene.list("persistentvolumeclaims")}
    assert claims >= {"rostersync-springfield-store", f"rostersync-springfield-artifacts-{kind}"}

    scene.simulator.add_event("mass-leave:30")
    scene.kubectl("annotate", kind, "springfield", "rostersync.dev/requestedAt=monday")
    (run,) = scene.wait(lambda: scene.list("syncruns", "rostersync.dev/trigger=Request"), "a run")
    name = run["metadata"]["name"]
    approval = scene.held(name)
    told = scene.decide(approval, "Approved", user="bob")
    assert f'lack the verb approve on {plural}.rostersync.dev "springfield"' in told
    loosened = ("patch", kind, "springfield", "--type=merge", "-p", '{"spec":{"bulkUploadMode":false}}')
    told = scene.kubectl(*loosened, user="bob", code=1)
    assert f'so it needs the verb approve on {plural}.rostersync.dev "springfield"' in told
    scene.decide(approval, "Approved", user="ann")
    deleted = scene.ended(name, "Applied")["status"]["totals"]["deleted"]
    assert deleted

    admin = Person.of(scene.cluster, "admin", scene.namespace, tmp_path)
    assert f"{sis.kind} springfield" in admin.types("runs").stdout
    admin.types("check", f"{sis.short}/springfield")
    made = json.loads(admin.types("run", f"{sis.short}/springfield", "-o", "json").stdout)
    assert (made["metadata"]["name"].endswith(f"-{kind}"), made["status"]["outcome"]) == (True, "NoChanges")
    assert scene.simulator.url in scene.kubectl("get", sis.short, "-o", "wide")
    assert "springfield" in scene.kubectl("get", "rostersync")
    metrics = httpx.get(f"{operator.url}/metrics", trust_env=False).text
    assert (
        f'rostersync_connection_ready{{connection="{kind}/springfield",namespace="{scene.namespace}"}} 1.0' in metrics
    )
    events = json.loads(scene.kubectl("get", "events", "-o", "json"))["items"]
    assert {"Held", "Applied", "AwaitingApproval", "Delivered"} & {
        e["reason"] for e in events if e["involvedObject"]["name"] in ("first", name)
    }

    scene.simulator.stop()
    scene.run("back", f"{sis.kind}/springfield", mode="Restore", restoreOf=name, reason="the export was wrong")
    scene.decide(scene.held("back"), "Approved", user="ann")
    assert scene.ended("back", "Applied")["status"]["totals"]["created"] == deleted

    artifacts = kubelet.claim(scene.namespace, f"rostersync-springfield-artifacts-{kind}")
    assert any(artifacts.iterdir())
    scene.kubectl("delete", kind, "springfield")
    scene.wait(lambda: not [p for p in artifacts.iterdir() if p.is_dir() and any(p.rglob("*.parquet"))], "a purge")


def test_a_roster_belongs_to_the_older_connection_of_whatever_kind(scene: Scene, sis: SIS) -> None:
    scene.cluster.apply(connection(scene, sis))
    scene.run("one", f"{sis.kind}/springfield")
    scene.ended("one", "Applied")
    taken = f"{sis.prefix}springfield"
    scene.cluster.apply(scene.connection("focus", FOCUS.kind, district="springfield", sourceID=taken))
    seen = scene.until("focusconnection", "focus", lambda c: condition(c, "Ready")[1] == "SourceTaken")
    assert f"{sis.kind} springfield is older" in condition(seen, "Ready")[2]
    scene.run("two", "focus")
    assert succeeded(scene.ended("two", "Failed"))[1] == "SourceTaken"


HOST = "https://campus.springfield.example/campus"
URL_12, URL_11 = f"{HOST}/api/oneroster/v1p2/s/ims/oneroster/rostering/v1p2", f"{HOST}/oneroster/s/ims/oneroster/v1p1"
TOKENS = f"{HOST}/oauth2/token?appName=s"
SENTENCES: dict[str, tuple[dict[str, Any], str]] = {
    "1.2 without token URL": ({"serviceURL": URL_12}, "authenticationURL is required with a serviceURL that ends in"),
    "the same with a slash": (
        {"serviceURL": f"{URL_12}/"},
        "authenticationURL is required with a serviceURL that ends in",
    ),
    "1.2 signed": ({"serviceURL": URL_12, "authentication": "OAuth1"}, "takes no OAuth1 signatures for OneRoster 1.2"),
    "no appName": (
        {"serviceURL": URL_12, "authenticationURL": f"{HOST}/oauth2/token"},
        "authenticationURL must keep its ?appName=NAME",
    ),
    "empty appName": (
        {"serviceURL": URL_11, "authenticationURL": f"{HOST}/oauth2/token?x=1&appName="},
        "authenticationURL must keep its ?appName=NAME",
    ),
    "six at once": ({"serviceURL": URL_11, "maxConcurrentRequests": 6}, "should be less than or equal to 5"),
    "large pages": ({"serviceURL": URL_11, "pageSize": 10001}, "should be less than or equal to 10000"),
    "a version": ({"serviceURL": URL_11, "version": "1.2"}, 'unknown field "spec.deliveryConfig.version"'),
    "plain http": ({"serviceURL": URL_11.replace("https", "http")}, "plain http is refused"),
}


def campus(namespace: str, **config: Any) -> str:
    return json.dumps(
        {
            "apiVersion": "rostersync.dev/v1alpha1",
            "kind": CAMPUS.kind,
            "metadata": {"name": "springfield", "namespace": namespace},
            "spec": {
                "termsOfUse": {"accepted": True},
                "deliveryConfig": {"credentialsSecretRef": {"name": "c"}, **config},
            },
        }
    )


@pytest.mark.parametrize("case", SENTENCES)
def test_what_campus_cannot_do_is_refused_at_admission(plane: ControlPlane, namespace: str, case: str) -> None:
    config, sentence = SENTENCES[case]
    told = plane.kubectl("create", "--dry-run=server", "-f", "-", input=campus(namespace, **config))
    assert told.returncode != 0
    assert sentence in told.stderr


@pytest.mark.parametrize(
    "config",
    [
        {"serviceURL": URL_12, "authenticationURL": TOKENS},
        {"serviceURL": URL_12, "authenticationURL": TOKENS, "maxConcurrentRequests": 5, "pageSize": 10000},
        {"serviceURL": URL_12, "authenticationURL": "https://tokens.example/mine"},
        {"serviceURL": URL_11},
        {"serviceURL": URL_11, "authentication": "OAuth1", "signatureMethod": "HMAC-SHA1"},
        {"serviceURL": URL_11, "authenticationURL": f"{HOST}/oauth2/token?x=1&appName=s"},
    ],
    ids=str,
)
def test_what_campus_can_do_is_taken(plane: ControlPlane, namespace: str, config: dict[str, Any]) -> None:
    told = plane.kubectl("create", "--dry-run=server", "-f", "-", input=campus(namespace, **config))
    assert told.returncode == 0, told.stderr


@pytest.mark.parametrize("kind", ["infinitecampusconnection", "illuminateconnection"])
def test_kubectl_explains_which_keys_the_secret_has(plane: ControlPlane, kind: str) -> None:
    told = " ".join(plane.kubectl("explain", f"{kind}.spec.deliveryConfig").stdout.split())
    assert "Its Secret has the keys clientID and clientSecret." in told
    assert ("userKey and userSecret" in told) == kind.startswith("illuminate")
