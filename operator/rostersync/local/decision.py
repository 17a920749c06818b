"""A person's decision about a held run."""

from typing import Any

import click

from rostersync.api.kinds import Ref
from rostersync.errors import Permanent
from rostersync.instants import stamp
from rostersync.lifecycle.held import only_held
from rostersync.lifecycle.observed import Connection
from rostersync.lifecycle.outcomes import succeeded_reason
from rostersync.local import drive
from rostersync.local.drive import Driver
from rostersync.local.notes import note
from rostersync.local.settling import known_connection, settled
from rostersync.local.state import State
from rostersync.local.user import user
from rostersync.model import Phase


def decide(
    state: State, name: str | None, decision: str, by: str | None, reason: str, digest: str | None
) -> tuple[dict[str, Any], Connection]:
    """Record the decision in the run's approval. Returns the run and its connection.

    Without a name, the only run that waits is meant. Raises Permanent when there is nothing to decide.
    """
    if not reason.strip():
        raise click.UsageError("--reason must say why.")
    if name is None:
        settled(state)  # what has expired or was superseded no longer waits
        name = only_held(state.runs())
    run = state.run(name)
    while (run.get("status") or {}).get("sameAs"):
        run = state.run(run["status"]["sameAs"])  # the run that holds the same plan
        note(f"The same changes are held by run {run['metadata']['name']}; deciding that one.")
    name = run["metadata"]["name"]
    connection = known_connection(state, Ref.of(run["spec"]["connectionRef"]))
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
        spec = {**approval["spec"], "decision": decision, "decidedBy": by or user(), "reason": reason.strip()}
        seen = {"state": decision, "decisionSeenAt": stamp(drive.now_utc())}
        state.save_approval({**approval, "spec": spec, "status": {**approval["status"], **seen}})
        return driver.settle(run), connection
