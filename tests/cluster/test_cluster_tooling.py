"""The clusters that tests run on: they do what a real one does, and nothing of them stays."""

import json
import time
import uuid
from pathlib import Path

import pytest

from support.cluster.kind import KindCluster
from support.cluster.plane import ControlPlane
from support.cluster.pods import Pod, finish_pod, pods_of, set_waiting
from support.cluster.processes import own_folder


def job(namespace: str, name: str = "work") -> dict[str, object]:
    container = {"name": "sync", "image": "none"}
    spec = {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def pod_of(plane: ControlPlane, namespace: str, name: str) -> Pod:
    end = time.monotonic() + 30
    while not (found := pods_of(plane, namespace, f"job-name={name}")):
        assert time.monotonic() < end, f"no pod of the Job {name} after 30 s"
        time.sleep(0.05)
    return found[0]


@pytest.mark.parametrize(("code", "condition"), [(0, "Complete"), (42, "Failed")])
def test_a_job_ends_as_its_pod_does(plane: ControlPlane, namespace: str, code: int, condition: str) -> None:
    plane.apply(job(namespace))
    pod = set_waiting(plane, pod_of(plane, namespace, "work"), "ErrImagePull", "no such image")
    finish_pod(plane, pod, code, '{"stage":"plan"}')
    plane.kubectl("wait", f"--for=condition={condition}", "job/work", "-n", namespace, "--timeout=30s", check=True)


def test_users_are_who_their_certificate_says(plane: ControlPlane) -> None:
    plane.user_kubeconfig("alice", ["teachers"])
    for name in ("alice", "system:serviceaccount:rostersync-system:rostersync-operator"):
        said = plane.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}", user=name, check=True)
        assert said.stdout == name
    refused = plane.kubectl("get", "secrets", "-A", user="alice")
    assert refused.returncode == 1
    assert "Forbidden" in refused.stderr


def test_the_api_server_comes_back_with_everything_and_old_revisions_are_gone(
    namespace: str, plane: ControlPlane
) -> None:
    with plane.client() as client:
        url = f"/api/v1/namespaces/{namespace}/configmaps"
        old = client.get(url).json()["metadata"]["resourceVersion"]
        client.post(url, json={"metadata": {"name": "kept"}}).raise_for_status()
    plane.compact()
    plane.kill_apiserver()
    plane.start_apiserver()
    with plane.client() as client:
        assert client.get(f"{url}/kept").is_success
        watch = client.get(url, params={"watch": "1", "resourceVersion": old, "timeoutSeconds": "5"})
    assert "Expired" in watch.text
    plane.apply(job(namespace, "later"))
    pod_of(plane, namespace, "later")


def test_nothing_of_a_control_plane_stays() -> None:
    with own_folder("gone") as folder, ControlPlane(folder) as started:
        assert started.kubectl("get", "namespaces").returncode == 0
    assert not folder.exists()
    commands = (p.read_bytes() for p in Path("/proc").glob("[0-9]*/cmdline") if p.exists())
    assert not [c for c in commands if str(folder).encode() in c]


def test_the_image_runs_as_nobody_on_a_root_it_cannot_write(kind_cluster: KindCluster) -> None:
    security = {
        "runAsNonRoot": True,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    tell = "import os; print(os.getuid(), os.getgid()); open('/opt/rostersync/x', 'w')"
    commands = {"version": ["rostersync", "version"], "python": ["/opt/rostersync/bin/python", "-c", tell]}
    containers = [
        {"name": n, "image": kind_cluster.image, "command": c, "securityContext": security} for n, c in commands.items()
    ]
    name, namespace = f"image-{uuid.uuid4().hex[:8]}", "default"
    spec = {"restartPolicy": "Never", "automountServiceAccountToken": False, "containers": containers}
    kind_cluster.apply(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec}
    )
    try:
        kind_cluster.kubectl(
            "wait", "--for=jsonpath={.status.phase}=Failed", f"pod/{name}", "--timeout=90s", check=True
        )
        assert kind_cluster.kubectl("logs", name, "-c", "version", check=True).stdout.startswith("rostersync ")
        python = kind_cluster.kubectl("logs", name, "-c", "python", check=True).stdout
        assert "65532 65532\n" in python
        assert "Read-only file system" in python
    finally:
        kind_cluster.kubectl("delete", "pod", name, "--wait=false")


def test_users_of_a_real_cluster_are_who_they_say(kind_cluster: KindCluster) -> None:
    user = kind_cluster.user_kubeconfig("alice", ["teachers"])
    said = kind_cluster.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo}", user=user, check=True)
    assert json.loads(said.stdout)["username"] == "alice"
    assert "teachers" in json.loads(said.stdout)["groups"]
