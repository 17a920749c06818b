"""Copies what deliveries have to send out of the store, into bundles in scratch."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from rostersync.api.v1alpha1.connection import Connection
from rostersync.api.v1alpha1.defaults import district
from rostersync.api.v1alpha1.deliveries import Delivery
from rostersync.deliveries.bundle import make_bundle, received
from rostersync.deliveries.port import Bundle, Edition
from rostersync.deliveries.registry import format_of
from rostersync.errors import Permanent
from rostersync.execution.editions import Wanted, editions
from rostersync.execution.execution import Execution
from rostersync.execution.waiting import when_free
from rostersync.sent import Sent, owed
from rostersync.stores import as_of
from rostersync.stores.engine import connect
from rostersync.stores.port import StoreReader, StoreState

ROUND = 20  # bundles of one delivery that wait in scratch at the same time
_KNOWN = 50  # records of a delivery that are looked at for what its receiver has
_THEN, _BEFORE = "then_", "before_"


class Packer:
    """Makes bundles from a store that `con` has attached, as `state` says.

    `everything`: names of deliveries whose receivers get all of the newest roster, whatever they have.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        reader: StoreReader,
        where: str,
        state: StoreState,
        scratch: Path,
        *,
        everything: Collection[str] = (),
    ) -> None:
        self._everything = everything
        self._con, self._reader, self._district, self._scratch = con, reader, where, scratch
        self._newest, self._forgotten = state.revision, bool(state.forgotten)
        self._outbox = reader.outbox(con, where)
        self._sent = reader.sent(con, where, _KNOWN)

    def pending(self, name: str) -> tuple[int, ...]:
        """The revisions that a delivery still has to deliver, by its name in the outbox."""
        if name in self._everything or (name not in self._outbox and owed(self._sent.get(name, ()))):
            return (self._newest,) if self._newest else ()
        return self._outbox.get(name, ())

    def last(self, name: str, asked: str) -> Sent | None:
        """What the receiver has got last of a delivery."""
        return next((sent for sent in self._sent.get(name, ()) if sent.config_hash == asked), None)

    def bundles(self, name: str, delivery: Delivery, asked: str) -> tuple[list[Bundle], bool]:
        """The next bundles of a delivery, in order, and whether there are more. `asked`: its config_hash."""
        pending = self.pending(name)
        records = (sent for each in self._sent.values() for sent in each)
        had = None if name in self._everything else received(records, asked)
        deltas = format_of(delivery).deltas(delivery)
        wanted = editions(
            deltas=deltas,
            pending=pending,
            newest=self._newest,
            had=had,
            whole_since=self._whole_since() if deltas and pending else 0,
        )
        return [self._bundle(delivery, each) for each in wanted[:ROUND]], len(wanted) > ROUND

    def _whole_since(self) -> int:
        return as_of.whole_since(self._con)

    def _bundle(self, delivery: Delivery, wanted: Wanted) -> Bundle:
        views = "store_" if wanted.revision == self._newest else _THEN
        if views == _THEN:
            as_of.as_of(self._con, wanted.revision, _THEN)
        if wanted.since is not None:
            as_of.as_of(self._con, wanted.since, _BEFORE)
        found = self._reader.revision(self._con, self._district, wanted.revision)
        if found is None:
            raise Permanent(
                f"The store has no revision {wanted.revision}, which is to be delivered.", reason="StoreSpoiled"
            )
        told = (wanted.revision, found.applied_at, wanted.since, views, self._forgotten)
        edition = Edition(self._con, delivery, self._district, *told)
        try:
            return make_bundle(edition, self._scratch / delivery.name)  # bundles of two deliveries may have one name
        finally:
            if views == _THEN:
                as_of.drop(self._con, _THEN)
            if wanted.since is not None:
                as_of.drop(self._con, _BEFORE)


@contextmanager
def attached(
    execution: Execution, run: str, connection: Connection
) -> Iterator[tuple[duckdb.DuckDBPyConnection, StoreState, StoreReader]]:
    """The district's roster at its newest revision, read-only. The store is released at the end."""
    engine, where = execution.engine, district(connection)
    place = execution.layout.run_scratch(run)
    reader = execution.store(run, connection).reader()
    con = connect(engine.memory_limit, engine.threads, place, [*reader.folders, place])
    try:
        state = when_free(lambda: reader.attach(con, where, None))
        yield con, state, reader
    finally:
        con.close()
