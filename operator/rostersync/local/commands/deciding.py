"""approve, reject: a person's decision about a held run."""

from typing import TYPE_CHECKING, Any

import click

from rostersync.api.kinds import Ref
from rostersync.execution import options
from rostersync.execution.interruption import interruptible
from rostersync.local.commands import common
from rostersync.model import Phase

if TYPE_CHECKING:
    from rostersync.local.state import State


@click.command(
    epilog="""\b
Examples:
  rostersync approve springfield-20261124t020709 --reason "End of term: these students have left"
  rostersync approve --reason "End of term: these students have left"
"""
)
@click.argument("name", metavar="[RUN]", required=False)
@common.decision_options
@click.option("--no-apply", is_flag=True, help="Only decide; `rostersync apply RUN`, or an equal next run, applies it.")
@common.state_option
@common.output_option("table", "json", "yaml")
@common.quiet_option
@options.debug_option
def approve(
    name: str | None,
    reason: str,
    by: str | None,
    digest: str | None,
    no_apply: bool,
    state: "State",
    output: str,
    quiet: bool,
) -> None:
    """Let a held run through: exactly the changes that were shown, and only those.

    Without RUN it is the only run that waits; when several do, they are listed and nothing is decided.
    The approval is for the plan's digest; a plan that changes needs a new one. Applies at once.
    """
    from rostersync.execution.progress import shown
    from rostersync.lifecycle.outcomes import exit_code
    from rostersync.local.commands.importing import apply_run, local_attempts

    run, connection = _decide(state, name, "Approved", by, reason, digest)
    if connection.require_distinct_approver:
        common.note(
            "requireDistinctApprover is on, but without a cluster nobody can prove who decides: "
            "the store's revision records that four eyes were not enforced."
        )
    if no_apply:
        common.show_run(state, run, output)
        return
    with interruptible(), shown(quiet) as progress:
        attempts = local_attempts(state, progress)
        run = apply_run(state, run, attempts)
    if output != "table" or not attempts.error:
        common.show_run(state, run, output)
    if attempts.error:
        raise attempts.error
    raise SystemExit(exit_code(run["status"]))


@click.command(
    epilog="""\b
Example:
  rostersync reject springfield-20261124t020709 --reason "The SIS export was empty; its vendor is told"
"""
)
@click.argument("name", metavar="[RUN]", required=False)
@common.decision_options
@common.state_option
@common.output_option("table", "json", "yaml")
@options.debug_option
def reject(name: str | None, reason: str, by: str | None, digest: str | None, state: "State", output: str) -> None:
    """Refuse a held run: nothing of it is applied, and the store stays as it is.

    Without RUN it is the only run that waits; when several do, they are listed and nothing is decided.
    """
    run, _ = _decide(state, name, "Rejected", by, reason, digest)
    common.show_run(state, run, output)


def _decide(
    state: "State", name: str | None, decision: str, by: str | None, reason: str, digest: str | None
) -> tuple[dict[str, Any], Any]:
    """Record the decision with the run's approval. Raises Permanent when there is nothing to decide."""
    from rostersync.errors import Permanent
    from rostersync.instants import stamp
    from rostersync.lifecycle.held import only_held
    from rostersync.lifecycle.outcomes import succeeded_reason
    from rostersync.local.drive import Driver, now_utc

    if not reason.strip():
        raise click.UsageError("--reason must say why.")
    if name is None:
        common.settled(state)  # what has expired or was superseded waits no more
        name = only_held(state.runs())
    run = state.run(name)
    while (run.get("status") or {}).get("sameAs"):
        run = state.run(run["status"]["sameAs"])  # the run that holds the same plan
        common.note(f"The same changes are held by run {run['metadata']['name']}; deciding that one.")
    name = run["metadata"]["name"]
    connection = common.known_connection(state, Ref.of(run["spec"]["connectionRef"]))
    with state.lock(connection.ref.key):
        driver = Driver(state, connection, None)
        run = driver.settle(run)
        approval, status = state.approval(name), run.get("status") or {}
        stands = succeeded_reason(status)
        if approval is None or stands != Phase.AWAITING_APPROVAL:
            raise Permanent(
                f"Run {name} does not wait for a decision: it is {stands or 'not planned yet'}.", reason="NotHeld"
            )
        planned = approval["spec"]["planDigest"]
        if digest is not None and digest != planned:
            raise Permanent(
                f"The plan of run {name} has the digest {planned}, not {digest}; look at it again.", reason="OtherPlan"
            )
        spec = {**approval["spec"], "decision": decision, "decidedBy": by or common.user(), "reason": reason.strip()}
        seen = {"state": decision, "decisionSeenAt": stamp(now_utc())}
        state.save_approval({**approval, "spec": spec, "status": {**approval["status"], **seen}})
        return driver.settle(run), connection
