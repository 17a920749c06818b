"""The folders of attempts: artifacts, store, scratch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """Folders, which need not exist yet.

    `artifacts` has one folder a run. `store` is for a store in files. `scratch` is for records in the clear while they
    are processed. If it is None, scratch is beside the run's artifacts, and for writes beside the store. `volumes` has one
    folder for each claim that deliveries go to, except those that are `mounted` elsewhere.
    """

    artifacts: Path
    store: Path
    scratch: Path | None = None
    volumes: Path = Path("volumes")
    mounted: Mapping[str, Path] = field(default_factory=dict)

    def folder(self, run: str) -> Path:
        """A run's artifacts: extract, plan, reports, errors."""
        return self.artifacts / run

    def run_scratch(self, run: str) -> Path:
        """The folder for opened artifacts and spill files while a run is processed."""
        return self.scratch / run if self.scratch else self.folder(run) / "scratch"

    def volume(self, claim: str) -> Path:
        """The folder of a claim that a delivery goes to."""
        return self.mounted.get(claim) or self.volumes / claim

    def store_scratch(self, run: str) -> Path | None:
        """The folder to which a write of the store spills. None leaves it to the store."""
        return self.scratch / run if self.scratch else None
