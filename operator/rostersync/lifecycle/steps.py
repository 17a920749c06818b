"""The steps of a run: small frozen values, which `match` tells apart."""

from dataclasses import dataclass
from datetime import datetime

from rostersync.lifecycle.outcomes import Outcome
from rostersync.model import Consent, Phase


@dataclass(frozen=True)
class StartPlan:
    """Start the plan. `again`: from the staged extract, because the store moved."""

    number: int = 1
    again: bool = False


@dataclass(frozen=True)
class CreateApproval:
    """Create the pending SyncApproval for this digest."""

    digest: str
    expires_at: datetime
    requested_by: tuple[str, ...]
    require_distinct_approver: bool
    previous_connection: str = ""  # another one, on which the decider also needs the verb approve


@dataclass(frozen=True)
class StartApply:
    """Apply the plan with this digest. `consent` is None only for a plan without holds."""

    digest: str
    consent: Consent | None
    number: int = 1


@dataclass(frozen=True)
class StartDeliver:
    """Deliver the applied revision."""

    number: int = 1


@dataclass(frozen=True)
class Wait:
    """Nothing to do until something changes, or until `until`. `reason` becomes that of Succeeded=Unknown.

    `turn`: it waits for its turn to start a Job.
    """

    reason: Phase
    message: str
    until: datetime | None = None
    turn: bool = False


@dataclass(frozen=True)
class Finish:
    """The run ends.

    `reason` becomes that of Succeeded: the outcome, or what failed. `by`: the other run that caused the end.
    """

    outcome: Outcome
    reason: str
    message: str
    by: str | None = None


@dataclass(frozen=True)
class Nothing:
    """The run has already ended: its status stays as it is."""


Start = StartPlan | StartApply | StartDeliver  # what takes a Job
Step = StartPlan | CreateApproval | StartApply | StartDeliver | Wait | Finish | Nothing


def ended(outcome: Outcome, message: str, by: str | None = None) -> Finish:
    """The run ends with an outcome that is also the reason."""
    return Finish(outcome, outcome.value, message, by)
