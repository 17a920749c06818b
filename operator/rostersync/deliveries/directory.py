"""Delivers into a folder of a volume.

The folder is made if it is not there: on a volume nobody else can easily do it. What is written can be read by its group,
since the reader is another user.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from rostersync import durable
from rostersync.api.v1alpha1.deliveries import Delivery, Directory
from rostersync.deliveries import parts
from rostersync.deliveries.port import Bundle, Place, Receiver
from rostersync.disks import is_full
from rostersync.errors import DiskFull, Permanent, Retryable, RostersyncError

_FILE, _FOLDER = 0o640, 0o750
_PIECE = 1024 * 1024
_NO_FOLDER = (errno.ENOTDIR, errno.EEXIST, errno.ELOOP)


def _asked(delivery: Delivery) -> Directory:
    return cast(Directory, delivery.directory)  # the registry asks a record only about what it is for


def _where(delivery: Delivery) -> str:
    asked = _asked(delivery)
    folder = "" if asked.path == "." else f"folder {asked.path} of "
    return f"{folder}volume claim {asked.existingClaim}"


def _send(receiver: Receiver, bundle: Bundle) -> None:
    """All files are written under other names first, and only then renamed in order."""
    total, done = sum(file.stat().st_size for file in bundle.files), 0
    with _naming(receiver):
        folder = _folder(receiver)
        for name in parts.left(os.listdir(folder), bundle):
            durable.discard(folder / name)
        written: list[Path] = []
        try:
            for file in bundle.files:
                written.append(folder / parts.part_of(file.name))
                for size in _copied(file, written[-1]):
                    done += size
                    receiver.progress(done, total)
            for part, file in zip(written, bundle.files, strict=True):
                part.replace(folder / file.name)
            durable.sync(folder)
        finally:
            for part in written:
                durable.discard(part)


def _probe(receiver: Receiver) -> None:
    with _naming(receiver):
        folder = _folder(receiver)
        before, after = (folder / name for name in parts.probe())
        try:
            with before.open("xb") as file:
                file.write(b"probe")
            before.rename(after)
            after.unlink()
        finally:
            durable.discard(before)
            durable.discard(after)


def _folder(receiver: Receiver) -> Path:
    """The folder, which is made if need be. Links within the volume are followed."""
    asked = _asked(receiver.delivery)
    volume = receiver.volume(asked.existingClaim).resolve()
    folder = (volume / asked.path).resolve()
    if not folder.is_relative_to(volume):
        raise Permanent(
            f"Delivery {receiver.delivery.name}: {asked.path} leads out of volume claim {asked.existingClaim} by a "
            "symbolic link; name a folder within the volume.",
            reason="OutsideVolume",
        )
    for each in reversed([folder, *folder.parents]):
        if not each.is_dir():
            each.mkdir(exist_ok=True)
            each.chmod(_FOLDER)
    return folder


def _copied(source: Path, target: Path) -> Iterator[int]:
    """Copies a file, and yields the size of each piece. It is on the disk at the end."""
    with source.open("rb") as file, target.open("xb") as copy:
        os.fchmod(copy.fileno(), _FILE)
        while piece := file.read(_PIECE):
            copy.write(piece)
            yield len(piece)
        copy.flush()
        os.fsync(copy.fileno())


@contextmanager
def _naming(receiver: Receiver) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _failed(receiver.delivery, error) from None


def _failed(delivery: Delivery, error: OSError) -> RostersyncError:
    tried, claim = f"Delivery {delivery.name} could not write to {_where(delivery)}", _asked(delivery).existingClaim
    if is_full(error):
        return DiskFull(
            f"{tried}: the volume is full. Make room on it, or make volume claim {claim} larger; what was delivered before "
            "is still there.",
            volume="delivery",
        )
    if error.errno in _NO_FOLDER:
        return Permanent(f"{tried}: a part of the path is no folder. Correct directory.path.", reason="NoSuchFolder")
    if error.errno == errno.EROFS:
        return Permanent(
            f"{tried}: the volume is mounted read-only. Allow writing to claim {claim}.", reason="DeliveryRefused"
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return Permanent(
            f"{tried}: permission denied. Let user {os.getuid()} (group {os.getgid()}) write, rename and remove files there.",
            reason="DeliveryRefused",
        )
    return Retryable(
        f"{tried}: {os.strerror(error.errno or errno.EIO).lower()}. Check the volume; it is tried again.",
        reason="ReceiverFailed",
    )


DIRECTORY = Place(
    secret=lambda _: None,
    keys=(),
    claim=lambda delivery: _asked(delivery).existingClaim,
    where=_where,
    send=_send,
    probe=_probe,
    account=lambda receiver: str(receiver.volume(_asked(receiver.delivery).existingClaim).resolve()),
)
