"""Which connection a source belongs to: one (district, sourceID) has one connection in a namespace, the oldest. Pure.

Stores are claims, and claims belong to a namespace, so the same names in another namespace are another roster.
"""

from rostersync.api.kinds import Ref, connections
from rostersync.controller.cluster.cache import Cache, Object, age, source_of

REASON = "SourceTaken"


def sharing(store: Cache, obj: Object) -> list[Object]:
    """Every connection of the same source, of whatever kind."""
    source = source_of(obj)
    return [other for kind in connections() for other in store.related(kind.plural, source)]


def taken(store: Cache, obj: Object) -> tuple[str, str] | None:
    """(reason, message) when an older connection has this connection's source; None when it is its own.

    The API server says which is older, and of one second name and kind, so every operator comes to the same answer. A
    connection that is suspended or wrong keeps its source: only its deletion gives it free.
    """
    owner = min([obj, *sharing(store, obj)], key=lambda other: (*age(other), other["kind"]))
    if owner["metadata"]["uid"] == obj["metadata"]["uid"]:
        return None
    _, _, district, source = source_of(obj).split("/")
    return (
        REASON,
        f"{Ref.to(owner)} is older and has district {district}, sourceID {source} already. "
        f"Delete one of the two, or make this one again with another sourceID.",
    )
