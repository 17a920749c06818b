"""Delivers to a bucket. The record imports no client, since the operator reads it, too."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from rostersync.api.v1alpha1.deliveries import Delivery
from rostersync.api.v1alpha1.storage import ObjectStorage
from rostersync.deliveries.port import Bundle, Place, Receiver
from rostersync.sent import SentFile

if TYPE_CHECKING:
    from rostersync.buckets.bucket import Bucket

LATEST = "latest.json"
_PROBE = ".rostersync-probe"  # one name, so that a key that may not remove it leaves one small object at most


def _asked(delivery: Delivery) -> ObjectStorage:
    return cast(ObjectStorage, delivery.objectStorage)  # the registry asks a record only about what it is for


def _send(receiver: Receiver, bundle: Bundle) -> None:
    """Keys have the revision, so that nothing that a reader uses is overwritten; then `latest.json` names them."""
    bucket = _bucket(receiver)
    zipped = len(bundle.files) == 1 and bundle.files[0].suffix == ".zip"
    folder = "" if zipped else f"{bundle.revision:06}/"
    total, done = sum(file.stat().st_size for file in bundle.files), 0
    files = []
    for file in bundle.files:
        bucket.put(folder + file.name, file)
        made = SentFile.of(file)
        done += made.bytes
        receiver.progress(done, total)
        files.append({"key": folder + made.name, "bytes": made.bytes, "sha256": made.sha256})
    at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    bucket.put(LATEST, json.dumps({"revision": bundle.revision, "files": files, "at": at}, indent=2).encode() + b"\n")


def _probe(receiver: Receiver) -> None:
    bucket = _bucket(receiver)
    bucket.put(_PROBE, b"probe")
    bucket.remove([_PROBE])


def _bucket(receiver: Receiver) -> "Bucket":
    from rostersync.buckets.bucket import Bucket
    from rostersync.buckets.failures import Failures

    storage = _asked(receiver.delivery)
    failures = Failures(storage, f"Delivery {receiver.delivery.name}", "objectStorage", "delivery")
    return Bucket(storage, receiver.secret, failures, receiver.refusal)


OBJECT_STORAGE = Place(
    secret=lambda delivery: _asked(delivery).secretRef.name,
    keys=(("accessKeyID",), ("secretAccessKey",)),
    claim=lambda _: None,
    where=lambda delivery: _asked(delivery).url,
    send=_send,
    probe=_probe,
)
