"""Delivers into a folder of a volume."""

import os
import shutil
from pathlib import Path
from typing import cast

from rostersync import durable
from rostersync.api.v1alpha1.deliveries import Delivery, Directory
from rostersync.deliveries.port import Bundle, Place, Receiver
from rostersync.disks import naming
from rostersync.errors import Permanent, Retryable


def _asked(delivery: Delivery) -> Directory:
    return cast(Directory, delivery.directory)  # the registry asks a record only about what it is for


def _where(delivery: Delivery) -> str:
    asked = _asked(delivery)
    return f"{asked.path} of volume claim {asked.existingClaim}"


def _folder(receiver: Receiver) -> Path:
    asked = _asked(receiver.delivery)
    volume = receiver.volume(asked.existingClaim).resolve()
    folder = (volume / asked.path).resolve()
    if not folder.is_relative_to(volume):
        raise Permanent(
            f"Delivery {receiver.delivery.name}: {asked.path} leads out of volume claim {asked.existingClaim} by a "
            "symbolic link; name a folder within the volume.",
            reason="OutsideVolume",
        )
    return folder


def _send(receiver: Receiver, bundle: Bundle) -> None:
    folder = _folder(receiver)
    try:
        with naming(delivery=folder):
            folder.mkdir(parents=True, exist_ok=True)
            for file in bundle.files:
                durable.clear(folder, file.name)
                with durable.made(folder / file.name) as part:
                    shutil.copyfile(file, part)
    except OSError as error:
        raise _failed(receiver, error) from None


def _probe(receiver: Receiver) -> None:
    folder = _folder(receiver)
    try:
        with naming(delivery=folder):
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / f".rostersync-probe-{os.getpid()}"
            durable.write(probe, b"probe")
            probe.unlink()
    except OSError as error:
        raise _failed(receiver, error) from None


def _failed(receiver: Receiver, error: OSError) -> Retryable:
    return Retryable(
        f"Delivery {receiver.delivery.name} could not write to {_where(receiver.delivery)}: {os.strerror(error.errno or 0)}. "
        "Check the volume and its permissions.",
        reason="DeliveryRefused",
    )


DIRECTORY = Place(
    secret=lambda _: None,
    keys=(),
    claim=lambda delivery: _asked(delivery).existingClaim,
    where=_where,
    send=_send,
    probe=_probe,
)
