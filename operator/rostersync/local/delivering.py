"""Deliveries of a state folder: delivering what is left, and what was delivered."""

from typing import Any

from rostersync.api.kinds import Ref
from rostersync.errors import Permanent
from rostersync.local import drive, store
from rostersync.local.attempts import LocalAttempts
from rostersync.local.drive import Driver
from rostersync.local.imports import startable
from rostersync.local.manifest_files import Manifests
from rostersync.local.settling import afterwards
from rostersync.local.state import State
from rostersync.local.user import user
from rostersync.render.deliveries import Outgoing
from rostersync.stores.port import Store


def deliver_pending(state: State, manifests: Manifests, attempts: LocalAttempts) -> dict[str, Any]:
    """Deliver now what the connection's runs have applied and not delivered. Returns the run that did it.

    Where no run is open that could, one is made that only delivers.
    """
    connection = startable(manifests)
    if not connection.deliveries:
        raise Permanent(
            f"{connection.ref} has no deliveries: say in spec.deliveries what goes where.", reason="NoDeliveries"
        )
    with state.lock(connection.ref.key):
        state.make_private()
        driver = Driver(state, connection, attempts)
        driver.settle_others()
        run = driver.deliver()
        if run is None:
            spec: dict[str, Any] = {"connectionRef": connection.ref.as_dict(), "mode": "Deliver", "requestedBy": user()}
            if attempts.everything:
                spec["everything"] = True
            namespace = manifests.connection.metadata.namespace
            run = driver.advance(state.create(connection.ref, namespace, spec, None, drive.now_utc()))
        with afterwards():
            history = manifests.connection.spec.history.runs
            state.prune(connection.ref.key, history.successful, history.failed)
        return run


def outgoing(state: State, district: str | None, connection: str | None, limit: int | None) -> list[Outgoing]:
    """The deliveries that the store knows of, each with what is pending and with what it has sent."""
    kept: Store = store.store_of(state)
    store.there(kept)
    with store.attached(state, kept, district) as (con, name):
        pending, sent = kept.reader().outbox(con, name), kept.reader().sent(con, name, limit)
    key = Ref.parse(connection).key if connection else None
    found = []
    for full in sorted({*pending, *sent}):
        of, _, delivery = full.rpartition("/")
        if key in (None, of):
            found.append(Outgoing(of, delivery, pending.get(full, ()), sent.get(full, ())))
    return found
