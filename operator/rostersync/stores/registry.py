"""The kinds of stores, and the only code that opens stores."""

from typing import TYPE_CHECKING

from rostersync.api.v1alpha1.connection import Connection
from rostersync.api.v1alpha1.defaults import district
from rostersync.api.v1alpha1.storage import Store as StoreSpec
from rostersync.errors import NotYetSupported
from rostersync.stores.embedded.kind import EMBEDDED
from rostersync.stores.kind import Opening, StoreKind
from rostersync.stores.placement import Placement
from rostersync.stores.postgres.kind import POSTGRES

if TYPE_CHECKING:
    from rostersync.stores.port import Store

STORES: dict[str, StoreKind] = {kind.name: kind for kind in (EMBEDDED, POSTGRES)}
"""By their field in `spec.store`."""

DEFAULT = EMBEDDED.name


def kind_of(spec: StoreSpec) -> StoreKind:
    """The kind of store that a spec asks for. Raises NotYetSupported for a kind without a record."""
    asked = spec.asked or DEFAULT
    if asked not in STORES:
        raise NotYetSupported(f"spec.store.{asked}: not supported in this version; leave it out.")
    return STORES[asked]


def placement_of(connection: Connection) -> Placement:
    """Where a connection's store is, and what Jobs need to reach it. Pure."""
    spec = connection.spec.store
    return kind_of(spec).places(spec, district(connection))


def open_store(spec: StoreSpec, opening: Opening) -> "Store":
    """The store that a spec asks for. It does not connect yet."""
    return kind_of(spec).opens(spec, opening)
