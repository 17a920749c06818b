"""What a held plan is about, in lines that `kubectl describe` shows first. Counts and codes only. Pure."""

from collections.abc import Callable
from typing import Any

from rostersync.model import EntityCounts, Hold, PlanReport


def in_brief(report: PlanReport, sentence: Callable[[Hold], str] | None = None, command: str = "") -> dict[str, Any]:
    """What the statuses of a run and its SyncApproval say of a held plan. `command` is for people who can decide."""
    brief: dict[str, Any] = {"totals": report.totals, "holdsTotal": report.holds_total}
    if lines := about(report, sentence, command):
        brief["about"] = lines
    if report.holds:
        brief["holdReasons"] = reasons(report)
    return brief


def about(report: PlanReport, sentence: Callable[[Hold], str] | None = None, command: str = "") -> list[str]:
    """Why the plan is held, worst reason first, what changes of each entity, and the command if somebody can decide."""
    holds = [f"{h.reason.value}: {sentence(h)}" if sentence else f"{h.reason.value}." for h in report.holds]
    more = report.holds_total - len(holds)
    lines = [*holds, *([f"… and {more} more reasons; these are the worst."] if more > 0 else [])]
    lines += [_changes(e) for e in report.entities if e.created or e.updated or e.deleted]
    if report.roster:
        lines.append(f"In the roster of all sources: {_numbers(report.roster.total)}.")
    if left := sum(e.out_of_scope for e in report.entities):
        lines.append(f"Out of scope: {left} changes, which wait for a run of the whole district.")
    if command:
        lines.append(f"To approve: {command}")
    return [line[:1024] for line in lines]


def reasons(report: PlanReport) -> str:
    """The codes of the holds, each once, worst first: `SchoolEmptied, Threshold`."""
    return ", ".join(dict.fromkeys(h.reason.value for h in report.holds))


def _changes(counts: EntityCounts) -> str:
    name = counts.entity.value if counts.entity else "Unknown"
    return f"{name}: {_numbers(counts)}."


def _numbers(counts: EntityCounts) -> str:
    return f"{counts.created} created, {counts.updated} updated, {counts.deleted} deleted"
