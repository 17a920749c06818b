"""How approvals are created, read and judged. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rostersync.api.kinds import Ref
from rostersync.controller.cluster.cache import Object, owner
from rostersync.controller.connections.policy_check import Guard
from rostersync.controller.runs.reports import moment
from rostersync.instants import parse_instant, stamp
from rostersync.lifecycle.about import in_brief
from rostersync.lifecycle.conditions import dated
from rostersync.lifecycle.names import LONGEST, approval_name
from rostersync.lifecycle.observed import Approval
from rostersync.lifecycle.steps import CreateApproval
from rostersync.model import PlanReport
from rostersync.render.holds import sentence


def name(run: str, digest: str, number: int) -> str:
    """The name of a run's `number`th approval of one digest."""
    if number == 1:
        return approval_name(run, digest)
    suffix = f"-{number}"
    return approval_name(run[: LONGEST - 9 - len(suffix)], digest) + suffix


def made(run: Object, step: CreateApproval, number: int) -> Object:
    """The SyncApproval to create."""
    meta = run["metadata"]
    connection = Ref.of(run["spec"]["connectionRef"])
    previous = Ref.of_key(step.previous_connection).as_dict() if step.previous_connection else None
    return {
        "apiVersion": "rostersync.dev/v1alpha1",
        "kind": "SyncApproval",
        "metadata": {
            "name": name(meta["name"], step.digest, number),
            "namespace": meta["namespace"],
            "ownerReferences": [
                {
                    "apiVersion": "rostersync.dev/v1alpha1",
                    "kind": "SyncRun",
                    "name": meta["name"],
                    "uid": meta["uid"],
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            "runRef": {"name": meta["name"], "uid": meta["uid"]},
            "connectionRef": connection.as_dict(),
            "planDigest": step.digest,
            "requestedBy": list(step.requested_by),
            "requireDistinctApprover": step.require_distinct_approver,
            "expiresAt": stamp(step.expires_at),
            **({"previousConnection": previous} if previous else {}),
        },
    }


@dataclass(frozen=True)
class Rules:
    """The rules that a decision must satisfy."""

    requesters: Sequence[str]
    four_eyes: bool
    robots: Sequence[str]  # service accounts that may decide
    more: bool = False  # there are more requesters than are listed


def same(found: Object, wanted: Object) -> bool:
    """Whether an existing approval of this name is the one that was to be created, and still open."""
    spec, asked = found["spec"], wanted["spec"]
    facts = ("runRef", "planDigest", "previousConnection", "requestedBy", "requireDistinctApprover")
    same_facts = all(spec.get(k) == asked.get(k) for k in facts)
    state = (found.get("status") or {}).get("state")
    return (
        same_facts and owner(found) == asked["runRef"]["uid"] and "decision" not in spec and state in (None, "Pending")
    )


def stands(found: Object, wanted: Object) -> bool:
    """Whether an existing approval of this name is this run's, about this digest, and still counts, decided or not."""
    facts = ("runRef", "planDigest", "previousConnection")
    mine = (
        all(found["spec"].get(k) == wanted["spec"].get(k) for k in facts)
        and owner(found) == wanted["spec"]["runRef"]["uid"]
    )
    return mine and (found.get("status") or {}).get("state") != "Superseded"


def of_another(obj: Object) -> Approval:
    """The approval of another run. A decision counts only after that run has judged it."""
    judged = (obj.get("status") or {}).get("decisionSeenAt")
    spec = obj["spec"] if judged else {k: v for k, v in obj["spec"].items() if k != "decision"}
    return read({**obj, "spec": spec}, None, Rules((), False, ()))


def read(obj: Object, guard: Guard | None, rules: Rules) -> Approval:
    """The approval as the lifecycle sees it. One whose decision cannot be trusted counts as superseded."""
    spec, status = obj["spec"], obj.get("status") or {}
    return Approval(
        name=obj["metadata"]["name"],
        uid=obj["metadata"]["uid"],
        digest=spec["planDigest"],
        expires_at=moment(spec["expiresAt"]) or parse_instant("1970-01-01T00:00:00+00:00"),
        decision=spec.get("decision"),
        decided_by=spec.get("decidedBy", ""),
        reason=spec.get("reason", ""),
        seen_at=moment(status.get("decisionSeenAt")),
        previous_connection=Ref.of(spec["previousConnection"]).key if spec.get("previousConnection") else "",
        superseded=status.get("state") == "Superseded" or bool(doubt(obj, guard, rules)),
    )


def doubt(obj: Object, guard: Guard | None, rules: Rules) -> str:
    """Why a new or future decision does not count. Empty when it does, or was accepted earlier."""
    spec, status = obj["spec"], obj.get("status") or {}
    if status.get("decisionSeenAt"):
        return ""
    four_eyes = rules.four_eyes or spec.get("requireDistinctApprover")
    if four_eyes and rules.more:
        return "more people than can be listed are among those who asked for it, and another person must decide"
    if "decision" not in spec:
        return ""
    by = str(spec.get("decidedBy", ""))
    if not by or (by.startswith("system:") and by not in rules.robots):
        return "it was not decided by a person"
    if four_eyes and (by in rules.requesters or by in spec["requestedBy"]):
        return f"{by} is among those who asked for it, and another person must decide"
    if guard is None or guard.missing:
        return "the admission policies are missing, so anybody could have written the name"
    before = sorted((p["kind"], p["name"], p["uid"], p["generation"]) for p in status.get("policies") or ())
    now = sorted((p["kind"], p["name"], p["uid"], p["generation"]) for p in guard.seen)
    if before != now:
        return "the admission policies are not those of when it was asked for"
    return ""


_ABOUT = ("about", "holdReasons", "totals", "holdsTotal")


def plan_facts(report: PlanReport | None) -> dict[str, Any]:
    """What an approval shows of its plan: counts, reasons and sentences, no records."""
    return in_brief(report, sentence) if report else {}


def status(
    obj: Object, state: str, guard: Guard | None, now: datetime, plan: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The whole status of an approval in this state. `plan` is what it shows of the plan, given at its creation."""
    before = obj.get("status") or {}
    out: dict[str, Any] = {"observedGeneration": obj["metadata"].get("generation", 1), "state": state}
    out |= plan or {k: before[k] for k in _ABOUT if k in before}
    policies = before.get("policies") or (list(guard.seen) if guard else [])
    if policies:
        out["policies"] = policies
    seen = before.get("decisionSeenAt") or (stamp(now) if obj["spec"].get("decision") else None)
    if seen:
        out["decisionSeenAt"] = seen
    message = {
        "Pending": f"Waits for a decision until {obj['spec']['expiresAt']}.",
        "Expired": "Nobody decided in time.",
        "Superseded": "It no longer counts: another takes its place, or its run says why nobody may decide.",
    }.get(state, f"{state} by {obj['spec'].get('decidedBy', '')}.")
    ready = (
        "Ready",
        "False" if state == "Pending" else "True",
        "AwaitingDecision" if state == "Pending" else state,
        message,
    )
    out["conditions"] = dated([ready], before.get("conditions") or [], now, out["observedGeneration"])
    return out
