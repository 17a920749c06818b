"""What the stages of one plan share, read-only: the connection to the engine, the configuration, and what was read.

A stage passes on tables in the engine's database, named `<stage>_<table>` (ARCHITECTURE.md has their columns), and the
frozen result that it returns. Nothing is passed on through this object.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, TypeVar

from duckdb import DuckDBPyConnection

from rostersync.api.v1alpha1.connection import ConnectionSpec
from rostersync.model import Entity
from rostersync.roster import DEMOGRAPHICS, TABLES, Table
from rostersync.tables.sql import in_list

Progress = Callable[[str, str, int, int | None], None]


K = TypeVar("K")
V = TypeVar("V")


def read_only(mapping: Mapping[K, V]) -> Mapping[K, V]:
    """A read-only copy of a mapping."""
    return MappingProxyType(dict(mapping))


@dataclass(frozen=True)
class Stored:
    """What the store has of one table: active records, tombstones, and the metadata keys of active records."""

    active: bool = False
    tombstones: bool = False
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Context:
    """One plan in the making. `source` is its ID in the store. `stored` is by table, `proof` by collection."""

    con: DuckDBPyConnection
    district: str
    source: str
    spec: ConnectionSpec
    taken: frozenset[Entity]
    proof: Mapping[str, Mapping[str, Any]]
    stored: Mapping[str, Stored]
    as_of: datetime
    memory: int  # bytes that the engine may take
    deferring: bool  # a DisableDeletion window is open
    progress: Progress = lambda *_: None

    @property
    def prefix(self) -> str:
        """The SIS ID prefix."""
        return self.spec.sisIDPrefix

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables that a plan is about.

        These are all, except for demographics that are neither taken nor in the store, since nothing refers to them.
        """
        left_out = not self.takes(DEMOGRAPHICS) and not self.stored[DEMOGRAPHICS.name].active
        return tuple(t for t in TABLES if t is not DEMOGRAPHICS or not left_out)

    @property
    def links(self) -> Mapping[Entity, frozenset[Entity]]:
        """For each entity that Include Linked decides, the entities of those rules."""
        rules = self.spec.filterRules
        listed = dict.fromkeys(Entity(e) for r in rules for e in r.includeLinked)
        return {e: frozenset(r.entity for r in rules if e in r.includeLinked) for e in listed}

    def takes(self, table: Table) -> bool:
        """Whether any entity of a table is taken from the source."""
        return any(e in self.taken for e in table.entities)

    def taken_of(self, table: Table) -> str:
        """The entities of a table that are taken, for `IN …`. If there are none, a list that matches nothing."""
        return in_list(e.value for e in table.entities if e in self.taken) if self.takes(table) else "('')"

    def offered(self, name: str) -> bool:
        """Whether the server offers a collection at all."""
        return bool(self.proof.get(name, {}).get("offered"))

    def complete(self, name: str) -> bool:
        """Whether the pull of a collection was proved complete. A collection that is not offered counts as complete."""
        return not self.offered(name) or bool(self.proof[name].get("complete"))

    def sql(self, text: str) -> None:
        """Run a statement. Its text is our own, since configuration reaches the engine only as bound constants."""
        self.con.execute(text)

    def one(self, text: str) -> Any:
        """The first column of the first row."""
        rows = self.con.execute(text).fetchall()  # to the end, since an unfinished result blocks the connection
        return rows[0][0] if rows else None

    def exists(self, relation: str) -> bool:
        """Whether a table or view has any row."""
        return self.one(f"SELECT 1 FROM {relation} LIMIT 1") is not None

    def begin(self, stage: str, table: Table) -> None:
        """Report which table a stage works on."""
        self.progress(stage, table.name, TABLES.index(table), len(TABLES))

    def has_other_keys(self, table: Table) -> bool:
        """Whether the store has metadata keys that the connection does not name. They stay, and are not compared."""
        return not self.stored[table.name].keys.issubset(self.metadata_to_keep(*table.entities))

    def metadata_to_keep(self, *entities: Entity) -> list[str]:
        """The metadata keys that the connection names for entities. Records have only these."""
        spec = self.spec
        named = [(m.entity, m.attribute) for m in spec.attributesMapping]
        named += [(r.entity, r.attribute) for r in spec.dataRequirements]
        named += [(r.entity, c.attribute) for r in spec.filterRules for c in r.conditions]
        named += [(d.entity, a) for d in spec.domainsOfUniqueness for a in d.attributes]
        return sorted({a.removeprefix("metadata.") for e, a in named if e in entities and a.startswith("metadata.")})
