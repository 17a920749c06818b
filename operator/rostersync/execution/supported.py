"""What this version supports of what the API has words for: whatever has a record in a registry."""

from rostersync.api.v1alpha1.support import Supported
from rostersync.deliveries.registry import FORMATS, PLACES
from rostersync.stores.registry import STORES


def supported() -> Supported:
    """As the registries are now."""
    return Supported(stores=frozenset(STORES), formats=frozenset(FORMATS), places=frozenset(PLACES))
