"""approve, reject: a person's decision about a held run, and about exactly the plan that was shown."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rostersync.plugin import options

if TYPE_CHECKING:
    from rostersync.plugin.cluster import Cluster, Object

F = TypeVar("F", bound=Callable[..., Any])
TRIES = 5  # how often a decision is made again because the object was touched without changing what is decided


def decision_options(function: F) -> F:
    """--reason, --digest, --yes."""
    for option in (
        click.option("-y", "--yes", is_flag=True, help="Do not ask again on a terminal."),
        click.option("--digest", metavar="SHA256", help="Only if the plan still has this digest (sha256:…)."),
        click.option("--reason", required=True, metavar="TEXT", help="Why; recorded with the decision."),
    ):
        function = option(function)
    return function


@click.command(
    epilog="""\b
Examples:
  kubectl roster approve springfield-20261124t020709 --reason "End of term: these students have left"
  kubectl roster approve --reason "End of term"
  kubectl roster approve RUN --reason "…" --yes --digest sha256:3f1c…
  kubectl auth can-i approve focusconnections.rostersync.dev/springfield -n rosters

\b
Exit codes: 0 applied; 3 held again; 1 not approved, or failed."""
)
@click.argument("name", metavar="[RUN]", required=False)
@decision_options
@options.waiting_options
@options.output_option
@options.cluster_options
def approve(
    name: str | None,
    reason: str,
    digest: str | None,
    yes: bool,
    wait: bool,
    timeout: float | None,
    quiet: bool,
    output: str,
) -> None:
    """Let a held run through: exactly the changes that are shown, and only those.

    Without RUN it is the only run that waits in the namespace; when several do, they are listed and nothing is decided.
    You need the verb `approve` on the run's connection, and must be another person than asked for it where the
    connection demands four eyes. A plan that changes needs a new decision. Ctrl-C stops watching; the decision stands.
    """
    _decide("Approved", name, reason, digest, yes, wait, timeout, quiet, output)


@click.command(
    epilog="""\b
Examples:
  kubectl roster reject --reason "The SIS export was empty"
  kubectl roster reject springfield-20261124t020709 --reason "The SIS export was empty; its vendor is told"

\b
Exit codes: 0 rejected; 1 not."""
)
@click.argument("name", metavar="[RUN]", required=False)
@decision_options
@options.waiting_options
@options.output_option
@options.cluster_options
def reject(
    name: str | None,
    reason: str,
    digest: str | None,
    yes: bool,
    wait: bool,
    timeout: float | None,
    quiet: bool,
    output: str,
) -> None:
    """Refuse a held run: nothing of it is applied, and the store stays as it is.

    Without RUN it is the only run that waits in the namespace; when several do, they are listed and nothing is decided.
    """
    _decide("Rejected", name, reason, digest, yes, wait, timeout, quiet, output)


def _decide(
    decision: str, name: str | None, reason: str, digest: str | None, yes: bool, wait: bool, timeout: float | None,
    quiet: bool, output: str,
) -> None:  # fmt: skip
    from rostersync.plugin import standing

    if not reason.strip():
        raise click.UsageError("--reason must say why.")
    cluster = options.cluster()
    run = _that_holds(cluster, name or _only(cluster))
    approval = _pending(cluster, run, digest)
    _page(run, approval)
    verb = {"Approved": "Approve", "Rejected": "Reject"}[decision]
    if not yes and options.asks() and not click.confirm(f"{verb} exactly this?", err=True):
        raise click.ClickException("Nothing was decided.")
    approval = _write(cluster, run, approval, decision, reason.strip())
    run_name = run["metadata"]["name"]
    options.note(f"{decision} by {approval['spec']['decidedBy']}.")
    if not wait:
        _say_decided(cluster, run_name, output)
        return
    ended = _watch(cluster, run, approval, timeout, quiet)
    options.show_run(ended, output, options.typed(cluster))
    raise SystemExit(standing.exit_after(ended, decision))


def _only(cluster: "Cluster") -> str:
    """The run that is meant when none is named."""
    from rostersync.lifecycle.held import only_held
    from rostersync.plugin import looking

    runs = cluster.list("SyncRun", fields="status.outcome=")
    if not runs:
        looking.namespace(cluster)
    return only_held(runs, f" in namespace {cluster.namespace}")


def _that_holds(cluster: "Cluster", name: str) -> "Object":
    """The run, or the one that holds the same plan."""
    from rostersync.plugin import looking
    from rostersync.plugin.standing import status_of

    run, seen = looking.run(cluster, name), {name}
    while (other := status_of(run).get("sameAs")) and other not in seen:
        run = looking.run(cluster, other)
        seen.add(other)
        options.note(f"The same changes are held by run {other}; deciding that one.")
    return run


def _pending(cluster: "Cluster", run: "Object", digest: str | None) -> "Object":
    """The approval that can be decided. Raises Permanent that says how the run stands instead."""
    from rostersync.errors import Permanent
    from rostersync.plugin import standing

    approvals = cluster.list("SyncApproval", fields=f"spec.runRef.name={run['metadata']['name']}")
    approval = standing.approval_of(run, approvals)
    why = standing.undecidable(run, approval, digest, cluster.now())
    if why or approval is None:
        raise Permanent(str(why), reason="NotHeld")
    return dict(approval)


def _page(run: "Object", approval: "Object") -> None:
    """What is decided about. On standard error, since the result is the output."""
    from rostersync.plugin.standing import RECORDS
    from rostersync.render import run as pages
    from rostersync.render import tables

    out, status, spec = tables.console(stderr=True), run.get("status") or {}, approval["spec"]
    tables.say(out, f"Run {run['metadata']['name']} of {spec['connectionRef']['name']}", "bold")
    facts = {
        "Digest": spec["planDigest"], "Requested by": ", ".join(spec["requestedBy"]), "Decide by": spec["expiresAt"],
        "Four eyes": "who requested it may not decide" if spec["requireDistinctApprover"] else "",
        "Before": _other(spec),
        "Records": RECORDS,
    }  # fmt: skip
    for what, value in facts.items():
        if value:
            tables.say(out, f"  {what + ':':<15}{value}")
    pages.counts(out, status)
    pages.holds(out, status)
    pages.causes(out, status)
    pages.issues(out, status)
    pages.schools(out, status)
    pages.touched(out, status)


def _other(spec: "Object") -> str:
    """Whose roster it was until now: deciding about it asks for the verb approve there too."""
    own, before = spec["connectionRef"]["name"], (spec.get("previousConnection") or {}).get("name")
    if not before:
        return ""
    if before == own:
        return f"connection {own} was deleted and made anew since the last applied plan"
    return f"the last applied plan was of connection {before}; you need the verb approve on it too"


def _write(cluster: "Cluster", run: "Object", approval: "Object", decision: str, reason: str) -> "Object":
    """The decision, bound to what was shown: a conflict is looked at anew, and another plan is never decided about."""
    from rostersync.errors import Retryable
    from rostersync.plugin.standing import decision_of

    user, shown = cluster.whoami(), approval["spec"]["planDigest"]
    for _ in range(TRIES):
        try:
            return cluster.patch(
                "SyncApproval", approval["metadata"]["name"], decision_of(approval, decision, user, reason)
            )
        except Retryable as error:
            if error.reason != "Conflict":
                raise
            run = cluster.get("SyncRun", run["metadata"]["name"])
            approval = _pending(cluster, run, shown)
    raise Retryable("The SyncApproval changes all the time; nothing was decided, try again.", reason="Conflict")


def _watch(cluster: "Cluster", run: "Object", approval: "Object", timeout: float | None, quiet: bool) -> "Object":
    from rostersync.plugin import follow, standing

    name, uid = run["metadata"]["name"], approval["metadata"]["uid"]
    look = f"kubectl roster show {name}{options.options_for(cluster)}"
    wish = follow.Wish(
        "SyncRun", name, lambda r: standing.is_decided(r, uid), follow.run_line, lambda r: not standing.is_held(r),
        f"The decision stands and run {name} goes on: `{look}`.", run["metadata"]["uid"], timeout,
    )  # fmt: skip
    return follow.wait(cluster, wish, follow.Show(quiet))


def _say_decided(cluster: "Cluster", name: str, output: str) -> None:
    if output == "table":
        look = f"kubectl roster show {name}{options.options_for(cluster)}"
        click.echo(f"Run {name} goes on by itself: `{look}` says what becomes of it.")
    else:
        options.show_run(cluster.get("SyncRun", name), output, options.typed(cluster))
