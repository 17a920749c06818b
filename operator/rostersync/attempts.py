"""What Jobs are for: one record for each. Whoever makes, counts, reads or fences a Job asks the record.

An attempt is one try of a thing: to plan, to apply, to deliver, to check a connection, to purge artifacts.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Any, Generic, TypeVar

from rostersync.model import ApplyReport, CheckReport, DeliverReport, PlanReport

R = TypeVar("R")


class Mount(Enum):
    """What a Job's pod is given. A Secret that is not here is not in the pod."""

    CONNECTION = auto()  # the manifest
    SOURCE = auto()  # the Secret of the SIS, and the certificates to trust it by
    STORE_TO_READ = auto()
    STORE_TO_WRITE = auto()
    ARTIFACTS = auto()
    KEY = auto()  # the Secret that artifacts are encrypted with
    DELIVERIES = auto()  # the Secrets of the connection's deliveries


@dataclass(frozen=True)
class Attempt(Generic[R]):
    """One record. `name` is in labels, in the Job's name, and the command: `rostersync job NAME`.

    `type`: its name under a run's `status.jobs`; None when it is no part of a run.
    `tries`: how many Jobs there may be of it, one after the other; `pods`: how many pods a Job may have.
    `in_doubt`: a lost one may be done all the same. Only the store knows, and another one finds out.
    `first_pause`, `longest_pause`: before another one is begun after a failure that may pass; each is three times the last.
    `deadline`: of its Job; None: as the operator was told.
    `light`: it needs neither the engine nor much memory.
    `slot`: it counts against the Jobs that may be at work. `store_alone`: no other Job of its turn may be
    at work (controller/turns.py).
    `keeps_turn`: when it has ended, the store stays its run's own until the run was looked at.
    `awaited`: its end is looked at. One that is not awaited goes by itself, outlives its run, and needs no owner.
    """

    name: str
    report: type[R]
    mounts: tuple[Mount, ...]
    type: str | None = None
    tries: int = 1
    pods: int = 3
    in_doubt: bool = False
    first_pause: timedelta = timedelta(minutes=1)
    longest_pause: timedelta = timedelta(hours=6)
    deadline: timedelta | None = None
    light: bool = False
    slot: bool = False
    store_alone: bool = False
    keeps_turn: bool = False
    awaited: bool = True

    def pause(self, number: int) -> timedelta:
        """How long to wait after this many tries."""
        return min(self.first_pause * int(3 ** (number - 1)), self.longest_pause)


PLAN = Attempt(
    "plan",
    PlanReport,
    (Mount.CONNECTION, Mount.SOURCE, Mount.STORE_TO_READ, Mount.ARTIFACTS, Mount.KEY),
    type="Plan",
    tries=3,
    slot=True,
    store_alone=True,
    keeps_turn=True,
)
APPLY = Attempt(
    "apply",
    ApplyReport,
    (Mount.CONNECTION, Mount.STORE_TO_WRITE, Mount.ARTIFACTS, Mount.KEY),
    type="Apply",
    tries=10,  # with the pauses between them: a day in all
    in_doubt=True,
    slot=True,
    store_alone=True,
)
DELIVER = Attempt(
    "deliver",
    DeliverReport,
    (Mount.CONNECTION, Mount.STORE_TO_WRITE, Mount.DELIVERIES),  # it writes what the outbox still holds, nothing else
    type="Deliver",
    tries=10,
    in_doubt=True,
    slot=True,
    store_alone=True,
)
CHECK = Attempt(
    "check",
    CheckReport,
    (Mount.CONNECTION, Mount.SOURCE),
    pods=1,  # the operator tries again itself, later each time
    deadline=timedelta(minutes=4),
    light=True,
)
PURGE = Attempt(
    "purge",
    CheckReport,
    (Mount.ARTIFACTS,),
    deadline=timedelta(minutes=30),
    light=True,
    store_alone=True,
    awaited=False,
)

ATTEMPTS: dict[str, Attempt[Any]] = {record.name: record for record in (PLAN, APPLY, DELIVER, CHECK, PURGE)}
OF_RUN: tuple[Attempt[Any], ...] = tuple(record for record in ATTEMPTS.values() if record.type)
