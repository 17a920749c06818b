"""References of a source, followed into the roster: `renamed_<table>` says which ids of a source are others there, or none (null)."""

from collections.abc import Iterable

from rostersync.roster import Attribute, Kind
from rostersync.tables.context import Context
from rostersync.tables.sql import q


def follow(context: Context, rows: str, references: Iterable[Attribute]) -> str:
    """A SELECT of these rows (a table with `source` and `id`), with these references replaced by the roster's."""
    replaced, joins = [], []
    for number, a in enumerate(references):
        target = f"renamed_{a.target}"
        if not context.exists(target):
            continue
        name, x = q(a.name), f"x{number}"
        if a.kind is Kind.REF:
            joins.append(f"LEFT JOIN {target} {x} ON {x}.source = c.source AND {x}.id = c.{name}")
            replaced.append(f"CASE WHEN {x}.id IS NULL THEN c.{name} ELSE {x}.record_id END AS {name}")
        else:
            joins.append(f"""
                LEFT JOIN (
                  SELECT e.source, e.id,
                    list_sort(list_distinct(list(coalesce(r.record_id, e.ref)) FILTER (r.id IS NULL OR r.record_id IS NOT NULL)))
                      AS refs
                  FROM (SELECT source, id, unnest({name}) AS ref FROM {rows} WHERE {name} IS NOT NULL) e
                  LEFT JOIN {target} r ON r.source = e.source AND r.id = e.ref GROUP BY ALL) {x}
                ON {x}.source = c.source AND {x}.id = c.id""")
            replaced.append(f"{x}.refs AS {name}")
    replacing = f"REPLACE ({', '.join(replaced)})" if replaced else ""
    return f"SELECT c.* {replacing} FROM {rows} c {' '.join(joins)}"
