"""How many records of a table there are of each kind: asked once, when changes are known, and read by all who count."""

from collections import Counter
from dataclasses import dataclass, field

from rostersync.roster import Table
from rostersync.sync.context import HELD_BACK, KEPT, Context, in_list


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


def tally(context: Context, table: Table) -> Tally:
    """Count a table whose `fates_`, `deletes_` and `changes_` are there."""
    name, found = table.name, Tally()
    rows = context.con.execute(f"""
        SELECT 1, entity, NULL, NULL, NULL, NULL, count(*) FROM store_{name} WHERE status = 'active' GROUP BY ALL
        UNION ALL SELECT 2, entity, new_entity, change, cause, NULL, count(*) FROM changes_{name} GROUP BY ALL
        UNION ALL SELECT 3, entity, NULL, fate, NULL, has_error, count(*) FROM fates_{name} GROUP BY ALL
        UNION ALL SELECT 4, entity, NULL, NULL, NULL, NULL, count(*) FROM deletes_{name} WHERE deferred GROUP BY ALL
        UNION ALL SELECT 5, entity, NULL, NULL, NULL, NULL, count(*) FROM unmatched_{name}
        WHERE coalesce(fate, '') NOT IN {in_list((*HELD_BACK, KEPT))} AND id NOT IN (SELECT id FROM deletes_{name})
          AND id NOT IN (SELECT id FROM changes_{name}) GROUP BY ALL
    """).fetchall()
    for what, entity, new_entity, how, why, has_error, number in rows:
        if what == 1:
            found.population[entity] += number
        elif what == 2:
            found.changes[entity, new_entity, how, why] += number
        elif what == 3:
            found.fates[entity, how, bool(has_error)] += number
        elif what == 4:
            found.deferred[entity] += number
        else:
            found.kept[entity] += number
    return found
