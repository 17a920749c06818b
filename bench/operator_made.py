"""What the benchmark makes: manifests, and statuses by the product's own functions, as the operator would write them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rostersync.controller import jobs
from rostersync.controller.connections.claims import claims
from rostersync.controller.options import Options
from rostersync.controller.view import View, view
from rostersync.lifecycle import connection_status, status
from rostersync.lifecycle.connection_status import Checked, Known
from rostersync.lifecycle.decide import next_step
from rostersync.lifecycle.observed import Observed, Run, Work, WorkState
from rostersync.lifecycle.steps import StartPlan
from rostersync.lifecycle.triggers import Answer
from rostersync.model import ApplyReport, Entity, EntityCounts, Hold, HoldReason, IssueCount, PlanReport, Schools
from rostersync.plan.report import plan_to_json
from rostersync.render.holds import sentence
from support.example_delivery import HOST_KEY

Object = dict[str, Any]
API = "rostersync.dev/v1alpha1"
IMAGE = "rostersync:test"
RECEIVER: Object = {
    "name": "feed",
    "oneRosterCSV": {},
    "sftp": {"host": "receiver", "secretRef": {"name": "feed"}, "hostKey": HOST_KEY},
}
_OPTIONS = Options(image=IMAGE, image_pull_policy="Never")
_SCHOOLS = Schools(found=12, mapped=12)
_SCHOOLS_SEEN = {"found": 12, "mapped": 12, "missing": 0, "vanished": 0}
_HOLD = Hold(HoldReason.THRESHOLD, Entity.STUDENT, "Delete", None, 312, 1204, 10, "Percent")


def connection(namespace: str, name: str, deliveries: tuple[Object, ...] = ()) -> Object:
    """The smallest connection; its district, and so its store, is its own."""
    spec: Object = {
        "termsOfUse": {"accepted": True},
        "bulkUploadMode": True,
        "deliveryConfig": {
            "serviceURL": "https://focus.example/api",
            "credentialsSecretRef": {"name": "focus-credentials"},
        },
    }
    if deliveries:
        spec["deliveries"] = list(deliveries)
    return {
        "apiVersion": API,
        "kind": "FocusConnection",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def run(namespace: str, name: str, of: str, mode: str = "") -> Object:
    """A SyncRun of a connection."""
    spec: Object = {"connectionRef": {"kind": "FocusConnection", "name": of}} | ({"mode": mode} if mode else {})
    return {"apiVersion": API, "kind": "SyncRun", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def view_of(obj: Object) -> View:
    """The operator's view of a connection; of one that was not sent, as if it had been."""
    meta = {"uid": "00000000-0000-4000-8000-000000000000", "generation": 1} | obj["metadata"]
    return view({**obj, "metadata": meta})


def claims_of(seen: View) -> list[Object]:
    """The claims of its store and its artifacts."""
    return [c.manifest(seen.namespace) for c in claims(seen)]


def verified(seen: View) -> Object:
    """The status of a connection whose Test Connection went well, so that nothing is left to do."""
    checked = Checked(True, "Verified", connection_status.OK, _SCHOOLS_SEEN, seen.generation)
    answer = Answer(handled_spec=seen.spec_hash)
    return connection_status.of(Known(seen.generation, {}, None, False, checked, (), (), answer, "", _now()))


def plan_job(made: Object, seen: View) -> Object:
    """The plan Job of a run, from the operator's own hand."""
    return jobs.plan_job(made, seen, _OPTIONS, StartPlan(1), (), [made["metadata"]["name"]])


def planning(made: Object, seen: View, job: Object) -> Object:
    """The status of a run whose plan Job was made a moment ago."""
    begun = datetime.fromisoformat(job["metadata"]["creationTimestamp"])
    return _status(made, seen, plan=Work(WorkState.RUNNING, 1, job=job["metadata"]["name"], started_at=begun))


def applied(made: Object, seen: View, number: int) -> Object:
    """The status of a run that was applied, with counts of ten entities."""
    ended = _now() - timedelta(hours=1)
    begun, name = ended - timedelta(minutes=4), made["metadata"]["name"]
    digest = _digest(number)
    plan = Work(
        WorkState.SUCCEEDED,
        1,
        _report(name, digest, 0, number),
        job=f"{name}-plan-1",
        started_at=begun,
        ended_at=ended - timedelta(minutes=1),
    )
    apply = Work(
        WorkState.SUCCEEDED,
        1,
        ApplyReport(name, "done", digest, number + 1),
        job=f"{name}-apply-1",
        started_at=ended - timedelta(minutes=1),
        ended_at=ended,
    )
    return _status(made, seen, plan=plan, apply=apply)


def held_report(name: str, number: int) -> str:
    """What the pod of a plan says that is held."""
    return plan_to_json(_report(name, _digest(number), 1, number))


@dataclass(frozen=True)
class Named:
    """The names of connections and their runs in one namespace."""

    namespace: str
    count: int

    def connections(self) -> list[str]:
        """`district-0001` …"""
        return [f"district-{i:04d}" for i in range(self.count)]

    def runs(self, prefix: str = "run") -> list[tuple[str, str]]:
        """(run, connection), one for each connection."""
        return [(f"{prefix}-{name}", name) for name in self.connections()]


def _status(made: Object, seen: View, **known: Any) -> Object:
    meta = made["metadata"]
    asked = made["spec"].get("requestedBy")
    about = Run(meta["name"], meta["uid"], meta["generation"], requested_by=(asked,) if asked else ())
    observed = Observed(_now(), about, seen.known, **known)
    return status.of(observed, next_step(observed), sentence)


def _report(name: str, digest: str, holds: int, number: int) -> PlanReport:
    entities = [
        EntityCounts(entity, created=number % 7, updated=3, unchanged=1200, population=1210)
        for entity in list(Entity)[:10]
    ]
    issues = [IssueCount("Missing", 7, "Student", "email", "Error")]
    return PlanReport(
        name,
        "done",
        digest,
        number,
        entities,
        [_HOLD] * holds,
        holds,
        issues=issues,
        schools=_SCHOOLS,
        blast_radius={"students": 3, "teachers": 1},
    )


def _digest(number: int) -> str:
    return f"sha256:{number:064x}"


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
