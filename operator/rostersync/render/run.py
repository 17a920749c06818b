"""One run, for people: its result, why it waits, and what to type next."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from rostersync.api.kinds import Ref
from rostersync.api.objects import (
    ApprovalStatus,
    ConnectionStatus,
    IssueCount,
    RunStatus,
    Schools,
    condition,
    run_status,
)
from rostersync.fate import Fate
from rostersync.model import Phase
from rostersync.render import deliveries, not_offered, whose
from rostersync.render import details as parts
from rostersync.render.details import NOTHING, Details
from rostersync.render.orgs import NAMELESS, Orgs
from rostersync.render.tables import say, table
from rostersync.render.words import number, of_counts, part_of
from rostersync.render.words_to_type import LOCAL, Typed

_WHY_DOUBLE = {
    Fate.DUPLICATE.value: "since another record has the same value where it must be unique",
    Fate.CONTRADICTORY.value: "since rows with the same id contradict each other",
}
_COLUMNS = {
    "Entity": "entity",
    "Population": "population",
    "Created": "created",
    "Updated": "updated",
    "Deleted": "deleted",
    "Kept": "kept",
    "Unchanged": "unchanged",
    "Skipped": "skipped",
    "Duplicates": "duplicates",
    "Errors": "errors",
    "Deferred": "deferred",
    "Out of scope": "outOfScope",
}
_CHANGES = ("created", "updated", "deleted")
_USUAL = "usual"
_STYLES = {"True": "green", "False": "red", "Unknown": "yellow"}


def page(
    out: Console,
    run: Mapping[str, Any],
    details: Details = NOTHING,
    typed: Typed = LOCAL,
    with_issues: bool = False,
) -> None:
    """The whole run. `details`: what the plan's folder has, if it can be read. `with_issues`: counts of issues from the
    status, if it cannot."""
    status = run_status(run)
    _header(out, run, status)
    _plan(out, run, status, details, typed, None)
    if with_issues:
        issues(out, status)
    schools(out, status, details.orgs)
    deliveries.of_run(out, run["spec"], status)
    _conditions(out, status)
    rest(out, status, details)
    commands(out, run, typed)


def brief(out: Console, run: Mapping[str, Any], typed: Typed = LOCAL, details: Details = NOTHING) -> None:
    """What a person wants to see when a run stops: counts, holds, schools, and what comes next."""
    status = run_status(run)
    say(out, f"Run {run['metadata']['name']}", "bold")
    _plan(out, run, status, details, typed, parts.WORST)
    schools(out, status, details.orgs)
    deliveries.of_run(out, run["spec"], status)
    rest(out, status, details)
    commands(out, run, typed)


def _plan(
    out: Console, run: Mapping[str, Any], status: RunStatus, details: Details, typed: Typed, most: int | None
) -> None:
    """First why it is held, then what it changes, and which changes belong together."""
    name = run["metadata"]["name"]
    holds(out, status, details.orgs)
    counts(out, run, status, details)
    legend(out, name, status, typed)
    parts.roster(out, parts.roster_of(status, details), typed.roster.format(run=name))
    whose.page(out, details.whose, most)
    parts.schools(out, details, most)
    parts.attributes(out, details)
    causes(out, status)
    parts.follows(out, details)
    if details.rekeyed:
        say(out, f"{details.rekeyed:,} records come back under other ids: `{typed.rekeyed.format(run=name)}`.")


def commands(out: Console, run: Mapping[str, Any], typed: Typed = LOCAL) -> None:
    """The commands to look at a held run, and to decide about it."""
    if not (succeeded := condition(run_status(run), "Succeeded")) or succeeded["reason"] != Phase.AWAITING_APPROVAL:
        return
    # With several sources, what they make together is what is decided about.
    look = (typed.roster if run_status(run).get("roster") else "") or typed.look
    for what, command in {
        "Look at it": look,
        "Let it through": typed.approve,
        "Or refuse it": typed.reject,
    }.items():
        say(out, f"  {what + ':':<16}{command.format(run=run['metadata']['name'])}")


def counts(out: Console, run: Mapping[str, Any], status: RunStatus, details: Details = NOTHING) -> None:
    """Counts by entity and their totals, next to what is usual. Columns with nothing in them are left out."""
    rows = status.get("entities") or []
    if not rows:
        return
    total = {"entity": "Total", **(status.get("totals") or {})}
    always = ("Entity", "Population", "Created", "Updated", "Deleted", "Unchanged")
    columns: list[tuple[str, str]] = []
    for name, key in _COLUMNS.items():
        if name in always or any(r.get(key) for r in rows):
            columns.append((name, key))
            if details.usual.runs and key in _CHANGES:
                columns.append((_USUAL, key))
    lines = [
        [
            details.usual.entities.get(r["entity"], {}).get(key, 0) if name == _USUAL else r.get(key, 0)
            for name, key in columns
        ]
        for r in rows
    ]
    lines.append(["" if name == _USUAL else total.get(key, 0) for name, key in columns])
    names = [name for name, _ in columns]
    table(
        out,
        names,
        lines,
        names[1:],
        of_counts(run["spec"], status.get("outcome"), several=bool(parts.roster_of(status, details))),
        drop=("Unchanged", "Population", "Duplicates", "Skipped", "Errors", "Deferred", "Kept", "Out of scope"),
    )
    if details.usual.runs:
        say(out, f"usual: the median of the last {details.usual.runs} runs of this source that changed something.\n")


def legend(out: Console, name: str, status: RunStatus, typed: Typed) -> None:
    """What the columns that are not about changes mean, and which command shows more."""
    totals, where = status.get("totals") or {}, f": `{typed.issues.format(run=name)}`" if typed.issues else ""
    if n := totals.get("errors"):
        worst = next((i for i in status.get("issues") or [] if i.get("class") == "Error"), None)
        most = f", most often {_issue(worst)}" if worst else ""
        say(out, f"Errors: {number(n)} {_records(n)} came with something wrong{most}{where}.")
    if n := totals.get("skipped"):
        say(out, f"Skipped: {number(n)} {_records(n)} held back; what was accepted before stays{where}.")
    if n := totals.get("duplicates"):
        say(out, f"Duplicates: {number(n)} {_records(n)} held back, {_why_double(status, n)}{where}.")
    if any(totals.get(key) for key in ("errors", "skipped", "duplicates")):
        say(out)


def _why_double(status: RunStatus, n: int) -> str:
    """Why the duplicates are some. Which of the two reasons it is, as far as the status lists their issues."""
    listed = [i for i in status.get("issues") or [] if i.get("class") == "Duplicate"]
    found = {i["code"] for i in listed} if sum(i["count"] for i in listed) == n else set(_WHY_DOUBLE)
    return ", or ".join(words for code, words in _WHY_DOUBLE.items() if code in found or not found & _WHY_DOUBLE.keys())


def _records(n: int) -> str:
    return "record" if n == 1 else "records"


def _issue(issue: IssueCount) -> str:
    """`email of Contact (Missing, 488 times)`."""
    of = f"{issue['attribute']} of {issue.get('entity')}" if issue.get("attribute") else issue.get("entity", "")
    return f"{of} ({issue['code']}, {number(issue['count'])} times)"


def rest(out: Console, status: RunStatus, details: Details = NOTHING) -> None:
    """What was not read completely, whom cascades affect, and what comes next: the message of Succeeded."""
    if status.get("incomplete"):
        say(
            out, f"Not read completely: {', '.join(status['incomplete'])}. What depends on it is not deleted.", "yellow"
        )
        for name in status["incomplete"]:
            if reason := details.unproved.get(name):
                say(out, f"  {name}: {reason}", "yellow")
    if n := details.left_out:
        say(out, f"Left out, as no rule of deliveryConfig.entities takes them: {number(n)} of the source's people.")
    for name, reason in details.unconfirmed.items():
        say(out, f"Deletes not confirmed by id: {name}: {reason}.", "yellow")
    not_offered.page(out, map(not_offered.read, status.get("notOffered") or ()))
    touched(out, status)
    if succeeded := condition(status, "Succeeded"):
        say(out, f"{succeeded['reason']}: {succeeded['message']}", _STYLES[succeeded["status"]])


def touched(out: Console, status: RunStatus) -> None:
    """How many people cascades affect."""
    people = status.get("blastRadius") or {}
    if any(people.values()):
        say(out, "Affected by cascades: " + ", ".join(f"{n:,} {who}" for who, n in people.items()))


def _header(out: Console, run: Mapping[str, Any], status: RunStatus) -> None:
    spec, plan, approval = run["spec"], status.get("plan") or {}, status.get("approval") or {}
    say(out, f"Run {run['metadata']['name']}", "bold")
    facts = {
        "Connection": Ref.of(spec["connectionRef"]).in_words,
        "Mode": spec.get("mode"),
        **part_of(spec),
        "Requested by": spec.get("requestedBy"),
        "Reason": spec.get("reason"),
        "Started": status.get("startTime"),
        "Ended": status.get("completionTime"),
        "Outcome": status.get("outcome"),
        "Digest": plan.get("digest"),
        "Base revision": plan.get("baseRevision"),
        "Revision": status.get("revision"),
        "Approval": _approval(approval),
    }
    for name, value in facts.items():
        if value not in (None, ""):
            say(out, f"  {name + ':':<15}{value}")
    say(out)


def _conditions(out: Console, status: RunStatus) -> None:
    """The conditions, which programs wait for. They come last, since people first want to know why the run waits."""
    rows = [(c["type"], c["status"], c["reason"], c["lastTransitionTime"]) for c in status.get("conditions") or []]
    if rows:
        say(out)
        table(out, ("Condition", "Status", "Reason", "Since"), rows, drop=("Since",))


def _approval(approval: ApprovalStatus) -> str:
    if not approval:
        return ""
    by = f" by {approval['decidedBy']}: {approval.get('reason', '')}" if approval.get("decidedBy") else ""
    return f"{approval['state']}{by}" if by else f"{approval['state']}, ends {approval['expiresAt']}"


def holds(out: Console, status: RunStatus, orgs: Orgs = NAMELESS) -> None:
    """Why a person must decide: the worst reasons, each as a sentence. For a dry run, why it would be held."""
    found = status.get("holds") or []
    if not found:
        return
    outcome = status.get("outcome")
    title = "Why it would be held" if outcome == "DryRun" else "Why it was held" if outcome else "Why it is held"
    rows = [(h["reason"], named(h.get("message", ""), h.get("school"), orgs)) for h in found]
    table(out, ("Reason", "What"), rows, title=title, fold="What")
    more = status.get("holdsTotal", len(found)) - len(found)
    if more > 0:
        say(out, f"… and {more:,} more; these are the worst.\n")


def named(message: str, school: str | None, orgs: Orgs) -> str:
    """A hold's sentence, with the school's name next to its id."""
    return message.replace(school, orgs.called(school), 1) if school else message


def causes(out: Console, status: RunStatus) -> None:
    """Why records change."""
    rows = [(c["cause"], c["count"]) for c in status.get("causes") or []]
    if rows:
        table(out, ("Cause", "Changes"), rows, ("Changes",), "Changes by cause")


def issues(out: Console, status: RunStatus) -> None:
    """What is wrong with the source's data, as counted in a status."""
    rows = [[i.get(k) for k in ("class", "code", "entity", "attribute", "count")] for i in status.get("issues") or []]
    if rows:
        columns = ("Class", "Code", "Entity", "Attribute", "Count")
        table(out, columns, rows, ("Count",), "Issues in the data", drop=("Class",))


def schools(out: Console, status: RunStatus | ConnectionStatus, orgs: Orgs = NAMELESS) -> None:
    """The result of Schools Mapping, from the status of a run or a connection."""
    found: Schools = status.get("schools") or {}
    numbers = {
        "found": found.get("found", 0),
        "mapped": found.get("mapped", 0),
        "missing": found.get("missing", 0),
        "vanished": found.get("vanished", 0),
    }
    if not any(numbers.values()):
        return
    say(out, "Schools: " + ", ".join(f"{n:,} {what}" for what, n in numbers.items()))
    lists = {"Not mapped": found.get("missingIDs"), "Vanished from the source": found.get("vanishedIDs")}
    for what, ids in lists.items():
        if ids:
            say(out, f"  {what}: {', '.join(map(orgs.called_by_source, ids))}")
