"""How many records of a table there are of each kind: asked once, when changes are known, and read by all who count."""

from rostersync.roster import Table
from rostersync.tables.context import HELD_BACK, KEPT, Context, in_list
from rostersync.tables.counts import Tally


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
