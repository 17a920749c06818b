"""Which editions of the roster a delivery still has to send. Pure."""

from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Wanted:
    """The roster at `revision`. `since`: the revision whose changes come first; None for everything."""

    revision: int
    since: int | None = None


def editions(
    *, deltas: bool, pending: tuple[int, ...], newest: int, had: int | None, whole_since: int
) -> tuple[Wanted, ...]:
    """The editions to send, in order. Each settles all revisions up to its own.

    `newest`: the store's revision. `had`: the newest revision that the receiver has, if any. `whole_since`: the oldest
    revision that the store can still tell. Changes always continue what the receiver has, whatever was sent between by
    nobody; where they cannot, it gets everything.
    """
    if not pending:
        return ()
    if not deltas or had is None or not whole_since <= had <= newest:
        return (Wanted(newest),)
    steps = [had, *(revision for revision in pending if revision > had)]
    if len(steps) == 1:
        return (Wanted(newest),)
    return tuple(Wanted(revision, since) for since, revision in pairwise(steps))
