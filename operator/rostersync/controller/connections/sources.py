"""Which connections share a source or a district, and who owns a source: the oldest connection of a namespace with a
(district, sourceID). Pure.

Stores are claims, and claims belong to a namespace. So the same names in another namespace are another roster.
"""

from rostersync.api.kinds import Ref, connections
from rostersync.controller.cluster.cache import Cache, Object, age, district_of, source_of

REASON = "SourceTaken"


def sharing(store: Cache, obj: Object) -> list[Object]:
    """Every connection of the same source, of any kind."""
    source = source_of(obj)
    return [other for kind in connections() for other in store.related(kind.plural, source)]


def of_district(store: Cache, obj: Object) -> list[Object]:
    """Every connection of the same district, of any kind and source."""
    district = district_of(obj)
    return [other for kind in connections() for other in store.related(kind.plural, district)]


def of_other_sources(store: Cache, obj: Object) -> list[Object]:
    """Connections of the same district that bring other sources. One whose source is taken brings nothing."""
    source = source_of(obj)
    others = [other for other in of_district(store, obj) if source_of(other) != source]
    return [other for other in others if taken(store, other) is None]


def taken(store: Cache, obj: Object) -> tuple[str, str] | None:
    """(reason, message) when an older connection owns this connection's source, else None.

    The age comes from the API server, then name and kind decide, so every operator comes to the same answer. A
    suspended or invalid connection keeps its source. Only its deletion releases it.
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
