"""A run's folders in this process: made and opened in the clear, kept sealed where the connection asks for it."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from rostersync import scratch
from rostersync.api.kinds import connection_model
from rostersync.api.v1alpha1.connection import Connection
from rostersync.artifacts import Artifacts
from rostersync.disks import naming
from rostersync.errors import InvalidManifest, Permanent
from rostersync.local import files
from rostersync.local.state import State

ENV_KEY = "ROSTERSYNC_ARTIFACT_KEY"
KEY = "key"  # in the Secret


class Workspace:
    """The extract and the plan of one run. Close it: what lies in scratch holds records in the clear."""

    def __init__(self, state: State, run: str, key: str | None) -> None:
        self.run, self.folder = run, state.folder(run)
        # Where every process that works on the run has a folder of its own.
        self.place = state.scratch(run)
        self.artifacts = Artifacts(state.artifacts, key)

    @property
    def scratch(self) -> Path:
        """This process's folder for what it makes and opens in the clear."""
        return scratch.own(self.place)

    @property
    def places(self) -> dict[str, Path]:
        """The volumes that a plan is made on, by name: the one that its files are written to comes first."""
        both = {"artifacts": self.folder, "scratch": self.place}
        return dict(reversed(both.items())) if self.artifacts.sealed else both

    def making(self, name: str) -> Path:
        """Where `extract` or `plan` is to be made."""
        self.artifacts.run_folder(self.run)
        return self.scratch / name if self.artifacts.sealed else self.folder / name

    def keep(self, name: str) -> None:
        """Seal what was made, if that is asked for."""
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


def artifact_key(
    connection: Connection, secrets: Mapping[str, Mapping[str, str]], env: Mapping[str, str]
) -> str | None:
    """The key that the connection's artifacts are sealed with: of its Secret, else of the environment."""
    reference = connection.spec.artifacts.encryptionKeySecretRef
    if reference is None:
        return None
    key = (secrets.get(reference.name, {}).get(KEY) or env.get(ENV_KEY) or "").strip()
    if not key:
        raise InvalidManifest(
            f"spec.artifacts.encryptionKeySecretRef names Secret {reference.name}, whose key `{KEY}` (an age identity, as "
            f"age-keygen makes it, or a passphrase) is not given; add the Secret with -f, or set {ENV_KEY}.",
            reason="SecretNotFound",
        )
    return key


def stored_connection(folder: Path) -> Connection:
    """The connection that a run was planned with. Raises Permanent when it is gone."""
    data = files.read_object(folder / "connection.json")
    if data is None:
        raise Permanent(f"{folder} no longer has what the run was planned with; run again.", reason="ArtifactsGone")
    try:
        return connection_model(data).model_validate(data)
    except ValidationError:
        raise Permanent(
            f"{folder / 'connection.json'} was written by another version of rostersync; run again.",
            reason="StateSpoiled",
        ) from None
