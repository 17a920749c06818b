"""A district in a namespace: a simulated Focus, a connection to it, runs, and people who look and decide."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx

from rostersync.simulator.server import Simulator
from support.cluster.access import Cluster

Object = dict[str, Any]
API = "rostersync.dev/v1alpha1"
PATIENCE = 240.0  # seconds; nothing takes so long, but tests share their machine


class Scene:
    """One namespace with what runs need."""

    def __init__(self, cluster: Cluster, namespace: str, simulator: Simulator) -> None:
        self.cluster, self.namespace, self.simulator = cluster, namespace, simulator
        self._client = cluster.client()  # looks are many, and kubectl takes a while to start

    def close(self) -> None:
        """Nobody looks any more."""
        self._client.close()

    def prepare(self) -> None:
        """The service account of the Jobs, and the credentials of the SIS."""
        self.cluster.apply(self._named("v1", "ServiceAccount", "rostersync-jobs"), self.secret())

    def secret(self, name: str = "focus-credentials", **data: str) -> Object:
        """The Secret of the connection."""
        given = {"clientID": self.simulator.client_id, "clientSecret": self.simulator.client_secret}
        return self._named("v1", "Secret", name) | {"stringData": data or given}

    def connection(self, name: str = "springfield", kind: str = "FocusConnection", **spec: Any) -> Object:
        """The smallest connection, with Bulk Upload Mode, and with `spec` over it."""
        delivery = {
            "serviceURL": self.simulator.url,
            "insecureHTTP": True,
            "credentialsSecretRef": {"name": "focus-credentials"},
        }
        base: Object = {"termsOfUse": {"accepted": True}, "bulkUploadMode": True, "deliveryConfig": delivery}
        return self._named(API, kind, name) | {"spec": base | spec}

    def connect(self, name: str = "springfield", **spec: Any) -> None:
        """Apply a connection."""
        self.cluster.apply(self.connection(name, **spec))

    def run(self, name: str, connection: str = "springfield", user: str | None = None, **spec: Any) -> None:
        """Make a SyncRun; `connection` may be KIND/NAME."""
        kind, _, connection = connection.rpartition("/")
        reference = {"name": connection} | ({"kind": kind} if kind else {})
        body = self._named(API, "SyncRun", name) | {"spec": {"connectionRef": reference, **spec}}
        self.kubectl("create", "-f", "-", input=json.dumps(body), user=user)

    def kubectl(self, *arguments: str, user: str | None = None, input: str | None = None, code: int | None = 0) -> str:  # noqa: A002
        """kubectl in the namespace; fails when it ends with another code. Returns what it printed."""
        done = self.cluster.kubectl("-n", self.namespace, *arguments, user=user, input=input)
        assert code is None or done.returncode == code, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def get(self, kind: str, name: str) -> Object:
        """An object; empty when it is not there."""
        found = self._asked(f"{_path(kind)}/{name}", {})
        return found or {}

    def list(self, kind: str, selector: str = "") -> list[Object]:
        """All objects of a kind that meet a label selector."""
        found = self._asked(_path(kind), {"labelSelector": selector} if selector else {})
        return found["items"] or [] if found else []

    def _asked(self, where: str, query: dict[str, str]) -> Object | None:
        """What the API server answers; None for what is not there. Again, while it is away."""
        prefix, _, rest = where.rpartition("//")
        for _ in range(400):
            try:
                answer = self._client.get(f"{prefix}/namespaces/{self.namespace}/{rest}", params=query)
            except httpx.TransportError:
                time.sleep(0.2)
                continue
            if answer.status_code == 404:
                return None
            if answer.is_success:
                found: Object = answer.json()
                return found
            time.sleep(0.2)
        raise AssertionError(f"the API server does not answer for {where}")

    def until(self, kind: str, name: str, holds: Callable[[Object], Any], seconds: float = PATIENCE) -> Object:
        """The object, as soon as something holds of it."""
        there: Object = self.wait(
            lambda: (found := self.get(kind, name)) and holds(found) and found, f"{kind}/{name}", seconds
        )
        return there

    def wait(self, holds: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
        """What a function returns, as soon as it is something."""
        end = time.monotonic() + seconds
        while True:
            found = holds()
            if found:
                return found
            if time.monotonic() > end:
                raise AssertionError(f"{what} did not come about in {seconds} s:\n{self.tell()}")
            time.sleep(0.3)

    def ended(self, name: str, outcome: str, seconds: float = PATIENCE) -> Object:
        """The run, once it has ended; it must have ended that way."""
        run = self.until("syncrun", name, lambda r: (r.get("status") or {}).get("outcome"), seconds)
        assert run["status"]["outcome"] == outcome, f"{succeeded(run)}\n{self.tell()}"
        return run

    def stands(self, name: str, reason: str, seconds: float = PATIENCE) -> Object:
        """The run, once its Succeeded has that reason."""
        return self.until("syncrun", name, lambda r: succeeded(r)[1] == reason, seconds)

    def held(self, name: str, seconds: float = PATIENCE) -> Object:
        """The pending approval of a run that is held."""
        run = self.until(
            "syncrun",
            name,
            lambda r: (
                succeeded(r)[1] == "AwaitingApproval" and r["status"].get("approval", {}).get("state") == "Pending"
            ),
            seconds,
        )
        return self.get("syncapproval", run["status"]["approval"]["name"])

    def decide(self, approval: Object, decision: str, user: str | None = None, reason: str = "as agreed") -> str:
        """Decide as a person does."""
        patch = json.dumps({"spec": {"decision": decision, "reason": reason}})
        name = approval["metadata"]["name"]
        return self.kubectl("patch", "syncapproval", name, "--type=merge", "-p", patch, user=user, code=None)

    def tell(self) -> str:
        """What a person would look at."""
        shown = "rostersync,jobs,pods"
        return self.cluster.kubectl("-n", self.namespace, "get", shown, "-o", "wide").stdout

    def _named(self, version: str, kind: str, name: str) -> Object:
        return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": self.namespace}}


def _path(kind: str) -> str:
    """`PREFIX//PLURAL`: the namespace goes between."""
    plural = kind if kind.endswith("s") else f"{kind}s"
    if plural in ("syncruns", "syncapprovals") or plural.endswith("connections"):
        return f"/apis/{API}//{plural}"
    return f"/apis/batch/v1//{plural}" if plural == "jobs" else f"/api/v1//{plural}"


def condition(obj: Object, kind: str) -> tuple[str, str, str]:
    """(status, reason, message) of a condition; empty texts when it is not there."""
    found = (c for c in (obj.get("status") or {}).get("conditions", ()) if c["type"] == kind)
    return next(((c["status"], c["reason"], c["message"]) for c in found), ("", "", ""))


def succeeded(run: Object) -> tuple[str, str, str]:
    """The condition Succeeded of a run."""
    return condition(run, "Succeeded")
