"""What a plan keeps of merge: the roster's changes counted, and the links and owners that change, in files."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from rostersync.model import Entity, EntityCounts
from rostersync.plan.verify import rows_hash
from rostersync.roster import TABLES, Table
from rostersync.tables.context import Context, read_only
from rostersync.tables.counts import Tally
from rostersync.tables.sql import literal


def tally(context: Context, table: Table, touched: Collection[Table]) -> Tally:
    """The roster's records before this plan, and its changes, in the form that contributions are counted in."""
    name = table.name
    rows = context.con.execute(
        f"SELECT entity, count(*) FROM roster_{name} WHERE status = 'active' GROUP BY 1"
    ).fetchall()
    changes = {}
    if table in touched:
        found = context.con.execute(
            f"SELECT entity, new_entity, change, cause, count(*) FROM roster_changes_{name} GROUP BY ALL"
        ).fetchall()
        changes = {(entity, new, change, cause): number for entity, new, change, cause, number in found}
    nothing: Mapping[Any, int] = read_only({})
    return Tally(read_only(dict(rows)), read_only(changes), nothing, nothing, nothing)


def counts_of(tallies: dict[str, Tally]) -> list[EntityCounts]:
    """The roster's counts, of the entities that it has or gets."""
    counted = []
    for table in TABLES:
        known = tallies[table.name]
        for entity in table.entities:
            mine = {"Create": 0, "Update": 0, "Delete": 0}
            for (of, _, change, _), number in known.changes.items():
                mine[change] += number if of == entity else 0
            population = known.population.get(entity, 0)
            created, updated, deleted = mine.values()
            unchanged = population - updated - deleted
            if population or created:
                counted.append(
                    EntityCounts(Entity(entity), created, updated, deleted, unchanged, population=population)
                )
    return counted


def write_links(context: Context, file: Path) -> str:
    """Write the links that change: tbl, source, id, record_id (null: it is its own id, or none), was. Returns their SHA-256."""
    parts = []
    for table in TABLES:
        name = table.name
        parts.append(f"""
            SELECT {literal(name)} AS tbl, source, id, now.record_id, links.record_id AS was
            FROM (SELECT source, id, record_id FROM named_{name}
                  WHERE record_id IS NOT NULL AND (record_id <> id OR NOT brings)) now
            FULL JOIN links_{name} links USING (source, id) WHERE now.record_id IS DISTINCT FROM links.record_id""")
    return _write(context, " UNION ALL ".join(parts), "tbl, source, id", file)


def write_owners(context: Context, touched: Collection[Table], file: Path) -> str:
    """Write the owners that change: tbl, id, attribute, source (null: nobody). Returns their SHA-256."""
    parts = ["SELECT '' AS tbl, '' AS id, '' AS attribute, '' AS source WHERE FALSE"]
    for table in TABLES:
        name = table.name
        if table in touched:
            parts.append(f"""
                SELECT {literal(name)}, id, attribute, now.source FROM owned_{name} now
                FULL JOIN (SELECT * FROM owners_{name} SEMI JOIN touched_{name} USING (id)) was USING (id, attribute)
                WHERE now.source IS DISTINCT FROM was.source""")
    return _write(context, " UNION ALL ".join(parts), "tbl, id, attribute", file)


def _write(context: Context, rows: str, order: str, file: Path) -> str:
    context.sql(f"COPY (SELECT * FROM ({rows}) ORDER BY {order}) TO {literal(str(file))} (FORMAT parquet)")
    return rows_hash(context.con, file)
