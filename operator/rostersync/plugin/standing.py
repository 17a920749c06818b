"""How a run stands, for those who watch it or decide about it. Pure: objects in, words out."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rostersync.instants import parse_instant
from rostersync.lifecycle.held import is_held as is_held
from rostersync.lifecycle.outcomes import HELD_EXIT, Outcome, exit_code, succeeded_message, succeeded_reason
from rostersync.render.words_to_type import Typed

Object = Mapping[str, Any]

RECORDS = "single records stay in the run's artifacts, out of the cluster's reach"


def status_of(run: Object) -> Mapping[str, Any]:
    """A status, empty before the operator's first word."""
    return run.get("status") or {}


def newest_first(runs: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """By the second they were made; of one second the later start, then the higher number at the name's end."""
    return sorted(
        runs,
        key=lambda r: (
            r["metadata"].get("creationTimestamp") or "", status_of(r).get("startTime") or "",
            len(r["metadata"]["name"]), r["metadata"]["name"],
        ),
        reverse=True,
    )  # fmt: skip


def is_final(run: Object) -> bool:
    """Whether nothing will happen to the run any more."""
    return bool(status_of(run).get("outcome"))


def approval_of(run: Object, approvals: Iterable[Object]) -> Object | None:
    """The approval for the plan that the run has now: the one its status names, made for this very run."""
    status = status_of(run)
    named = (status.get("approval") or {}).get("uid")
    digest = (status.get("plan") or {}).get("digest")
    own = [a for a in approvals if a["spec"]["runRef"]["uid"] == run["metadata"]["uid"]]
    if named:
        return next((a for a in own if a["metadata"]["uid"] == named), None)
    fitting = [a for a in own if a["spec"]["planDigest"] == digest and status_of(a).get("state") == "Pending"]
    return fitting[0] if len(fitting) == 1 else None


def undecidable(run: Object, approval: Object | None, digest: str | None, now: datetime) -> str | None:
    """Why nobody can decide about the run's plan now (with this digest, where one is given); None: somebody can."""
    name, status = run["metadata"]["name"], status_of(run)
    if not is_held(run):
        stands = succeeded_reason(status)
        how = f"it is {stands}. {succeeded_message(status)}" if stands else "the operator has not taken it up yet."
        return f"Run {name} does not wait for a decision: {how.rstrip()}"
    if approval is None:
        return f"Run {name} has no SyncApproval that could be decided (yet): {succeeded_message(status)}"
    spec, state = approval["spec"], status_of(approval).get("state")
    planned = spec["planDigest"]
    if spec.get("decision"):
        why = f": {spec['reason']}" if spec.get("reason") else ""
        return f"Run {name} was {spec['decision'].lower()} by {spec.get('decidedBy', 'somebody')} already{why}"
    if digest is not None and digest != planned:
        return f"The plan of run {name} has the digest {planned}, not {digest}; look at it again. Nothing was decided."
    if state == "Expired" or now >= parse_instant(spec["expiresAt"]):
        return f"The time to decide about run {name} ended at {spec['expiresAt']}; what is decided now does not count."
    if state != "Pending" or planned != (status.get("plan") or {}).get("digest"):
        return f"The plan of run {name} is being made again ({state or 'no state'}); look at it again in a moment."
    return None


def decision_of(approval: Object, decision: str, user: str, reason: str) -> dict[str, Any]:
    """The patch that decides about what was shown and nothing else: it fits this very state of the object only."""
    seen = approval["metadata"]
    return {
        "metadata": {"uid": seen["uid"], "resourceVersion": seen["resourceVersion"]},
        "spec": {"decision": decision, "decidedBy": user, "reason": reason},
    }


def is_decided(run: Object, approval_uid: str) -> bool:
    """Whether what followed from a decision is done: the run is final, or waits for another decision."""
    now_waits_for = (status_of(run).get("approval") or {}).get("uid")
    return is_final(run) or (is_held(run) and now_waits_for not in (None, approval_uid))


def exit_after(run: Object, decision: str) -> int:
    """The exit code of approve and reject once they have waited: a rejection that stands is what was wanted."""
    status = status_of(run)
    if decision == "Rejected":
        return 0 if status.get("outcome") == Outcome.REJECTED else HELD_EXIT if is_held(run) else 1
    return exit_code(status)


def check_is_done(connection: Object, key: str) -> bool:
    """Whether Test Connection has answered the newest request, which the annotation `key` holds, or never will."""
    asked = (connection["metadata"].get("annotations") or {}).get(key)
    verified = condition(connection, "ConnectionVerified")
    handled = status_of(connection).get("lastHandledCheckRequestedAt") == asked
    return (handled and verified is not None and verified["status"] != "Unknown") or not_testable(
        connection
    ) is not None


def not_testable(connection: Object) -> Mapping[str, Any] | None:
    """The condition Ready when it says that the spec, as it is now, must be mended before there can be a test."""
    ready, verified = condition(connection, "Ready"), condition(connection, "ConnectionVerified")
    if ready is None or ready["status"] != "False":
        return None
    if ready.get("observedGeneration") != connection["metadata"].get("generation"):
        return None
    of_a_test = verified is not None and verified["status"] == "False" and verified["reason"] == ready["reason"]
    return None if of_a_test else ready


def condition(thing: Object, kind: str) -> Mapping[str, Any] | None:
    """A condition of any object."""
    return next((c for c in status_of(thing).get("conditions") or [] if c["type"] == kind), None)


def typed(options: str) -> Typed:
    """What to type on this cluster; `options` tell kubectl which, beginning with a space, or empty."""
    return Typed(
        look=f"{RECORDS}; the numbers are those above",
        approve=f'kubectl roster approve {{run}}{options} --reason "…"',
        reject=f'kubectl roster reject {{run}}{options} --reason "…"',
        rekeyed="",
        issues="",
        start=f"kubectl roster run CONNECTION{options}",
    )
