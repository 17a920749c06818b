"""Who requested a run. With requireDistinctApprover, nobody on this list may decide about it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

MOST = 8  # names for which a run's status and an approval have room


@dataclass(frozen=True)
class Requesters:
    """At most MOST names. `more`: there were others, so anybody else may be one of them."""

    names: tuple[str, ...] = ()
    more: bool = False


def requesters(before: Requesters, maker: str, newest: Sequence[str]) -> Requesters:
    """Those known `before`, the creator of the run, and the `newest`: who last changed the connection or asked again.

    The creator and the newest are always among the names. Once there were too many, `more` stays set.
    """
    named = [n for n in dict.fromkeys((*before.names, maker, *newest)) if n]
    if len(named) <= MOST:
        return Requesters(tuple(named), before.more)
    always = {maker, *newest}
    room = MOST - sum(n in always for n in named)
    others = [n for n in named if n not in always][:room]
    return Requesters(tuple(n for n in named if n in always or n in others), True)
