"""Which kinds of deliveries there are: none yet."""

from rostersync.api.v1alpha1.connection import Connection
from rostersync.api.v1alpha1.storage import Delivery
from rostersync.deliveries.port import DeliveryKind
from rostersync.errors import NotYetSupported

KINDS: dict[str, DeliveryKind] = {}
"""By the field of a delivery that says where."""


def kind_of(delivery: Delivery) -> DeliveryKind:
    """The record of a delivery. Raises NotYetSupported."""
    found = KINDS.get(delivery.place)
    if found is None:
        raise NotYetSupported("spec.deliveries names a place that this version does not deliver to; leave it out.")
    return found


def secrets_of(connection: Connection) -> tuple[str, ...]:
    """The Secrets that carrying a connection's roster out takes."""
    return tuple(KINDS[d.place].secret(d) for d in connection.spec.deliveries if d.place in KINDS)
