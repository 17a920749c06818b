"""Who asked for a run, as four eyes need it: nobody on this list decides about the run. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

MOST = 8  # names that a run's status and an approval have room for


@dataclass(frozen=True)
class Requesters:
    """The names, at most MOST. `more`: there were others, so nobody can be proved to be none of them."""

    names: tuple[str, ...] = ()
    more: bool = False


def requesters(before: Requesters, maker: str, newest: Sequence[str]) -> Requesters:
    """Those known `before`, with who made the run and the `newest`: who last changed the connection or asked again.

    The maker and the newest are always among the names. Once there were more than fit, it stays said.
    """
    named = [n for n in dict.fromkeys((*before.names, maker, *newest)) if n]
    if len(named) <= MOST:
        return Requesters(tuple(named), before.more)
    always = {maker, *newest}
    room = MOST - sum(n in always for n in named)
    others = [n for n in named if n not in always][:room]
    return Requesters(tuple(n for n in named if n in always or n in others), True)
