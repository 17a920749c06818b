"""Writes a plan's report into a run's status, and reads it back once its Job is gone. Pure."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from rostersync.api.kinds import Ref
from rostersync.lifecycle.observed import Work, WorkState
from rostersync.model import (
    COUNTS,
    Entity,
    EntityCounts,
    Hold,
    IssueCount,
    NotOffered,
    PlanReport,
    RosterCounts,
    Schools,
)
from rostersync.sent import DeliverReport, DeliveryReport

_SENT = ("revision", "place", "time", "files", "bytes", "sha256", "leftOut")  # stays while a newer one fails


def of_plan(report: PlanReport, sentence: Callable[[Hold], str] | None = None) -> dict[str, Any]:
    """The part of a status that reports the plan."""
    if not report.digest:
        return {"stage": report.stage}
    status: dict[str, Any] = {"stage": report.stage}
    status["plan"] = {
        "digest": report.digest,
        "baseRevision": report.base_revision,
        "noChanges": report.no_changes,
    }
    if report.previous_connection:
        status["plan"]["previousConnection"] = Ref.of_key(report.previous_connection).in_brief()
    status["entities"] = [
        {"entity": e.entity.value if e.entity else "Unknown", **{key: getattr(e, c) for c, key in COUNTS.items()}}
        for e in report.entities
    ]
    status["totals"] = report.totals
    status["holds"] = [h.as_dict() | ({"message": sentence(h)} if sentence else {}) for h in report.holds]
    status["holdsTotal"] = report.holds_total
    status["schools"] = report.schools.as_dict()
    if report.causes:
        status["causes"] = [{"cause": cause, "count": count} for cause, count in report.causes.items()]
    if report.incomplete:
        status["incomplete"] = list(report.incomplete)
    if report.still_there:
        status["stillThere"] = [{"collection": name, "count": n} for name, n in report.still_there.items()]
    if report.not_offered:
        status["notOffered"] = [_of_missing(n) for n in report.not_offered]
    if any(report.blast_radius.values()):
        status["blastRadius"] = dict(report.blast_radius)
    if report.issues:
        status["issues"] = [i.as_dict() for i in report.issues]
    if report.roster:
        status["roster"] = report.roster.as_dict()
    if report.outbox_pending:
        status["outboxPending"] = True
    return status


def of_deliveries(
    before: Sequence[Mapping[str, Any]], work: Work[DeliverReport] | None, names: Collection[str]
) -> list[dict[str, Any]]:
    """What became of each delivery, after the newest attempt. `before` is what the status has of earlier ones.

    `names`: those that the connection has. One that failed and is no longer among them is left out.
    """
    known = {str(d["name"]): dict(d) for d in before}
    report = work.report if work and work.state != WorkState.RUNNING else None
    for each in report.deliveries if report else ():
        before_it = known.get(each.name, {})
        same = each.revision is None or each.at == before_it.get("time")  # otherwise it says all of a newer one
        sent = {key: value for key, value in before_it.items() if same and key in _SENT}
        known[each.name] = sent | of_delivery(each)
    if work and work.state == WorkState.SUCCEEDED:
        return [_as_delivered(made) for made in known.values() if made["state"] == "Delivered" or made["name"] in names]
    return list(known.values())


def _as_delivered(known: Mapping[str, Any]) -> dict[str, Any]:
    """Without the failure of an earlier attempt: what it could not deliver was delivered since, maybe by another run."""
    return {k: v for k, v in known.items() if k not in ("reason", "message")} | {"state": "Delivered"}


def of_delivery(report: DeliveryReport) -> dict[str, Any]:
    """What an attempt did with one delivery."""
    made: dict[str, Any] = {"name": report.name, "state": "Failed" if report.error else "Delivered"}
    if report.revision is not None:
        made |= {"revision": report.revision, "place": report.where, "time": report.at}
        made |= {"files": report.files, "bytes": report.bytes}
        made |= {"sha256": report.sha256} if report.sha256 else {}
        made |= (
            {"leftOut": [{"what": what, "count": n} for what, n in report.left_out.items()]} if report.left_out else {}
        )
    return made | (report.error or {})


def failed_deliveries(status: Mapping[str, Any], run: str) -> DeliverReport:
    """The report of the newest attempt to deliver, as far as the status has it: which deliveries failed, and why."""
    failed = [
        DeliveryReport(d["name"], error={"reason": d.get("reason", "Failed"), "message": d.get("message", "")})
        for d in status.get("deliveries") or ()
        if d.get("state") == "Failed"
    ]
    return DeliverReport(run, "send", deliveries=failed)


def plan_report(status: Mapping[str, Any], run: str) -> PlanReport | None:
    """The report of the run's newest plan; None if the status has none."""
    plan = status.get("plan") or {}
    if not plan.get("digest"):
        return None
    return PlanReport(
        run=run,
        stage=str(status.get("stage", "done")),
        digest=plan["digest"],
        base_revision=int(plan.get("baseRevision", 0)),
        no_changes=bool(plan.get("noChanges")),
        entities=[_counts(e) for e in status.get("entities", ())],
        holds=[Hold.from_dict(h) for h in status.get("holds", ())],
        holds_total=int(status.get("holdsTotal", 0)),
        issues=[IssueCount.from_dict(i) for i in status.get("issues", ())],
        schools=Schools.from_dict(status.get("schools") or {}),
        incomplete=list(status.get("incomplete", ())),
        still_there={t["collection"]: int(t["count"]) for t in status.get("stillThere", ())},
        not_offered=[_missing(n) for n in status.get("notOffered", ())],
        causes={c["cause"]: int(c["count"]) for c in status.get("causes", ())},
        blast_radius=dict(status.get("blastRadius") or {}),
        roster=RosterCounts.from_dict(status["roster"]) if status.get("roster") else None,
        previous_connection=_previous(plan),
        outbox_pending=bool(status.get("outboxPending")),
    )


def _previous(plan: Mapping[str, Any]) -> str:
    found = plan.get("previousConnection")
    return Ref.of(found).key if found else ""


def pending_approval(status: Mapping[str, Any], digest: str | None) -> Mapping[str, Any] | None:
    """The approval that the status names as pending for this digest, whether or not it still exists."""
    approval, planned = status.get("approval") or {}, (status.get("plan") or {}).get("digest")
    return approval if approval.get("state") == "Pending" and digest is not None and planned == digest else None


def _of_missing(missing: NotOffered) -> dict[str, Any]:
    held_back = [{"entity": entity, "count": count} for entity, count in missing.held_back.items()]
    return {k: v for k, v in (missing.as_dict() | {"heldBack": held_back}).items() if v}


def _missing(data: Mapping[str, Any]) -> NotOffered:
    held_back = {h["entity"]: int(h["count"]) for h in data.get("heldBack", ())}
    return NotOffered.from_dict({**data, "heldBack": held_back})


def _counts(data: Mapping[str, Any]) -> EntityCounts:
    entity = None if data["entity"] == "Unknown" else Entity(data["entity"])
    return EntityCounts(entity, **{c: int(data.get(key, 0)) for c, key in COUNTS.items()})
