"""What this version refuses although the API has it, and whether the terms are accepted. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rostersync.api.v1alpha1.connection import Connection


@dataclass(frozen=True)
class Supported:
    """What this version has a record of, by its field: stores in `spec.store`, formats and places in `spec.deliveries`.

    The registries are above this package, so the caller hands it in.
    """

    stores: Collection[str]
    formats: Collection[str]
    places: Collection[str]


def terms_accepted(conn: Connection) -> bool:
    """Whether the terms of use, and with them the privacy policy, are accepted, so that a run may start."""
    return conn.spec.termsOfUse.accepted


def not_yet_supported(conn: Connection, supported: Supported) -> list[str]:
    """Dotted fields of the connection that are given but not supported yet."""
    spec = conn.spec
    store = spec.store.asked
    given = {
        f"spec.store.{store}": store is not None and store not in supported.stores,
    }
    deliveries = [
        f"spec.deliveries[{i}].{field}"
        for i, delivery in enumerate(spec.deliveries)
        for field, known in ((delivery.format, supported.formats), (delivery.place, supported.places))
        if field not in known
    ]
    return [field for field, value in given.items() if value] + deliveries


def refusal(later: Sequence[str]) -> str:
    """Why a connection with these fields is refused."""
    return f"{', '.join(later)}: not supported in this version; leave it out."
