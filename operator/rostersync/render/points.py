"""What a stored plan proves, for people and for programs."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from rostersync.plan.points import LIMITS, Found, Point, Result, revision_of, verified
from rostersync.render.tables import say, table

_STYLES = {True: "green", False: "red"}


def as_dict(found: Found, points: Sequence[Point]) -> dict[str, Any]:
    """The result in the API's names."""
    made = revision_of(found)
    return {
        "run": found.run,
        "verified": verified(points),
        "digest": found.manifest.digest if found.manifest else None,
        "revision": made.number if made else None,
        "points": [{"name": p.name, "result": p.result.value, "message": p.message} for p in points],
        "notProved": list(LIMITS),
    }


def page(out: Console, found: Found, points: Sequence[Point]) -> None:
    """A table of the points, the result, and what no verification can prove."""
    table(
        out,
        ("Point", "Result", "What was found"),
        [(p.name, p.result, p.message) for p in points],
        fold="What was found",
    )
    say(out, conclusion(found, points), _STYLES[verified(points)])
    say(out, "Not proved by this:")
    for limit in LIMITS:
        say(out, f"  {limit}")


def conclusion(found: Found, points: Sequence[Point]) -> str:
    """One sentence for the whole."""
    wrong = [p.name for p in points if p.result is Result.CONTRADICTED]
    made = revision_of(found)
    if wrong:
        return f"Run {found.run} is not as it was: {', '.join(wrong)}. Do not rely on it; keep it, and find out who wrote there."
    if not verified(points):
        rest = f" The store's revision {made.number} still says what was applied and when." if made else ""
        return f"Run {found.run} cannot be verified: its plan cannot be looked at.{rest}"
    applied = f", and the store's revision {made.number} is that plan" if made else ", which was not applied"
    if found.manifest and found.manifest.no_changes:
        applied = ", which changes nothing"
    return f"Run {found.run}: the plan is the one that its digest stands for{applied}."
