"""One run for people: what it came to, why it waits, and what to type next."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from rostersync.render.tables import grid, say
from rostersync.render.words_to_type import LOCAL, Typed

_COLUMNS = {
    "Entity": "entity", "Population": "population", "Created": "created", "Updated": "updated", "Deleted": "deleted",
    "Unchanged": "unchanged", "Skipped": "skipped", "Duplicates": "duplicates", "Errors": "errors",
    "Deferred": "deferred",
}  # fmt: skip
_STYLES = {"True": "green", "False": "red", "Unknown": "yellow"}


def page(
    out: Console, run: Mapping[str, Any], rekeyed: int = 0, typed: Typed = LOCAL, with_issues: bool = False
) -> None:
    """The whole run. `rekeyed`: records with new ids, where the plan is at hand; `with_issues`: the status's own counts
    of them, where it is not."""
    status = run.get("status") or {}
    _header(out, run, status)
    counts(out, status)
    holds(out, status)
    causes(out, status)
    if rekeyed:
        command = typed.rekeyed.format(run=run["metadata"]["name"])
        say(out, f"{rekeyed:,} records come back under other ids: `{command}`.")
    if with_issues:
        issues(out, status)
    schools(out, status)
    rest(out, status)
    commands(out, run, typed)


def brief(out: Console, run: Mapping[str, Any], typed: Typed = LOCAL) -> None:
    """What a person wants to see when a run stops: counts, holds, schools, and how it goes on."""
    status = run.get("status") or {}
    say(out, f"Run {run['metadata']['name']}", "bold")
    counts(out, status)
    holds(out, status)
    causes(out, status)
    schools(out, status)
    rest(out, status)
    commands(out, run, typed)


def commands(out: Console, run: Mapping[str, Any], typed: Typed = LOCAL) -> None:
    """What to type to look at a held run and to decide about it."""
    name, status = run["metadata"]["name"], run.get("status") or {}
    reason = next((c["reason"] for c in status.get("conditions") or [] if c["type"] == "Succeeded"), "")
    if reason != "AwaitingApproval":
        return
    for what, command in (
        ("Look at it", typed.look), ("Let it through", typed.approve), ("Or refuse it", typed.reject),
    ):  # fmt: skip
        say(out, f"  {what + ':':<16}{command.format(run=name)}")


def counts(out: Console, status: Mapping[str, Any]) -> None:
    """Counts per entity and their totals; columns in which nothing happened are left out."""
    rows = status.get("entities") or []
    if not rows:
        return
    total = {"entity": "Total", **(status.get("totals") or {})}
    always = ("Entity", "Population", "Created", "Updated", "Deleted", "Unchanged")
    shown = [name for name, key in _COLUMNS.items() if name in always or any(r.get(key) for r in rows)]
    lines = [[r.get(_COLUMNS[name], 0) for name in shown] for r in (*rows, total)]
    out.print(grid(shown, lines, shown[1:], "What the plan changes"))


def rest(out: Console, status: Mapping[str, Any]) -> None:
    """What was not read completely, issues in brief, and how it goes on: the message of Succeeded."""
    if status.get("incomplete"):
        say(out, f"Not read completely: {', '.join(status['incomplete'])}. What leans on it is not deleted.", "yellow")
    touched(out, status)
    for c in status.get("conditions") or []:
        if c["type"] == "Succeeded":
            say(out, f"{c['reason']}: {c['message']}", _STYLES[c["status"]])


def touched(out: Console, status: Mapping[str, Any]) -> None:
    """How many people cascades reach."""
    people = status.get("blastRadius") or {}
    if any(people.values()):
        say(out, "Touched by cascades: " + ", ".join(f"{n:,} {who}" for who, n in people.items()))


def _header(out: Console, run: Mapping[str, Any], status: Mapping[str, Any]) -> None:
    spec, plan, approval = run["spec"], status.get("plan") or {}, status.get("approval") or {}
    say(out, f"Run {run['metadata']['name']}", "bold")
    facts = {
        "Connection": spec["connectionRef"]["name"], "Mode": spec.get("mode"), "Requested by": spec.get("requestedBy"),
        "Started": status.get("startTime"), "Ended": status.get("completionTime"), "Outcome": status.get("outcome"),
        "Digest": plan.get("digest"), "Base revision": plan.get("baseRevision"), "Revision": status.get("revision"),
        "Approval": _approval(approval),
    }  # fmt: skip
    for name, value in facts.items():
        if value not in (None, ""):
            say(out, f"  {name + ':':<15}{value}")
    rows = [(c["type"], c["status"], c["reason"], c["lastTransitionTime"]) for c in status.get("conditions") or []]
    if rows:
        out.print(grid(("Condition", "Status", "Reason", "Since"), rows))


def _approval(approval: Mapping[str, Any]) -> str:
    if not approval:
        return ""
    by = f" by {approval['decidedBy']}: {approval.get('reason', '')}" if approval.get("decidedBy") else ""
    return f"{approval['state']}{by}" if by else f"{approval['state']}, ends {approval['expiresAt']}"


def holds(out: Console, status: Mapping[str, Any]) -> None:
    """Why a person must decide: the worst reasons, each with its sentence."""
    found = status.get("holds") or []
    if not found:
        return
    title = "Why it was held" if status.get("outcome") else "Why it is held"
    out.print(grid((title, ""), [(h["reason"], h.get("message", "")) for h in found]))
    more = status.get("holdsTotal", len(found)) - len(found)
    if more > 0:
        say(out, f"… and {more:,} more; these are the worst.")


def causes(out: Console, status: Mapping[str, Any]) -> None:
    """Why records change."""
    rows = [(c["cause"], c["count"]) for c in status.get("causes") or []]
    if rows:
        out.print(grid(("Cause", "Changes"), rows, ("Changes",), "Changes by cause"))


def issues(out: Console, status: Mapping[str, Any]) -> None:
    """What is wrong with the source's data, as far as a status counts it."""
    rows = [[i.get(k) for k in ("class", "code", "entity", "attribute", "count")] for i in status.get("issues") or []]
    if rows:
        out.print(grid(("Class", "Code", "Entity", "Attribute", "Count"), rows, ("Count",), "Issues in the data"))


def schools(out: Console, status: Mapping[str, Any]) -> None:
    """What Schools Mapping came to, of a run's status or a connection's."""
    found = status.get("schools") or {}
    if not any(found.get(k) for k in ("found", "mapped", "missing", "vanished")):
        return
    say(out, "Schools: " + ", ".join(f"{found.get(k, 0):,} {k}" for k in ("found", "mapped", "missing", "vanished")))
    for key, what in (("missingIDs", "Not mapped"), ("vanishedIDs", "Vanished from the source")):
        if found.get(key):
            say(out, f"  {what}: {', '.join(found[key])}")
