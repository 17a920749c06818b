"""InfiniteCampusConnection: one district's Infinite Campus as a source of its roster."""

import re
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field, ValidationInfo, field_validator

from rostersync.api.v1alpha1.connection import Connection, ConnectionSpec
from rostersync.api.v1alpha1.delivery_config import RULES, URL, OneRosterConfig
from rostersync.api.v1alpha1.meta import Int, cel, validations

_12 = "/rostering/v1p2/?$"
_TOKENS = "/campus/oauth2/token"
_APP = re.compile(r"(https?://[^/?#]+/campus)/(?:api/)?oneroster/(?:v1p1/)?([^/]+)/ims/oneroster/v1p1/?")
_SIGNED = "Infinite Campus takes no OAuth1 signatures for OneRoster 1.2 (…/rostering/v1p2); leave authentication out"
_NO_TOKENS = (
    "is required with a serviceURL that ends in /rostering/v1p2: copy the token URL that Infinite Campus shows beside "
    "it, https://HOST/campus/oauth2/token?appName=NAME"
)
_NO_APP = "must keep its ?appName=NAME, as Infinite Campus shows it: it gives no token without that"


class InfiniteCampusConfig(OneRosterConfig):
    """School Passport's Delivery Config: Infinite Campus's addresses, the credentials, and limits for requests."""

    model_config = validations(
        *RULES,
        cel(
            f"!self.serviceURL.matches('{_12}') || !has(self.authentication) || self.authentication == 'OAuth2'",
            _SIGNED,
            ".authentication",
        ),
        cel(
            f"!self.serviceURL.matches('{_12}') || has(self.authenticationURL)",
            f"authenticationURL {_NO_TOKENS}",
            ".authenticationURL",
        ),
        cel(
            f"!has(self.authenticationURL) || !self.authenticationURL.matches('{_TOKENS}/?([?].*)?$') || "
            "self.authenticationURL.matches('[?&]appName=[^&]')",
            f"authenticationURL {_NO_APP}",
            ".authenticationURL",
        ),
    )

    serviceURL: URL = Field(
        description="Base URL of the connection, as Infinite Campus shows it. One that ends in /rostering/v1p2, such as "
        "https://HOST/campus/api/oneroster/v1p2/NAME/ims/oneroster/rostering/v1p2, is OneRoster 1.2 and needs "
        "authenticationURL; every other one is OneRoster 1.1."
    )
    authenticationURL: URL | None = Field(
        default=None,
        validate_default=True,
        description="Token URL of the connection, as Infinite Campus shows it, with its query: "
        "https://HOST/campus/oauth2/token?appName=NAME. Required for OneRoster 1.2. Absent: for OneRoster 1.1, made of "
        "serviceURL.",
    )
    scope: str | None = Field(
        default=None,
        min_length=1,
        max_length=1024,
        description="Scope of the token request (OAuth2), such as "
        "https://purl.imsglobal.org/spec/or/v1p2/scope/roster-core.readonly; several with spaces between. Demographics "
        "need roster-demographics.readonly. Absent: none is sent.",
    )
    pageSize: Int = Field(
        default=2000,
        ge=1,
        le=10000,
        description="Records per page. Halved automatically when the server cannot manage a page.",
    )
    maxConcurrentRequests: Int = Field(
        default=5,
        ge=1,
        le=5,
        description="How many requests may be in progress at the same time. Infinite Campus asks for at most 5 off peak, "
        "and for 1 while the district is at work.",
    )

    @field_validator("authenticationURL")
    @classmethod
    def _whole(cls, url: str | None, info: ValidationInfo) -> str | None:
        if url is None and _is_12(info.data.get("serviceURL", "")) and info.data.get("authentication") == "OAuth2":
            raise ValueError(_NO_TOKENS)
        parts = urlsplit(url or "")
        if parts.path.rstrip("/").endswith(_TOKENS) and not dict(parse_qsl(parts.query)).get("appName"):
            raise ValueError(_NO_APP)
        return url

    @field_validator("authentication")
    @classmethod
    def _unsigned(cls, value: str, info: ValidationInfo) -> str:
        if value == "OAuth1" and _is_12(info.data.get("serviceURL", "")):
            raise ValueError(_SIGNED)
        return value

    @property
    def speaks(self) -> str:
        """The version of OneRoster, by serviceURL."""
        return "1.2" if _is_12(self.serviceURL) else "1.1"

    @property
    def tokens_at(self) -> str:
        """Where tokens are fetched."""
        if self.authenticationURL is None and (found := _APP.fullmatch(self.serviceURL)):
            return f"{found[1]}/oauth2/token?appName={found[2]}"
        return super().tokens_at


def _is_12(service_url: str) -> bool:
    return re.search(_12, service_url) is not None


class InfiniteCampusConnectionSpec(ConnectionSpec):
    """What the district configures. Only termsOfUse and deliveryConfig are required."""

    deliveryConfig: InfiniteCampusConfig = Field(
        description="Where Infinite Campus is and how to connect to it. Its Secret has the keys clientID and clientSecret."
    )


class InfiniteCampusConnection(Connection):
    """A district's Infinite Campus as a source of its roster in School Passport."""

    kind: Literal["InfiniteCampusConnection"] = Field(
        default="InfiniteCampusConnection", description="Kind of the object."
    )
    spec: InfiniteCampusConnectionSpec = Field(description="What the district configures.")
