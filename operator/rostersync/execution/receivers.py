"""Where a delivery goes, with all that it takes to get there."""

from typing import TYPE_CHECKING

from rostersync.api.v1alpha1.deliveries import Delivery
from rostersync.deliveries.port import Receiver
from rostersync.execution.inputs import Inputs, delivery_secret
from rostersync.execution.layout import Layout

if TYPE_CHECKING:
    from rostersync.sources.network import Network


def receiver_of(inputs: Inputs, delivery: Delivery, layout: Layout, network: "Network | None") -> Receiver:
    """The receiver. `network`: which addresses it may have; None for any. Raises InvalidManifest."""
    secret = delivery_secret(inputs, delivery)
    return Receiver(delivery, secret, layout.volume, network.refusal if network else lambda _: None)
