"""The volumes of a Job's pod: what an attempt mounts becomes claims, Secrets, ConfigMaps and room of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from rostersync.attempts import Attempt, Mount
from rostersync.controller.options import SPEC_ANNOTATION
from rostersync.controller.view import View
from rostersync.execution.homes import SIZE, home_of

_RUN = "/var/run/rostersync"
_DATA = "/var/lib/rostersync"


@dataclass(frozen=True)
class Volume:
    """A volume and its mount path."""

    name: str
    source: Mapping[str, Any]
    path: str
    read_only: bool = False


_SPARE_ROOM = (
    Volume("scratch", {"emptyDir": {}}, "/scratch"),
    Volume("tmp", {"emptyDir": {}}, "/tmp"),  # noqa: S108  (a volume of the pod's own)
)


def volumes_of(attempt: Attempt, view: View) -> list[Volume]:
    """What the pod of an attempt mounts, each path once: one Secret may be mounted for two purposes."""
    mounted: dict[str, Volume] = {}
    for volume in (v for mount in attempt.mounts for v in _VOLUMES[mount](view)):
        mounted.setdefault(volume.path, volume)
    return [*mounted.values(), *_SPARE_ROOM]


def _connection(view: View) -> list[Volume]:
    path = {"path": "connection", "fieldRef": {"fieldPath": f"metadata.annotations['{SPEC_ANNOTATION}']"}}
    return [Volume("connection", {"downwardAPI": {"items": [path]}}, f"{_RUN}/connection", read_only=True)]


def _source(view: View) -> list[Volume]:
    """The Secrets needed to log in to the SIS."""
    if view.endpoint is None:
        raise ValueError(f"no Job reads by the invalid spec of {view.name}")
    out = [_secret("credentials", view.endpoint.secret)]
    if view.endpoint.ca_bundle:
        name = view.endpoint.ca_bundle.name
        out.append(Volume("ca", {"configMap": {"name": name}}, f"{_RUN}/configmaps/{name}", read_only=True))
    return out


def _key(view: View) -> list[Volume]:
    reference = view.spec.artifacts.encryptionKeySecretRef
    return [_secret("key", reference.name)] if reference else []


def _secret(volume: str, name: str, *, optional: bool = False) -> Volume:
    """`optional`: the pod starts without it, so that what needs it fails alone."""
    source = {"secretName": name} | ({"optional": True} if optional else {})
    return Volume(volume, {"secret": source}, f"{_RUN}/secrets/{name}", read_only=True)


def _store(view: View, *, read_only: bool, writes: bool) -> list[Volume]:
    claim, secrets = view.placement.claim, view.placement.secrets(writes=writes)
    volumes = [_secret(f"store-{number}", secret.name) for number, secret in enumerate(secrets)]
    if claim:
        # Only the mount is read-only. A read-only claim on a blank block volume never mounts.
        volumes.append(
            Volume("store", {"persistentVolumeClaim": {"claimName": claim.name}}, f"{_DATA}/store", read_only)
        )
    return volumes


def _store_to_test(view: View) -> list[Volume]:
    """Only Secrets: what lies on a claim is tested by whoever mounts it."""
    needed = view.placement.secrets(writes=False)
    return [_secret(f"store-{number}", secret.name, optional=True) for number, secret in enumerate(needed)]


def _artifacts(view: View) -> list[Volume]:
    spec, claim = view.spec.artifacts, view.artifacts_claim
    room = {"persistentVolumeClaim": {"claimName": claim.name}} if claim else {"emptyDir": {"sizeLimit": SIZE}}
    secret = home_of(spec).secret(spec)
    return [Volume("artifacts", room, f"{_DATA}/artifacts"), *([_secret("bucket", secret.name)] if secret else [])]


def _artifacts_to_test(view: View) -> list[Volume]:
    secret = home_of(view.spec.artifacts).secret(view.spec.artifacts)
    return [_secret("bucket", secret.name, optional=True)] if secret else []


def _deliveries(view: View) -> list[Volume]:
    secrets = [_secret(f"delivery-{number}", name, optional=True) for number, name in enumerate(view.delivery_secrets)]
    claims = [
        Volume(f"volume-{number}", {"persistentVolumeClaim": {"claimName": name}}, f"{_DATA}/deliveries/{name}")
        for number, name in enumerate(view.delivery_claims)
    ]
    return secrets + claims


_VOLUMES: dict[Mount, Callable[[View], list[Volume]]] = {
    Mount.CONNECTION: _connection,
    Mount.SOURCE: _source,
    Mount.STORE_TO_READ: partial(_store, read_only=True, writes=False),
    Mount.STORE_TO_WRITE: partial(_store, read_only=False, writes=True),
    Mount.STORE_TO_SETTLE: partial(_store, read_only=False, writes=False),
    Mount.STORE_TO_TEST: _store_to_test,
    Mount.ARTIFACTS: _artifacts,
    Mount.ARTIFACTS_TO_TEST: _artifacts_to_test,
    Mount.KEY: _key,
    Mount.DELIVERIES: _deliveries,
}
