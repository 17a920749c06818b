"""What is counted of each table while a plan is made: of the store before (stored.py), of everything after (tally.py)."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Stored:
    """Of one table: whether there are active records and tombstones, and the metadata keys of active ones."""

    active: bool = False
    tombstones: bool = False
    keys: frozenset[str] = frozenset()


@dataclass
class Tally:
    """Numbers of records of one table.

    `population`: active ones of the store, by entity. `changes`: by (entity, new_entity, change, cause). `fates`: pulled
    ones, by (entity, fate, has_error). `deferred`: deletes that wait for a complete read, by entity. `kept`: records of the
    store that stay as they are though this pull does not bring them, by entity.
    """

    population: Counter[str] = field(default_factory=Counter)
    changes: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    fates: Counter[tuple[str | None, str | None, bool]] = field(default_factory=Counter)
    deferred: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)

    def fated(self, *fates: str | None) -> int:
        """How many pulled records have one of these fates."""
        return sum(n for (_, fate, _), n in self.fates.items() if fate in fates)

    def changed(self, *changes: str) -> int:
        """How many changes are of one of these kinds."""
        return sum(n for (_, _, change, _), n in self.changes.items() if change in changes)
