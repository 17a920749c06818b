"""What follows an apply: delivering, and retrying after failures until the time for it is over. Pure.

The outbox belongs to the store. A run that gives up leaves it as it is, and the next run's delivery continues.
"""

from datetime import datetime, timedelta

from rostersync.attempts import DELIVER
from rostersync.lifecycle.messages import stopped
from rostersync.lifecycle.observed import Observed, Work, WorkState
from rostersync.lifecycle.outcomes import Outcome
from rostersync.lifecycle.steps import Finish, StartDeliver, Wait
from rostersync.model import DeliverReport, Phase

RETRY_FOR = timedelta(hours=24)  # after the apply; then the run ends as DeliveryFailed
NEXT = "The next run carries it out."


def deliver(seen: Observed) -> StartDeliver | Wait | Finish | None:
    """What to do about the deliveries of a run whose changes are in the store. None when nothing is left to do."""
    work = seen.deliver
    if not seen.connection.delivers and work is None:
        return None
    if work is None:
        return _start(seen, 1)
    match work.state:
        case WorkState.SUCCEEDED:
            return None
        case WorkState.RUNNING:
            return Wait(Phase.DELIVERING, work.message or "Applied; carrying it out.")
        case WorkState.LOST if work.number >= DELIVER.tries:
            lost = f"The delivery was started {work.number} times, and its Job was deleted each time."
            return _given_up("JobsLost", lost)
        case WorkState.LOST:
            return _start(seen, work.number + 1)
        case _:
            return _again(seen, work)


def _again(seen: Observed, work: Work[DeliverReport]) -> StartDeliver | Wait | Finish:
    """A delivery has failed: retry after a pause, if there is time for one."""
    again = (work.ended_at or seen.now) + DELIVER.pause(work.number)
    if again > _until(seen) or work.number >= DELIVER.tries:
        return _given_up(work.reason, f"{stopped(work.message)} Tried {work.number} time{'s' * (work.number > 1)}.")
    if seen.now < again:
        said = f"Applied, but not delivered: {stopped(work.message)} Tried again at {again:%Y-%m-%dT%H:%MZ}."
        return Wait(Phase.QUEUED, said, again)
    return _start(seen, work.number + 1)


def _start(seen: Observed, number: int) -> StartDeliver | Wait | Finish:
    until = _until(seen)
    if seen.connection.deleted or seen.connection.missing:
        return _given_up("ConnectionDeleted", "Its connection was deleted.")
    if seen.now >= until:
        return _given_up("NotBegun", f"Its turn did not come within {RETRY_FOR // timedelta(hours=1)} hours.")
    if seen.connection.suspended:
        said = f"Applied, but not delivered: {seen.connection.ref} is suspended (spec.suspend)."
        return Wait(Phase.QUEUED, said, until)
    if not seen.may_deliver:
        return Wait(Phase.QUEUED, seen.queued or f"Applied, but not delivered. {NEXT}", until, turn=True)
    return StartDeliver(number)


def _given_up(reason: str, why: str) -> Finish:
    return Finish(Outcome.DELIVERY_FAILED, reason, f"Applied, but not delivered: {why} {NEXT}")


def _until(seen: Observed) -> datetime:
    """When the run stops retrying. A plan without changes delivers what an earlier run left."""
    before = seen.apply.ended_at if seen.apply else seen.plan.ended_at if seen.plan else None
    return (before or seen.now) + RETRY_FOR
