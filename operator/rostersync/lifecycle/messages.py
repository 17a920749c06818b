"""What a plan came to, in sentences for people. Pure."""

from rostersync.lifecycle.observed import Observed
from rostersync.model import NotOffered, PlanReport


def held_message(seen: Observed, report: PlanReport) -> str:
    """Why the run waits and the very command that lets it go on."""
    approval = seen.approval.name if seen.approval else ""
    command = seen.words.approval(seen.run.name, approval)
    return f"{held_reasons(report)} Nothing is applied until someone decides: `{command}`."


def stopped(text: str) -> str:
    """A text of a person as a sentence: with a stop at its end, if it has none."""
    return text if text.rstrip()[-1:] in tuple(".!?…") else f"{text.rstrip()}."


def held_reasons(report: PlanReport) -> str:
    """How many reasons there are to wait for a person."""
    n = report.holds_total
    return f"Held for {n} reason{'' if n == 1 else 's'}."


def dry_run_message(report: PlanReport) -> str:
    """What a dry run would have come to."""
    if report.no_changes:
        return f"Dry run: there is nothing to change in the store.{deferred(report)}"
    held = f"would be held for {report.holds_total} reason{'' if report.holds_total == 1 else 's'}"
    return f"Dry run: {held if report.holds_total else 'would be applied'}; nothing was changed.{deferred(report)}"


def no_changes_message(report: PlanReport) -> str:
    """That nothing changes; and where the source shows nothing at all, what that most likely means."""
    seen = any(e.population or e.unchanged or e.skipped or e.duplicates for e in report.entities)
    if seen or report.schools.found or incomplete(report):
        return f"There is nothing to change in the store.{deferred(report)}"
    return (
        "There is nothing to change in the store: the source answers and shows no record at all. The credential probably "
        "sees nothing; Test Connection (check) says more."
    )


def incomplete(report: PlanReport) -> bool:
    """Whether something was left for a later run: a collection not proved complete, or deletes deferred."""
    return bool(report.incomplete) or any(e.deferred for e in report.entities)


def deferred(report: PlanReport) -> str:
    """What was not read whole and what is left for a later run, as sentences with a space before; "" when nothing is."""
    # Deletes are deferred for an incomplete reading, and in a Disable Deletion window of Data Rollover.
    count = sum(e.deferred for e in report.entities)
    torn = f" Not read completely: {', '.join(report.incomplete)}." if report.incomplete else ""
    left = f" {count} {'delete is' if count == 1 else 'deletes are'} left for a later run." if count else ""
    return torn + left + unoffered(report)


def unoffered(report: PlanReport) -> str:
    """Which collections the source does not offer and what that costs, as sentences with a space before."""
    return "".join(_unoffered(m) for m in report.not_offered)


def _unoffered(missing: NotOffered) -> str:
    why = f" ({missing.status})" if missing.status else ""
    remedy = "; let the credential read it" if missing.status == 403 else ""
    if missing.scope:
        remedy += f" (its token may lack the scope {missing.scope}, which deliveryConfig.scope has to name)"
    costs = [f"{count:,} {entity}" for entity, count in missing.held_back.items()]
    held = f", so that records are held back: {', '.join(costs)}" if costs else ""
    return f" The source does not offer {missing.collection}{why}{held}{remedy}."
