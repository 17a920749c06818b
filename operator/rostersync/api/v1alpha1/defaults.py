"""What absent fields mean, where a constant default is not enough. Pure."""

from dataclasses import dataclass

from rostersync.api.v1alpha1.connection import Connection, ConnectionSpec
from rostersync.model import Change, Entity

DEFAULT_MIN_POPULATION = 20
# percent by change, for each entity
DEFAULT_PERCENT: dict[Change, int] = {Change.CREATE: 50, Change.UPDATE: 75, Change.DELETE: 10}
# only deletes add up to harm when they come in small steps
DEFAULT_WINDOW: dict[Change, str] = {Change.DELETE: "24h"}


@dataclass(frozen=True)
class Threshold:
    """One limit on one entity's changes; `percent` and `count` are each None where they set no limit.

    `rule` is where it comes from: `syncHoldThreshold.rules[0]` or `default`.
    """

    entity: Entity
    change: str  # Create | Update | Delete | Any
    percent: int | None
    count: int | None
    min_population: int
    per_school: bool
    rule: str
    window: str | None = None  # changes that were applied within this time count too


def district(conn: Connection) -> str:
    """The roster that the records belong to."""
    return conn.spec.district or conn.metadata.name


def entities(spec: ConnectionSpec) -> tuple[Entity, ...]:
    """The entities that are imported, in dependency order."""
    return tuple(entity for entity in Entity if entity in spec.entities)


def effective_thresholds(spec: ConnectionSpec) -> tuple[Threshold, ...]:
    """Every limit for every entity: the given rules (`*` expanded), then the defaults that they do not replace.

    A default gives way only to a percent rule without perSchool for that entity (or `*`) and that change (or Any).
    """
    rules = spec.syncHoldThreshold.rules
    given = tuple(
        Threshold(
            entity=entity,
            change=rule.change,
            percent=rule.percent,
            count=rule.count,
            min_population=DEFAULT_MIN_POPULATION if rule.minPopulation is None else rule.minPopulation,
            per_school=rule.perSchool,
            rule=f"syncHoldThreshold.rules[{i}]",
            window=rule.window,
        )
        for i, rule in enumerate(rules)
        for entity in Entity
        if rule.entity in ("*", entity.value)
    )
    replacing = [rule for rule in rules if rule.percent is not None and not rule.perSchool]
    default = tuple(
        Threshold(
            entity, change.value, percent, None, DEFAULT_MIN_POPULATION, False, "default", DEFAULT_WINDOW.get(change)
        )
        for entity in Entity
        for change, percent in DEFAULT_PERCENT.items()
        if not any(rule.covers(entity, change.value) for rule in replacing)
    )
    return given + default
