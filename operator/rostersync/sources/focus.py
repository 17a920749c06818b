"""Focus SIS as a OneRoster source: what a FocusConnection's Delivery Config means to the OneRoster client."""

from datetime import datetime
from zoneinfo import ZoneInfo

from rostersync.api.v1alpha1.defaults import authentication_url, signature_method
from rostersync.api.v1alpha1.focusconnection import FocusConnection
from rostersync.sources.network import Network
from rostersync.sources.oneroster.client import OneRoster
from rostersync.sources.oneroster.delivery import Delivery, Patience
from rostersync.sources.port import Credentials


def open_focus(
    connection: FocusConnection, credentials: Credentials, ca_bundle: str | None, network: Network | None = None,
    patience: Patience | None = None,
) -> OneRoster:  # fmt: skip
    """The source of a connection; `ca_bundle` is PEM. Raises Permanent when it may not be talked to as configured."""
    return OneRoster(delivery(connection, ca_bundle, patience or _patience(connection)), credentials, network)


def _patience(connection: FocusConnection) -> Patience:
    seconds = connection.spec.deliveryConfig.patienceSeconds
    return Patience() if seconds is None else Patience(seconds=seconds)


def delivery(connection: FocusConnection, ca_bundle: str | None, patience: Patience) -> Delivery:
    """The Delivery Config of a connection."""
    config = connection.spec.deliveryConfig
    namespace = connection.metadata.namespace or "default"
    return Delivery(
        service_url=config.serviceURL,
        authentication_url=authentication_url(connection.spec),
        authentication=config.authentication,
        signature_method=signature_method(connection.spec),
        version=config.version,
        scope=config.scope,
        page_size=config.pageSize,
        max_concurrent_requests=config.maxConcurrentRequests,
        requests_per_second=config.requestsPerSecond,
        timeout_seconds=config.timeoutSeconds,
        insecure_http=config.insecureHTTP,
        ca_bundle=ca_bundle,
        name="Focus",
        secret_name=f"{namespace}/{config.credentialsSecretRef.name}",
        patience=patience,
        today=datetime.now(ZoneInfo(connection.spec.timeZone)).date().isoformat(),
    )
