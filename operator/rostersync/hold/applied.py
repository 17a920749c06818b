"""What was applied from a source within a limit's window: counts, and the population at the start of the window.

So a roster cannot be emptied by many small plans, each below the limit.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from rostersync.api.v1alpha1.defaults import Threshold
from rostersync.api.v1alpha1.times import parse_duration
from rostersync.hold.gate import ANY, Counted, Facts, Place, Window, window_of
from rostersync.model import Change, Entity, JudgedCounts
from rostersync.stores.port import AppliedCounts, StoreReader
from rostersync.tables.context import Context

_OPPOSITE = {Change.CREATE: Change.DELETE, Change.DELETE: Change.CREATE, Change.UPDATE: Change.UPDATE}


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
) -> dict[Window, dict[Place, Counted]]:
    """What was applied from this source within each window of the limits."""
    limited = [limit for limit in limits if limit.window]
    windows = {window_of(limit, percent=percent) for limit in limited for percent in (True, False)}
    if not windows:
        return {}
    begins = {window: context.as_of - parse_duration(window[0]) for window in windows}
    applied = reader.applied_since(context.con, context.district, context.source, min(begins.values()))
    return {window: within(applied, begin, least=window[1]) for window, begin in begins.items()}


@dataclass
class _Since:
    """One place since the window began: the population then, and by revision what was applied and taken back again."""

    population: int
    applied: dict[int, Counter[Change]] = field(default_factory=dict)
    back: dict[int, Counter[Change]] = field(default_factory=dict)

    def add(self, revision: int, changes: Counter[Change]) -> None:
        self.applied.setdefault(revision, Counter()).update(changes)

    def take_back(self, revision: int, changes: Counter[Change], *, again: bool) -> None:
        """`again`: what was taken back is done once more. At most what the revision did is taken back, and at least none."""
        did, back = self.applied[revision], self.back.setdefault(revision, Counter())
        for change, number in changes.items():
            other = change if again else _OPPOSITE[change]
            back[other] = min(max(back[other] + (-number if again else number), 0), did[other])

    def counted(self) -> Counted:
        sums = Counter[Change]()
        for revision, did in self.applied.items():
            back = self.back.get(revision, Counter[Change]())
            sums.update({c: n - back[c] for c, n in did.items()})
        return Counted(dict(sums), self.population)


def within(applied: Iterable[AppliedCounts], since: datetime, least: int = 1) -> dict[Place, Counted]:
    """Everything that was applied after `since` and still stands, by place. `applied` is oldest first, as the store has it.

    A place starts when it has at least `least` records. What was before that is not counted, since a share of fewer says
    nothing: a district of which a few were imported first would have no window until the next day. What a restore took back
    is not counted any more, and the restore itself never is. Where it takes back something older than the window, the window
    begins with what the restore left there.
    """
    rows = [row for row in applied if row.applied_at > since]
    links = {row.revision: row.takes_back for row in rows if row.takes_back is not None}
    found: dict[Place, _Since] = {}
    for row in rows:
        place, here = (Entity(row.entity), row.school), found.get((Entity(row.entity), row.school))
        changes = Counter({Change.CREATE: row.created, Change.UPDATE: row.updated, Change.DELETE: row.deleted})
        if row.takes_back is None:
            here = here or (_Since(row.population) if row.population >= least else None)
            if here:
                here.add(row.revision, changes)
        else:
            revision, again = _first(row.takes_back, links)
            more = row.created - row.deleted
            if here and revision in here.applied:
                here.take_back(revision, changes, again=again)
            elif here:
                here.population = max(here.population + more, 0)
            elif row.population + more >= least:
                here = _Since(row.population + more)
        if here:
            found[place] = here
    return {place: here.counted() for place, here in found.items()}


def _first(revision: int, links: Mapping[int, int]) -> tuple[int, bool]:
    """The revision at the end of restores of restores, and whether it stands again: if their number is even."""
    again = False
    while revision in links:
        revision, again = links[revision], not again
    return revision, again
