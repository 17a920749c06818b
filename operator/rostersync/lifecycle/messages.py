"""The result of a plan, in sentences for people. Pure."""

from rostersync.lifecycle.observed import Observed
from rostersync.model import Mode, NotOffered, PlanReport
from rostersync.roster import counted
from rostersync.sent import DeliverReport


def planning(mode: Mode) -> str:
    """What a plan that is being made does."""
    if mode == Mode.RESTORE:
        return "Finding out from the store's history what takes the run's changes back."
    return "Reading the source and comparing it with the store."


def held_message(seen: Observed, report: PlanReport) -> str:
    """Why the run waits, and the command that lets it continue."""
    approval = seen.approval.name if seen.approval else ""
    command = seen.words.approval(seen.run.name, approval)
    return f"{held_reasons(report)} Nothing is applied until someone decides: `{command}`."


def stopped(text: str) -> str:
    """Somebody's text as a sentence: with a full stop, unless it ends in a punctuation mark."""
    return text if text.rstrip()[-1:] in tuple(".!?…") else f"{text.rstrip()}."


def held_reasons(report: PlanReport) -> str:
    """The number of reasons why it is held, as a sentence."""
    n = report.holds_total
    return f"Held for {n} reason{'' if n == 1 else 's'}."


def has_delivered(report: DeliverReport | None) -> bool:
    """Whether an attempt has sent anything."""
    return report is not None and any(d.bundles for d in report.deliveries)


def delivered_message(report: DeliverReport | None) -> str:
    """What was delivered, as a sentence."""
    made = [d for d in report.deliveries if d.bundles] if report else []
    if not made:
        return "Nothing was left to deliver."
    return f"Sent: {', '.join(f'{d.name} (revision {d.revision}, {d.bytes:,} bytes)' for d in made)}."


def dry_run_message(report: PlanReport) -> str:
    """What would have happened, had it not been a dry run."""
    if report.no_changes:
        return f"Dry run: there is nothing to change in the store.{deferred(report)}"
    held = f"would be held for {report.holds_total} reason{'' if report.holds_total == 1 else 's'}"
    return f"Dry run: {held if report.holds_total else 'would be applied'}; nothing was changed.{deferred(report)}"


def no_changes_message(report: PlanReport) -> str:
    """Says that nothing changes. Where the source has no records at all, it also says what that probably means."""
    seen = any(e.population or e.unchanged or e.skipped or e.duplicates for e in report.entities)
    if seen or report.schools.found or incomplete(report):
        return f"There is nothing to change in the store.{deferred(report)}"
    return (
        "There is nothing to change in the store: the source answers, but shows no record at all. The credential "
        "probably sees nothing; Test Connection (check) says more."
    )


def incomplete(report: PlanReport) -> bool:
    """Whether something is left for a later run: a collection that is not proved complete, or deferred deletes."""
    return bool(report.incomplete) or any(e.deferred for e in report.entities)


def deferred(report: PlanReport) -> str:
    """What was not read completely and what is left for a later run, as sentences after a space; "" if nothing is."""
    # Deletes are deferred when reading was incomplete, and in a Disable Deletion window of Data Rollover.
    count = sum(e.deferred for e in report.entities)
    torn = f" Not read completely: {', '.join(report.incomplete)}." if report.incomplete else ""
    left = f" {count} {'delete is' if count == 1 else 'deletes are'} left for a later run." if count else ""
    return torn + _still_there(report) + left + _out_of_scope(report) + unoffered(report)


def _out_of_scope(report: PlanReport) -> str:
    """How much a run of some schools leaves out, as a sentence after a space."""
    n = sum(e.out_of_scope for e in report.entities)
    changes = "1 change that is" if n == 1 else f"{n:,} changes that are"
    return f" {changes} not of its schools alone wait{'s' * (n == 1)} for a run of the whole district." if n else ""


def _still_there(report: PlanReport) -> str:
    """Collections that left out records which the source still has, as sentences after a space."""
    return "".join(
        f" {n} of the {name} that were not sent {'is' if n == 1 else 'are'} there when asked for by id, so more may be."
        for name, n in report.still_there.items()
    )


def unoffered(report: PlanReport) -> str:
    """The collections that the source does not offer, and what is held back for it, as sentences after a space."""
    return "".join(_unoffered(m) for m in report.not_offered)


def _unoffered(missing: NotOffered) -> str:
    why = f" ({missing.status})" if missing.status else ""
    remedy = "; let the credential read it" if missing.status == 403 else ""
    if missing.scope:
        remedy += f" (its token may lack the scope {missing.scope}, which deliveryConfig.scope has to name)"
    costs = [counted(count, entity) for entity, count in missing.held_back.items()]
    held = f", so that records are held back: {', '.join(costs)}" if costs else ""
    return f" The source does not offer {missing.collection}{why}{held}{remedy}."
