"""Which source answers for which kind of connection: the profile of each."""

from typing import TYPE_CHECKING

from rostersync.api.v1alpha1.connection import Connection
from rostersync.sources.focus import FOCUS
from rostersync.sources.profile import Login, Profile

if TYPE_CHECKING:
    from rostersync.sources.network import Network
    from rostersync.sources.port import Source

PROFILES: dict[str, Profile] = {"FocusConnection": FOCUS}
"""By the kind of the connection."""


def profile_of(connection: Connection) -> Profile:
    """What is known of a connection's source."""
    return PROFILES[connection.kind]


def open_source(
    connection: Connection, login: Login, ca_bundle: str | None = None, network: "Network | None" = None
) -> "Source":
    """The source of a connection; nothing is sent yet. Close it at the end.

    `ca_bundle` is PEM text; `network` says which addresses may be contacted, without it all of them.
    """
    from rostersync.sources.network import Network

    return profile_of(connection).opens(connection, login, ca_bundle, network or Network())
