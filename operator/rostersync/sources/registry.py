"""Which source answers for which kind of connection."""

from collections.abc import Callable

from rostersync.api.v1alpha1.focusconnection import FocusConnection
from rostersync.sources.focus import open_focus
from rostersync.sources.port import Credentials, Source

SOURCES: dict[str, Callable[[FocusConnection, Credentials, str | None], Source]] = {"FocusConnection": open_focus}


def open_source(connection: FocusConnection, credentials: Credentials, ca_bundle: str | None = None) -> Source:
    """The source of a connection; nothing is sent yet. `ca_bundle` is PEM text. Close it at the end."""
    return SOURCES[connection.kind](connection, credentials, ca_bundle)
