"""IlluminateConnection: one district's Illuminate as a source of its roster."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field

from rostersync.api.v1alpha1.connection import Connection, ConnectionSpec
from rostersync.api.v1alpha1.delivery_config import RULES, URL, DeliveryConfig
from rostersync.api.v1alpha1.meta import validations

_HOSTS = ".illuminateed.com"


class IlluminateConfig(DeliveryConfig):
    """School Passport's Delivery Config: Illuminate's address, the credentials, and limits for requests."""

    model_config = validations(*RULES)

    serviceURL: URL = Field(
        description="Base of Illuminate's OneRoster API, up to the version, as Illuminate told the district; it begins "
        "with https://DISTRICT.illuminateed.com/live/."
    )
    authentication: Literal["OAuth2", "OAuth1"] = Field(
        default="OAuth2",
        description="How requests are authenticated: OAuth 2 client credentials, or the older OAuth 1.0a signatures with "
        "the keys of a client and of a user.",
    )
    authenticationURL: URL | None = Field(
        default=None,
        description="Where tokens are fetched (OAuth2). Absent: https://DISTRICT.illuminateed.com/live/?OAuth2_AccessToken "
        "for a serviceURL on that host, else serviceURL followed by /token.",
    )
    version: Literal["1.1", "1.2"] = Field(
        default="1.1", description='Version of OneRoster that Illuminate speaks, in quotes: "1.1" or "1.2".'
    )

    @property
    def tokens_at(self) -> str:
        """Where tokens are fetched."""
        parts = urlsplit(self.serviceURL)
        if self.authenticationURL is None and (parts.hostname or "").endswith(_HOSTS):
            return f"{parts.scheme}://{parts.netloc}/live/?OAuth2_AccessToken"
        return super().tokens_at


class IlluminateConnectionSpec(ConnectionSpec):
    """What the district configures. Only termsOfUse and deliveryConfig are required."""

    deliveryConfig: IlluminateConfig = Field(
        description="Where Illuminate is and how to connect to it. Its Secret has the keys clientID and clientSecret. "
        "With authentication: OAuth1, it has userKey and userSecret, too."
    )


class IlluminateConnection(Connection):
    """A district's Illuminate as a source of its roster in School Passport."""

    kind: Literal["IlluminateConnection"] = Field(default="IlluminateConnection", description="Kind of the object.")
    spec: IlluminateConnectionSpec = Field(description="What the district configures.")
