"""One record for each kind of store: how it is opened, where its data is, and what else it can do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rostersync.api.v1alpha1.storage import Store as StoreSpec
from rostersync.stores.placement import Placement

if TYPE_CHECKING:  # the port knows DuckDB, which takes long to import
    from rostersync.stores.port import Store, StoreFile
    from rostersync.stores.reach import Reach


CREATE_IT = "create it"  # what to do about a Secret that is missing, on a cluster


@dataclass(frozen=True)
class Opening:
    """What a store is opened with. Each kind takes what it needs. Secrets are never printed.

    `folder` is for a store in files. Writes may spill to `scratch`, by default within the folder. `memory_limit` is in
    bytes. If it or `threads` is None, the store takes what the container has. `reach`: what a store on a server may
    contact; None for anything. `remedy`: what to do about a Secret that is missing, as messages say it.
    """

    folder: Path
    scratch: Path | None = None
    memory_limit: int | None = None
    threads: int | None = None
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    reach: "Reach | None" = None
    remedy: str = CREATE_IT


@dataclass(frozen=True)
class StoreKind:
    """One record. `name` is its field in `spec.store`, `title` what messages call it.

    `opens` does not connect yet. `places` is pure, and also gets the district's name. `file` is for a store in one
    file: how it is copied and compacted. None where the store has tools of its own for that.
    """

    name: str
    title: str
    opens: "Callable[[StoreSpec, Opening], Store]"
    places: Callable[[StoreSpec, str], Placement]
    file: "Callable[[Opening], StoreFile] | None" = None
    probes: Callable[[StoreSpec, Opening], str] | None = None
