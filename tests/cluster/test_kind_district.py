"""The whole on a kind cluster: chart, samples, real pods, volumes, people; as somebody would do it by hand."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rostersync.simulator.district import District
from rostersync.simulator.layout import Size
from support.cluster.gateway_image import gateway_image, manifests, storage
from support.cluster.kind import KindCluster
from support.cluster.programs import programs
from support.cluster.servers import UPLOAD, servers
from support.cluster.servers_image import servers_image

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "deploy" / "samples"
NAMESPACE, SYSTEM = "rosters", "rostersync-system"
BOB = "registrar@springfield.example"  # who may approve, in 02-approver.yaml
_PATIENCE = 300


def helm(cluster: KindCluster, *words: str) -> str:
    """helm on the cluster."""
    env = {"HOME": str(cluster.folder), "PATH": "/usr/bin:/bin", "KUBECONFIG": str(cluster.kubeconfig)}
    done = subprocess.run(
        [programs("clients") / "helm", *words], capture_output=True, text=True, env=env, timeout=400, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def cluster(kind_cluster: KindCluster) -> Iterator[KindCluster]:
    """The operator, by its chart, and every sample."""
    repository, _, tag = kind_cluster.image.rpartition(":")
    helm(
        kind_cluster,
        "upgrade",
        "--install",
        "rostersync",
        str(ROOT / "charts" / "rostersync"),
        "-n",
        SYSTEM,
        "--create-namespace",
        "--wait",
        "--timeout",
        "4m",
        "--set",
        f"image.repository={repository},image.tag={tag},image.pullPolicy=Never",
        "--set",
        "jobs.resources.requests.cpu=50m,jobs.resources.requests.memory=128Mi",
    )
    for path in sorted(SAMPLES.glob("*.yaml")):
        _apply(kind_cluster, path)
    kind_cluster.kubectl("-n", NAMESPACE, "rollout", "status", "deploy/simulated-focus", "--timeout=180s", check=True)
    yield kind_cluster
    kind_cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=true", "--timeout=120s")


def _apply(cluster: KindCluster, sample: Path) -> None:
    """A sample, with the image of this clone. New types take the API server a moment."""
    text = sample.read_text().replace("rostersync:0.1.0", cluster.image)
    for _ in range(20):
        done = cluster.kubectl("apply", "-f", "-", input=text)
        if "ServiceUnavailable" not in done.stderr:
            break
        time.sleep(1)
    assert done.returncode == 0, f"{sample.name}: {done.stderr}"


def kubectl(cluster: KindCluster, *words: str, **more: Any) -> str:
    """kubectl in the namespace of the samples."""
    return cluster.kubectl("-n", NAMESPACE, *words, check=True, **more).stdout


def get(cluster: KindCluster, kind: str, name: str) -> dict[str, Any]:
    """An object; empty when it is not there."""
    text = kubectl(cluster, "get", kind, name, "-o", "json", "--ignore-not-found")
    found: dict[str, Any] = json.loads(text) if text.strip() else {}
    return found


def until(cluster: KindCluster, kind: str, name: str, holds: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """The object, as soon as something holds of it."""
    end = time.monotonic() + _PATIENCE
    while True:
        found = get(cluster, kind, name)
        if found and holds(found):
            return found
        if time.monotonic() > end:
            shown = kubectl(cluster, "get", "syncruns,syncapprovals,focusconnections,jobs,pods", "-o", "wide")
            raise AssertionError(f"{kind}/{name}:\n{shown}\n{yaml.safe_dump(found.get('status'))}")
        time.sleep(1)


def reason(obj: dict[str, Any], kind: str = "Succeeded") -> str:
    """The reason of a condition."""
    found = (c for c in (obj.get("status") or {}).get("conditions", ()) if c["type"] == kind)
    return next((str(c["reason"]) for c in found), "")


def ended(cluster: KindCluster, run: str, outcome: str) -> dict[str, Any]:
    """The run, once it has ended; it must have ended that way."""
    found = until(cluster, "syncrun", run, lambda r: (r.get("status") or {}).get("outcome"))
    assert found["status"]["outcome"] == outcome, yaml.safe_dump(found["status"]["conditions"])
    return found


def start(cluster: KindCluster, name: str, connection: str = "simulated", **spec: Any) -> None:
    """Make a SyncRun."""
    body = {
        "apiVersion": "rostersync.dev/v1alpha1",
        "kind": "SyncRun",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"connectionRef": {"name": connection}, **spec},
    }
    kubectl(cluster, "create", "-f", "-", input=json.dumps(body))


def happens(cluster: KindCluster, event: str) -> None:
    """Something happens in the simulated district."""
    where = f"/api/v1/namespaces/{NAMESPACE}/services/simulated-focus:8600/proxy/_simulator/event"
    kubectl(cluster, "create", "--raw", where, "-f", "-", input=json.dumps({"event": event}))


def test_the_sample_district_is_imported_by_real_pods(cluster: KindCluster) -> None:
    seen = until(cluster, "focusconnection", "simulated", lambda c: reason(c, "ConnectionVerified") == "Verified")
    outcomes = {r["status"]["outcome"] for r in all_ended(cluster)}
    assert outcomes == {"Applied", "NoChanges"}  # one by name, one for the new spec: whichever came first
    seen = until(cluster, "focusconnection", "simulated", lambda c: (c["status"].get("lastRun") or {}).get("outcome"))
    assert reason(seen, "Ready") == "Ready"
    table = kubectl(cluster, "get", "syncruns")
    assert "Applied" in table


def all_ended(cluster: KindCluster) -> list[dict[str, Any]]:
    """The runs of the simulated district, once all have ended."""
    end = time.monotonic() + _PATIENCE
    while True:
        text = kubectl(
            cluster, "get", "syncruns", "--field-selector", "spec.connectionRef.name=simulated", "-o", "json"
        )
        runs: list[dict[str, Any]] = json.loads(text)["items"]
        if len(runs) > 1 and all((r.get("status") or {}).get("outcome") for r in runs):
            return runs
        assert time.monotonic() < end, kubectl(cluster, "get", "syncruns,jobs,pods", "-o", "wide")
        time.sleep(1)


def test_a_bad_day_waits_for_bob_and_is_applied_as_it_was_seen(cluster: KindCluster) -> None:
    happens(cluster, "mass-leave:40")
    start(cluster, "bad-day")
    run = until(cluster, "syncrun", "bad-day", lambda r: reason(r) == "AwaitingApproval" and "approval" in r["status"])
    name = run["status"]["approval"]["name"]
    pending = kubectl(cluster, "get", "syncapprovals", "--field-selector", "status.state=Pending")
    assert name in pending
    patch = json.dumps({"spec": {"decision": "Approved", "reason": "moved away"}})
    refused = cluster.kubectl(
        "-n", NAMESPACE, "patch", "syncapproval", name, "--type=merge", "-p", patch, user="carol@springfield.example"
    )
    assert refused.returncode != 0
    kubectl(cluster, "patch", "syncapproval", name, "--type=merge", "-p", patch, user=BOB)
    run = ended(cluster, "bad-day", "Applied")
    assert run["status"]["approval"]["decidedBy"] == BOB
    assert run["status"]["totals"]["deleted"] > 100


def test_a_roster_goes_into_postgres_and_on_by_sftp(cluster: KindCluster) -> None:
    made = servers(servers_image(cluster))
    for text in (made.secrets, made.postgres, made.sftp):
        kubectl(cluster, "apply", "-f", "-", input=text)
    for server in ("statefulset/postgres", "deployment/school-passport"):
        kubectl(cluster, "rollout", "status", server, "--timeout=180s")
    connection = yaml.safe_load(made.connection)
    del connection["spec"]["runOn"]
    kubectl(cluster, "apply", "-f", "-", input=json.dumps(connection))
    tested = ("ConnectionVerified", "StoreVerified", "DeliveriesVerified")
    until(cluster, "focusconnection", "springfield", lambda c: all(reason(c, t) == "Verified" for t in tested))

    start(cluster, "by-sftp", "springfield")
    status = ended(cluster, "by-sftp", "Applied")["status"]
    [delivered] = status["deliveries"]
    assert delivered["state"] == "Delivered"
    sums = kubectl(cluster, "exec", "deployment/school-passport", "--", "sh", "-c", f"sha256sum {UPLOAD}/*")
    assert sums.split() == [delivered["sha256"], f"{UPLOAD}/springfield-000001.zip"]
    psql = ("psql", "--host=/tmp", "--username=postgres", "--dbname=rosters", "--tuples-only")
    users = kubectl(
        cluster, "exec", "postgres-0", "--", *psql, "--command=SELECT count(*) FROM rostersync.users"
    ).strip()
    people = ("Student", "Teacher", "Contact", "Admin")
    assert int(users) == sum(e["created"] for e in status["entities"] if e["entity"] in people) > 400
    _ran_restricted_without_a_store_claim(cluster, "by-sftp")


def _ran_restricted_without_a_store_claim(cluster: KindCluster, run: str) -> None:
    pods = json.loads(kubectl(cluster, "get", "pods", "-l", "rostersync.dev/run", "-o", "json"))["items"]
    specs = {p["metadata"]["labels"]["rostersync.dev/job"]: p["spec"] for p in pods if run in p["metadata"]["name"]}
    assert set(specs) == {"plan", "apply", "deliver"}
    for spec in specs.values():
        assert spec["securityContext"]["runAsNonRoot"]
        assert all(c["securityContext"]["readOnlyRootFilesystem"] for c in spec["containers"])
    volumes = [volume for spec in specs.values() for volume in spec["volumes"]]
    claims = {v["persistentVolumeClaim"]["claimName"] for v in volumes if "persistentVolumeClaim" in v}
    assert claims == {"rostersync-springfield-artifacts"}


def test_plans_are_kept_in_a_bucket_and_on_no_volume(cluster: KindCluster) -> None:
    for made in manifests(gateway_image(cluster), NAMESPACE):
        kubectl(cluster, "apply", "-f", "-", input=json.dumps(made))
    kubectl(cluster, "wait", "pod/gateway", "--for=condition=Ready", "--timeout=120s")
    connection = yaml.safe_load((SAMPLES / "simulated-district.yaml").read_text())
    connection["metadata"]["name"] = "in-a-bucket"
    connection["spec"] |= {
        "artifacts": {"objectStorage": storage(NAMESPACE, "plans")},
        "approval": {"holdFirstImport": True},
    }
    connection["spec"].pop("runOn")
    kubectl(cluster, "apply", "-f", "-", input=json.dumps(connection))
    until(cluster, "focusconnection", "in-a-bucket", lambda c: reason(c, "ConnectionVerified") == "Verified")

    start(cluster, "bucket-1", "in-a-bucket")
    run = until(cluster, "syncrun", "bucket-1", lambda r: reason(r) == "AwaitingApproval" and "approval" in r["status"])
    patch = json.dumps({"spec": {"decision": "Approved", "reason": "the first one"}})
    name = run["status"]["approval"]["name"]
    kubectl(cluster, "patch", "syncapproval", name, "--type=merge", "-p", patch, user=BOB)
    assert ended(cluster, "bucket-1", "Applied")["status"]["totals"]["created"] > 400
    start(cluster, "bucket-2", "in-a-bucket")
    ended(cluster, "bucket-2", "NoChanges")
    assert "in-a-bucket-artifacts" not in kubectl(cluster, "get", "persistentvolumeclaims")


def test_memory_that_does_not_suffice_is_told_by_the_kernel(cluster: KindCluster) -> None:
    connection = yaml.safe_load((SAMPLES / "simulated-district.yaml").read_text())
    connection["metadata"]["name"] = "starved"
    connection["spec"]["jobTemplate"] = {"resources": {"requests": {"memory": "24Mi"}, "limits": {"memory": "24Mi"}}}
    connection["spec"].pop("runOn")
    kubectl(cluster, "apply", "-f", "-", input=json.dumps(connection))
    start(cluster, "starved-1", "starved")
    run = ended(cluster, "starved-1", "Failed")
    assert reason(run) == "OutOfMemory"
    kubectl(cluster, "delete", "focusconnection", "starved")


def test_an_evicted_plan_pod_is_replaced_and_no_failure(cluster: KindCluster) -> None:
    start(cluster, "evicted")

    def pod() -> str:
        text = kubectl(cluster, "get", "pods", "-l", "rostersync.dev/job=plan", "-o", "json")
        live = [p for p in json.loads(text)["items"] if p["metadata"]["name"].startswith("evicted-plan")]
        return next(
            (str(p["metadata"]["name"]) for p in live if p["status"].get("phase") in ("Pending", "Running")), ""
        )

    end = time.monotonic() + 60
    while not pod() and time.monotonic() < end:
        time.sleep(0.2)
    name = pod()
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": NAMESPACE}}
    with cluster.client() as client:
        answer = client.post(f"/api/v1/namespaces/{NAMESPACE}/pods/{name}/eviction", json=body)
    assert answer.is_success, answer.text
    run = ended(cluster, "evicted", "NoChanges")
    assert run["status"]["disruptions"] == 1


def test_containerd_restarted_under_a_run_does_no_harm(cluster: KindCluster) -> None:
    start(cluster, "restarted")
    until(cluster, "syncrun", "restarted", lambda r: reason(r) == "Planning")
    cluster.node("systemctl", "restart", "containerd")
    ended(cluster, "restarted", "NoChanges")


def test_helm_test_passes(cluster: KindCluster) -> None:
    assert "Succeeded" in helm(cluster, "test", "rostersync", "-n", SYSTEM, "--timeout", "3m")


def test_nothing_of_a_person_is_in_any_object_event_or_log(cluster: KindCluster) -> None:
    people = District(Size(400, 1.4), 1).day(0)
    rows = list(people.rows("users", 0, people.total("users")))
    marks = {row[field] for row in rows for field in ("email", "username", "sourcedId") if row.get(field)}
    marks |= {f"{row['givenName']} {row['familyName']}" for row in rows}
    assert len(marks) > 1000
    shown = kubectl(cluster, "get", "syncruns,syncapprovals,focusconnections,events,jobs,pods", "-o", "yaml")
    logs = kubectl(cluster, "logs", "-l", "rostersync.dev/run", "--tail=-1", "--prefix", "--ignore-errors")
    operator = cluster.kubectl(
        "-n", SYSTEM, "logs", "-l", "app.kubernetes.io/name=rostersync", "--tail=-1", check=True
    ).stdout
    assert len(shown) > 10_000
    assert "plan" in logs
    for text in (shown, logs, operator):
        assert [m for m in marks if m in text] == []
