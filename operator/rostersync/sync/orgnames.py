"""The names of organisations, beside a plan: `orgs.parquet`, so that people read names where the plan has ids.

They are outside of the digest, since a name decides nothing. Organisations are few (thousands at most), so they are
processed one by one.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rostersync.plan.folder import ORGS as FILE
from rostersync.roster import ORGS, USERS
from rostersync.sync.scope import Scope
from rostersync.tables.context import Context
from rostersync.tables.counts import Tallies, Tally
from rostersync.tables.entities import entity_of

_COLUMNS = {
    "id": pa.string(),  # in the store; null for a school of the source that is not mapped
    "sis_ids": pa.list_(pa.string()),  # as the source sends them; several, if schools are united
    "entity": pa.string(),
    "name": pa.string(),
    "students": pa.int64(),  # of the store, before the plan; null if no person changes
    "teachers": pa.int64(),
}


def write_orgs(context: Context, tallies: Tallies, scope: Scope, folder: Path, *, several: bool = False) -> None:
    """Write every organisation of the store and of the pull, in order of id. `several`: those of other sources, too."""
    rows = list(_rows(context, tallies, scope))
    known = {row["id"] for row in rows}
    rows += [row for row in (_of_roster(context) if several else ()) if row["id"] not in known]
    rows.sort(key=_order)
    pq.write_table(pa.Table.from_pylist(rows, pa.schema(_COLUMNS)), folder / FILE)


def _order(row: dict[str, object]) -> tuple[str, str]:
    return str(row["id"] or ""), str(row["sis_ids"])


def _rows(context: Context, tallies: Tallies, scope: Scope) -> Iterator[dict[str, object]]:
    raw: dict[str, set[str]] = {}
    remembered = context.con.execute("SELECT sis_id, target_id FROM store_schools").fetchall()
    for sis_id, target in (*remembered, *((i, place.leads_to) for i, place in scope.places.items())):
        raw.setdefault(target, set()).add(sis_id)
    people = _people(context, tallies[USERS.name])
    known = context.con.execute("""
        SELECT coalesce(f.id, s.id), coalesce(f.entity, s.entity), coalesce(f.name, s.name)
        FROM (SELECT id, entity, name FROM store_orgs WHERE status = 'active') s
        FULL JOIN (SELECT id, any_value(entity) AS entity, any_value(name) AS name FROM final_orgs GROUP BY id) f
          ON f.id = s.id
    """).fetchall()
    for id_, entity, name in known:
        sis_ids = sorted(raw.get(id_, ())) or [id_.removeprefix(context.prefix)]
        students, teachers = people.get(id_, (0, 0)) if people is not None else (None, None)
        yield {
            "id": id_,
            "sis_ids": sis_ids,
            "entity": entity,
            "name": name,
            "students": students,
            "teachers": teachers,
        }
    there = {
        i for sis_ids in (raw.get(id_, {id_.removeprefix(context.prefix)}) for id_, _, _ in known) for i in sis_ids
    }
    pulled = context.con.execute(f"SELECT sourcedId, {entity_of(ORGS)}, name FROM staged_orgs").fetchall()
    for sis_id, entity, name in pulled:
        if sis_id not in there:
            yield {"id": None, "sis_ids": [sis_id], "entity": entity, "name": name}


def _of_roster(context: Context) -> Iterator[dict[str, object]]:
    """Organisations of the roster so far, which this source knows by no id of its own."""
    there = context.con.execute("SELECT id, entity, name FROM roster_orgs WHERE status = 'active'").fetchall()
    for id_, entity, name in there:
        yield {"id": id_, "sis_ids": [], "entity": entity, "name": name}


def _people(context: Context, known: Tally) -> dict[str, tuple[int, int]] | None:
    """(students, teachers) of each organisation in the store. None if no person changes, or there are none."""
    if not known.population or not known.changes:
        return None
    rows = context.con.execute("""
        SELECT org, count(*) FILTER (entity = 'Student'), count(*) FILTER (entity = 'Teacher')
        FROM (SELECT entity, unnest(orgSourcedIds) AS org FROM store_users
              WHERE status = 'active' AND entity IN ('Student', 'Teacher'))
        GROUP BY org
    """).fetchall()
    return {org: (students, teachers) for org, students, teachers in rows}
