"""One record for each place where a connection's artifacts can be: what Jobs mount to reach it, and how it is opened."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rostersync.api.v1alpha1.connection import Connection
from rostersync.api.v1alpha1.storage import Artifacts
from rostersync.stores.placement import Claim

if TYPE_CHECKING:  # the controller reads the records and opens nothing
    from rostersync.execution.home import Home
    from rostersync.execution.layout import Layout
    from rostersync.sources.network import Network

BUCKET_FIELD = "spec.artifacts.objectStorage"
Secret = Mapping[str, str]  # key -> text


@dataclass(frozen=True)
class HomeSecret:
    """The Secret that a place takes. `field` of the spec names it, and `keys` must have a value in it."""

    name: str
    field: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class HomeKind:
    """One record. `field` is where the spec asks for it.

    `claim` also gets the name of the claim to create. Without a claim, a Job works in an empty folder, and the place is
    `apart`: the command line reaches it as a Job does, and elsewhere has a folder of its own. `secret`, `claim` are pure.
    `opens` gets the connection's Secret. So does `probes`, which Test Connection calls; it raises RostersyncError.
    """

    field: str
    claim: Callable[[Artifacts, str], Claim | None]
    secret: Callable[[Artifacts], HomeSecret | None]
    opens: "Callable[[Layout, Connection, Secret, Network | None], Home]"
    probes: "Callable[[Connection, Secret, Network | None], None] | None" = None
    apart: bool = False
