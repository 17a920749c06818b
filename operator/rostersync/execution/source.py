"""Opening a connection's source, and pulling what the connection wants from it."""

from collections.abc import Callable, Mapping
from pathlib import Path

from rostersync.api.v1alpha1.connection import Connection
from rostersync.execution.inputs import Inputs, ca_bundle, credentials
from rostersync.execution.progress import Progress
from rostersync.reading.extract import Wanted, extract
from rostersync.reading.read_set import collections, metadata_to_read
from rostersync.sources.network import Network
from rostersync.sources.port import Source
from rostersync.sources.registry import open_source as registered
from rostersync.sources.registry import profile_of


def open_source(inputs: Inputs, env: Mapping[str, str], network: Network | None = None) -> tuple[Source, str]:
    """The connection's source, and a hash that identifies its client. Raises InvalidManifest for missing credentials."""
    given = credentials(inputs, env)
    connection = inputs.connection
    return registered(connection, given, ca_bundle(inputs), network), profile_of(connection).client_hash(given)


def stage_extract(
    source: Source, connection: Connection, folder: Path, progress: Progress, finished: Callable[[], None]
) -> None:
    """Pull what the connection wants into a staged extract. `finished` is called after every collection."""
    wanted = Wanted(collections(connection), metadata_to_read(connection.spec))
    extract(source, folder, wanted, progress, finished=finished)
