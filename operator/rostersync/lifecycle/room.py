"""When an apply that found a disk full is started again. Nothing was applied, so no new approval is needed. Pure."""

from datetime import datetime

from rostersync.attempts import APPLY
from rostersync.errors import DiskFull
from rostersync.lifecycle.observed import Work, WorkState
from rostersync.lifecycle.outcomes import Outcome
from rostersync.lifecycle.steps import Finish, Wait
from rostersync.model import ApplyReport, Phase


def had_no_room(apply: Work[ApplyReport]) -> bool:
    """Whether an apply ended because a disk was full."""
    return apply.state == WorkState.FAILED and apply.reason == DiskFull.reason


def until_there_is_room(apply: Work[ApplyReport], now: datetime) -> Wait | Finish | None:
    """What to do instead of starting the apply again; None when it is time to start it."""
    if apply.number >= APPLY.tries:
        return Finish(Outcome.FAILED, apply.reason, f"{apply.message} The apply was tried {apply.number} times.")
    again = (apply.ended_at or now) + APPLY.pause(apply.number)
    if now >= again:
        return None
    return Wait(Phase.QUEUED, f"{apply.message} Tried again at {again:%Y-%m-%dT%H:%MZ}; nobody is asked again.", again)
