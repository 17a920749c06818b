"""Which source answers for which kind of connection."""

from collections.abc import Callable

from rostersync.api.v1alpha1.focusconnection import FocusConnection
from rostersync.sources.focus import open_focus
from rostersync.sources.network import Network
from rostersync.sources.port import Credentials, Source

SOURCES: dict[str, Callable[[FocusConnection, Credentials, str | None, Network], Source]] = {
    "FocusConnection": open_focus
}


def open_source(
    connection: FocusConnection, credentials: Credentials, ca_bundle: str | None = None, network: Network | None = None
) -> Source:
    """The source of a connection; nothing is sent yet. Close it at the end.

    `ca_bundle` is PEM text; `network` says which addresses may be contacted, without it all of them.
    """
    return SOURCES[connection.kind](connection, credentials, ca_bundle, network or Network())
