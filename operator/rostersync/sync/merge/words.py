"""What a district says of its data sources: Domains of Uniqueness, Master Fields, and the sources in order of age. Pure.

Ranks say whose value stands: of the sources that have one, the one with the least rank.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rostersync.api.v1alpha1.uniqueness import EVERY, Domain, MasterField
from rostersync.model import Entity
from rostersync.roster import USERS, Attribute, Table

METADATA = "metadata."

# Ranks of a source, besides its age. An attribute that is not overridden has ranks from NOT_OVERRIDDEN on: there, a source that
# Master Fields name goes before others, one whose record already stood before that, and the owner of the value first of all.
MASTER = -1
NOT_OVERRIDDEN = 1_000_000
UNNAMED, CAME_LATER, OWNED = 1_000, 10_000, 500_000


@dataclass(frozen=True)
class Source:
    """A source of a district. `brings`: it has records of its own, and not only attributes of those of others."""

    source: str
    brings: bool = True


@dataclass(frozen=True)
class Words:
    """The district's words about its sources, which are in order of age."""

    sources: tuple[Source, ...]
    domains: tuple[Domain, ...] = ()
    masters: tuple[MasterField, ...] = ()

    def domains_of(self, table: Table) -> Iterator[tuple[int, Domain]]:
        """The domains of a table's entities, with a number that those have in common by which records may be the same.

        A person may be of another entity in another source, so people's domains of equal attributes are one.
        """
        mine = [d for d in self.domains if d.entity in table.entities]
        same: dict[tuple[str, tuple[str, ...]], int] = {}
        for domain in mine:
            among = USERS.name if table is USERS else domain.entity.value
            yield same.setdefault((among, tuple(sorted(domain.attributes))), len(same)), domain

    def order(self, table: Table) -> dict[str, int]:
        """Sources by whose id stands where several do: as Master Fields name them, then by age."""
        named = [m.source for m in self.masters if m.entity in table.entities]
        by_age = {source.source: age for age, source in enumerate(self.sources)}
        first = sorted(by_age, key=lambda name: (named.index(name) if name in named else len(named), by_age[name]))
        return {name: number for number, name in enumerate(first)}

    def ranked(self, table: Table) -> bool:
        """Whether Master Fields say anything about a table."""
        return any(m.entity in table.entities for m in self.masters)

    def ranks(self, table: Table) -> Iterator[tuple[Entity, str, tuple[int, ...]]]:
        """(entity, source, its rank for each attribute in order, and for metadata that nobody names)."""
        for entity in table.entities:
            for age, source in enumerate(self.sources):
                found = [self._rank(self._entry(entity, a), source.source, age) for a in table.attributes]
                yield entity, source.source, (*found, self._rank(self._every(entity), source.source, age))

    def key_ranks(self, table: Table) -> Iterator[tuple[Entity, str, str, int]]:
        """(entity, key of metadata, source, its rank), for the keys that Master Fields name."""
        for master in self.masters:
            for name in master.attributes if master.entity in table.entities else ():
                for age, source in enumerate(self.sources if name.startswith(METADATA) else ()):
                    yield (
                        master.entity,
                        name.removeprefix(METADATA),
                        source.source,
                        self._rank(master, source.source, age),
                    )

    def not_overridden(self, table: Table) -> tuple[Attribute, ...]:
        """The attributes whose owner is remembered, for any entity of a table."""
        entries = [(a, self._entry(e, a)) for a in table.attributes for e in table.entities]
        return tuple(dict.fromkeys(a for a, entry in entries if entry is not None and entry.mode == "DoNotOverride"))

    def keys_not_overridden(self, table: Table) -> bool:
        """The same for keys of metadata: whether there may be any."""
        mine = [m for m in self.masters if m.entity in table.entities and m.mode == "DoNotOverride"]
        return any(name == EVERY or name.startswith(METADATA) for m in mine for name in m.attributes)

    def _entry(self, entity: Entity, attribute: Attribute) -> MasterField | None:
        named = [m for m in self.masters if m.entity is entity and attribute.name in m.attributes]
        return named[0] if named else None if attribute.target else self._every(entity)

    def _every(self, entity: Entity) -> MasterField | None:
        return next((m for m in self.masters if m.entity is entity and EVERY in m.attributes), None)

    @staticmethod
    def _rank(entry: MasterField | None, source: str, age: int) -> int:
        if entry is None:
            return age
        if entry.mode == "Master":
            return MASTER if entry.source == source else age
        return NOT_OVERRIDDEN + age + (0 if entry.source == source else UNNAMED)


def sources_of(names: Iterable[str], brings: Mapping[str, bool]) -> tuple[Source, ...]:
    """Sources in order of age. Those of which nothing is said bring records."""
    return tuple(Source(source, brings.get(source, True)) for source in names)
