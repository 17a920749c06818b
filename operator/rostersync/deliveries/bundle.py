"""Makes the bundle of an edition: the format's files, zipped where that is asked for. Equal editions give equal bytes."""

import hashlib
import json
import zipfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from rostersync import durable
from rostersync.api.v1alpha1.deliveries import Delivery
from rostersync.deliveries.port import Bundle, Edition
from rostersync.deliveries.registry import format_of
from rostersync.sent import Sent, SentFile

_NO_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say; a real time would change the bytes
_BLOCK = 1024 * 1024
_HALF = 32  # digits


def make_bundle(edition: Edition, scratch: Path) -> Bundle:
    """Write an edition's files below `scratch`."""
    asked = format_of(edition.delivery)
    folder = scratch / f"{edition.delivery.name}-{edition.revision}"
    durable.discard(folder)
    folder.mkdir(parents=True, mode=0o700)
    written = asked.write(edition, folder)
    files = written.files
    if asked.zipped(edition.delivery):
        target = scratch / f"{edition.district}-{edition.revision:06}.zip"
        _zip(files, target)
        durable.discard(folder)
        files = (target,)
    return Bundle(edition.district, edition.revision, files, written.left_out)


def sent(bundle: Bundle, where: str, at: datetime, config_hash: str) -> Sent:
    """The record of a bundle that was delivered."""
    return Sent(bundle.revision, where, at, tuple(SentFile.of(path) for path in bundle.files), config_hash)


def config_hash(delivery: Delivery, account: str, forgotten: int) -> str:
    """Says who gets what: the receiver, and what is asked for of the roster, each with half of the digits.

    `forgotten`: how often somebody was forgotten before. Who got something before a later time has to get everything again.
    """
    what = getattr(delivery, delivery.format).model_dump(mode="json", exclude={"mode", "zip"})
    return _half([*delivery.folder, account]) + _half([delivery.format, what, *([forgotten] if forgotten else [])])


def received(records: Iterable[Sent], asked: str) -> int | None:
    """The revision that the receiver of a delivery has, by the records of all deliveries. None if it has nothing of it.

    What came last to a receiver is what it has, whatever the delivery was called. Something else than what is `asked` is
    as good as nothing.
    """
    there = [sent for sent in records if sent.config_hash.startswith(asked[:_HALF])]
    last = max(there, key=lambda sent: (sent.at, sent.revision), default=None)
    return last.revision if last and last.config_hash == asked else None


def _half(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:_HALF]


def _zip(files: tuple[Path, ...], target: Path) -> None:
    durable.discard(target)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.name, _NO_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            entry.create_system = 3  # the same everywhere
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as sink:
                while block := source.read(_BLOCK):
                    sink.write(block)
