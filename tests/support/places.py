"""The places that the contract suite (tests/contract/test_places.py) runs over.

Each record of the registry has an entry here: a real receiver, and how to look at it as its reader does. A new place gets
the whole suite with its entry.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rostersync.api.v1alpha1.deliveries import Delivery
from rostersync.deliveries.object_storage import LATEST
from rostersync.deliveries.port import Bundle, Place, Receiver
from rostersync.deliveries.registry import PLACES
from support.disks import disk
from support.gateway import KEY, Gateway, gateway
from support.sshd import PASSWORD, USER, sshd

Files = dict[str, bytes]
DISTRICT = "springfield"


@dataclass
class Running:
    """A receiver that runs. `found`: what its reader sees; `kept`: every name that is there. `foreign`: somebody
    else puts a file there.

    `settled`: waits until a server has noticed that a client is gone.
    """

    name: str
    receiver: Receiver
    found: Callable[[], Files]
    kept: Callable[[], set[str]]
    foreign: Callable[[str], None]
    wrong_secrets: tuple[Mapping[str, str], ...] = ()
    unreachable: Delivery | None = None
    settled: Callable[[], None] = lambda: None

    @property
    def place(self) -> Place:
        """Its record."""
        return PLACES[self.name]

    def send(self, bundle: Bundle) -> None:
        """Deliver to it."""
        self.place.send(self.receiver, bundle)


@dataclass(frozen=True)
class Kind:
    """`running(folder, size)`: a receiver, with so many bytes of room if that is given."""

    running: Callable[[Path, int | None], Any]


def bundle(folder: Path, revision: int, *names: str, size: int = 2000) -> Bundle:
    """A bundle of files with contents of their own. Without names: one zip."""
    folder = folder / f"made-{revision}"
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name in names or (f"{DISTRICT}-{revision:06}.zip",):
        file = folder / name
        file.write_bytes((f"{name} of {revision} ".encode() * (size // 10 + 1))[:size])
        files.append(file)
    return Bundle(DISTRICT, revision, tuple(files))


def contents(sent: Bundle) -> Files:
    """What its reader must find."""
    return {file.name: file.read_bytes() for file in sent.files}


def receiver(delivery: Mapping[str, Any], secret: Mapping[str, str], volumes: Path = Path("/nowhere")) -> Receiver:
    """Where a delivery goes."""
    return Receiver(Delivery.model_validate(delivery), secret, lambda claim: volumes / claim)


def write(path: Path, data: bytes) -> None:
    """A file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _visible(folder: Path) -> Files:
    return {file.name: file.read_bytes() for file in folder.iterdir() if not file.name.startswith(".")}


@contextmanager
def _sftp(folder: Path, size: int | None) -> Iterator[Running]:
    with sshd(folder / "sshd", size=str(size or "")) as server:
        yield Running(
            "sftp",
            receiver(server.delivery(), {"user": USER, "password": PASSWORD}),
            lambda: _visible(server.seen()),
            lambda: set(os.listdir(server.seen())),
            lambda name: write(server.seen() / name, b"of others"),
            ({"user": USER, "password": "wrong"}, {"user": "nobody-here", "password": PASSWORD}),
            Delivery.model_validate(server.delivery(port=1)),
            server.quiet,
        )


@contextmanager
def _directory(folder: Path, size: int | None) -> Iterator[Running]:
    place = folder / "volumes" / "drop" / "rosters"
    place.mkdir(parents=True)
    delivery = {"name": "feed", "oneRosterCSV": {}, "directory": {"existingClaim": "drop", "path": "rosters"}}
    running = Running(
        "directory",
        receiver(delivery, {}, folder / "volumes"),
        lambda: _visible(place),
        lambda: set(os.listdir(place)),
        lambda name: write(place / name, b"of others"),
    )
    if size is None:
        yield running
    else:
        with disk(folder / "volumes" / "drop", size):
            yield running


def _below(server: Gateway) -> Files:
    return {key.removeprefix(f"{DISTRICT}/"): data for key, data in server.objects().items()}


def _latest(server: Gateway) -> Files:
    """What a reader finds who follows `latest.json`, beside all zips."""
    found = _below(server)
    if LATEST not in found:
        return {}
    latest = json.loads(found[LATEST])
    for file in latest["files"]:
        data = found[file["key"]]
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file["bytes"], file["sha256"])
    zips = {key: data for key, data in found.items() if key.endswith(".zip")}
    return zips | {file["key"].rpartition("/")[2]: found[file["key"]] for file in latest["files"]}


@contextmanager
def _object_storage(folder: Path, size: int | None) -> Iterator[Running]:
    with gateway(folder / "gateway", size=size) as server:
        delivery = {"name": "feed", "oneRosterCSV": {}, "objectStorage": server.storage()}
        nobody = {**delivery, "objectStorage": server.storage(endpoint="http://127.0.0.1:1")}
        yield Running(
            "objectStorage",
            receiver(delivery, KEY),
            lambda: _latest(server),
            lambda: set(_latest(server)) | {key for key in _below(server) if "/" not in key and key != LATEST},
            lambda name: write(server.bucket / DISTRICT / name, b"of others"),
            (KEY | {"secretAccessKey": "wrong"}, KEY | {"accessKeyID": "AKIDNOBODY"}),
            Delivery.model_validate(nobody),
            lambda: time.sleep(0.1),
        )


KINDS = {"objectStorage": Kind(_object_storage), "sftp": Kind(_sftp), "directory": Kind(_directory)}
