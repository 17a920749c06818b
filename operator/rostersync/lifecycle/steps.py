"""What may be done next with a run. Small frozen values, told apart with `match`."""

from dataclasses import dataclass
from datetime import datetime

from rostersync.lifecycle.outcomes import Outcome
from rostersync.model import Consent, Phase


@dataclass(frozen=True)
class StartPlan:
    """Start the plan half. `again`: from the extract that is already staged, because the store moved."""

    number: int = 1
    again: bool = False


@dataclass(frozen=True)
class CreateApproval:
    """Make the pending SyncApproval for this digest."""

    digest: str
    expires_at: datetime
    requested_by: tuple[str, ...]
    require_distinct_approver: bool
    previous_connection: str = ""  # another one, on which the decider needs the verb approve too


@dataclass(frozen=True)
class StartApply:
    """Start the apply half of the plan with this digest. `consent` is None only for a plan without holds."""

    digest: str
    consent: Consent | None
    number: int = 1


@dataclass(frozen=True)
class StartDeliver:
    """Carry the applied revision out."""

    number: int = 1


@dataclass(frozen=True)
class Wait:
    """Nothing to do until something changes, or until `until`. `reason` becomes that of Succeeded=Unknown.

    `turn`: it would start a Job if it might.
    """

    reason: Phase
    message: str
    until: datetime | None = None
    turn: bool = False


@dataclass(frozen=True)
class Finish:
    """The run is final. `reason` is that of Succeeded: the outcome, or what failed. `by`: another run behind it."""

    outcome: Outcome
    reason: str
    message: str
    by: str | None = None


@dataclass(frozen=True)
class Nothing:
    """The run was final already: its status stays as it is."""


Step = StartPlan | CreateApproval | StartApply | StartDeliver | Wait | Finish | Nothing


def ended(outcome: Outcome, message: str, by: str | None = None) -> Finish:
    """The run ends with an outcome that says all by itself."""
    return Finish(outcome, outcome.value, message, by)
