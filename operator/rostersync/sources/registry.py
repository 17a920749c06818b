"""The profile of each kind of connection."""

from typing import TYPE_CHECKING

from rostersync.api.v1alpha1.connection import Connection
from rostersync.sources.active_directory.profile import ACTIVE_DIRECTORY
from rostersync.sources.focus import FOCUS
from rostersync.sources.illuminate import ILLUMINATE
from rostersync.sources.infinite_campus import INFINITE_CAMPUS
from rostersync.sources.profile import Login, Profile

if TYPE_CHECKING:
    from rostersync.sources.network import Network
    from rostersync.sources.port import Source

PROFILES: dict[str, Profile] = {
    "FocusConnection": FOCUS,
    "InfiniteCampusConnection": INFINITE_CAMPUS,
    "IlluminateConnection": ILLUMINATE,
    "ActiveDirectoryConnection": ACTIVE_DIRECTORY,
}
"""By the kind of the connection."""


def profile_of(connection: Connection) -> Profile:
    """The profile of a connection."""
    return PROFILES[connection.kind]


def open_source(
    connection: Connection, login: Login, ca_bundle: str | None = None, network: "Network | None" = None
) -> "Source":
    """Open the source of a connection. Nothing is sent yet; close it at the end.

    `ca_bundle` is PEM text. `network` says which addresses may be contacted; without it, all of them.
    """
    from rostersync.sources.network import Network

    return profile_of(connection).opens(connection, login, ca_bundle, network or Network())
