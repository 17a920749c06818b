"""A way to deliver that the product does not have: into a folder of this machine.

It takes the place of `sftp`, whose `path` is the folder. A file `told` there says what becomes of a delivery: `fail`, `hang`,
or `kill` (`kill 3`: only at revision 3), which ends the process when the roster is there and nobody was told.

`python -m support.example_delivery …` is `rostersync …` with it, with few tries, and with pauses that begin with the seconds of
EXAMPLE_PAUSE, by default 2.
"""

import hashlib
import json
import os
import signal
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rostersync import durable
from rostersync.attempts import DELIVER
from rostersync.deliveries import registry
from rostersync.deliveries.port import Bundle, Place, Receiver
from rostersync.errors import Retryable

SECRET = {"user": "district", "password": "let-me-in"}
TRIES = 3
PLACE = "sftp"
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIexample"


def send(receiver: Receiver, bundle: Bundle) -> None:
    """Write how many people the roster has."""
    folder = _folder(receiver)
    told = (folder / "told").read_text().strip() if (folder / "told").exists() else ""
    if told == "hang":
        (folder / "reached").touch()
        time.sleep(600)
    if told == "fail":
        raise Retryable("The receiver refused the login.", reason="LoginRefused")
    assert receiver.secret == SECRET
    (archive,) = bundle.files
    with zipfile.ZipFile(archive) as opened:
        users = opened.read("users.csv").decode().count("\n") - 1
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    told_of = {"revision": bundle.revision, "users": users, "sha256": digest}
    durable.write(folder / f"{bundle.revision}.json", json.dumps(told_of))
    with (folder / "log").open("a") as log:
        log.write(f"{bundle.revision}\n")
    if told in ("kill", f"kill {bundle.revision}"):
        (folder / "told").unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def probe(receiver: Receiver) -> None:
    """Nothing can go wrong."""


def _folder(receiver: Receiver) -> Path:
    assert receiver.delivery.sftp is not None
    return Path(receiver.delivery.sftp.path)


EXAMPLE = Place(
    secret=lambda delivery: delivery.sftp.secretRef.name if delivery.sftp else None,
    keys=tuple((key,) for key in SECRET),
    claim=lambda _: None,
    where=lambda delivery: f"folder {delivery.sftp.path}" if delivery.sftp else "",
    send=send,
    probe=probe,
)


@contextmanager
def registered() -> Iterator[None]:
    """One record in the registry, as a kind of the product has."""
    with patch.dict(registry.PLACES, {PLACE: EXAMPLE}):
        yield


def register() -> None:
    """The same for as long as the process lives."""
    registry.PLACES[PLACE] = EXAMPLE


def forget() -> None:
    """There is no such record, as if this version could not deliver like that."""
    del registry.PLACES[PLACE]


def delivery(folder: Path, name: str = "feed", reference: str = "feed") -> dict[str, Any]:
    """A delivery to a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    where = {"host": "receiver", "path": str(folder), "secretRef": {"name": reference}, "hostKey": HOST_KEY}
    return {"name": name, "oneRosterCSV": {}, "sftp": where}


def received(folder: Path) -> list[int]:
    """The revisions that came, in order."""
    log = folder / "log"
    return [int(line) for line in log.read_text().split()] if log.exists() else []


if __name__ == "__main__":
    from rostersync.__main__ import main

    register()
    object.__setattr__(DELIVER, "first_pause", timedelta(seconds=int(os.environ.get("EXAMPLE_PAUSE", "2"))))
    object.__setattr__(DELIVER, "tries", TRIES)
    sys.argv[0] = "rostersync"
    main()
