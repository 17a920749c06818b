"""Test Connection of the store and of deliveries.

The store's logins are tried. Each place of a delivery is logged in to, and a probe is written, renamed and removed there.
"""

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from typing import Any

from rostersync.api.v1alpha1.deliveries import Delivery
from rostersync.deliveries.registry import place_of
from rostersync.errors import Retryable, RostersyncError
from rostersync.execution.failures import told
from rostersync.execution.inputs import Inputs
from rostersync.execution.layout import Layout
from rostersync.execution.receivers import receiver_of
from rostersync.model import Probe
from rostersync.sources.network import Network
from rostersync.stores.kind import Opening
from rostersync.stores.registry import kind_of

PATIENCE = 90.0  # seconds for all of them; they are probed side by side
STORE_PATIENCE = 45.0
STORE = "store"


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


def probe_store(
    inputs: Inputs, layout: Layout, network: Network | None = None, patience: float = STORE_PATIENCE
) -> Probe | None:
    """What became of the test of the store. None for one that nothing but its volume leads to."""
    kind = kind_of(inputs.connection.spec.store)
    if kind.probes is None:
        return None
    probes, ended = kind.probes, SimpleQueue[Probe]()

    def probe() -> None:
        try:
            with TemporaryDirectory() as folder:  # a command that only tests leaves nothing behind
                opening = Opening(
                    layout.store,
                    scratch=Path(folder),
                    secrets=inputs.secrets,
                    reach=network,
                    remedy=inputs.remedy,
                )
                ended.put(Probe(STORE, probes(inputs.connection.spec.store, opening)))
        except Exception as error:  # noqa: BLE001  (source and deliveries are tested all the same)
            said = told(error, f"probe of {kind.title}", None)
            ended.put(Probe(STORE, "", {"reason": said.reason, "message": str(said)}))

    threading.Thread(target=probe, daemon=True).start()
    try:
        return ended.get(timeout=patience)
    except Empty:
        text = f"Tried to test {kind.title}; it has not answered within {patience:.0f} seconds."
        return Probe(STORE, "", {"reason": "NoAnswer", "message": text})


def as_dict(store: Probe | None, deliveries: Sequence[Probe]) -> dict[str, Any]:
    """Both for JSON, as far as there are any."""
    made = [{k: v for k, v in vars(d).items() if v} for d in deliveries]
    tested: dict[str, Any] = {}
    if store:
        tested["store"] = store.error or {"message": store.where}
    return tested | ({"deliveries": made} if made else {})


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
