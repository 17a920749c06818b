"""The parts of Kubernetes' own objects that are read, as types. Objects themselves stay the plain dictionaries of JSON.

The functions at the end are the only places where a dictionary becomes one of these types. A part that is absent is an
empty one: a pod that was just created has no status, and no container has a state before the kubelet has seen it.
"""

from collections.abc import Mapping
from typing import Any, Required, TypedDict, cast


class OwnerReference(TypedDict, total=False):
    """One of metadata.ownerReferences."""

    kind: str
    name: str
    uid: Required[str]
    controller: bool


class ObjectMeta(TypedDict, total=False):
    """metadata, as the API server completes it."""

    name: Required[str]
    namespace: str
    uid: Required[str]
    generation: int
    resourceVersion: str
    creationTimestamp: str
    deletionTimestamp: str
    labels: dict[str, str]
    annotations: dict[str, str]
    ownerReferences: list[OwnerReference]


class Condition(TypedDict, total=False):
    """A condition of any kind of object, our own kinds included."""

    type: Required[str]
    status: Required[str]  # True | False | Unknown
    reason: Required[str]
    message: str
    lastTransitionTime: str
    observedGeneration: int


class Lease(TypedDict, total=False):
    """A Lease."""

    metadata: Required[ObjectMeta]
    spec: "LeaseSpec"


class LeaseSpec(TypedDict, total=False):
    """A Lease's spec: who leads, and until when."""

    holderIdentity: str
    leaseDurationSeconds: int
    leaseTransitions: int
    acquireTime: str
    renewTime: str


class JobSpec(TypedDict, total=False):
    """What is kept of a Job's spec."""

    suspend: bool | None
    ttlSecondsAfterFinished: int | None


class Waiting(TypedDict, total=False):
    """Why a container does not run."""

    reason: str
    message: str


class Terminated(TypedDict, total=False):
    """How a container ended. Its message is the report."""

    exitCode: Required[int]
    reason: str
    message: str
    finishedAt: str


class ContainerState(TypedDict, total=False):
    """A container waits, runs or has ended."""

    waiting: Waiting
    running: dict[str, Any]
    terminated: Terminated


class ContainerStatus(TypedDict, total=False):
    """One of a pod's status.containerStatuses."""

    name: Required[str]
    image: str
    state: ContainerState


class PodStatus(TypedDict, total=False):
    """A pod's status."""

    phase: str  # Pending | Running | Succeeded | Failed | Unknown
    reason: str
    conditions: list[Condition]
    containerStatuses: list[ContainerStatus]


class ObjectReference(TypedDict, total=False):
    """What an event is about."""

    uid: str


class Event(TypedDict, total=False):
    """An event of the core API, which controllers, kubelets and schedulers write."""

    type: str  # Normal | Warning
    reason: str
    message: str
    lastTimestamp: str | None
    eventTime: str | None
    involvedObject: ObjectReference


class ClaimStatus(TypedDict, total=False):
    """A PersistentVolumeClaim's status."""

    phase: str  # Pending | Bound | Lost


def meta(obj: Mapping[str, Any]) -> ObjectMeta:
    """The metadata of an object of any kind."""
    return cast(ObjectMeta, obj["metadata"])


def lease(obj: Mapping[str, Any]) -> Lease:
    """An object that is a Lease."""
    return cast(Lease, obj)


def job_spec(job: Mapping[str, Any]) -> JobSpec:
    """A Job's spec."""
    return cast(JobSpec, job.get("spec") or {})


def pod_status(pod: Mapping[str, Any]) -> PodStatus:
    """A pod's status."""
    return cast(PodStatus, pod.get("status") or {})


def claim_status(claim: Mapping[str, Any]) -> ClaimStatus:
    """The status of a PersistentVolumeClaim."""
    return cast(ClaimStatus, claim.get("status") or {})


def event(obj: Mapping[str, Any]) -> Event:
    """An object that is an event."""
    return cast(Event, obj)


def event_time(seen: Event) -> str:
    """When an event was last seen. Writers of events use one of two fields for it."""
    return seen.get("lastTimestamp") or seen.get("eventTime") or ""
