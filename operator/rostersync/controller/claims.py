"""The claims that a connection's store and artifacts lie on. Made when they are not there, never changed or deleted."""

from dataclasses import dataclass, replace
from typing import Any

from rostersync.controller.cluster import ApiError, Cluster, path
from rostersync.controller.options import CONNECTION_LABEL, DISTRICT_LABEL
from rostersync.controller.store import Object, labels
from rostersync.controller.view import View
from rostersync.lifecycle.names import label_value

CLAIMS = "persistentvolumeclaims"
STORE_SIZE, ARTIFACTS_SIZE = "10Gi", "20Gi"


@dataclass(frozen=True)
class Claim:
    """A claim that must be there. `existing`: it is named by the spec, so somebody else makes it.

    `store`: a store lies on it, and nothing else may.
    """

    name: str
    labels: dict[str, str]
    existing: bool
    field: str
    size: str
    storage_class: str | None = None
    access_mode: str = "ReadWriteOnce"
    store: bool = False

    def manifest(self, namespace: str) -> Object:
        """The claim to make. It has no owner: no deletion of anything else takes a roster away."""
        spec: dict[str, Any] = {
            "accessModes": [self.access_mode],
            "resources": {"requests": {"storage": self.size}},
        } | ({"storageClassName": self.storage_class} if self.storage_class else {})
        return {
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": self.name, "namespace": namespace, "labels": self.labels}, "spec": spec,
        }  # fmt: skip


def claims(view: View) -> tuple[Claim, Claim]:
    """The two claims of a connection. Pure."""
    store = view.spec.store.embedded
    district = {DISTRICT_LABEL: label_value(view.district)}
    both = district | {CONNECTION_LABEL: label_value(view.name)}
    return (
        replace(_claim(view.store_claim, district, store, STORE_SIZE, "spec.store.embedded"), store=True),
        _claim(view.artifacts_claim, both, view.spec.artifacts, ARTIFACTS_SIZE, "spec.artifacts"),
    )


def _claim(name: str, marks: dict[str, str], part: Any, size: str, field: str) -> Claim:
    asked = part.volumeClaim if part else None
    existing = bool(part and part.existingClaim)
    if asked is None:
        return Claim(name, marks, existing, field, size)
    return Claim(name, marks, existing, field, str(asked.size), asked.storageClassName, asked.accessMode)


async def ensure(cluster: Cluster, view: View) -> tuple[str, str] | None:
    """See to it that both claims are there; returns (reason, message) of what is wrong with one."""
    for claim in claims(view):
        try:
            found = await cluster.get(path(CLAIMS, view.namespace, claim.name))
        except ApiError as error:
            if error.status != 404:
                raise
            if claim.existing:
                return (
                    "ClaimNotFound",
                    f"{claim.field}.existingClaim names claim {claim.name}, which is not in this namespace: make it, with "
                    f"the {_spelled(claim.labels)}, or leave existingClaim out.",
                )
            wrong = await _make(cluster, view, claim)
            if wrong:
                return wrong
            continue
        if any(labels(found).get(k) != v for k, v in claim.labels.items()):
            return (
                "ClaimNotLabelled",
                f"Claim {claim.name} ({claim.field}) is not marked as this district's: if its volume may be used, give it "
                f"the {_spelled(claim.labels)}.",
            )
        if claim.store and CONNECTION_LABEL in labels(found):
            return (
                "ClaimHoldsArtifacts",
                f"Claim {claim.name} ({claim.field}) has the label {CONNECTION_LABEL}, so it is where a connection keeps its "
                "plans, which others than the store's may read: name another claim for the store.",
            )
    return None


async def _make(cluster: Cluster, view: View, claim: Claim) -> tuple[str, str] | None:
    try:
        await cluster.create(CLAIMS, view.namespace, claim.manifest(view.namespace))
    except ApiError as error:
        if error.status == 409:
            return None
        if error.status in (400, 403, 422):
            return ("ClaimRefused", f"Claim {claim.name} ({claim.field}) was refused: {error.message[:600]}")
        raise
    return None


def _spelled(marks: dict[str, str]) -> str:
    return ("label " if len(marks) == 1 else "labels ") + " and ".join(f"{k}={v}" for k, v in marks.items())
