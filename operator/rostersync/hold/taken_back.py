"""What a restore takes back, counted as limits count, so that the windows of later plans no longer count it.

A restore's own changes are not those of an import, so no window counts them. What goes with them by reference (Cascade)
was not there when the revision was applied: it is counted as in an import.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from rostersync.hold.gate import BY_SCHOOL, Place
from rostersync.hold.measure import school_population
from rostersync.model import Cause, Change, Entity, JudgedCounts
from rostersync.roster import TABLES
from rostersync.tables.context import Context
from rostersync.tables.sql import literal

_IN_ALL = "SELECT entity, NULL, change, count(*) FROM taken_back GROUP BY ALL"
_BY_SCHOOL = """
    SELECT entity, school, change, count(DISTINCT id) FROM moves SEMI JOIN taken_back USING (entity, change, id)
    WHERE side = CASE WHEN change IN {of_after} THEN 'after' ELSE 'before' END GROUP BY ALL"""


def split(
    context: Context, judged: Iterable[JudgedCounts], revision: int, *, by_school: bool
) -> tuple[JudgedCounts, ...]:
    """The counts of a restore: those of its cascades, and those that take back this revision. Nothing is in both."""
    _lay_out(context)
    rows = list(judged)
    population: dict[Place, int] = {(row.entity, row.school): row.population for row in rows}
    own, taken = _counted(context, _IN_ALL), _counted(context, _IN_ALL)
    if by_school:
        population.update({(e, s): number for (e, s), number in school_population(context).items()})
        own |= _counted(context, _BY_SCHOOL.format(of_after="('Create')"))
        # An update was counted where the record was before it, and that is where the restore puts it.
        taken |= _counted(context, _BY_SCHOOL.format(of_after="('Create', 'Update')"))
    rest = [_without(row, own.get((row.entity, row.school), {})) for row in rows]
    back = [
        JudgedCounts(
            *place,
            created=changes.get(Change.CREATE, 0),
            updated=changes.get(Change.UPDATE, 0),
            deleted=changes.get(Change.DELETE, 0),
            population=population.get(place, 0),
            takes_back=revision,
        )
        for place, changes in taken.items()
    ]
    return (*(row for row in rest if row.created or row.updated or row.deleted), *back)


def _lay_out(context: Context) -> None:
    """Make `taken_back` (entity, change, id). A record of which values were left alone is still changed by the revision."""
    back = " UNION ALL ".join(
        f"SELECT entity, new_entity, change, id FROM changes_{t.name} WHERE cause = {literal(Cause.RESTORED)} "
        f"AND id NOT IN (SELECT id FROM undone_{t.name} WHERE len(left_alone) > 0)"
        for t in TABLES
    )
    context.sql(f"""
        CREATE OR REPLACE TEMP TABLE taken_back AS
        WITH back AS ({back})
        SELECT entity, CASE WHEN entity <> new_entity THEN 'Delete' ELSE change END AS change, id FROM back
        UNION ALL SELECT new_entity, 'Create', id FROM back WHERE entity <> new_entity
    """)


def _counted(context: Context, sql: str) -> dict[Place, dict[Change, int]]:
    found: dict[Place, dict[Change, int]] = {}
    for entity, school, change, number in context.con.execute(f"{sql} ORDER BY ALL").fetchall():
        if school is None or Entity(entity) in BY_SCHOOL:
            found.setdefault((Entity(entity), school), {})[Change(change)] = number
    return found


def _without(row: JudgedCounts, own: Mapping[Change, int]) -> JudgedCounts:
    return replace(
        row,
        created=row.created - own.get(Change.CREATE, 0),
        updated=row.updated - own.get(Change.UPDATE, 0),
        deleted=row.deleted - own.get(Change.DELETE, 0),
    )
