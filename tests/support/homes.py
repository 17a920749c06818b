"""Where artifacts can be between Jobs: each has an entry, and the contract suite (tests/contract/test_homes.py) runs over all.

A Job is a `Layout`: on a volume the folder stays, before a bucket it begins empty.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rostersync.api.v1alpha1.focusconnection import FocusConnection
from rostersync.execution.home import Home, Volume
from rostersync.execution.home_in_bucket import in_bucket
from rostersync.execution.layout import Layout
from support.gateway import KEY, Gateway, gateway
from support.pod import connection


def connected(storage: Mapping[str, Any], **artifacts: Any) -> FocusConnection:
    """A connection whose artifacts are in a bucket."""
    made = connection("http://127.0.0.1:1", artifacts={"objectStorage": dict(storage), **artifacts})
    return FocusConnection.model_validate(made)


@dataclass
class Job:
    """The home of artifacts as one Job sees it, and its folders."""

    home: Home
    layout: Layout

    def folder(self, run: str) -> Path:
        """A run's folder in this Job's pod."""
        return self.layout.folder(run)

    def write(self, run: str, files: Mapping[str, bytes]) -> None:
        """Make files of a run."""
        for name, data in files.items():
            path = self.folder(run) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def files(self, run: str) -> dict[str, bytes]:
        """What a run's folder has."""
        folder = self.folder(run)
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@dataclass
class Place:
    """A place with artifacts. `everything`: all bytes that are there, by some name."""

    job: Callable[..., Job]
    everything: Callable[[], dict[str, bytes]]
    server: Gateway | None = None


@contextmanager
def _volume(folder: Path) -> Iterator[Place]:
    root = folder / "artifacts"

    def job(*, sealed: bool = False) -> Job:
        layout = Layout(root, folder / "store", folder / "scratch" / uuid.uuid4().hex)
        return Job(Volume(layout), layout)

    yield Place(job, lambda: {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()})


@contextmanager
def _bucket(folder: Path) -> Iterator[Place]:
    with gateway(folder / "gateway") as server:
        key = {"encryptionKeySecretRef": {"name": "key"}}

        def job(*, sealed: bool = False, **storage: Any) -> Job:
            pod = folder / "pods" / uuid.uuid4().hex
            layout = Layout(pod / "artifacts", pod / "store", pod / "scratch")
            layout.artifacts.mkdir(parents=True)
            asked = connected(server.storage(**storage), **(key if sealed else {}))
            return Job(in_bucket(layout, asked, KEY, None), layout)

        yield Place(job, server.objects, server)


HOMES = {"volume": _volume, "bucket": _bucket}
