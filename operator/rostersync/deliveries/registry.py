"""Which formats and places of deliveries there are. It imports little, since the operator reads it and delivers nothing."""

from rostersync.api.v1alpha1.connection import Connection
from rostersync.api.v1alpha1.deliveries import Delivery
from rostersync.deliveries.basic_roster_kind import BASIC_ROSTER
from rostersync.deliveries.directory import DIRECTORY
from rostersync.deliveries.object_storage import OBJECT_STORAGE
from rostersync.deliveries.oneroster_csv_kind import ONEROSTER_CSV
from rostersync.deliveries.port import Format, Place
from rostersync.deliveries.sftp.kind import PLACE as SFTP
from rostersync.errors import NotYetSupported

FORMATS: dict[str, Format] = {"oneRosterCSV": ONEROSTER_CSV, "basicRoster": BASIC_ROSTER}
"""By the field of a delivery that says what is delivered."""

PLACES: dict[str, Place] = {"sftp": SFTP, "directory": DIRECTORY, "objectStorage": OBJECT_STORAGE}
"""By the field of a delivery that says where."""


def format_of(delivery: Delivery) -> Format:
    """The record of what is delivered. Raises NotYetSupported."""
    found = FORMATS.get(delivery.format)
    if found is None:
        raise NotYetSupported("spec.deliveries names a format that this version does not write; leave it out.")
    return found


def place_of(delivery: Delivery) -> Place:
    """The record of a delivery's place. Raises NotYetSupported."""
    found = PLACES.get(delivery.place)
    if found is None:
        raise NotYetSupported("spec.deliveries names a place that this version does not deliver to; leave it out.")
    return found


def secrets_of(connection: Connection) -> tuple[str, ...]:
    """The Secrets that delivering a connection's roster takes, each once."""
    found = (PLACES[d.place].secret(d) for d in connection.spec.deliveries if d.place in PLACES)
    return tuple(dict.fromkeys(name for name in found if name))


def claims_of(connection: Connection) -> dict[str, str]:
    """The volume claims that delivering a connection's roster takes, and the field that names each first."""
    found: dict[str, str] = {}
    for number, delivery in enumerate(connection.spec.deliveries):
        claim = PLACES[delivery.place].claim(delivery) if delivery.place in PLACES else None
        if claim:
            found.setdefault(claim, f"spec.deliveries[{number}].{delivery.place}")
    return found
