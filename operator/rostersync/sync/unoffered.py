"""Collections that are taken but that the source does not offer, and what that costs. Reads the tables of link."""

from rostersync.fate import Fate
from rostersync.model import NotOffered
from rostersync.roster import BY_NAME, Table
from rostersync.tables.context import Context
from rostersync.tables.counts import Tallies
from rostersync.tables.sql import literal, q


def unoffered(context: Context, tallies: Tallies) -> tuple[NotOffered, ...]:
    """Each such collection, and the records that are held back because it is missing.

    A record that refers to one of these is held back, too: no course, so no class, so no enrolment.
    """
    missing = [n for n, p in context.proof.items() if not p.get("offered") and context.takes(BY_NAME[n])]
    return tuple(
        NotOffered(
            n, context.proof[n].get("status"), context.proof[n].get("scope", ""), _held_back(context, tallies, n)
        )
        for n in sorted(missing)
    )


def _held_back(context: Context, tallies: Tallies, missing: str) -> dict[str, int]:
    """Numbers of records, by entity, that dangle because a collection is missing."""
    wanting: dict[str, str] = {}  # a table's held-back ids, as a query
    counts: dict[str, int] = {}
    for table in context.tables:
        dangling = tallies[table.name].fated(Fate.DANGLING_REFERENCE)
        parts = _parts(table, missing, wanting) if dangling else []
        if not parts:
            continue
        wanting[table.name] = f"SELECT id FROM fates_{table.name} f WHERE {' OR '.join(parts)}"
        rows = context.con.execute(
            f"SELECT entity, count(*) FROM fates_{table.name} WHERE id IN ({wanting[table.name]}) GROUP BY 1 ORDER BY 1"
        ).fetchall()
        counts |= {entity: number for entity, number in rows if entity}
    return counts


def _parts(table: Table, missing: str, wanting: dict[str, str]) -> list[str]:
    """The conditions, one for each reference, by which a record of a table is one of them."""
    found = []
    for reference in (a for a in table.references if a.required):
        dangles = f"f.fate = {literal(Fate.DANGLING_REFERENCE)} AND f.dangling = {literal(reference.name)}"
        if reference.target == missing:
            found.append(f"({dangles})")
        elif reference.target in wanting:
            to = f"SELECT id FROM required_{table.name} WHERE {q(reference.name)} IN ({wanting[reference.target]})"
            found.append(f"({dangles} AND f.id IN ({to}))")
    return found
