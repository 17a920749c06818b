"""What the store's outbox calls deliveries. Several connections of a district may use the same name for one."""

from rostersync.api.kinds import Ref
from rostersync.api.v1alpha1.connection import Connection
from rostersync.api.v1alpha1.deliveries import Delivery


def outbox_name(connection: Connection, delivery: Delivery) -> str:
    """The name of one delivery."""
    return f"{Ref(connection.kind, connection.metadata.name).key}/{delivery.name}"


def outbox_names(connection: Connection) -> tuple[str, ...]:
    """The names of all deliveries of a connection."""
    return tuple(outbox_name(connection, delivery) for delivery in connection.spec.deliveries)
