"""Brings runs up to date that no process works on."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rostersync.api.kinds import Ref
from rostersync.disks import is_full
from rostersync.errors import Permanent, StoreBusy
from rostersync.execution.supported import supported
from rostersync.execution.workspace import stored_connection
from rostersync.lifecycle.configured import connection_of
from rostersync.lifecycle.observed import Connection
from rostersync.local.drive import Driver
from rostersync.local.notes import note
from rostersync.local.state import State


def known_connection(state: State, ref: Ref) -> Connection:
    """A connection whose manifest is not given: the one of its newest run, else the defaults."""
    for run in state.runs(ref.key):
        with suppress(Permanent):
            return connection_of(stored_connection(state.layout.folder(run["metadata"]["name"])), supported())
    return Connection(ref)


def settled(state: State, key: str | None = None) -> None:
    """Bring statuses up to date (expired, superseded, killed), of one connection or all. Skips busy connections."""
    open_ = [r["spec"]["connectionRef"] for r in state.runs() if not (r.get("status") or {}).get("outcome")]
    for connection in sorted({ref for ref in map(Ref.of, open_) if key in (None, ref.key)}):
        with suppress(StoreBusy), state.lock(connection.key):
            Driver(state, known_connection(state, connection), None).settle_others()


@contextmanager
def afterwards() -> Iterator[None]:
    """For what comes after a run has ended. A full disk does not change how it ended, and the next run cleans up."""
    try:
        yield
    except Exception as error:
        if not is_full(error):
            raise
        note(f"Cleaning up was left to the next run, since a disk is full ({type(error).__name__}).")
