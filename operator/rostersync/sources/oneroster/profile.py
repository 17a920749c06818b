"""Profiles of systems that speak OneRoster, and what their Delivery Config means to the client."""

from datetime import datetime
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from rostersync.api.v1alpha1.connection import Connection
from rostersync.api.v1alpha1.delivery_config import OneRosterConfig
from rostersync.roster import TABLES
from rostersync.sources.oneroster.endpoint import REQUIRED, Patience, ServiceEndpoint
from rostersync.sources.profile import Endpoint, Login, Profile

if TYPE_CHECKING:
    from rostersync.sources.network import Network
    from rostersync.sources.port import Source

CLIENT_ID, CLIENT_SECRET = "clientID", "clientSecret"


def profile(
    name: str,
    *,
    prefix: str,
    client_id: str = CLIENT_ID,
    client_secret: str = CLIENT_SECRET,
    required: frozenset[str] = REQUIRED,
    page_size: int = 500,
    rights: str = "",
    user: tuple[str, str] | None = None,
) -> Profile:
    """The profile of a system. `client_id` and `client_secret` are the keys of its Secret.

    `user`: two further keys, where OAuth 1.0a signatures are also made with a user's key and secret.
    """
    made: Profile

    def also(connection: Connection) -> tuple[str, ...]:
        return user if user and _config(connection).authentication == "OAuth1" else ()

    def opens(connection: Connection, login: Login, ca_bundle: str | None, network: "Network") -> "Source":
        from rostersync.sources.oneroster.client import OneRoster
        from rostersync.sources.port import Credentials

        users = (login.values[key] for key in also(connection))
        known = Credentials(login.values[client_id], login.values[client_secret], *users)
        return OneRoster(service_endpoint(made, connection, login, ca_bundle), known, network)

    made = Profile(
        name=name,
        keys=(client_id, client_secret),
        client=(client_id, *(user or ())[:1]),
        collections=tuple(table.name for table in TABLES),
        required=required,
        endpoint=endpoint,
        opens=opens,
        page_size=page_size,
        prefix=prefix,
        rights=rights,
        also=also,
    )
    return made


def endpoint(connection: Connection) -> Endpoint:
    """Where a connection's source is, by its Delivery Config."""
    config = _config(connection)
    host = urlsplit(config.serviceURL).hostname or ""
    return Endpoint(host, config.speaks, config.credentialsSecretRef.name, config.caBundleRef)


def service_endpoint(
    of: Profile, connection: Connection, login: Login, ca_bundle: str | None, patience: Patience | None = None
) -> ServiceEndpoint:
    """The service of a connection. `ca_bundle` is PEM. Raises Permanent when an address may not be used."""
    config = _config(connection)
    namespace = connection.metadata.namespace or "default"
    return ServiceEndpoint(
        service_url=config.serviceURL,
        authentication_url=config.tokens_at,
        authentication=config.authentication,
        signature_method=config.signatureMethod or "HMAC-SHA256",
        version=config.speaks,
        scope=config.scope,
        page_size=config.pageSize if "pageSize" in config.model_fields_set else of.page_size,
        max_concurrent_requests=config.maxConcurrentRequests,
        requests_per_second=config.requestsPerSecond,
        timeout_seconds=config.timeoutSeconds,
        insecure_http=config.insecureHTTP,
        ca_bundle=ca_bundle,
        name=of.name,
        rights=of.rights,
        secret_name=f"{namespace}/{config.credentialsSecretRef.name}",
        credentials=login.where,
        patience=patience or _patience(config),
        today=datetime.now(ZoneInfo(connection.spec.timeZone)).date().isoformat(),
        required=of.required,
    )


def _patience(config: OneRosterConfig) -> Patience:
    return Patience() if config.patienceSeconds is None else Patience(seconds=config.patienceSeconds)


def _config(connection: Connection) -> OneRosterConfig:
    return cast(OneRosterConfig, connection.spec.deliveryConfig)
