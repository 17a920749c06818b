"""What a connection starts automatically: runs by schedule, spec change and request, and Test Connection. Pure.

The connection's status remembers what was handled, and names derive from the trigger. So nothing is created twice, even
if a request is repeated or the controller is killed in between.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from rostersync.api.kinds import Ref
from rostersync.lifecycle.names import triggered_name
from rostersync.lifecycle.observed import Window
from rostersync.lifecycle.timetable import Timetable, due
from rostersync.lifecycle.windows import open_window

CHECK_AGAIN = timedelta(hours=1)  # the longest pause between two failing Test Connections
_FIRST_PAUSE = timedelta(seconds=20)


class Trigger(StrEnum):
    """What triggered a run that nobody created by hand."""

    SCHEDULE = "Schedule"
    SPEC_CHANGE = "SpecChange"
    REQUEST = "Request"


@dataclass(frozen=True)
class Asked:
    """What a connection's object and status say about runs that it triggers."""

    ref: Ref
    uid: str
    generation: int
    spec_hash: str
    table: Timetable | None = None
    on_spec_change: bool = False
    requested_at: str = ""  # the annotation rostersync.dev/requestedAt
    requested_by: str = ""  # who set it, as a policy recorded
    changed_by: str = ""  # who last changed the spec, as a policy recorded
    suspend_import: Sequence[Window] = ()
    may_run: bool = True  # neither suspended nor invalid
    promised: datetime | None = None  # status.nextRunTime
    handled_request: str = ""  # status.lastHandledRequestedAt
    handled_spec: str = ""  # status.lastRunSpecHash
    waiting: frozenset[Trigger] = frozenset()  # triggers whose run has not started yet


@dataclass(frozen=True)
class NewRun:
    """A SyncRun to create."""

    name: str
    trigger: Trigger
    requested_by: str
    reason: str


@dataclass(frozen=True)
class Answer:
    """The runs to create, and what the status remembers afterwards."""

    runs: tuple[NewRun, ...] = ()
    next_run: datetime | None = None
    handled_request: str = ""
    handled_spec: str = ""
    missed: bool = False


def answer(asked: Asked, now: datetime) -> Answer:
    """What to create now. While a connection may not run, requests wait and the schedule pauses."""
    if not asked.may_run:
        return Answer(handled_request=asked.handled_request, handled_spec=asked.handled_spec)
    runs: list[NewRun] = []
    planned = due(asked.table, asked.promised, now) if asked.table else None
    if planned and planned.start:
        hint = planned.start.strftime("%Y%m%dt%H%M%S")
        runs.append(_run(asked, Trigger.SCHEDULE, hint, hint, f"schedule, {planned.start:%Y-%m-%dT%H:%MZ}"))
    if asked.on_spec_change and asked.spec_hash != asked.handled_spec:
        token = f"{asked.generation}/{asked.spec_hash}"
        runs.append(_run(asked, Trigger.SPEC_CHANGE, f"g{asked.generation}", token, "the connection's spec changed"))
    if asked.requested_at and asked.requested_at != asked.handled_request:
        runs.append(_run(asked, Trigger.REQUEST, "request", asked.requested_at, "rostersync.dev/requestedAt"))
    if open_window(asked.suspend_import, now):
        runs = []  # Data Rollover: what would start now is skipped, not postponed
    return Answer(
        # a waiting run reads the source when its turn comes, so it serves those after it, too
        tuple(r for r in runs if r.trigger not in asked.waiting),
        planned.next if planned else None,
        asked.requested_at or asked.handled_request,
        asked.spec_hash if asked.on_spec_change else asked.handled_spec,
        bool(planned and planned.missed),
    )


def _run(asked: Asked, trigger: Trigger, hint: str, token: str, reason: str) -> NewRun:
    who = asked.requested_by if trigger == Trigger.REQUEST else asked.changed_by
    return NewRun(triggered_name(asked.ref, asked.uid, hint, token), trigger, who, reason)


@dataclass(frozen=True)
class Checking:
    """What is known of a connection's Test Connection. `verified`: the state of the last one, None before the first."""

    generation: int
    requested: str = ""  # the annotation rostersync.dev/checkRequestedAt
    handled: str = ""  # status.lastHandledCheckRequestedAt
    verified: bool | None = None
    checked_generation: int = 0
    ended_at: datetime | None = None
    failures: int = 0  # in a row, since this process started


@dataclass(frozen=True)
class CheckDue:
    """Whether Test Connection is due now, or when to look again."""

    now: bool
    at: datetime | None = None


def check_due(seen: Checking, now: datetime) -> CheckDue:
    """A new or changed spec is checked at once, and so is a request.

    A failed check is repeated after growing pauses.
    """
    if seen.verified is None or seen.checked_generation != seen.generation or seen.requested != seen.handled:
        return CheckDue(True)
    if seen.verified:
        return CheckDue(False)
    if seen.ended_at is None:
        return CheckDue(True)
    again = seen.ended_at + pause_after(seen.failures)
    return CheckDue(now >= again, again)


def pause_after(failures: int) -> timedelta:
    """How long Test Connection pauses after a number of failures in a row."""
    pause: timedelta = _FIRST_PAUSE * 2 ** min(failures, 12)
    return min(pause, CHECK_AGAIN)


@dataclass(frozen=True)
class OldRun:
    """A finished run of a connection, for `over_limits`."""

    name: str
    successful: bool
    ended_at: datetime
    made_by_operator: bool


def over_limits(runs: Sequence[OldRun], successful: int, failed: int) -> list[str]:
    """The names of runs that the operator created and history no longer keeps. Runs of others count, but stay."""
    gone = []
    for good, keep in ((True, successful), (False, failed)):
        same = sorted((r for r in runs if r.successful is good), key=lambda r: (r.ended_at, r.name), reverse=True)
        gone += [r.name for r in same[keep:] if r.made_by_operator]
    return gone
