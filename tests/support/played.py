"""The operator, played by a test: statuses and approvals as it would write them, from what the test makes up."""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from rostersync.api.kinds import KINDS, Ref
from rostersync.lifecycle import status
from rostersync.lifecycle.decide import next_step
from rostersync.lifecycle.names import approval_name
from rostersync.lifecycle.observed import Approval, Connection, Observed, Run, Words, Work, WorkState
from rostersync.model import ApplyReport, Entity, EntityCounts, Hold, HoldReason, IssueCount, Mode, PlanReport, Schools
from rostersync.render.holds import sentence
from support.cluster.access import Cluster

IDENTITY = "system:serviceaccount:rostersync-system:rostersync-operator"
ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "rostersync.plugin.command")
GROUP = "rostersync.dev"
WORDS = Words(approve='kubectl roster approve {run} --reason "…"', by_itself=True)
Object = dict[str, Any]

COUNTS = [
    EntityCounts(Entity.SCHOOL, unchanged=2, population=2),
    EntityCounts(Entity.STUDENT, created=4, deleted=312, unchanged=892, population=1204),
]
HOLD = Hold(HoldReason.THRESHOLD, Entity.STUDENT, "Delete", None, 312, 1204, 10, "Percent")


def digest(letter: str) -> str:
    """A digest of that letter only."""
    return f"sha256:{letter * 64}"


def planned(letter: str = "a", holds: int = 1, **more: Any) -> Work[PlanReport]:
    """A plan that is done, with this digest and so many holds."""
    report = PlanReport(
        "r",
        "done",
        digest(letter),
        4,
        COUNTS,
        [HOLD] * holds,
        holds,
        schools=Schools(3, 2, 1, 0, ("1003",)),
        issues=[IssueCount("Missing", 7, "Student", "email", "Error")],
        causes={"SourceMissing": 312},
        blast_radius={"students": 0, "teachers": 9},
    )
    return Work(WorkState.SUCCEEDED, 1, replace(report, **more))


class Operator:
    """Writes to one namespace under the operator's own name."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.namespace = namespace
        self.client = cluster.client(cluster.user_kubeconfig(IDENTITY))
        self.admin = cluster.client()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.admin.close()

    def connection(self, name: str = "springfield", **spec: Any) -> Object:
        """A connection, made by the administrator."""
        delivery = {"serviceURL": "https://focus.example/api", "credentialsSecretRef": {"name": "focus"}}
        made = {"termsOfUse": {"accepted": True}, "deliveryConfig": delivery} | spec
        head = {"apiVersion": f"{GROUP}/v1alpha1", "kind": "FocusConnection"}
        return self._sent(
            self.admin, "POST", self._path("FocusConnection"), {**head, "metadata": {"name": name}, "spec": made}
        )

    def run(self, name: str, connection: str = "springfield", **spec: Any) -> Object:
        """A SyncRun, made by the administrator."""
        made = {"connectionRef": {"kind": "FocusConnection", "name": connection}} | spec
        head = {"apiVersion": f"{GROUP}/v1alpha1", "kind": "SyncRun", "metadata": {"name": name}}
        return self._sent(self.admin, "POST", self._path("SyncRun"), {**head, "spec": made})

    def get(self, kind: str, name: str) -> Object:
        """An object as it is now."""
        return self._sent(self.admin, "GET", self._path(kind, name))

    def all(self, kind: str) -> list[Object]:
        """All objects of a kind."""
        items: list[Object] = self._sent(self.admin, "GET", self._path(kind))["items"]
        return items

    def sees(self, name: str, connection: Connection | None = None, **known: Any) -> Object:
        """Give a run the status that follows from what is known of it."""
        run = self.get("SyncRun", name)
        meta, spec = run["metadata"], run["spec"]
        requesters = (spec["requestedBy"],) if spec.get("requestedBy") else ()
        seen = Observed(
            datetime.now(UTC),
            Run(
                name,
                meta["uid"],
                meta["generation"],
                Mode(spec.get("mode", "Import")),
                bool(spec.get("cancel")),
                requested_by=requesters,
                status=run.get("status") or {},
            ),
            connection or Connection(Ref.of(spec["connectionRef"])),
            words=WORDS,
            **known,
        )
        return self.status("SyncRun", name, status.of(seen, next_step(seen), sentence))

    def holds(
        self,
        name: str,
        letter: str = "a",
        expires: timedelta = timedelta(hours=72),
        requested_by: tuple[str, ...] = ("alice",),
        four_eyes: bool = False,
        previous: str = "",
    ) -> Object:
        """Hold a run: its pending SyncApproval, and its status that names it."""
        run = self.get("SyncRun", name)
        at = (datetime.now(UTC) + expires).strftime("%Y-%m-%dT%H:%M:%SZ")
        spec = {
            "runRef": {"name": name, "uid": run["metadata"]["uid"]},
            "connectionRef": run["spec"]["connectionRef"],
            "planDigest": digest(letter),
            "requestedBy": list(requested_by),
            "requireDistinctApprover": four_eyes,
            "expiresAt": at,
        }
        if previous:
            spec["previousConnection"] = {"kind": "FocusConnection", "name": previous}
        head = {"apiVersion": f"{GROUP}/v1alpha1", "kind": "SyncApproval"}
        body = {**head, "metadata": {"name": approval_name(name, digest(letter))}, "spec": spec}
        approval = self._sent(self.client, "POST", self._path("SyncApproval"), body)
        self.status("SyncApproval", approval["metadata"]["name"], {"state": "Pending"})
        self.sees(name, plan=planned(letter), approval=known(approval))
        return approval

    def applies(self, name: str, approval: Object, revision: int = 5) -> Object:
        """What follows once the approval is decided: applied, or rejected."""
        decided = self.get("SyncApproval", approval["metadata"]["name"])
        self.status("SyncApproval", approval["metadata"]["name"], {"state": decided["spec"]["decision"]})
        plan = planned(decided["spec"]["planDigest"][-1])
        done = Work(WorkState.SUCCEEDED, 1, ApplyReport(name, "done", decided["spec"]["planDigest"], revision))
        approved = decided["spec"]["decision"] == "Approved"
        return self.sees(name, plan=plan, approval=known(decided), apply=done if approved else None)

    def status(self, kind: str, name: str, content: Object) -> Object:
        """Write a status."""
        before = self.get(kind, name).get("status") or {}
        gone = {key: None for key in before if key not in content}
        return self._sent(self.client, "PATCH", f"{self._path(kind, name)}/status", {"status": gone | content})

    def waits_for(self, what: Callable[[], Any], seconds: float = 30) -> Any:
        """The first answer that is something."""
        end = time.monotonic() + seconds
        while not (found := what()):
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.05)
        return found

    def decided(self, approval: Object) -> Object | None:
        """The approval, once somebody has decided."""
        now = self.get("SyncApproval", approval["metadata"]["name"])
        return now if now["spec"].get("decision") else None

    def _path(self, kind: str, name: str = "") -> str:
        path = f"/apis/{GROUP}/v1alpha1/namespaces/{self.namespace}/{KINDS[kind].plural}"
        return f"{path}/{name}" if name else path

    @staticmethod
    def _sent(client: Any, method: str, path: str, body: Object | None = None) -> Object:
        headers = {"Content-Type": "application/merge-patch+json"} if method == "PATCH" else {}
        while (answer := client.request(method, path, json=body, headers=headers)).status_code in (429, 503):
            time.sleep(0.2)  # types that were installed a moment ago
        assert answer.is_success, f"{method} {path}: {answer.text}"
        found: Object = answer.json()
        return found


def known(approval: Object) -> Approval:
    """An approval as the lifecycle wants it."""
    spec = approval["spec"]
    return Approval(
        approval["metadata"]["name"],
        spec["planDigest"],
        datetime.fromisoformat(spec["expiresAt"]),
        approval["metadata"]["uid"],
        spec.get("decision"),
        spec.get("decidedBy", ""),
        spec.get("reason", ""),
    )
