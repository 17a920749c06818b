"""What other runs of the connection mean for a run. A newer one may replace it, or have moved the store. Pure."""

from rostersync.lifecycle.asking import covers
from rostersync.lifecycle.messages import incomplete
from rostersync.lifecycle.observed import Observed, Sibling
from rostersync.lifecycle.outcomes import APPLIED, Outcome
from rostersync.lifecycle.steps import Finish, ended
from rostersync.model import Mode, PlanReport


def moved_since(seen: Observed, report: PlanReport) -> bool:
    """Whether another run has changed the store since the plan was made, so that nobody should be asked about it."""
    return any(s.revision is not None and s.revision > report.base_revision for s in seen.siblings)


def replaces(sibling: Sibling, digest: str, mode: Mode) -> bool:
    """Whether a newer run makes this plan pointless: it found other changes or none, or it applied these.

    Two restores that differ are about different things, so only one that applied the same replaces a restore.
    """
    if mode == Mode.RESTORE and (sibling.no_changes or sibling.digest != digest):
        return False
    if sibling.no_changes or (sibling.digest is not None and sibling.digest != digest):
        return True
    # One that still delivers has no outcome yet, and a revision.
    return sibling.outcome in APPLIED or (sibling.outcome is None and sibling.revision is not None)


def twin_of(seen: Observed, report: PlanReport) -> Sibling | None:
    """An older run that asks about the same plan, or was approved and is not applied yet."""
    return next(
        (
            s
            for s in seen.siblings
            if s.held and not s.newer and s.approval and not s.approval.superseded and covers(s.approval, report)
        ),
        None,
    )


def same_as(seen: Observed, twin: Sibling, *, approved: bool) -> Finish:
    """The run ends because the same plan is in other hands: one plan has one approval."""
    if approved:
        text = f"The same changes were approved in run {twin.name}, which applies them."
    else:
        command = seen.words.approval(twin.name, twin.approval.name if twin.approval else "")
        text = f"The same changes already wait for a decision in run {twin.name}: `{command}`."
    return ended(Outcome.SAME_AS_HELD, text, twin.name)


def taken_over(report: PlanReport, sibling: Sibling) -> Finish:
    """The run ends because a newer one replaces it."""
    if sibling.digest == report.digest and not sibling.no_changes:
        outcome = Outcome.APPLIED_INCOMPLETE if incomplete(report) else Outcome.APPLIED
        return ended(outcome, f"The same changes were applied by run {sibling.name}.", sibling.name)
    found = "nothing to change" if sibling.no_changes else "other changes"
    return ended(Outcome.SUPERSEDED, f"The later run {sibling.name} found {found}.", sibling.name)
