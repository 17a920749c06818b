"""When an attempt that found a disk full is retried. Nothing was done, so no new approval is needed. Pure."""

from datetime import datetime
from typing import Any

from rostersync.attempts import APPLY, Attempt
from rostersync.errors import DiskFull
from rostersync.lifecycle.observed import Work, WorkState
from rostersync.lifecycle.outcomes import Outcome
from rostersync.lifecycle.steps import Finish, Wait
from rostersync.model import Phase

TRIES = APPLY.tries  # of anything that finds no space: a day in all, with the pauses between them


def had_no_room(work: Work[Any]) -> bool:
    """Whether an attempt ended because a disk was full."""
    return work.state == WorkState.FAILED and work.reason == DiskFull.reason


def until_there_is_room(attempt: Attempt, work: Work[Any], now: datetime) -> Wait | Finish | None:
    """What to do instead of retrying the attempt. None when it is time to retry."""
    if work.number >= TRIES:
        said = f"{work.message} The {attempt.name} was tried {work.number} times."
        return Finish(Outcome.FAILED, work.reason, said)
    again = (work.ended_at or now) + attempt.pause(work.number)
    if now >= again:
        return None
    return Wait(
        Phase.QUEUED, f"{work.message} Tried again at {again:%Y-%m-%dT%H:%MZ}; no new approval is needed.", again
    )
