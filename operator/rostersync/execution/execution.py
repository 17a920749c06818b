"""What an attempt runs with: folders, inputs, limits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rostersync.api.v1alpha1.connection import Connection
from rostersync.execution.inputs import Data, Inputs, artifact_key
from rostersync.execution.layout import Layout
from rostersync.execution.progress import Progress
from rostersync.execution.workspace import Workspace
from rostersync.stores.kind import CREATE_IT, Opening
from rostersync.stores.registry import open_store

if TYPE_CHECKING:
    from rostersync.sources.network import Network
    from rostersync.stores.port import Store


@dataclass(frozen=True)
class Engine:
    """Memory in bytes and threads for the engine. None means what the container has."""

    memory_limit: int | None = None
    threads: int | None = None


@dataclass(frozen=True)
class Execution:
    """Folders, inputs and limits. `inputs` is None when a planned run continues."""

    layout: Layout
    progress: Progress
    inputs: Inputs | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    engine: Engine = Engine()
    network: "Network | None" = None
    checkpoint: Callable[[], None] = lambda: None  # a collection was read, and may be kept for a retry
    store_secrets: Data = field(default_factory=dict, repr=False)  # where a planned run continues without its inputs
    remedy: str = CREATE_IT  # what to do then about a Secret that is missing

    def workspace(self, run: str, connection: Connection) -> Workspace:
        """The run's folders, with the key that seals the connection's artifacts."""
        secrets = self.inputs.secrets if self.inputs else {}
        return Workspace(self.layout, run, artifact_key(connection, secrets, self.env))

    def store(self, run: str, connection: Connection) -> "Store":
        """The connection's store, with the run's scratch and the engine's limits for writes."""
        opening = Opening(
            self.layout.store,
            scratch=self.layout.store_scratch(run),
            memory_limit=self.engine.memory_limit,
            threads=self.engine.threads,
            reach=self.network,
            secrets={**self.store_secrets, **(self.inputs.secrets if self.inputs else {})},
            remedy=self.inputs.remedy if self.inputs else self.remedy,
        )
        return open_store(connection.spec.store, opening)
