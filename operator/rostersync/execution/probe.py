"""Test Connection of deliveries: each place is logged in to, and a probe is written, renamed and removed there."""

import threading
import time
from queue import Empty, SimpleQueue

from rostersync.api.v1alpha1.deliveries import Delivery
from rostersync.deliveries.registry import place_of
from rostersync.errors import Retryable, RostersyncError
from rostersync.execution.failures import told
from rostersync.execution.inputs import Inputs
from rostersync.execution.layout import Layout
from rostersync.execution.receivers import receiver_of
from rostersync.model import Probe
from rostersync.sources.network import Network

PATIENCE = 90.0  # seconds for all of them; they are probed side by side


def probe_deliveries(
    inputs: Inputs, layout: Layout, network: Network | None = None, patience: float = PATIENCE
) -> list[Probe]:
    """What became of each delivery's probe, in the order of the spec."""
    ended: SimpleQueue[Probe] = SimpleQueue()
    deliveries = inputs.connection.spec.deliveries

    def probe(delivery: Delivery) -> None:
        ended.put(_probed(inputs, layout, network, delivery))

    for delivery in deliveries:
        threading.Thread(target=probe, args=(delivery,), daemon=True).start()
    until, made = time.monotonic() + patience, dict[str, Probe]()
    while len(made) < len(deliveries) and (left := until - time.monotonic()) > 0:
        try:
            found = ended.get(timeout=left)
        except Empty:
            break
        made[found.name] = found
    return [made.get(d.name) or _report(d, "", _silent(d, patience)) for d in deliveries]


def _probed(inputs: Inputs, layout: Layout, network: Network | None, delivery: Delivery) -> Probe:
    where = ""
    try:
        place = place_of(delivery)
        where = place.where(delivery)
        place.probe(receiver_of(inputs, delivery, layout, network))
    except Exception as error:  # noqa: BLE001  (the others are tested all the same)
        return _report(delivery, where, told(error, f"probe of {delivery.name}", None))
    return _report(delivery, where, None)


def _silent(delivery: Delivery, patience: float) -> RostersyncError:
    return Retryable(
        f"Delivery {delivery.name}: its place has not answered the test within {patience:.0f} seconds.",
        reason="NoAnswer",
    )


def _report(delivery: Delivery, where: str, error: RostersyncError | None) -> Probe:
    return Probe(delivery.name, where, {"reason": error.reason, "message": str(error)} if error else None)
