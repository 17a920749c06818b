"""What follows an apply: delivering, and retrying after failures until the time for it is over. Pure.

The outbox belongs to the store. A run that gives up leaves it as it is, and the next run's delivery continues.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from rostersync.api.objects import condition
from rostersync.attempts import DELIVER
from rostersync.instants import parse_instant
from rostersync.lifecycle.messages import stopped
from rostersync.lifecycle.observed import Observed, Work, WorkState
from rostersync.lifecycle.outcomes import Outcome
from rostersync.lifecycle.steps import Finish, StartDeliver, Wait
from rostersync.model import Phase
from rostersync.sent import DeliverReport

AT_WORK = "Being delivered."
GRACE = timedelta(hours=1)  # for the last try, which may have to wait for its turn
_NO_TIME = timedelta(0)


def deliver(seen: Observed) -> StartDeliver | Wait | Finish | None:
    """What to do about the deliveries of a run whose changes are in the store. None when nothing is left to do."""
    work = seen.deliver
    if not seen.connection.deliveries and (work is None or (work.state == WorkState.FAILED and not _gone(seen))):
        return None  # there are none, or those that failed were taken out of the connection
    if work is None:
        return _start(seen, 1, until(seen))
    match work.state:
        case WorkState.SUCCEEDED:
            return None
        case WorkState.RUNNING:
            return Wait(Phase.DELIVERING, work.message or f"{said_before(seen)}{AT_WORK}")
        case WorkState.LOST if work.number < DELIVER.tries:
            return _start(seen, work.number + 1, until(seen) + GRACE)
        case _:
            return _again(seen, work)


def until(seen: Observed, names: Collection[str] = ()) -> datetime:
    """When the run stops retrying these deliveries, by default all. The most patient one counts.

    A plan without changes delivers what an earlier run left.
    """
    before = seen.apply.ended_at if seen.apply else seen.plan.ended_at if seen.plan else seen.run.created_at
    known = seen.connection.deliveries
    patience = max((t for name, t in known.items() if not names or name in names), default=_NO_TIME)
    return (before or seen.now) + patience


def said_before(seen: Observed) -> str:
    """How a message about a run that delivers begins."""
    return "Applied. " if seen.in_store else ""


def _again(seen: Observed, work: Work[DeliverReport]) -> StartDeliver | Wait | Finish:
    """A delivery has failed, or its Job was deleted again and again: retry after a pause, if there is time for one."""
    ended = work.ended_at or work.started_at or seen.now
    failed = set(work.report.failed) if work.report else set[str]()
    end = until(seen, failed)
    if _gone(seen):
        return _given_up(seen, "ConnectionDeleted", f"{_why(work)} Then its connection was deleted.")
    if seen.run.cancel:
        return _given_up(seen, "Cancelled", f"{_why(work)} Then the run was cancelled.")
    if seen.deliver_now:
        return _start(seen, work.number + 1, end)
    if failed and not failed & seen.connection.deliveries.keys():
        # What failed was taken out of the connection, so the others need not wait.
        return _start(seen, work.number + 1, seen.now + GRACE)
    if ended >= end:
        return _given_up(seen, _reason(work), f"{_why(work)} {_tried(seen, work, ended)}")
    again = min(ended + DELIVER.pause(work.number), end)  # the last try is made when the time is over
    if seen.now < again:
        times = f"Next try: {again:%Y-%m-%dT%H:%MZ}, the last one by {end:%Y-%m-%dT%H:%MZ}."
        if seen.words.by_itself:
            then = f"{_tried(seen, work, ended)} {times} To try at once: {seen.words.deliver}."
            return Wait(Phase.DELIVERING, f"{_undelivered(seen)}: {_why(work)} {then}", again)
        return _for_the_next_command(seen, work, again)
    return _start(seen, work.number + 1, end + GRACE, work)


def _tried(seen: Observed, work: Work[DeliverReport], ended: datetime) -> str:
    """How often it was tried, and since when it fails, as far as the status knows."""
    if work.number == 1:
        return f"Tried once, at {ended:%Y-%m-%dT%H:%MZ}."
    before = condition(seen.run.status, "Delivered")
    if not before or before["status"] != "False":
        return f"Tried {work.number} times."
    since = parse_instant(before["lastTransitionTime"])
    return f"Tried {work.number} times; failing since {since:%Y-%m-%dT%H:%MZ}."


def _gone(seen: Observed) -> bool:
    return seen.connection.deleted or seen.connection.missing


def _for_the_next_command(seen: Observed, work: Work[DeliverReport], until: datetime) -> Wait:
    """Nobody tries again by itself, so the run stays as it is, and says why it failed."""
    again = f"The next run tries again, or at once: {seen.words.deliver}."
    return Wait(Phase.DELIVERING, f"{_undelivered(seen)}: {_why(work)} {again}", until)


def _start(
    seen: Observed, number: int, end: datetime, failed: Work[DeliverReport] | None = None
) -> StartDeliver | Wait | Finish:
    """The next try, or why there is none now. `failed`: the try before it."""
    if _gone(seen):
        return _given_up(seen, "ConnectionDeleted", "Its connection was deleted.")
    if seen.run.cancel:
        return _given_up(seen, "Cancelled", "The run was cancelled.")
    if seen.now >= end and not seen.deliver_now and failed and not seen.words.by_itself:
        return _given_up(seen, _reason(failed), _why(failed))
    if seen.now >= end and not seen.deliver_now:
        return _given_up(seen, "NotBegun", f"Its turn did not come before {end:%Y-%m-%dT%H:%MZ}.")
    if seen.connection.suspended:
        said = f"{_undelivered(seen)}: {seen.connection.ref} is suspended (spec.suspend)."
        return Wait(Phase.QUEUED, said, end)
    if not seen.may_deliver and failed and not seen.words.by_itself:
        return _for_the_next_command(seen, failed, end)
    if not seen.may_deliver:
        by_hand = f"{seen.words.deliver}, with the manifests of the connection and its Secrets, which are not kept"
        waits = seen.queued or f"{_undelivered(seen)}: {by_hand}."
        return Wait(Phase.QUEUED, waits, end, turn=True)
    return StartDeliver(number)


def _undelivered(seen: Observed) -> str:
    return "Applied, but not delivered" if seen.in_store else "Not delivered"


def _reason(work: Work[DeliverReport]) -> str:
    return "JobsLost" if work.state == WorkState.LOST else work.reason


def _why(work: Work[DeliverReport]) -> str:
    if work.state == WorkState.LOST:
        return f"The delivery was started {work.number} times, and its Job was deleted each time."
    return stopped(work.message)


def _given_up(seen: Observed, reason: str, why: str) -> Finish:
    said = f"{_undelivered(seen)}: {why} The next run delivers it; to do it before that: {seen.words.deliver}."
    return Finish(Outcome.DELIVERY_FAILED, reason, said)
