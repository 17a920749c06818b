"""The OneRoster service that is read: what the client needs from a connection's Delivery Config."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from rostersync.errors import Permanent

REQUIRED = frozenset({"orgs", "users", "classes", "enrollments"})
"""Collections that every import needs, unless a profile says otherwise."""


@dataclass(frozen=True)
class Patience:
    """How failures of one request are waited out. Times are in seconds; attempts include the first one.

    A request whose failure may pass is repeated until both `attempts` and `seconds` are used up.
    """

    attempts: int = 6
    wait_initial: float = 0.5
    wait_max: float = 30.0
    wait_jitter: float = 0.5
    retry_after_max: float = 120.0
    seconds: float = 600.0


@dataclass(frozen=True)
class ServiceEndpoint:
    """The service. `name`, `rights` (a menu), `secret_name` (namespace/name) and `credentials` (where the client's
    credentials were found) are only used in error messages.
    """

    service_url: str
    authentication_url: str
    authentication: str = "OAuth2"  # OAuth2 | OAuth1
    signature_method: str = "HMAC-SHA256"  # OAuth1 only: HMAC-SHA1 | HMAC-SHA256
    version: str = "1.1"  # 1.1 | 1.2
    scope: str | None = None
    page_size: int = 500
    max_concurrent_requests: int = 4
    requests_per_second: float | None = None
    timeout_seconds: float = 60.0
    insecure_http: bool = False
    ca_bundle: str | None = field(default=None, repr=False)  # PEM
    name: str = "The OneRoster service"
    rights: str = ""
    secret_name: str = "unnamed"  # noqa: S105 - the name of a Secret, not a secret
    credentials: str = "the client's credentials"
    patience: Patience = field(default_factory=Patience)
    today: str = ""  # the date in the district's time zone, which decides whether a role has ended; empty: none has
    required: frozenset[str] = REQUIRED  # collections

    def __post_init__(self) -> None:
        """Refuse addresses that would send credentials in the clear, or nowhere."""
        for label, url in (("serviceURL", self.service_url), ("authenticationURL", self.authentication_url)):
            if not is_address(url):
                raise Permanent(
                    f"deliveryConfig.{label} is not a web address; give one like https://host/path",
                    reason="InvalidSpec",
                )
            if urlsplit(url).scheme == "http" and not self.insecure_http:
                raise Permanent(
                    f"deliveryConfig.{label} ({bare(url)}) is plain http, which would send the credentials and the "
                    "roster in the clear; use https, or set deliveryConfig.insecureHTTP: true",
                    reason="InsecureHTTP",
                )

    @property
    def where_rights_are(self) -> str:
        """Where a person lets the client read more, in brackets, for a sentence; empty where nothing is known of it."""
        return f" (in {self.name}: {self.rights})" if self.rights else ""


def is_address(url: str) -> bool:
    """Whether it is an http or https address with a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets, ports or letters that no host has
        return False


def bare(url: str) -> str:
    """An address for messages: without user, password, query and fragment."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    if parts.port:
        host = f"{host}:{parts.port}"
    return f"{parts.scheme}://{host}{parts.path}"
