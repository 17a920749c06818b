"""Gate: why a plan may not be applied without a person. Pure. It finds every hold, not only the first.

Percent is of the population that this source contributes to the store before the run. A limit is exceeded when the
share is strictly above it, in integers. `measure.py` counts what is judged here, `applied.py` what was applied within a
window.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rostersync.api.v1alpha1.defaults import Threshold
from rostersync.model import Change, Entity, Hold, HoldReason
from rostersync.plan.worst import worst

ANY = "Any"
Place = tuple[Entity, str | None]  # an entity as a whole (None), or in one school
Window = tuple[str, int]  # its length, and how many records a place must have for it to begin there
CONFIG_PERCENT = 10  # a changed configuration is a hold if more than this share of all records is updated
REKEYED_DELETES = 20  # from this many deletes of an entity on, pairs with creates count as new ids
BY_SCHOOL = frozenset(
    {Entity.STUDENT, Entity.TEACHER, Entity.CONTACT, Entity.ADMIN, Entity.CLASS, Entity.COURSE, Entity.ENROLLMENT}
)


@dataclass(frozen=True)
class Counted:
    """Changes and population of one entity, in all or in one school, by change."""

    changes: Mapping[Change, int]
    population: int

    def of(self, change: str) -> int:
        """The number of changes of a kind. ANY is all of them."""
        return sum(self.changes.values()) if change == ANY else self.changes.get(Change(change), 0)


@dataclass(frozen=True)
class Facts:
    """The counts of a plan. Schools are ids of the store.

    `judged`: the counts that limits use, where they differ from the plan's. A record that changes its entity is deleted
    from the old one and created in the new one. `before`: by a limit's window, what was applied within it, and the
    population at its start.
    """

    entities: Mapping[Entity, Counted]
    resulting: Mapping[Entity, int]
    judged: Mapping[Entity, Counted] = field(default_factory=dict)
    before: Mapping[Window, Mapping[Place, Counted]] = field(default_factory=dict)
    by_school: Mapping[Entity, Mapping[str, Counted]] = field(default_factory=dict)
    emptied_schools: tuple[tuple[Entity, str, int], ...] = ()  # (entity, school, how many there were)
    vanished_schools: Mapping[str, int] = field(default_factory=dict)  # by school: its people and classes
    rekeyed: Mapping[Entity, tuple[int, int]] = field(default_factory=dict)  # entity: (pairs, deletes)
    relinked: int = 0  # records of several sources that are no longer what they were one with
    requirement_holds: Mapping[Entity, int] = field(default_factory=dict)
    restored_reverted: int = 0  # records that a restore brought back, and that this plan would change back
    restores: bool = False  # the plan itself takes back what a run changed
    identity_changed: bool = False
    source_changed: bool = False
    config_changed: bool = False
    safety_loosened: bool = False
    other_sources: int = 0  # of other sources in the store, before the first plan of this source
    connection_changed: bool = False
    first_import: bool = False


@dataclass(frozen=True)
class Switches:
    """The parts of a connection that the gate uses."""

    limits: tuple[Threshold, ...] = ()
    preview: bool = False
    hold_first_import: bool = False
    hold_on_config_change: bool = True


def verdict(facts: Facts, switches: Switches) -> list[Hold]:
    """All holds of a plan, worst first. None for a plan without changes."""
    total = sum(c.of(ANY) for c in facts.entities.values())
    if total == 0:
        return []
    holds = [
        *(h for limit in switches.limits for h in _exceeded(limit, facts)),
        *_emptied(facts),
        *_always(facts, switches, total),
    ]
    return worst(dict.fromkeys(holds))


def both(own: list[Hold], of_roster: list[Hold]) -> list[Hold]:
    """The holds of a plan of one of several sources: about what it changes itself, and about what that does to the roster.

    Where both hold for one thing, the larger count is told.
    """
    found: dict[tuple[object, ...], Hold] = {}
    for hold in (*own, *of_roster):
        about = (hold.reason, hold.entity, hold.change, hold.school, hold.unit)
        other = found.setdefault(about, hold)
        if (hold.count or 0) > (other.count or 0):
            found[about] = hold
    return worst(found.values())


def _exceeded(limit: Threshold, facts: Facts) -> Iterable[Hold]:
    if limit.per_school:
        for school, counted in sorted(facts.by_school.get(limit.entity, {}).items()):
            yield from _over(limit, counted, school, facts)
    elif counted_in_all := facts.judged.get(limit.entity) or facts.entities.get(limit.entity):
        yield from _over(limit, counted_in_all, None, facts)


def _over(limit: Threshold, counted: Counted, school: str | None, facts: Facts) -> Iterable[Hold]:
    """The holds of one limit in one place. None for a plan that itself adds nothing to the count."""
    own, population = counted.of(limit.change), counted.population
    if not own:
        return
    said = (HoldReason.THRESHOLD, limit.entity, limit.change, school)
    count, people, applied, length = _together(limit, counted, school, facts, percent=True)
    if _above(limit, count, people):
        yield Hold(*said, count, people, limit.percent, "Percent", applied, length)
    elif _above(limit, own, population):  # it holds alone, however many there were at the start of the window
        yield Hold(*said, own, population, limit.percent, "Percent")
    count, people, applied, length = _together(limit, counted, school, facts, percent=False)
    if limit.count is not None and count > limit.count:
        yield Hold(*said, count, people, limit.count, "Count", applied, length)


def window_of(limit: Threshold, *, percent: bool) -> Window:
    """The window of a limit that has one. For a share, it begins when there are enough records to judge one."""
    return limit.window or "", max(limit.min_population, 1) if percent else 1


def _together(
    limit: Threshold, counted: Counted, school: str | None, facts: Facts, *, percent: bool
) -> tuple[int, int, int | None, str | None]:
    """(count, population, what of the count was applied before, length of the window) of a plan and the limit's window."""
    own = counted.of(limit.change)
    before = facts.before.get(window_of(limit, percent=percent), {}).get((limit.entity, school))
    applied = before.of(limit.change) if before else 0
    if before and applied:
        return own + applied, before.population, applied, limit.window
    return own, counted.population, None, None


def _above(limit: Threshold, count: int, population: int) -> bool:
    """Whether a count is above the limit's share of a population that is large enough to judge."""
    enough = population > 0 and population >= limit.min_population
    return limit.percent is not None and enough and count * 100 > limit.percent * population


def _emptied(facts: Facts) -> Iterable[Hold]:
    for entity, counted in facts.entities.items():
        if counted.population > 0 and facts.resulting.get(entity, counted.population) == 0:
            deleted = facts.judged.get(entity, counted).of(Change.DELETE.value)
            yield Hold(HoldReason.ENTITY_EMPTIED, entity, "Delete", None, deleted, counted.population)
    for entity, school, before in facts.emptied_schools:
        kept = school in facts.vanished_schools  # who is not sent elsewhere stays, and is no member any more
        yield Hold(HoldReason.SCHOOL_EMPTIED, entity, None if kept else "Delete", school, before, before)
    for school, members in sorted(facts.vanished_schools.items()):
        yield Hold(HoldReason.SCHOOL_VANISHED, Entity.SCHOOL, None, school, members)


def _always(facts: Facts, switches: Switches, total: int) -> Iterable[Hold]:
    """The holds that no threshold waives."""
    population = sum(c.population for c in facts.entities.values())
    deleted = sum(c.of(Change.DELETE.value) for c in facts.entities.values())
    updated = sum(c.of(Change.UPDATE.value) for c in facts.entities.values())
    if facts.identity_changed:
        yield Hold(HoldReason.IDENTITY_CHANGED, count=total)
    if facts.source_changed:
        yield Hold(HoldReason.SOURCE_CHANGED, count=total)
    for entity, (pairs, deletes) in facts.rekeyed.items():
        if deletes >= REKEYED_DELETES and pairs * 2 >= deletes:
            yield Hold(HoldReason.RE_KEYED, entity, "Delete", None, pairs, deletes)
    if facts.relinked:
        yield Hold(HoldReason.RELINKED, count=facts.relinked)
    if facts.restored_reverted:
        yield Hold(HoldReason.RESTORED_RECORDS, count=facts.restored_reverted)
    changes_much = deleted > 0 or updated * 100 > CONFIG_PERCENT * population
    if facts.config_changed and switches.hold_on_config_change and changes_much:
        yield Hold(HoldReason.CONFIG_CHANGED, None, "Any", None, deleted + updated, population)
    if facts.safety_loosened:
        yield Hold(HoldReason.SAFETY_LOOSENED, count=total)
    elif facts.other_sources:
        yield Hold(HoldReason.SAFETY_LOOSENED, count=total, population=facts.other_sources)
    if facts.connection_changed:
        yield Hold(HoldReason.CONNECTION_CHANGED, count=total)
    for entity, count in sorted(facts.requirement_holds.items()):
        yield Hold(HoldReason.REQUIREMENT_HOLD, entity, count=count)
    if facts.restores:
        yield Hold(HoldReason.RESTORE, count=total)
    if switches.preview:
        yield Hold(HoldReason.PREVIEW, count=total)
    if facts.first_import and switches.hold_first_import:
        yield Hold(HoldReason.FIRST_IMPORT, count=total)
