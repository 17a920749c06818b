"""What the state folder knows about a run, as the lifecycle sees it."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from rostersync.api.kinds import Ref, key_of
from rostersync.errors import Permanent, RostersyncError
from rostersync.execution.report_files import apply_work, deliver_work, plan_work
from rostersync.instants import parse_instant
from rostersync.lifecycle.observed import Approval, Connection, Observed, Run, Sibling, Words, Work, WorkState
from rostersync.lifecycle.outcomes import Outcome
from rostersync.local.state import State, number
from rostersync.model import ApplyReport, Mode, PlanReport

PERSON_FORGOTTEN = "rostersync.dev/personForgotten"  # an annotation of a run that lost its details by that


def observed(
    state: State,
    run: dict[str, Any],
    connection: Connection,
    now: datetime,
    *,
    alive: bool,
    may_start: bool,
    may_apply: bool,
    may_deliver: bool,
) -> Observed:
    """Everything about one run. `alive`: whether a process works on it right now."""
    name = run["metadata"]["name"]
    folder = state.layout.folder(name)
    plan, apply = plan_work(folder, alive), apply_work(folder, alive)
    started = parse_instant(run["metadata"]["creationTimestamp"])  # what the plan takes as now
    return Observed(
        now=now,
        run=_run(run),
        connection=connection,
        plan=plan and replace(plan, started_at=started),
        apply=apply,
        approval=_approval(state.approval(name)),
        siblings=tuple(_siblings(state, run)),
        may_start=may_start,
        may_apply=may_apply,
        may_deliver=may_deliver,
        deliver=deliver_work(folder, alive),
        applied_revision=_applied_revision(state, plan, apply),
        words=_words(run["spec"]),
    )


def _words(spec: dict[str, Any]) -> Words:
    restored = spec.get("restoreOf")
    return Words(rerun=f"run `rostersync restore {restored}` again") if restored else Words()


def _applied_revision(state: State, plan: Work[PlanReport] | None, apply: Work[ApplyReport] | None) -> int | None:
    """The revision that a lost apply created. None when it created none, or the store cannot be read."""
    report = plan.report if plan else None
    if apply is None or apply.state != WorkState.LOST or report is None or not report.digest:
        return None
    from rostersync.local.store import applied_revision

    with suppress(RostersyncError, OSError):
        return applied_revision(state, report.run, report.digest, report.base_revision)
    return None


def number_of_tries(state: State, run: str) -> tuple[int, int]:
    """How many tries of plan (at least 1) and apply a run has had."""
    plan, apply = plan_work(state.layout.folder(run), False), apply_work(state.layout.folder(run), False)
    return (plan.number if plan else 1, apply.number if apply else 0)


def run_of_plan(state: State, digest: str) -> str:
    """The newest run whose plan has the digest. It is found by the report, since plans may be sealed."""
    artifacts = state.layout.artifacts
    found = (work.report for folder in artifacts.glob("*") if (work := plan_work(folder, alive=False)))
    runs = sorted(r.run for r in found if r and r.digest == digest)
    if not runs:
        raise Permanent(f"No plan in {artifacts} has the digest {digest}; nothing was applied.", reason="UnknownPlan")
    return runs[-1]


def _run(run: dict[str, Any]) -> Run:
    metadata, spec = run["metadata"], run["spec"]
    return Run(
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata["generation"],
        mode=Mode(spec.get("mode", Mode.IMPORT)),
        schools=tuple(spec.get("schools", ())),
        cancel=bool(spec.get("cancel")),
        forgotten=PERSON_FORGOTTEN in (metadata.get("annotations") or {}),
        requested_by=(spec["requestedBy"],) if spec.get("requestedBy") else (),
        created_at=parse_instant(metadata["creationTimestamp"]),
        status=run.get("status") or {},
    )


def _approval(data: dict[str, Any] | None) -> Approval | None:
    if data is None:
        return None
    spec, status = data["spec"], data.get("status") or {}
    seen = status.get("decisionSeenAt")
    return Approval(
        name=data["metadata"]["name"],
        uid=data["metadata"]["uid"],
        digest=spec["planDigest"],
        expires_at=parse_instant(spec["expiresAt"]),
        decision=spec.get("decision"),
        decided_by=spec.get("decidedBy", ""),
        reason=spec.get("reason", ""),
        seen_at=parse_instant(seen) if seen else None,
        superseded=status.get("state") == "Superseded",
        previous_connection=Ref.of(spec["previousConnection"]).key if spec.get("previousConnection") else "",
    )


def _siblings(state: State, run: dict[str, Any]) -> Iterable[Sibling]:
    """Other runs of the connection that have a plan: imports for an import, and restores for a restore."""
    mode = run["spec"].get("mode", Mode.IMPORT)
    for other in state.runs(key_of(run)):
        status = other.get("status") or {}
        plan, outcome = status.get("plan") or {}, status.get("outcome")
        same = other["metadata"]["name"] == run["metadata"]["name"]
        if same or other["spec"].get("mode", Mode.IMPORT) != mode or not plan.get("digest"):
            continue
        approval = None if outcome else _approval(state.approval(other["metadata"]["name"]))
        yield Sibling(
            name=other["metadata"]["name"],
            digest=plan["digest"],
            newer=number(other) > number(run),
            no_changes=bool(plan.get("noChanges")),
            held=approval is not None,
            approval=approval,
            outcome=Outcome(outcome) if outcome else None,
            schools=tuple(other["spec"].get("schools", ())),
        )
