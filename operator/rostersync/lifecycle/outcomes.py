"""How a run may end, what its condition Succeeded is then, and the exit code of commands."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rostersync.api.objects import condition
from rostersync.model import Phase


class Outcome(StrEnum):
    """status.outcome. Only set once a run has ended."""

    APPLIED = "Applied"
    APPLIED_INCOMPLETE = "AppliedIncomplete"  # deletes deferred
    NO_CHANGES = "NoChanges"
    DRY_RUN = "DryRun"
    SAME_AS_HELD = "SameAsHeld"
    REJECTED = "Rejected"
    EXPIRED = "Expired"
    SUPERSEDED = "Superseded"
    CANCELLED = "Cancelled"
    IMPORT_SUSPENDED = "ImportSuspended"
    DELIVERED = "Delivered"  # a run that only delivers, and had something to
    DELIVERY_FAILED = "DeliveryFailed"
    FAILED = "Failed"


# Its changes are in the store, if it planned any: DeliveryFailed also ends runs that only deliver.
APPLIED = (Outcome.APPLIED, Outcome.APPLIED_INCOMPLETE, Outcome.DELIVERY_FAILED)


@dataclass(frozen=True)
class Ending:
    """What an outcome means for conditions and exit code."""

    succeeded: bool
    stalled: bool
    exit: int


HELD_EXIT = 3

ENDINGS: dict[Outcome, Ending] = {
    Outcome.APPLIED: Ending(True, False, 0),
    Outcome.APPLIED_INCOMPLETE: Ending(True, False, 0),
    Outcome.NO_CHANGES: Ending(True, False, 0),
    Outcome.DRY_RUN: Ending(True, False, 0),
    Outcome.SAME_AS_HELD: Ending(False, False, HELD_EXIT),
    Outcome.REJECTED: Ending(False, False, 1),
    Outcome.EXPIRED: Ending(False, False, 1),
    Outcome.SUPERSEDED: Ending(False, False, 1),
    Outcome.CANCELLED: Ending(False, False, 1),
    Outcome.IMPORT_SUSPENDED: Ending(False, False, 1),
    Outcome.DELIVERED: Ending(True, False, 0),
    Outcome.DELIVERY_FAILED: Ending(False, True, 1),
    Outcome.FAILED: Ending(False, True, 1),
}


def exit_code(status: Mapping[str, Any]) -> int:
    """The exit code for a SyncRun's status: 0 done, 3 held, 1 anything else."""
    outcome = status.get("outcome")
    if outcome:
        return ENDINGS[Outcome(outcome)].exit
    return HELD_EXIT if succeeded_reason(status) == Phase.AWAITING_APPROVAL else 1


def changed_the_store(status: Mapping[str, Any]) -> bool:
    """Whether the run's changes are in the store, also while they are still being delivered."""
    applied = condition(status, "Applied")
    return bool(status.get("revision")) or (applied is not None and applied["status"] == "True")


def succeeded_reason(status: Mapping[str, Any]) -> str:
    """The reason of the condition Succeeded, which people read as the run's state; empty before the first status."""
    found = condition(status, "Succeeded")
    return found["reason"] if found else ""


def succeeded_message(status: Mapping[str, Any]) -> str:
    """The message of the condition Succeeded; empty before the first status."""
    found = condition(status, "Succeeded")
    return found["message"] if found else ""
