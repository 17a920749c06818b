"""What Jobs are for: one record for each purpose. Code that creates, counts, reads or fences a Job asks the record.

An attempt is one try at a thing: to plan, to apply, to deliver, to check a connection, to purge artifacts.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from enum import Enum, auto


class Mount(Enum):
    """What a Job's pod mounts. A Secret that is not listed is not in the pod."""

    CONNECTION = auto()  # the manifest
    SOURCE = auto()  # the Secret of the SIS, and the CA bundle
    STORE_TO_READ = auto()
    STORE_TO_WRITE = auto()
    STORE_TO_SETTLE = auto()  # the reader's Secret, and a claim that can be written: what was sent is recorded
    STORE_TO_TEST = auto()  # the reader's Secret, as far as it is there
    ARTIFACTS = auto()  # a claim; or where a bucket has them, room for a run and the Secret of the bucket
    ARTIFACTS_TO_TEST = auto()  # only that Secret
    KEY = auto()  # the Secret that artifacts are encrypted with
    DELIVERIES = auto()  # the Secrets and claims of the connection's deliveries


@dataclass(frozen=True)
class Attempt:
    """One record. `name` is in labels, in the Job's name, and in the command: `rostersync job NAME`.

    `type`: its name under a run's `status.jobs`, or None when it is not part of a run.
    `tries`: how many of its Jobs there may be, one after the other. `pods`: how many pods a Job may have.
    `in_doubt`: when its Job is lost, its work may still be done. Only the store knows, and another attempt finds out.
    `first_pause`, `longest_pause`: the pauses after failures that are retried. Each is three times the last.
    `deadline`: the deadline of its Job, or None for the operator's default. `first_deadline`: how long the process of its
    first Job may work, if that is less.
    `light`: it needs neither the engine nor much memory.
    `slot`: it counts towards the limit of concurrent Jobs.
    `store_alone`: no other Job of its turn may run at the same time (controller/turns.py).
    `keeps_turn`: after its end, the store stays reserved for its run until the run is reconciled.
    `awaited`: the operator waits for its end. Other Jobs may outlive their run, and need no owner.
    """

    name: str
    mounts: tuple[Mount, ...]
    type: str | None = None
    tries: int = 1
    pods: int = 3
    in_doubt: bool = False
    first_pause: timedelta = timedelta(minutes=1)
    longest_pause: timedelta = timedelta(hours=6)
    deadline: timedelta | None = None
    first_deadline: timedelta | None = None
    light: bool = False
    slot: bool = False
    store_alone: bool = False
    keeps_turn: bool = False
    awaited: bool = True

    def pause(self, number: int) -> timedelta:
        """How long to wait after this many tries."""
        return min(self.first_pause * int(3 ** min(number - 1, 12)), self.longest_pause)


PLAN = Attempt(
    "plan",
    (Mount.CONNECTION, Mount.SOURCE, Mount.STORE_TO_READ, Mount.ARTIFACTS, Mount.KEY),
    type="Plan",
    tries=3,
    slot=True,
    store_alone=True,
    keeps_turn=True,
)
# A restore is planned from the store alone. For everything else it is a plan like any other.
RESTORE = replace(PLAN, mounts=tuple(mount for mount in PLAN.mounts if mount is not Mount.SOURCE))
APPLY = Attempt(
    "apply",
    (Mount.CONNECTION, Mount.STORE_TO_WRITE, Mount.ARTIFACTS, Mount.KEY),
    type="Apply",
    tries=10,  # a day in all, with the pauses between them
    in_doubt=True,
    slot=True,
    store_alone=True,
)
DELIVER = Attempt(
    "deliver",
    (Mount.CONNECTION, Mount.STORE_TO_SETTLE, Mount.DELIVERIES),
    type="Deliver",
    tries=10,  # while its Jobs are lost; failures are retried until the time of the deliveries is over
    pods=1,  # the operator retries it itself, with growing pauses
    in_doubt=True,
    longest_pause=timedelta(hours=1),
    first_deadline=timedelta(minutes=15),  # a run that waits for the store gets it in the pause after that
    deadline=timedelta(hours=1),  # a receiver that is slow gets its roster when nobody waits
    slot=True,
    store_alone=True,
)
CHECK = Attempt(
    "check",
    (Mount.CONNECTION, Mount.SOURCE, Mount.STORE_TO_TEST, Mount.DELIVERIES, Mount.ARTIFACTS_TO_TEST),
    pods=1,  # the operator retries it itself, with growing pauses
    deadline=timedelta(minutes=4),
    light=True,
)
PURGE = Attempt(
    "purge",
    (Mount.CONNECTION, Mount.ARTIFACTS),
    pods=7,  # ten minutes in all, since a bucket may be away and nobody asks for it again
    deadline=timedelta(minutes=30),
    light=True,
    store_alone=True,
    awaited=False,
)

ATTEMPTS: dict[str, Attempt] = {record.name: record for record in (PLAN, APPLY, DELIVER, CHECK, PURGE)}
OF_RUN: tuple[Attempt, ...] = tuple(record for record in ATTEMPTS.values() if record.type)
