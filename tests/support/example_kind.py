"""A kind of connection that the product does not have: what a OneRoster system of another vendor would cost.

Its Secret has other keys, it can do without classes and enrolments, asks for smaller pages, and begins its sourceIDs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal
from unittest.mock import patch

from pydantic import Field

from rostersync.api.kinds import KINDS, SERVICE_URL
from rostersync.api.kinds import connection as connection_kind
from rostersync.api.v1alpha1.connection import Connection, ConnectionSpec
from rostersync.api.v1alpha1.delivery_config import DeliveryConfig
from rostersync.sources.oneroster.profile import profile
from rostersync.sources.registry import PROFILES

KIND = connection_kind("ExampleConnection", "xcon", SERVICE_URL, module=__name__)
EXAMPLE = profile(
    "Example",
    prefix="ex-",
    client_id="accountName",
    client_secret="accessKey",
    required=frozenset({"orgs", "users"}),
    page_size=40,
)


class ExampleConnectionSpec(ConnectionSpec):
    """What the district configures."""

    deliveryConfig: DeliveryConfig = Field(
        description="Where the SIS is. Its Secret has the keys accountName and accessKey."
    )


class ExampleConnection(Connection):
    """A district's example SIS."""

    kind: Literal["ExampleConnection"] = Field(default="ExampleConnection", description="Kind of the object.")
    spec: ExampleConnectionSpec = Field(description="What the district configures.")


def register() -> None:
    """One record in each registry, as a kind of the product has; for a process of its own."""
    KINDS[KIND.name], PROFILES[KIND.name] = KIND, EXAMPLE


@contextmanager
def registered() -> Iterator[None]:
    """The same, for a while."""
    with patch.dict(KINDS), patch.dict(PROFILES):
        register()
        yield
