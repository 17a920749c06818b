"""What was applied from a source within a limit's window: counts, and the population at the start of the window.

So a roster cannot be emptied by many small plans, each below the limit.
"""

from collections.abc import Iterable
from datetime import datetime

from rostersync.api.v1alpha1.defaults import Threshold
from rostersync.api.v1alpha1.times import parse_duration
from rostersync.hold.gate import ANY, Counted, Facts, Place
from rostersync.model import Change, Entity, JudgedCounts
from rostersync.stores.port import AppliedCounts, StoreReader
from rostersync.tables.context import Context


def record(facts: Facts, *, by_school: bool) -> tuple[JudgedCounts, ...]:
    """What a plan changes, as limits count it and as the store keeps it. `by_school` if a limit counts by school."""
    places: list[tuple[Entity, str | None, Counted]] = [(e, None, c) for e, c in facts.judged.items()]
    if by_school:
        places += [(e, s, c) for e, schools in facts.by_school.items() for s, c in sorted(schools.items())]
    return tuple(
        JudgedCounts(
            entity,
            school,
            created=counted.of(Change.CREATE),
            updated=counted.of(Change.UPDATE),
            deleted=counted.of(Change.DELETE),
            population=counted.population,
        )
        for entity, school, counted in places
        if counted.of(ANY)
    )


def applied_before(
    context: Context, reader: StoreReader, limits: Iterable[Threshold]
) -> dict[str, dict[Place, Counted]]:
    """What was applied from this source within each window of the limits."""
    begins = {limit.window: context.as_of - parse_duration(limit.window) for limit in limits if limit.window}
    if not begins:
        return {}
    applied = reader.applied_since(context.con, context.district, context.source, min(begins.values()))
    return {window: within(applied, begin) for window, begin in begins.items()}


def within(applied: Iterable[AppliedCounts], since: datetime) -> dict[Place, Counted]:
    """Everything that was applied after `since`, by place. `applied` is oldest first, as the store has it.

    A place starts with its first records. Their creation is not counted, since there is no share of an empty
    population.
    """
    found: dict[Place, Counted] = {}
    for row in applied:
        place = (Entity(row.entity), row.school)
        if row.applied_at <= since or (place not in found and row.population == 0):
            continue
        known = found.setdefault(place, Counted({}, row.population))
        now = {Change.CREATE: row.created, Change.UPDATE: row.updated, Change.DELETE: row.deleted}
        sums = {c: known.changes.get(c, 0) + n for c, n in now.items()}
        found[place] = Counted(sums, known.population)
    return found
