"""What is known about a run at one moment: everything that `decide.next_step` and `status.of` may use.

The driver of a run fills this in: the local command from files, the controller from its cache. Nothing here acts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Generic, TypeVar

from rostersync.api.kinds import Ref
from rostersync.attempts import APPLY, DELIVER, PLAN, Attempt
from rostersync.model import ApplyReport, Mode, PlanReport
from rostersync.sent import DeliverReport

R = TypeVar("R")


class WorkState(StrEnum):
    """How far an attempt of a run got."""

    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    LOST = "Lost"  # its process is gone without a final report


@dataclass(frozen=True)
class Work(Generic[R]):
    """The newest try of an attempt. `number` counts tries from 1. `of_plan` is the number of an apply's plan.

    `message` says why it failed or, while it runs, what blocks it ("" when nothing does).
    """

    state: WorkState
    number: int = 1
    report: R | None = None
    reason: str = "Failed"  # of a failure: CamelCase
    message: str = ""
    of_plan: int = 1
    started_at: datetime | None = None
    ended_at: datetime | None = None
    job: str | None = None
    disruptions: int = 0  # pods that were evicted, or lost with their node


@dataclass(frozen=True)
class Run:
    """The SyncRun itself. `status` is the last one that was written, empty at first."""

    name: str
    uid: str = ""
    generation: int = 1
    mode: Mode = Mode.IMPORT
    cancel: bool = False
    requested_by: tuple[str, ...] = ()
    created_at: datetime | None = None
    status: Mapping[str, Any] = field(default_factory=dict)
    more_requesters: bool = False  # than fit into `requested_by`
    forgotten: bool = False  # a person was, and its details with them, which is why it is cancelled
    schools: tuple[str, ...] = ()  # ids in the store, if it is not about the whole district


@dataclass(frozen=True)
class Window:
    """A span of time. It includes its start, but not its end."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Connection:
    """What a connection says about its runs."""

    ref: Ref
    terms_accepted: bool = True
    problem: tuple[str, str] | None = None  # (reason, message) why no run may start: NotYetSupported …
    suspended: bool = False
    deleted: bool = False
    missing: bool = False  # never seen, so it may still come
    uid: str = ""
    suspend_import: tuple[Window, ...] = ()
    expires_after: timedelta = timedelta(hours=72)
    require_distinct_approver: bool = False
    four_eyes_enforced: bool = False  # a local run cannot prove who anybody is
    deliveries: Mapping[str, timedelta] = field(default_factory=dict)  # name -> how long it is retried (retryFor)


@dataclass(frozen=True)
class Approval:
    """A SyncApproval. `seen_at`: when the decision was first seen, which is compared with `expires_at`."""

    name: str
    digest: str
    expires_at: datetime
    uid: str = ""
    decision: str | None = None  # Approved | Rejected
    decided_by: str = ""
    reason: str = ""
    seen_at: datetime | None = None
    superseded: bool = False
    previous_connection: str = ""  # the key of another connection, on which the decider may approve too


@dataclass(frozen=True)
class Sibling:
    """Another run of the same connection and mode (Import or Restore) whose plan is done.

    `revision`: the store's revision after it, where known.
    """

    name: str
    digest: str | None
    newer: bool
    no_changes: bool = False
    held: bool = False  # awaits a decision, or is approved and not applied yet
    outcome: str | None = None
    approval: Approval | None = None
    revision: int | None = None
    schools: tuple[str, ...] = ()

    def covers(self, schools: tuple[str, ...]) -> bool:
        """Whether it is about all that a run of these schools is about."""
        return not self.schools or (bool(schools) and set(schools) <= set(self.schools))


@dataclass(frozen=True)
class Words:
    """The commands that messages name, for `{run}` and `{approval}`. On a cluster, these are kubectl's.

    `by_itself`: whether somebody tries again when the time has come. On the command line nobody does.
    """

    approve: str = 'rostersync approve {run} --reason "…"'
    apply: str = "rostersync apply {run}"
    rerun: str = "run it again with `rostersync run`"
    deliver: str = "`rostersync deliver -f …`"
    by_itself: bool = False

    def approval(self, run: str, approval: str) -> str:
        """The command that approves the plan of a run."""
        return self.approve.replace("{run}", run).replace("{approval}", approval)

    def application(self, run: str) -> str:
        """The command that applies a waiting plan."""
        return self.apply.replace("{run}", run)


@dataclass(frozen=True)
class Observed:
    """Everything about one run at `now` (with zone)."""

    now: datetime
    run: Run
    connection: Connection
    plan: Work[PlanReport] | None = None
    apply: Work[ApplyReport] | None = None
    deliver: Work[DeliverReport] | None = None
    approval: Approval | None = None
    siblings: tuple[Sibling, ...] = ()
    applied_revision: int | None = None  # of the store, for this run and digest, where the store was asked
    behind: bool = False  # another run of the connection comes first
    may_start: bool = True  # whether there is a free slot for a plan
    may_apply: bool = True  # False: an approved plan, or one without holds, waits (--no-apply, or for a slot)
    may_deliver: bool = True
    deliver_now: bool = False  # somebody asks for it, so no pause is kept
    queued: str = ""  # why none of these may start now; "" locally
    unguarded: str = ""  # why no approval can be trusted (policies are missing); "" if one can
    tries: int = 1  # plans in all, while their Jobs are lost
    words: Words = Words()

    @property
    def works(self) -> tuple[tuple[Attempt, Work[Any]], ...]:
        """The attempts that have begun, in order."""
        every = ((PLAN, self.plan), (APPLY, self.apply), (DELIVER, self.deliver))
        return tuple((attempt, work) for attempt, work in every if work)

    @property
    def in_store(self) -> bool:
        """Whether the run's changes are in the store."""
        return self.applied_revision is not None or (self.apply is not None and self.apply.state == WorkState.SUCCEEDED)

    @property
    def revision(self) -> int | None:
        """The revision that this run's apply created, as far as known."""
        if self.apply and self.apply.report and self.apply.report.revision is not None:
            return self.apply.report.revision
        return self.applied_revision
