"""When an attempt is retried that did nothing, for a reason that passes: then no new approval is needed. Pure."""

from datetime import datetime
from typing import Any

from rostersync.attempts import APPLY, Attempt
from rostersync.errors import ArtifactsAway, DiskFull, StoreBusy, StoreUnreachable
from rostersync.lifecycle.observed import Work, WorkState
from rostersync.lifecycle.outcomes import Outcome
from rostersync.lifecycle.steps import Finish, Wait
from rostersync.model import Phase

PASSING = frozenset({DiskFull.reason, ArtifactsAway.reason, StoreBusy.reason, StoreUnreachable.reason})
"""Reasons of failures that have done nothing, and pass."""

TRIES = APPLY.tries  # of anything that fails so: a day in all, with the pauses between them


def passes(work: Work[Any]) -> bool:
    """Whether an attempt ended because a disk was full, or the artifacts or the store were out of reach."""
    return work.state == WorkState.FAILED and work.reason in PASSING


def until_it_passes(attempt: Attempt, work: Work[Any], now: datetime) -> Wait | Finish | None:
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
