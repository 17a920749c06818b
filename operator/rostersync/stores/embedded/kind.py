"""The embedded store's record. It imports little, since the controller reads it and never opens a store."""

from typing import TYPE_CHECKING

from rostersync.api.v1alpha1.storage import Store as StoreSpec
from rostersync.stores.kind import Opening, StoreKind
from rostersync.stores.placement import Claim, Placement

if TYPE_CHECKING:
    from rostersync.stores.port import Store, StoreFile

FILE = "roster.duckdb"
_FIELD = "spec.store.embedded"
_SIZE = "10Gi"


def claim_name(district: str) -> str:
    """The claim of a district's store, where the spec names none."""
    return f"rostersync-{district}-store"


def _places(spec: StoreSpec, district: str) -> Placement:
    asked = spec.embedded.volumeClaim if spec.embedded else None
    existing = spec.embedded.existingClaim if spec.embedded else None
    name = existing or claim_name(district)
    if asked is None:
        return Placement(Claim(name, _FIELD, _SIZE, existing=existing is not None))
    return Placement(
        Claim(name, _FIELD, str(asked.size), storage_class=asked.storageClassName, access_mode=asked.accessMode)
    )


def _opens(_: StoreSpec, opening: Opening) -> "Store":
    from rostersync.stores.embedded.store import EmbeddedStore

    return EmbeddedStore(
        opening.folder / FILE, scratch=opening.scratch, memory_limit=opening.memory_limit, threads=opening.threads
    )


def _file(opening: Opening) -> "StoreFile":
    from rostersync.stores.embedded.store import EmbeddedStore

    return EmbeddedStore(opening.folder / FILE, scratch=opening.scratch).writer()


EMBEDDED = StoreKind("embedded", "the embedded store", _opens, _places, _file)
