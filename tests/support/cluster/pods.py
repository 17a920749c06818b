"""What a kubelet would say of a pod, said by a test: a control plane without nodes runs none."""

from datetime import UTC, datetime
from typing import Any

from support.cluster.access import Cluster

Pod = dict[str, Any]


def pods_of(cluster: Cluster, namespace: str, selector: str = "") -> list[Pod]:
    """The pods of a namespace that meet a label selector, oldest first."""
    with cluster.client() as client:
        answer = client.get(
            f"/api/v1/namespaces/{namespace}/pods", params={"labelSelector": selector}
        ).raise_for_status()
    return sorted(
        answer.json()["items"] or [], key=lambda p: (p["metadata"]["creationTimestamp"], p["metadata"]["name"])
    )


def start_pod(cluster: Cluster, pod: Pod) -> Pod:
    """The container `sync` runs. Returns the pod as it is then, as all of these do."""
    return _patch(cluster, pod, "Running", {"running": {"startedAt": _now()}}, ready=True)


def finish_pod(cluster: Cluster, pod: Pod, exit_code: int = 0, message: str = "", reason: str = "") -> Pod:
    """The container `sync` ends with this exit code and termination message (the report), and the pod with it.

    The reason is Completed or Error when none is given; `OOMKilled` goes with exit code 137.
    """
    ended = {
        "exitCode": exit_code,
        "reason": reason or ("Error" if exit_code else "Completed"),
        "startedAt": pod["metadata"]["creationTimestamp"],
        "finishedAt": _now(),
        "message": message,
    }
    return _patch(cluster, pod, "Failed" if exit_code else "Succeeded", {"terminated": ended}, ready=False)


def set_waiting(cluster: Cluster, pod: Pod, reason: str, message: str = "") -> Pod:
    """The container `sync` waits: CreateContainerConfigError, ErrImagePull, ContainerCreating …"""
    return _patch(cluster, pod, "Pending", {"waiting": {"reason": reason, "message": message}}, ready=False)


def set_unschedulable(cluster: Cluster, pod: Pod, message: str) -> Pod:
    """The scheduler finds no node."""
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return _send(cluster, pod, {"phase": "Pending", "conditions": [condition | {"lastTransitionTime": _now()}]})


def fail_unstarted_pod(cluster: Cluster, pod: Pod) -> Pod:
    """The pod is deleted before it ran: its Job lets go of it, and of itself, when it is said to have failed."""
    return _send(cluster, pod, {"phase": "Failed"})


def disrupt_pod(cluster: Cluster, pod: Pod, reason: str = "EvictionByEvictionAPI") -> Pod:
    """The pod is evicted: it fails with the condition DisruptionTarget and exit code 143, no report."""
    ended = {
        "exitCode": 143,
        "reason": "Error",
        "startedAt": pod["metadata"]["creationTimestamp"],
        "finishedAt": _now(),
    }
    target = {"type": "DisruptionTarget", "status": "True", "reason": reason, "lastTransitionTime": _now()}
    containers = [_container(pod, {"terminated": ended}, ready=False)]
    return _send(cluster, pod, {"phase": "Failed", "conditions": [target], "containerStatuses": containers})


def _patch(cluster: Cluster, pod: Pod, phase: str, state: dict[str, Any], *, ready: bool) -> Pod:
    said = "True" if ready else "False"
    conditions = [{"type": kind, "status": said, "lastTransitionTime": _now()} for kind in ("Ready", "ContainersReady")]
    conditions.append({"type": "PodScheduled", "status": "True", "lastTransitionTime": _now()})
    return _send(
        cluster,
        pod,
        {"phase": phase, "conditions": conditions, "containerStatuses": [_container(pod, state, ready=ready)]},
    )


def _container(pod: Pod, state: dict[str, Any], *, ready: bool) -> dict[str, Any]:
    image = next(c["image"] for c in pod["spec"]["containers"] if c["name"] == "sync")
    started = {"started": ready, "ready": ready, "restartCount": 0, "containerID": "containerd://test"}
    return {"name": "sync", "image": image, "imageID": image, "state": state, **started}


def _send(cluster: Cluster, pod: Pod, status: dict[str, Any]) -> Pod:
    path = f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}/status"
    body = {
        "metadata": {"uid": pod["metadata"]["uid"]},
        "status": {"startTime": pod["metadata"]["creationTimestamp"], **status},
    }
    with cluster.client() as client:
        answer = client.patch(path, json=body, headers={"Content-Type": "application/strategic-merge-patch+json"})
    changed: Pod = answer.raise_for_status().json()
    return changed


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
