"""The claims of a connection's store and artifacts. They are created when absent, and never changed or deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rostersync.api.api_server import path
from rostersync.api.kubernetes import Event, claim_status, event_time
from rostersync.controller.cluster.cache import Object, labels
from rostersync.controller.cluster.client import ApiError, Cluster
from rostersync.controller.options import CONNECTION_LABEL, DISTRICT_LABEL
from rostersync.controller.view import View
from rostersync.lifecycle.names import connection_label, label_value
from rostersync.stores.placement import Claim as Placed

CLAIMS = "persistentvolumeclaims"
_UNBOUND = ("FailedBinding", "ProvisioningFailed", "VolumeMismatch", "ClaimMisbound")  # as reasons of events


@dataclass(frozen=True)
class Claim:
    """A claim that must be there.

    `existing`: the spec names it, so the operator does not create it. `store`: a store is on it, and nothing else may
    be. `delivery`: rosters are delivered to it, so neither a store nor artifacts may be on it.
    """

    name: str
    labels: dict[str, str]
    existing: bool
    field: str
    size: str
    storage_class: str | None = None
    access_mode: str = "ReadWriteOnce"
    store: bool = False
    delivery: bool = False

    def manifest(self, namespace: str) -> Object:
        """The claim to create. It has no owner, so no deletion of another object takes a roster with it."""
        spec: dict[str, Any] = {
            "accessModes": [self.access_mode],
            "resources": {"requests": {"storage": self.size}},
        } | ({"storageClassName": self.storage_class} if self.storage_class else {})
        return {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": self.name, "namespace": namespace, "labels": self.labels},
            "spec": spec,
        }


def claims(view: View) -> tuple[Claim, ...]:
    """The claims of a connection: of its artifacts and its store, if they need one, and of its deliveries. Pure."""
    district = {DISTRICT_LABEL: label_value(view.district)}
    both = district | {CONNECTION_LABEL: connection_label(view.known.ref)}
    store, plans = view.placement.claim, view.artifacts_claim
    stores = (_made(store, district, store=True),) if store else ()
    artifacts = (_made(plans, both),) if plans else ()
    volumes = (Claim(name, district, True, field, "", delivery=True) for name, field in view.delivery_claims.items())
    return (*stores, *artifacts, *volumes)


def _made(claim: Placed, marks: dict[str, str], *, store: bool = False) -> Claim:
    return Claim(
        claim.name,
        marks,
        claim.existing,
        claim.field,
        claim.size,
        claim.storage_class,
        claim.access_mode,
        store=store,
    )


async def ensure(cluster: Cluster, view: View) -> tuple[tuple[str, str] | None, list[Object]]:
    """Make sure that all claims exist. Returns (reason, message) of the first problem, and claims without a volume."""
    unbound: list[Object] = []
    wanted = claims(view)
    for claim in wanted:
        if claim.delivery and any(c.name == claim.name and not c.delivery for c in wanted):
            text = (
                f"{claim.field}.existingClaim names claim {claim.name}, where the connection keeps its store or its plans, which "
                "others than a delivery's readers may read: name another claim."
            )
            return (("ClaimHoldsRoster", text), [])
        wrong, found = await _ensure(cluster, view, claim)
        if wrong:
            return (wrong, [])
        if found and claim_status(found).get("phase") in ("Pending", "Lost"):
            unbound.append(found)
    return (None, unbound)


async def _ensure(cluster: Cluster, view: View, claim: Claim) -> tuple[tuple[str, str] | None, Object | None]:
    try:
        found = await cluster.get(path(CLAIMS, view.namespace, claim.name))
    except ApiError as error:
        if error.status != 404:
            raise
        if not claim.existing:
            return (await _make(cluster, view, claim), None)
        text = (
            f"{claim.field}.existingClaim names claim {claim.name}, which is not in this namespace: make it, with "
            f"the {_spelled(claim.labels)}, or leave existingClaim out."
        )
        return (("ClaimNotFound", text), None)
    if any(labels(found).get(k) != v for k, v in claim.labels.items()):
        text = (
            f"Claim {claim.name} ({claim.field}) is not marked as this district's: if its volume may be used, give it "
            f"the {_spelled(claim.labels)}."
        )
        return (("ClaimNotLabelled", text), None)
    if (claim.store or claim.delivery) and CONNECTION_LABEL in labels(found):
        text = (
            f"Claim {claim.name} ({claim.field}) has the label {CONNECTION_LABEL}, so it is where a connection keeps its "
            f"plans, which others may read: name another claim for the {'store' if claim.store else 'delivery'}."
        )
        return (("ClaimHoldsArtifacts", text), None)
    return (None, found)


def why_unbound(claim: Object, events: Sequence[Event]) -> str:
    """Why a claim has no volume. Empty while it only waits for its first pod, or has just been created. Pure."""
    name = claim["metadata"]["name"]
    if claim_status(claim).get("phase") == "Lost":
        return f"Claim {name} has lost its volume: put the volume back, or restore the store from a backup."
    own = [e for e in events if e.get("involvedObject", {}).get("uid") == claim["metadata"]["uid"]]
    newest = max(own, key=event_time, default=None)
    if newest is None or newest.get("reason") not in _UNBOUND:
        return ""
    said = " ".join(str(newest.get("message") or newest["reason"]).split())[:600].rstrip(".")
    return f"Claim {name} gets no volume: {said}. Check its storage class and what provides it ({newest['reason']})."


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
