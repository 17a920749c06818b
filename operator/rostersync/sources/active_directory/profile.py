"""The profile of Active Directory, and what its Delivery Config means to the client.

A local run without its Secret reads ROSTERSYNC_BIND_DN and ROSTERSYNC_PASSWORD.
"""

from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from rostersync.api.v1alpha1 import defaults
from rostersync.api.v1alpha1.connection import Connection
from rostersync.api.v1alpha1.directory_config import ActiveDirectoryConfig
from rostersync.roster import ORGS, USERS
from rostersync.sources.active_directory.server import NAME, VERSION, Server
from rostersync.sources.profile import Endpoint, Login, Profile

if TYPE_CHECKING:
    from rostersync.sources.network import Network
    from rostersync.sources.port import Source

BIND_DN, PASSWORD, CA = "bindDN", "password", "ca.crt"


def endpoint(connection: Connection) -> Endpoint:
    """Where a connection's directory is, by its Delivery Config."""
    config = _config(connection)
    return Endpoint(urlsplit(config.url).hostname or "", VERSION, config.credentialsSecretRef.name)


def opens(connection: Connection, login: Login, ca_bundle: str | None, network: "Network") -> "Source":
    """The directory of a connection. Nothing is sent yet."""
    from rostersync.sources.active_directory.client import ActiveDirectory

    config, namespace = _config(connection), connection.metadata.namespace or "default"
    parts = urlsplit(config.url)
    secure = parts.scheme == "ldaps"
    server = Server(
        url=config.url.rstrip("/"),
        host=parts.hostname or "",
        port=parts.port or (636 if secure else 389),
        tls=secure or config.startTLS,
        start_tls=config.startTLS,
        bind_dn=login.values[BIND_DN],
        password=login.values[PASSWORD],
        ca=login.values.get(CA, ""),
        login=login.where,
        secret=f"{namespace}/{config.credentialsSecretRef.name}",
        config=config,
        organization=config.organization.name or defaults.district(connection),
    )
    return ActiveDirectory(server, network)


def _config(connection: Connection) -> ActiveDirectoryConfig:
    return cast(ActiveDirectoryConfig, connection.spec.deliveryConfig)


ACTIVE_DIRECTORY = Profile(
    name=NAME,
    keys=(BIND_DN, PASSWORD),
    client=(BIND_DN,),
    collections=(ORGS.name, USERS.name),
    required=frozenset({ORGS.name, USERS.name}),
    endpoint=endpoint,
    opens=opens,
    page_size=1000,
    prefix="ad-",
    optional=(CA,),
)
