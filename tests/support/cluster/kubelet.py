"""A kubelet's part for a control plane without nodes: runs the operator's pods as processes of this machine.

The processes are the real ones (`rostersync job …`) with the pod's volumes as folders under a root of their own, so what a
test sees of a run is what a cluster would show; only isolation is not there. Ends of pods are written as a kubelet
writes them, termination message included.
"""

import base64
import contextlib
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx

from rostersync.controller.options import RUN_LABEL
from support.cluster.access import Cluster
from support.cluster.forks import Forks, Process
from support.cluster.pods import Pod, fail_unstarted_pod, finish_pod, start_pod

_NODE = "test-node"


class Kubelet:
    """A context manager. Claims are folders that stay. `hooks`: what pods' processes call first."""

    def __init__(self, cluster: Cluster, folder: Path, *hooks: str) -> None:
        self.cluster, self.folder, self.hooks = cluster, folder, hooks
        self.paused = threading.Event()  # while set, no new pod starts
        self.hold: set[str] = set()  # stages (plan, apply …) whose pods are not started
        self._threads: dict[str, threading.Thread] = {}
        self.processes: dict[str, Process] = {}  # UID of the pod -> its process
        self._end = threading.Event()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._pods = Forks(self.folder, *self.hooks)
        self._loop = threading.Thread(target=self._run, daemon=True)
        self._loop.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._loop.join(10)
        for process in list(self.processes.values()):
            process.kill()
        self._pods.close()
        for thread in list(self._threads.values()):
            thread.join(10)

    def claim(self, namespace: str, name: str) -> Path:
        """The folder of a claim's volume."""
        return self.folder / "claims" / namespace / name

    def running(self, stage: str) -> list[Process]:
        """The processes of pods of a stage that are at work."""
        return [p for p in self.processes.values() if p.poll() is None and p.argv[1] == stage]

    def _run(self) -> None:
        with self.cluster.client() as client:
            while not self._end.is_set():
                with contextlib.suppress(httpx.HTTPError):  # the API server is being restarted
                    self._look(client)
                time.sleep(0.1)

    def _look(self, client: httpx.Client) -> None:
        answer = client.get("/api/v1/pods", params={"labelSelector": RUN_LABEL})
        answer.raise_for_status()
        seen = set()
        for pod in answer.json()["items"] or []:
            uid, phase = pod["metadata"]["uid"], (pod.get("status") or {}).get("phase")
            seen.add(uid)
            held = self.paused.is_set() or pod["metadata"]["labels"].get("rostersync.dev/job") in self.hold
            if "deletionTimestamp" in pod["metadata"]:
                self._terminate(client, pod)
            elif phase == "Pending" and uid not in self._threads and not held:
                thread = threading.Thread(target=self._pod, args=(pod,), daemon=True)
                self._threads[uid] = thread
                thread.start()
        for uid, process in list(self.processes.items()):
            if uid not in seen and process.poll() is None:
                process.terminate()  # the pod was taken away altogether

    def _terminate(self, client: httpx.Client, pod: Pod) -> None:
        process = self.processes.get(pod["metadata"]["uid"])
        if process is not None and process.poll() is None:
            process.terminate()
            return
        thread = self._threads.get(pod["metadata"]["uid"])
        if thread is not None and thread.is_alive() and process is not None:
            return  # its end is being written
        if process is None and (pod.get("status") or {}).get("phase") == "Pending":
            with contextlib.suppress(httpx.HTTPStatusError):  # it is gone
                fail_unstarted_pod(self.cluster, pod)
        meta = pod["metadata"]
        client.request(
            "DELETE", f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}", json={"gracePeriodSeconds": 0}
        )

    def _pod(self, pod: Pod) -> None:
        root = self.folder / "pods" / pod["metadata"]["uid"]
        try:
            with self.cluster.client() as client:
                self._bind(client, pod)
                while not self._mount(client, pod, root):
                    time.sleep(0.5)
                    if self._end.is_set() or not self._there(client, pod):
                        return
            container = pod["spec"]["containers"][0]
            process = self._pods.start([*container["args"], "--root", str(root)], root, root / "log")
            self.processes[pod["metadata"]["uid"]] = process
            self._say(lambda: start_pod(self.cluster, pod))
            code = process.wait()
            report = root / "dev" / "termination-log"
            said = report.read_bytes()[-4096:].decode(errors="replace") if report.exists() else ""
            self._say(lambda: finish_pod(self.cluster, pod, code if code >= 0 else 128 - code, said))
        except httpx.HTTPError:
            if not self._end.is_set() and self._retry(pod):
                self._threads.pop(pod["metadata"]["uid"], None)

    def _say(self, write: Callable[[], object]) -> None:
        """Write a pod's state; again, while the API server is away."""
        while not self._end.is_set():
            try:
                write()
            except httpx.TransportError:
                time.sleep(0.2)
            except httpx.HTTPStatusError as error:
                if error.response.status_code not in (403, 429, 500, 503):
                    return  # the pod is gone
                time.sleep(0.2)
            else:
                return

    def _retry(self, pod: Pod) -> bool:
        """Whether nothing of the pod was started, so that it can be begun anew when the API server is back."""
        return pod["metadata"]["uid"] not in self.processes

    def _there(self, client: httpx.Client, pod: Pod) -> bool:
        meta = pod["metadata"]
        answer = client.get(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}")
        return answer.is_success and answer.json()["metadata"]["uid"] == meta["uid"]

    def _bind(self, client: httpx.Client, pod: Pod) -> None:
        """Scheduled pods are deleted gracefully, and only by the kubelet for good."""
        meta = pod["metadata"]
        target = {"apiVersion": "v1", "kind": "Node", "name": _NODE}
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": meta["name"]}, "target": target}
        client.post(f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/binding", json=body)

    def _mount(self, client: httpx.Client, pod: Pod, root: Path) -> bool:
        """Lay out the pod's volumes; False (and an event, as a kubelet posts it) while one is not to be had."""
        (root / "dev").mkdir(parents=True, exist_ok=True)
        (root / "dev" / "termination-log").touch()
        mounts = {m["name"]: root / m["mountPath"].lstrip("/") for m in pod["spec"]["containers"][0]["volumeMounts"]}
        for volume in pod["spec"]["volumes"]:
            where = mounts[volume["name"]]
            if where.exists():
                continue
            where.parent.mkdir(parents=True, exist_ok=True)
            if "persistentVolumeClaim" in volume:
                folder = self.claim(pod["metadata"]["namespace"], volume["persistentVolumeClaim"]["claimName"])
                folder.mkdir(parents=True, exist_ok=True)
                where.symlink_to(folder, target_is_directory=True)
            elif "emptyDir" in volume:
                where.mkdir()
            elif "downwardAPI" in volume:
                where.mkdir()
                for item in volume["downwardAPI"]["items"]:
                    key = item["fieldRef"]["fieldPath"].split("'")[1]
                    (where / item["path"]).write_text(pod["metadata"]["annotations"][key])
            elif not self._object(client, pod, volume, where):
                return False
        return True

    def _object(self, client: httpx.Client, pod: Pod, volume: dict[str, Any], where: Path) -> bool:
        secret = "secret" in volume
        name = volume["secret"]["secretName"] if secret else volume["configMap"]["name"]
        plural = "secrets" if secret else "configmaps"
        answer = client.get(f"/api/v1/namespaces/{pod['metadata']['namespace']}/{plural}/{name}")
        if not answer.is_success and volume.get("secret", {}).get("optional"):
            where.mkdir()
            return True
        if not answer.is_success:
            kind = "secret" if secret else "configmap"
            self._event(
                client, pod, f'MountVolume.SetUp failed for volume "{volume["name"]}" : {kind} "{name}" not found'
            )
            return False
        where.mkdir()
        for key, value in (answer.json().get("data") or {}).items():
            (where / key).write_bytes(base64.b64decode(value) if secret else value.encode())
        return True

    def _event(self, client: httpx.Client, pod: Pod, message: str) -> None:
        meta, now = pod["metadata"], datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        about = {"kind": "Pod", "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]}
        body = {
            "metadata": {"name": f"{meta['name']}.mount"},
            "involvedObject": about,
            "type": "Warning",
            "reason": "FailedMount",
            "message": message,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "source": {"component": "kubelet"},
        }
        client.post(f"/api/v1/namespaces/{meta['namespace']}/events", json=body)
