"""What an extract must read for a connection: collections, and the metadata keys that its rules name. Pure."""

from collections.abc import Iterable

from rostersync.api.v1alpha1 import defaults
from rostersync.api.v1alpha1.attributes import METADATA
from rostersync.api.v1alpha1.connection import Connection, ConnectionSpec
from rostersync.api.v1alpha1.mapping import Text, parse_from, parse_template
from rostersync.model import Entity
from rostersync.roster import BY_ENTITY, DEMOGRAPHICS, TABLES
from rostersync.sources.registry import profile_of


def collections(connection: Connection) -> tuple[str, ...]:
    """The collections to pull: those that every import needs, and those of the entities that are taken."""
    profile = profile_of(connection)
    wanted = profile.required | {BY_ENTITY[e].name for e in defaults.entities(connection.spec)}
    return tuple(t.name for t in TABLES if t.name in wanted and t.name in profile.collections)


def private(connection: Connection) -> frozenset[str]:
    """Collections that are not read unless they are taken: demographics."""
    return frozenset({DEMOGRAPHICS.name}) - set(collections(connection))


def metadata_to_read(spec: ConnectionSpec) -> dict[str, frozenset[str]]:
    """The metadata keys by collection, as the SIS names them. No other metadata is decoded."""
    keys: dict[str, set[str]] = {}
    for entity, attribute in _named(spec):
        if attribute.startswith(METADATA):
            keys.setdefault(BY_ENTITY[entity].name, set()).add(attribute.removeprefix(METADATA))
    return {name: frozenset(found) for name, found in keys.items()}


def _named(spec: ConnectionSpec) -> Iterable[tuple[Entity, str]]:
    """(entity, attribute) of everything that a rule reads. A target without a source is read under its own name."""
    for entry in spec.attributesMapping:
        if entry.template is not None:
            sources = [p.source for p in parse_template(entry.template) if not isinstance(p, Text)]
        else:
            sources = [parse_from(entry.from_ or "")]
        yield from ((entry.entity, METADATA + s.name) for s in sources if s.kind == "metadata")
    for rule in spec.dataRequirements:
        yield rule.entity, rule.attribute
    for domain in spec.domainsOfUniqueness:
        yield from ((domain.entity, a) for a in domain.attributes)
    for filters in spec.filterRules:
        yield from ((filters.entity, c.attribute) for c in filters.conditions)
