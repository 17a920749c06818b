"""The state folder of the local command: runs and approvals as objects, the store, and artifacts.

`store/` and `artifacts/` hold records. Everything else is free of personal data.
"""

import fcntl
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from rostersync import durable, scratch
from rostersync.api.kinds import Ref, key_of
from rostersync.api.v1alpha1 import API_VERSION
from rostersync.artifacts.folder import Artifacts
from rostersync.disks import naming
from rostersync.errors import Permanent, StoreBusy
from rostersync.execution import json_files
from rostersync.execution.layout import Layout
from rostersync.instants import stamp
from rostersync.lifecycle.names import run_name
from rostersync.lifecycle.outcomes import ENDINGS, Outcome

RUN_NUMBER = "rostersync.dev/runNumber"  # orders runs by creation; creationTimestamp has whole seconds only
_FORMER_RUN_NUMBER = "rostersync.dev/number"  # written as well: earlier versions know no other, and may come back


class State:
    """One state folder. Files and folders are created when they are needed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.layout = Layout(artifacts=root / "artifacts", store=root / "store", volumes=root / "volumes")

    def mount(self, claims: Mapping[str, Path]) -> None:
        """Where the volumes of these claims are."""
        self.layout = replace(self.layout, mounted=claims)

    def make_private(self) -> None:
        """Create the folders that hold records, for this user only."""
        for folder in (self.layout.store, self.layout.artifacts):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)

    def runs(self, connection: str | None = None) -> list[dict[str, Any]]:
        """All SyncRuns, or those of a connection by its key, newest first."""
        found = [r for path in (self.root / "runs").glob("*.json") if (r := json_files.read_object(path))]
        own = [r for r in found if connection in (None, key_of(r))]
        return sorted(own, key=number, reverse=True)

    def find(self, name: str) -> dict[str, Any] | None:
        """The SyncRun of that name, if there is one."""
        return json_files.read_object(self.root / "runs" / f"{name}.json")

    def run(self, name: str) -> dict[str, Any]:
        """The SyncRun of that name. Raises Permanent that names the newest runs, and the connections."""
        found = self.find(name) if is_name(name) else None
        if found is None:
            runs = self.runs()
            newest = ", ".join(r["metadata"]["name"] for r in runs[:5])
            there = f"the newest are: {newest}" if newest else "there are none yet"
            connections = ", ".join(sorted({str(Ref.of_key(key_of(run))) for run in runs}))
            of = f" They are of {connections}." if connections else ""
            raise Permanent(f"No run {name} in {self.root}; {there}.{of}", reason="UnknownRun")
        return found

    def latest(self, name: str | None) -> dict[str, Any]:
        """The named run, or the newest of all."""
        if name is not None:
            return self.run(name)
        runs = self.runs()
        if not runs:
            raise Permanent(f"No runs yet in {self.root}: rostersync run -f connection.yaml", reason="UnknownRun")
        return runs[0]

    def save(self, run: dict[str, Any]) -> None:
        """Write a SyncRun. Raises DiskFull."""
        with naming(state=self.root):
            json_files.write_object(self.root / "runs" / f"{run['metadata']['name']}.json", run)

    def create(
        self, connection: Ref, namespace: str | None, spec: dict[str, Any], name: str | None, now: datetime
    ) -> dict[str, Any]:
        """Make a SyncRun, under `name` or one that is free."""
        known = self.runs()
        taken = {r["metadata"]["name"] for r in known}
        metadata: dict[str, Any] = {"name": name or run_name(connection, now, taken)}
        if namespace:
            metadata["namespace"] = namespace
        metadata |= {
            "uid": str(uuid.uuid4()),
            "generation": 1,
            "creationTimestamp": stamp(now),
            "annotations": dict.fromkeys((RUN_NUMBER, _FORMER_RUN_NUMBER), str(1 + max(map(number, known), default=0))),
        }
        run = {"apiVersion": API_VERSION, "kind": "SyncRun", "metadata": metadata, "spec": spec, "status": {}}
        self.save(run)
        return run

    def approval(self, run: str) -> dict[str, Any] | None:
        """The newest SyncApproval of a run."""
        return json_files.read_object(self.root / "approvals" / f"{run}.json")

    def save_approval(self, approval: dict[str, Any]) -> None:
        """Write a run's SyncApproval. If there is one for an earlier plan of the run, it is kept under its own name."""
        run = approval["spec"]["runRef"]["name"]
        before = self.approval(run)
        with naming(state=self.root):
            if before and before["metadata"]["name"] != approval["metadata"]["name"]:
                json_files.write_object(self.root / "approvals" / f"{before['metadata']['name']}.json", before)
            json_files.write_object(self.root / "approvals" / f"{run}.json", approval)

    @contextmanager
    def lock(self, connection: str) -> Iterator[None]:
        """Keep other processes from working on this connection's runs. Raises StoreBusy when one does."""
        path = self.root / "locks" / f"{connection.replace('/', '_')}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreBusy(
                    f"Another rostersync process works on connection {connection} in {self.root}; "
                    "wait until it is done, then run this command again."
                ) from None
            yield
        finally:
            os.close(handle)

    def prune(self, connection: str, successful: int, failed: int) -> None:
        """Remove the oldest finished runs over the history limits, with artifacts and approvals.

        Also removes what killed processes left. The caller holds the connection's lock.
        """
        kept = {True: successful, False: failed}
        artifacts = Artifacts(self.layout.artifacts)
        for run in self.runs(connection):
            outcome = (run.get("status") or {}).get("outcome")
            if not outcome:
                continue
            artifacts.clear(run["metadata"]["name"])
            good = ENDINGS[Outcome(outcome)].succeeded
            kept[good] -= 1
            if kept[good] < 0:
                self.remove(run["metadata"]["name"])
        artifacts.purge([], successful, failed)  # what killed processes removed in part
        for folder in ("runs", "approvals"):
            durable.clear(self.root / folder, f"{connection}*")
        scratch.clear(self.root / "scratch")

    def remove(self, run: str) -> None:
        """Remove a run and everything of it. Its object goes last, so that a killed removal can be finished."""
        Artifacts(self.layout.artifacts).remove(run)
        for path in (self.root / "approvals").glob(f"{run}*.json"):
            found = json_files.read_object(path)
            if found and found["spec"]["runRef"]["name"] == run:
                path.unlink()
        (self.root / "runs" / f"{run}.json").unlink(missing_ok=True)


def number(run: dict[str, Any]) -> int:
    """Which run it was, counted from 1 as they were made."""
    annotations = run["metadata"].get("annotations") or {}
    return int(annotations.get(RUN_NUMBER) or annotations.get(_FORMER_RUN_NUMBER) or 0)


def is_name(name: str) -> bool:
    """Whether a name is safe as a file name: it leads nowhere else."""
    return bool(name) and "/" not in name and not name.startswith(".")
