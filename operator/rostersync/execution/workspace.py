"""A run's extract and plan in this process: in the clear while it works, sealed when kept if the connection says so."""

from pathlib import Path

from pydantic import ValidationError

from rostersync import scratch
from rostersync.api.kinds import connection_model
from rostersync.api.v1alpha1.connection import Connection
from rostersync.artifacts.folder import Artifacts
from rostersync.disks import naming
from rostersync.errors import Permanent
from rostersync.execution import json_files
from rostersync.execution.layout import Layout


class Workspace:
    """The extract and the plan of one run. Close it, since scratch holds records in the clear."""

    def __init__(self, layout: Layout, run: str, key: str | None) -> None:
        self.run, self.folder = run, layout.folder(run)
        # Each process that works on the run has its own folder in there.
        self.place = layout.run_scratch(run)
        self.artifacts = Artifacts(layout.artifacts, key)

    @property
    def scratch(self) -> Path:
        """This process's folder for files in the clear."""
        return scratch.own(self.place)

    @property
    def places(self) -> dict[str, Path]:
        """The volumes that a plan is made on, by name. The one with the plan's files comes first."""
        both = {"artifacts": self.folder, "scratch": self.place}
        return dict(reversed(both.items())) if self.artifacts.sealed else both

    def making(self, name: str) -> Path:
        """Where `extract` or `plan` is to be made."""
        self.artifacts.run_folder(self.run)
        return self.scratch / name if self.artifacts.sealed else self.folder / name

    def keep(self, name: str) -> None:
        """Seal what was made, if there is a key."""
        if self.artifacts.sealed and (self.scratch / name).is_dir():
            with naming(artifacts=self.folder):
                self.artifacts.keep(self.run, name, self.scratch / name)

    def open(self, name: str) -> Path:
        """`extract` or `plan`, readable. Raises Permanent when it is gone, or sealed with another key."""
        with naming(scratch=self.place):
            return self.artifacts.open(self.run, name, self.scratch)

    def errors(self, stage: str, text: str) -> Path:
        """Keep the full text of an error."""
        return self.artifacts.errors(self.run, stage, text)

    def close(self) -> None:
        """Remove everything in the clear."""
        scratch.release(self.place)


def stored_connection(folder: Path) -> Connection:
    """The connection that a run was planned with. Raises Permanent when it is gone."""
    data = json_files.read_object(folder / "connection.json")
    if data is None:
        raise Permanent(f"{folder} no longer has what the run was planned with; run again.", reason="ArtifactsGone")
    try:
        return connection_model(data).model_validate(data)
    except ValidationError:
        raise Permanent(
            f"{folder / 'connection.json'} was written by another version of rostersync; run again.",
            reason="StateSpoiled",
        ) from None
