"""FocusConnection: one district's Focus SIS as a source of its roster."""

from typing import Literal

from pydantic import Field

from rostersync.api.v1alpha1.connection import Connection, ConnectionSpec
from rostersync.api.v1alpha1.delivery_config import DeliveryConfig


class FocusConnectionSpec(ConnectionSpec):
    """What the district configures. Only termsOfUse and deliveryConfig are required."""

    deliveryConfig: DeliveryConfig = Field(
        description="Where the SIS is and how to connect to it. Its Secret has the keys clientID and clientSecret."
    )


class FocusConnection(Connection):
    """A district's Focus SIS as a source of its roster in School Passport."""

    kind: Literal["FocusConnection"] = Field(default="FocusConnection", description="Kind of the object.")
    spec: FocusConnectionSpec = Field(description="What the district configures.")
