"""How many records of each kind each table has. Counted once, when changes are known."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from rostersync.fate import HELD_BACK, Fate
from rostersync.roster import Table
from rostersync.tables.context import Context, read_only
from rostersync.tables.of_schools import only_mine
from rostersync.tables.sql import in_list


@dataclass(frozen=True)
class Tally:
    """Numbers of records of one table.

    `population`: active records of the store, by entity. `changes`: by (entity, new_entity, change, cause). `fates`:
    pulled records, by (entity, fate, has_error). `deferred`: deletes that wait for a complete read, by entity. `kept`:
    records of the store that stay although this pull does not bring them, by entity.
    """

    population: Mapping[str, int]
    changes: Mapping[tuple[str, str, str, str], int]
    fates: Mapping[tuple[str | None, Fate | None, bool], int]
    deferred: Mapping[str, int]
    kept: Mapping[str, int]

    def fated(self, *fates: Fate | None) -> int:
        """How many pulled records have one of these fates."""
        return sum(n for (_, fate, _), n in self.fates.items() if fate in fates)

    def changed(self, *changes: str) -> int:
        """How many changes are of one of these kinds."""
        return sum(n for (_, _, change, _), n in self.changes.items() if change in changes)


Tallies = Mapping[str, Tally]  # by table


def count(context: Context, *, mine: bool = False) -> Tallies:
    """Count every table that has `fates_`, `deletes_` and `changes_`. `mine`: only records of `mine_<table>`."""
    return read_only({table.name: _tally(context, table, only_mine(table, mine=mine)) for table in context.tables})


def _tally(context: Context, table: Table, which: str) -> Tally:
    name = table.name
    rows = context.con.execute(f"""
        SELECT 1, entity, NULL, NULL, NULL, NULL, count(*) FROM store_{name} WHERE status = 'active' AND {which} GROUP BY ALL
        UNION ALL SELECT 2, entity, new_entity, change, cause, NULL, count(*) FROM changes_{name} WHERE {which} GROUP BY ALL
        UNION ALL SELECT 3, entity, NULL, fate, NULL, has_error, count(*) FROM fates_{name} WHERE {which} GROUP BY ALL
        UNION ALL SELECT 4, entity, NULL, NULL, NULL, NULL, count(*) FROM deletes_{name} WHERE deferred AND {which} GROUP BY ALL
        UNION ALL SELECT 5, entity, NULL, NULL, NULL, NULL, count(*) FROM unmatched_{name}
        WHERE coalesce(fate, '') NOT IN {in_list((*HELD_BACK, Fate.KEPT))} AND id NOT IN (SELECT id FROM deletes_{name})
          AND id NOT IN (SELECT id FROM changes_{name}) AND {which} GROUP BY ALL
    """).fetchall()
    population, deferred, kept = Counter[str](), Counter[str](), Counter[str]()
    changes, fates = Counter[tuple[str, str, str, str]](), Counter[tuple[str | None, Fate | None, bool]]()
    for what, entity, new_entity, how, why, has_error, number in rows:
        if what == 1:
            population[entity] += number
        elif what == 2:
            changes[entity, new_entity, how, why] += number
        elif what == 3:
            fates[entity, how and Fate(how), bool(has_error)] += number
        elif what == 4:
            deferred[entity] += number
        else:
            kept[entity] += number
    return Tally(read_only(population), read_only(changes), read_only(fates), read_only(deferred), read_only(kept))
