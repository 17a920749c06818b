"""The order of holds, the worst first, in plans, reports and tables. Pure."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from rostersync.model import Entity, Hold, HoldReason

_REASONS = tuple(HoldReason)
_ENTITIES = tuple(Entity)


def worst(holds: Iterable[Hold], count: int | None = None) -> list[Hold]:
    """The `count` worst holds: those without a limit, then those that exceed theirs most. Ties have a fixed order."""
    return sorted(holds, key=_badness)[:count]


def ratio(hold: Hold) -> Fraction | None:
    """How many times its limit a hold's count is. None where its limit is 0, or where it has no numbers."""
    if hold.limit is None or hold.count is None or hold.limit == 0:
        return None
    if hold.unit == "Count":
        return Fraction(hold.count, hold.limit)
    return Fraction(hold.count * 100, hold.limit * hold.population) if hold.population else None


def _badness(h: Hold) -> tuple[Any, ...]:
    bound = ratio(h)
    where = (_ENTITIES.index(h.entity) if h.entity else -1, h.change or "", h.school or "", h.unit or "")
    return (bound is not None, -(bound or 0), _REASONS.index(h.reason), -(h.count or 0), *where)
