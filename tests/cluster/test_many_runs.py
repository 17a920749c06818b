"""Somebody who may only make runs makes hundreds of a suspended connection: nobody else waits for them."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from support.cluster.operator import Operator
from support.cluster.plane import ControlPlane
from support.cluster.product import NAMESPACE
from support.cluster.scene import API, Scene, condition, succeeded

COUNT = 600
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/rostersync-operator"


def flood(plane: ControlPlane, namespace: str) -> float:
    """The runs, as fast as they can be made; how long that took."""
    begun = time.monotonic()

    def make(number: int) -> None:
        body = {
            "apiVersion": API,
            "kind": "SyncRun",
            "metadata": {"name": f"flood-{number:04d}", "namespace": namespace},
            "spec": {"connectionRef": {"name": "crowded"}},
        }
        client.post(f"/apis/{API}/namespaces/{namespace}/syncruns", json=body).raise_for_status()

    with plane.client() as client, ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(COUNT)))
    return time.monotonic() - begun


def job_of(scene: Scene, run: str) -> float:
    """Make a run; seconds until it has a Job."""
    begun = time.monotonic()
    scene.run(run, "other")
    scene.until("syncrun", run, lambda r: (r.get("status") or {}).get("jobs"))
    return time.monotonic() - begun


@pytest.fixture
def leader(plane: ControlPlane) -> httpx.Client:
    return plane.client()


def test_hundreds_of_runs_of_one_connection_delay_nobody_else(
    plane: ControlPlane, quiet_scene: Scene, leader: httpx.Client
) -> None:
    scene = quiet_scene
    with leader, Operator(plane, plane.folder / "many-runs-operator") as operator:
        scene.connect("crowded", suspend=True)
        for name in ("alone", "other"):
            scene.connect(name)
        scene.until("focusconnection", "other", lambda c: condition(c, "Ready")[0])
        before = leader.get(LEASE).json()["spec"]
        taken = flood(plane, scene.namespace)
        waited = job_of(scene, "mine")
        assert waited < 10, f"{COUNT} runs were made in {taken:.0f} s"

        scene.until("syncrun", f"flood-{COUNT - 1:04d}", lambda r: succeeded(r)[1] == "Queued")
        first, last = (scene.get("syncrun", f"flood-{n:04d}") for n in (0, COUNT - 1))
        assert "come first" in succeeded(last)[2]
        oldest = min(scene.list("syncruns"), key=lambda r: (r["metadata"]["creationTimestamp"], r["metadata"]["name"]))
        assert "is suspended" in succeeded(oldest)[2]
        assert succeeded(first)[1] == "Queued"

        after = leader.get(LEASE).json()["spec"]
        assert (after["holderIdentity"], after["leaseTransitions"]) == (
            before["holderIdentity"],
            before["leaseTransitions"],
        )
        assert httpx.get(f"{operator.url}/healthz", trust_env=False).text.strip() == "ok"

        begun = time.monotonic()
        assert operator.stop() == 0
        assert time.monotonic() - begun < 20
        assert leader.get(LEASE).json()["spec"]["holderIdentity"] == ""
