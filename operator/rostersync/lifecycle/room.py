"""An apply that found a disk full: when it is begun again. Nothing of it was done, so nobody is asked again. Pure."""

from datetime import datetime, timedelta

from rostersync.errors import DiskFull
from rostersync.lifecycle.observed import Work, WorkState
from rostersync.lifecycle.outcomes import Outcome
from rostersync.lifecycle.steps import Finish, Wait
from rostersync.model import ApplyReport

APPLIES = 10  # how often an apply is begun that found no room, or whose Job was taken away
_FIRST, _LONGEST = (
    timedelta(minutes=1),
    timedelta(hours=6),
)  # waits between tries, each three times the last: a day in all


def had_no_room(apply: Work[ApplyReport]) -> bool:
    """Whether an apply ended because a disk was full."""
    return apply.state == WorkState.FAILED and apply.reason == DiskFull.reason


def until_there_is_room(apply: Work[ApplyReport], now: datetime) -> Wait | Finish | None:
    """What to do instead of beginning the apply again now; None when it is time to."""
    if apply.number >= APPLIES:
        return Finish(Outcome.FAILED, apply.reason, f"{apply.message} The apply was tried {apply.number} times.")
    again = (apply.ended_at or now) + min(_FIRST * 3 ** (apply.number - 1), _LONGEST)
    if now >= again:
        return None
    return Wait("Queued", f"{apply.message} Tried again at {again:%Y-%m-%dT%H:%MZ}; nobody is asked again.", again)
