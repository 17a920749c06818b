"""The folders of attempts: artifacts, store, scratch."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """Folders, which need not be there yet.

    `artifacts` has one folder a run, `store` is for a store in files. `scratch` is where records lie in the clear
    while they are worked on; None puts it beside the run's artifacts, and for writes of the store beside the store.
    """

    artifacts: Path
    store: Path
    scratch: Path | None = None

    def folder(self, run: str) -> Path:
        """A run's artifacts: extract, plan, reports, errors."""
        return self.artifacts / run

    def run_scratch(self, run: str) -> Path:
        """Where what is opened and what is spilled lies while a run is worked on."""
        return self.scratch / run if self.scratch else self.folder(run) / "scratch"

    def store_scratch(self, run: str) -> Path | None:
        """Where a write of the store spills to; None leaves it to the store."""
        return self.scratch / run if self.scratch else None
