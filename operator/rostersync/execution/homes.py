"""The places where artifacts can be, and the only code that knows which of them a connection asks for."""

from typing import TYPE_CHECKING

from rostersync.api.v1alpha1.connection import Connection
from rostersync.api.v1alpha1.storage import Artifacts
from rostersync.execution.home_kind import BUCKET_FIELD, HomeKind, HomeSecret, Secret
from rostersync.stores.placement import Claim

if TYPE_CHECKING:
    from rostersync.execution.home import Home
    from rostersync.execution.layout import Layout
    from rostersync.sources.network import Network

SIZE = "20Gi"  # of the claim, unless the spec says so; of one run's files in a pod, where a bucket keeps them
BUCKET_KEYS = ("accessKeyID", "secretAccessKey")


def _claim(spec: Artifacts, name: str) -> Claim:
    asked, existing = spec.volumeClaim, spec.existingClaim
    if asked is None:
        return Claim(existing or name, VOLUME.field, SIZE, existing=existing is not None)
    return Claim(
        name, VOLUME.field, str(asked.size), storage_class=asked.storageClassName, access_mode=asked.accessMode
    )


def _volume(layout: "Layout", _: Connection, __: Secret, ___: "Network | None") -> "Home":
    from rostersync.execution.home import Volume

    return Volume(layout)


def _bucket_secret(spec: Artifacts) -> HomeSecret | None:
    asked = spec.objectStorage
    return HomeSecret(asked.secretRef.name, f"{BUCKET_FIELD}.secretRef", BUCKET_KEYS) if asked else None


def _bucket(layout: "Layout", connection: Connection, secret: Secret, network: "Network | None") -> "Home":
    from rostersync.execution.home_in_bucket import in_bucket

    return in_bucket(layout, connection, secret, network)


def _probe_bucket(connection: Connection, secret: Secret, network: "Network | None") -> None:
    from rostersync.execution.home_in_bucket import probe

    probe(connection, secret, network)


VOLUME = HomeKind("spec.artifacts", _claim, lambda _: None, _volume)
HOMES: dict[str, HomeKind] = {
    "volumeClaim": VOLUME,
    "existingClaim": VOLUME,
    "objectStorage": HomeKind(BUCKET_FIELD, lambda _, __: None, _bucket_secret, _bucket, _probe_bucket, apart=True),
}
"""By their field in `spec.artifacts`."""


def home_of(spec: Artifacts) -> HomeKind:
    """The record of the place that a spec asks for: a volume unless it says otherwise."""
    return next((kind for name, kind in HOMES.items() if getattr(spec, name) is not None), VOLUME)
