"""The statuses of our own kinds, as far as they are read, as types. Objects themselves stay the plain dictionaries of JSON.

What people write is validated by the models in v1alpha1. A status may be absent, and each of its fields too, since the
operator writes it piece by piece.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Required, TypedDict, cast

from rostersync.api.kubernetes import Condition


class PlanStatus(TypedDict, total=False):
    """SyncRun: status.plan."""

    digest: str
    baseRevision: int


class ApprovalStatus(TypedDict, total=False):
    """SyncRun: status.approval."""

    uid: str
    state: str
    decidedBy: str
    reason: str
    expiresAt: str


class HoldStatus(TypedDict, total=False):
    """SyncRun: one of status.holds."""

    reason: Required[str]
    message: str
    school: str


class CauseCount(TypedDict):
    """SyncRun: one of status.causes."""

    cause: str
    count: int


IssueCount = TypedDict(
    "IssueCount",
    {"class": str, "code": Required[str], "entity": str, "attribute": str, "count": Required[int]},
    total=False,
)
"""SyncRun: one of status.issues. A field is called `class`, which no class statement can have."""


class RosterStatus(TypedDict, total=False):
    """SyncRun: status.roster. What the plan does to the roster of all sources."""

    totals: dict[str, int]
    entities: list[dict[str, Any]]  # an entity and its counts
    causes: list[CauseCount]
    sources: list[str]


class Schools(TypedDict, total=False):
    """The result of Schools Mapping: status.schools of a SyncRun and of a connection."""

    found: int
    mapped: int
    missing: int
    vanished: int
    missingIDs: list[str]
    vanishedIDs: list[str]


class Status(TypedDict, total=False):
    """What the statuses of all our kinds have."""

    observedGeneration: int
    conditions: list[Condition]


class LeftOut(TypedDict):
    """What a format cannot say of the roster."""

    what: str
    count: int


class DeliveryStatus(TypedDict, total=False):
    """What became of one delivery."""

    name: str
    state: str
    revision: int
    place: str
    time: str
    files: int
    bytes: int
    sha256: str
    leftOut: list[LeftOut]
    reason: str
    message: str


class RunStatus(Status, total=False):
    """A SyncRun's status, as far as pages show it."""

    outcome: str
    startTime: str
    completionTime: str
    stage: str
    sameAs: str
    revision: int
    plan: PlanStatus
    approval: ApprovalStatus
    entities: list[dict[str, Any]]  # an entity and its counts
    totals: dict[str, int]
    causes: list[CauseCount]
    roster: RosterStatus
    holds: list[HoldStatus]
    holdsTotal: int
    issues: list[IssueCount]
    schools: Schools
    incomplete: list[str]
    notOffered: list[dict[str, Any]]
    blastRadius: dict[str, int]
    deliveries: list[DeliveryStatus]


class ConnectionStatus(Status, total=False):
    """The status of a connection of any kind, as far as `kubectl roster` reads it."""

    lastHandledCheckRequestedAt: str
    nextRunTime: str
    schools: Schools


def run_status(run: Mapping[str, Any]) -> RunStatus:
    """The status of a SyncRun; empty until the first one is written."""
    return cast(RunStatus, run.get("status") or {})


def connection_status(connection: Mapping[str, Any]) -> ConnectionStatus:
    """The status of a connection; empty until the first one is written."""
    return cast(ConnectionStatus, connection.get("status") or {})


_GITOPS = {"argocd.argoproj.io/tracking-id": "Argo CD", "kustomize.toolkit.fluxcd.io/name": "Flux"}


def from_git(obj: Mapping[str, Any]) -> str:
    """Which tool brings an object from Git: Argo CD, Flux, or empty for none of them."""
    meta = obj["metadata"]
    marks = {**(meta.get("annotations") or {}), **(meta.get("labels") or {})}
    return next((tool for mark, tool in _GITOPS.items() if mark in marks), "")


def taken_up(obj: Mapping[str, Any]) -> bool:
    """Whether the operator has seen an object. Until then its status is what its CRD gives it."""
    return bool((obj.get("status") or {}).get("conditions"))


def condition(status: Mapping[str, Any], kind: str) -> Condition | None:
    """The condition of a type, of any object's status. None if the status has none."""
    conditions: Iterable[Condition] = status.get("conditions") or ()
    return next((c for c in conditions if c["type"] == kind), None)
