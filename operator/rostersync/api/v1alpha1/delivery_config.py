"""Delivery Config: where the SIS is and how to connect to it."""

from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator

from rostersync.api.v1alpha1.meta import NO_PASSWORD, Bool, Int, LocalRef, Model, SecretRef, cel, validations


def parts_of(text: str, schemes: tuple[str, ...], begins: str) -> SplitResult:
    """The parts of a URL of a source. Raises ValueError; `begins` says there what it begins with."""
    try:
        parts = urlsplit(text)
        usable = bool(parts.hostname) and parts.scheme in schemes and parts.port != 0
    except ValueError:
        usable = False
    if not usable or any(c.isspace() for c in text):
        raise ValueError(f"must be a URL that begins with {begins} and names a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user or password; they belong in the Secret of credentialsSecretRef")
    return parts


def _url(text: str) -> str:
    if parts_of(text, ("http", "https"), "https://").fragment:
        raise ValueError("must not have a part after #")
    return text


URL = Annotated[
    str,
    StringConstraints(min_length=8, max_length=2048),
    AfterValidator(_url),
    Field(json_schema_extra={"pattern": "^https?://[^/?#]+", "x-kubernetes-validations": [NO_PASSWORD]}),
]


class CABundleRef(LocalRef):
    """A ConfigMap with the certificates of an authority that the system does not trust."""

    key: Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")] = Field(
        default="ca.crt", description="Key of the ConfigMap; its value is PEM text."
    )


RULES = (
    cel(
        "!self.serviceURL.startsWith('http://') || (has(self.insecureHTTP) && self.insecureHTTP)",
        "plain http is refused; use https, or set insecureHTTP: true for a trial without real data",
        ".serviceURL",
    ),
    cel(
        "!has(self.authenticationURL) || !self.authenticationURL.startsWith('http://') || "
        "(has(self.insecureHTTP) && self.insecureHTTP)",
        "plain http is refused; use https, or set insecureHTTP: true for a trial without real data",
        ".authenticationURL",
    ),
    cel(
        "!has(self.signatureMethod) || (has(self.authentication) && self.authentication == 'OAuth1')",
        "signatureMethod only goes with authentication: OAuth1",
        ".signatureMethod",
    ),
    cel(
        "!has(self.authentication) || self.authentication != 'OAuth1' || "
        "(!has(self.authenticationURL) && !has(self.scope))",
        "authenticationURL and scope only go with authentication: OAuth2",
        ".authentication",
    ),
)
"""What the API server checks of every kind's Delivery Config."""


class EndpointConfig(Model):
    """What the Delivery Config of every kind says, beside where its source is."""

    @property
    def creates(self) -> bool:
        """Whether people whom no other source has are imported."""
        return True

    @property
    def shapes(self) -> dict[str, Any]:
        """The parts that say who is read, and as what, normalised. They belong to the effective configuration."""
        return {}


class OneRosterConfig(EndpointConfig):
    """School Passport's Delivery Config of a SIS that speaks OneRoster: its address, the credentials, and limits for
    requests. Kinds describe and limit these fields in their own way.
    """

    model_config = validations(*RULES)

    insecureHTTP: Bool = Field(
        default=False,
        description="Allow plain http, which sends records and credentials unencrypted: only for trials without real data.",
    )
    serviceURL: URL = Field(
        description="Base of the SIS's OneRoster API, up to the version, such as "
        "https://DISTRICT.focusschoolsoftware.com/focus/api/1.0/ims/oneroster/v1p1."
    )
    credentialsSecretRef: SecretRef = Field(
        description="Secret with the client's credentials. deliveryConfig says which keys it has."
    )
    authentication: Literal["OAuth2", "OAuth1"] = Field(
        default="OAuth2",
        description="How requests are authenticated: OAuth 2 client credentials, or OAuth 1.0a signatures.",
    )
    authenticationURL: URL | None = Field(
        default=None, description="Where tokens are fetched (OAuth2). Absent: serviceURL followed by /token."
    )
    signatureMethod: Literal["HMAC-SHA1", "HMAC-SHA256"] | None = Field(
        default=None, description="How requests are signed (OAuth1 only). Absent: HMAC-SHA256."
    )
    scope: Annotated[str, StringConstraints(min_length=1, max_length=1024)] | None = Field(
        default=None, description="Scope of the token request (OAuth2). Absent: none is sent; Focus needs none."
    )
    pageSize: Int = Field(
        default=500,
        ge=1,
        le=10000,
        description="Records per page. Halved automatically when the server cannot manage a page.",
    )
    maxConcurrentRequests: Int = Field(
        default=4, ge=1, le=64, description="How many requests may be in progress at the same time."
    )
    requestsPerSecond: Int | None = Field(
        default=None, ge=1, le=1000, description="How many requests may start per second. Absent: no limit."
    )
    timeoutSeconds: Int = Field(
        default=60,
        ge=1,
        le=3600,
        description="How long to wait for the first byte of an answer. Its end may take ten times as long.",
    )
    patienceSeconds: Int | None = Field(
        default=None,
        ge=0,
        le=21600,
        description=(
            "How long a run waits for a SIS that fails, asks for fewer requests or no longer answers. One that never "
            "answered gets six attempts. Absent: 600."
        ),
    )
    caBundleRef: CABundleRef | None = Field(
        default=None,
        description="ConfigMap with the certificates to trust for this SIS. Absent: the system's authorities.",
    )

    @field_validator("serviceURL", "authenticationURL")
    @classmethod
    def _secure(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is not None and url.startswith("http://") and info.data.get("insecureHTTP") is False:
            raise ValueError(
                "plain http is refused: records and credentials would be sent unencrypted; use https, or set "
                "deliveryConfig.insecureHTTP: true for a trial without real data"
            )
        if info.field_name == "serviceURL" and url is not None and "?" in url:
            raise ValueError("must not have a query (a part after ?); the paths of OneRoster are appended to it")
        return url

    @field_validator("authenticationURL", "scope")
    @classmethod
    def _only_oauth2(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("authentication") == "OAuth1":
            raise ValueError("only goes with authentication: OAuth2; OAuth1 fetches no token")
        return value

    @field_validator("signatureMethod")
    @classmethod
    def _only_oauth1(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("authentication") == "OAuth2":
            raise ValueError("only goes with authentication: OAuth1; remove it, or set authentication: OAuth1")
        return value

    @property
    def speaks(self) -> str:
        """The version of OneRoster."""
        return "1.1"

    @property
    def tokens_at(self) -> str:
        """Where tokens are fetched."""
        return self.authenticationURL or self.serviceURL.rstrip("/") + "/token"


class DeliveryConfig(OneRosterConfig):
    """The Delivery Config of a SIS whose addresses do not say which version of OneRoster it speaks."""

    version: Literal["1.1", "1.2"] = Field(
        default="1.1", description='Version of OneRoster that the SIS speaks, in quotes: "1.1" (Focus) or "1.2".'
    )

    @property
    def speaks(self) -> str:
        """The version of OneRoster."""
        return self.version
