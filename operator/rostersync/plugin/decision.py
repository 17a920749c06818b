"""What approve and reject share: a person decides about a held run, and about exactly the plan that was shown."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rostersync.api.kinds import Ref
from rostersync.plugin import options

if TYPE_CHECKING:
    from rostersync.plugin.cluster import Cluster, Object

F = TypeVar("F", bound=Callable[..., Any])
TRIES = 5  # attempts to write a decision while others touch the object without changing what is decided


def decision_options(function: F) -> F:
    """The argument and the options of approve and reject, which have the same."""
    for option in (
        options.cluster_options,
        options.output_option,
        options.waiting_options,
        click.option("-y", "--yes", is_flag=True, help="Do not ask again on a terminal."),
        click.option(
            "--digest",
            metavar="SHA256",
            callback=options.digest,
            help="Only if the plan still has this digest (sha256:…).",
        ),
        click.option("--reason", required=True, metavar="TEXT", help="Why; recorded with the decision."),
        click.argument("name", metavar="[RUN]", required=False, callback=options.run_name),
    ):
        function = option(function)
    return function


def decide(
    decision: str,
    name: str | None,
    reason: str,
    digest: str | None,
    yes: bool,
    wait: bool,
    timeout: float | None,
    quiet: bool,
    output: str,
) -> None:
    """Show what is decided about, ask, write the decision, and watch what becomes of the run."""
    from rostersync.plugin import watch
    from rostersync.plugin.approvals import exit_after, is_decided
    from rostersync.plugin.status import is_held

    if not reason.strip():
        raise click.UsageError("--reason must say why.")
    cluster = options.cluster()
    run = _holder(cluster, name or _only_held(cluster))
    approval = _pending(cluster, run, digest)
    _page(run, approval)
    verb = {"Approved": "Approve", "Rejected": "Reject"}[decision]
    if not yes and options.asks() and not click.confirm(f"{verb} exactly this?", err=True):
        raise click.ClickException("Nothing was decided.")
    approval = _write(cluster, run, approval, decision, reason.strip())
    name = run["metadata"]["name"]
    show = options.show_command(cluster, name)
    options.note(f"{decision} by {approval['spec']['decidedBy']}.")
    if not wait:
        run = run if output == "table" else cluster.get("SyncRun", name)
        options.show_asked(cluster, run, output, f"Run {name} continues by itself: `{show}` says what becomes of it.")
        return
    ended = watch.run(
        cluster,
        run,
        lambda r: is_decided(r, approval["metadata"]["uid"]),
        taken_up=lambda r: not is_held(r),
        goes_on=f"The decision stands and run {name} goes on: `{show}`.",
        timeout=timeout,
        quiet=quiet,
    )
    options.show_run(ended, output, options.typed(cluster))
    raise SystemExit(exit_after(ended, decision))


def _only_held(cluster: "Cluster") -> str:
    """The name of the only run that is held. Raises Permanent when there are none or several."""
    from rostersync.lifecycle.held import only_held
    from rostersync.plugin import lookup

    runs = cluster.list("SyncRun", fields="status.outcome=")
    if not runs:
        lookup.must_have_namespace(cluster)
    return only_held(runs, f" in namespace {cluster.namespace}")


def _holder(cluster: "Cluster", name: str) -> "Object":
    """The run itself, or the one that already holds the same changes."""
    from rostersync.api.objects import run_status
    from rostersync.plugin import lookup

    run, seen = lookup.run(cluster, name), {name}
    while (other := run_status(run).get("sameAs")) and other not in seen:
        run = lookup.run(cluster, other)
        seen.add(other)
        options.note(f"The same changes are held by run {other}; deciding that one.")
    return run


def _pending(cluster: "Cluster", run: "Object", digest: str | None) -> "Object":
    """The approval to decide. Raises Permanent that says why there is none."""
    from rostersync.errors import Permanent
    from rostersync.plugin.approvals import approval_of, undecidable

    approvals = cluster.list("SyncApproval", fields=f"spec.runRef.name={run['metadata']['name']}")
    approval = approval_of(run, approvals)
    why = undecidable(run, approval, digest, cluster.now())
    if why or approval is None:
        raise Permanent(str(why), reason="NotHeld")
    return dict(approval)


def _page(run: "Object", approval: "Object") -> None:
    """Show what is decided about, on standard error: standard output is for the result."""
    from rostersync.api.objects import run_status
    from rostersync.plugin.words_to_type import RECORDS
    from rostersync.render import run as pages
    from rostersync.render import tables
    from rostersync.render.words import part_of

    out, status, spec = tables.console(stderr=True), run_status(run), approval["spec"]
    tables.say(out, f"Run {run['metadata']['name']} of {Ref.of(spec['connectionRef']).in_words}", "bold")
    facts = {
        **part_of(run["spec"]),
        "Digest": spec["planDigest"],
        "Requested by": ", ".join(spec["requestedBy"]),
        "Decide by": spec["expiresAt"],
        "Four eyes": "who requested it may not decide" if spec["requireDistinctApprover"] else "",
        "Before": _before(spec),
        "Records": RECORDS,
    }
    for what, value in facts.items():
        if value:
            tables.say(out, f"  {what + ':':<15}{value}")
    pages.counts(out, run, status)
    pages.holds(out, status)
    pages.causes(out, status)
    pages.issues(out, status)
    pages.schools(out, status)
    pages.touched(out, status)


def _before(spec: "Object") -> str:
    """Whose roster it was until now. Whoever decides needs the verb approve on that connection, too."""
    if not spec.get("previousConnection"):
        return ""
    own, before = Ref.of(spec["connectionRef"]), Ref.of(spec["previousConnection"])
    if before == own:
        return f"connection {own.in_words} was deleted and created again since the last applied plan"
    return f"the last applied plan was for connection {before.in_words}; you need the verb approve on it, too"


def _write(cluster: "Cluster", run: "Object", approval: "Object", decision: str, reason: str) -> "Object":
    """Write the decision for the plan that was shown.

    After a conflict it is tried again if the plan is still the same.
    """
    from rostersync.errors import Retryable
    from rostersync.plugin.approvals import decision_of

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
