"""A plan's report as a run's status remembers it, once its Job is gone. The inverse of `status.of_plan`. Pure."""

from collections.abc import Mapping
from typing import Any

from rostersync.lifecycle.status import COUNTS
from rostersync.model import Entity, EntityCounts, Hold, HoldReason, PlanReport, Schools


def plan_report(status: Mapping[str, Any], run: str) -> PlanReport | None:
    """The report of the run's newest plan; None when the status has none."""
    plan = status.get("plan") or {}
    if not plan.get("digest"):
        return None
    return PlanReport(
        run=run, stage=str(status.get("stage", "done")), digest=plan["digest"],
        base_revision=int(plan.get("baseRevision", 0)), no_changes=bool(plan.get("noChanges")),
        entities=[_counts(e) for e in status.get("entities", ())], holds=[_hold(h) for h in status.get("holds", ())],
        holds_total=int(status.get("holdsTotal", 0)), issues=[dict(i) for i in status.get("issues", ())],
        schools=_schools(status.get("schools") or {}), incomplete=list(status.get("incomplete", ())),
        blast_radius=dict(status.get("blastRadius") or {}), outbox_pending=bool(status.get("outboxPending")),
    )  # fmt: skip


def _counts(data: Mapping[str, Any]) -> EntityCounts:
    entity = None if data["entity"] == "Unknown" else Entity(data["entity"])
    return EntityCounts(entity, **{c: int(data.get(c, 0)) for c in COUNTS})


def _hold(data: Mapping[str, Any]) -> Hold:
    fields = {k: data.get(k) for k in ("change", "school", "count", "population", "limit", "unit")}
    entity = Entity(data["entity"]) if data.get("entity") else None
    return Hold(HoldReason(data["reason"]), entity, **fields)


def _schools(data: Mapping[str, Any]) -> Schools:
    numbers = {k: int(data.get(k, 0)) for k in ("found", "mapped", "missing", "vanished")}
    return Schools(
        **numbers, missing_ids=tuple(data.get("missingIDs", ())), vanished_ids=tuple(data.get("vanishedIDs", ()))
    )
