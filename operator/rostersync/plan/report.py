"""Reports of the two halves as JSON of at most 4,096 bytes: a longer termination message loses its head silently.

What must give way does so in this order: issues, holds beyond the worst, ids of schools, texts. The digest, the
number of holds, every count and the totals are never lost.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from rostersync.model import (
    ApplyReport,
    CheckReport,
    DeliverReport,
    Entity,
    EntityCounts,
    Hold,
    HoldReason,
    PlanReport,
    Schools,
)
from rostersync.plan.worst import worst

LIMIT = 4096
HOLDS = 16
ISSUES = 20
IDS = 20  # of schools, each kind
_TEXT = 1200  # characters of an error's message when nothing else is left to cut; halved until it fits
_COUNTS = tuple(f.name for f in fields(EntityCounts) if f.name != "entity")


def plan_to_json(report: PlanReport) -> str:
    """The report of a plan, at most 4,096 bytes of UTF-8."""
    issues = sorted(report.issues, key=lambda i: (-int(i.get("count", 0)), json.dumps(i, sort_keys=True)))
    shapes = (
        (HOLDS, ISSUES, True), (HOLDS, 10, True), (HOLDS, 4, True), (HOLDS, 0, True), (12, 0, True),
        (8, 0, True), (8, 0, False), (4, 0, False), (2, 0, False), (0, 0, False),
    )  # fmt: skip
    return _fitting(lambda i: _plan_dict(report, issues, *shapes[i]), len(shapes))


def apply_to_json(report: ApplyReport) -> str:
    """The report of an apply, at most 4,096 bytes of UTF-8."""
    out = _without_none({
        "run": report.run, "stage": report.stage, "digest": report.digest, "revision": report.revision,
        "error": report.error,
    }) | {"alreadyApplied": report.already_applied, "outboxPending": report.outbox_pending}  # fmt: skip
    return _fitting(lambda _: out, 1)


def deliver_to_json(report: DeliverReport) -> str:
    """The report of a delivery, at most 4,096 bytes of UTF-8."""
    out = {"run": report.run, "stage": report.stage, "revision": report.revision, "error": report.error}
    return _fitting(lambda _: _without_none(out) | {"sent": report.sent}, 1)


def check_to_json(report: CheckReport) -> str:
    """The report of Test Connection, at most 4,096 bytes of UTF-8."""

    def made(ids: int) -> dict[str, Any]:
        out = {"stage": report.stage, "message": report.message, "schools": _schools_dict(report.schools, ids)}
        return out | _without_none({"error": report.error})

    shapes = (IDS, 12, 6, 3, 0)
    return _fitting(lambda i: made(shapes[i]), len(shapes))


def plan_from_json(text: str) -> PlanReport:
    """The report that `plan_to_json` wrote. Raises ValueError for anything else."""
    data = _object(text)
    return PlanReport(
        run=data["run"], stage=data["stage"], digest=data.get("digest"), base_revision=data["baseRevision"],
        entities=[_entity(e) for e in data["entities"]], holds=[hold(h) for h in data["holds"]],
        holds_total=data["holdsTotal"], issues=data.get("issues", []), schools=_schools(data.get("schools", {})),
        incomplete=data.get("incomplete", []), not_offered=data.get("notOffered", []), causes=data.get("causes", {}), blast_radius=data.get("blastRadius", {}),
        previous_connection=data.get("previousConnection", ""), outbox_pending=data["outboxPending"], no_changes=data["noChanges"], error=data.get("error"),
    )  # fmt: skip


def apply_from_json(text: str) -> ApplyReport:
    """The report that `apply_to_json` wrote. Raises ValueError for anything else."""
    data = _object(text)
    return ApplyReport(
        run=data["run"], stage=data["stage"], digest=data.get("digest"), revision=data.get("revision"),
        already_applied=data["alreadyApplied"], outbox_pending=data["outboxPending"], error=data.get("error"),
    )  # fmt: skip


def deliver_from_json(text: str) -> DeliverReport:
    """The report that `deliver_to_json` wrote. Raises ValueError for anything else."""
    data = _object(text)
    return DeliverReport(
        run=data["run"],
        stage=data["stage"],
        revision=data.get("revision"),
        sent=data["sent"],
        error=data.get("error"),
    )


def check_from_json(text: str) -> CheckReport:
    """The report that `check_to_json` wrote. Raises ValueError for anything else."""
    data = _object(text)
    return CheckReport(data["stage"], data["message"], _schools(data["schools"]), data.get("error"))


def hold(data: Mapping[str, Any]) -> Hold:
    """A hold from its dictionary; a `message`, made when it was shown, is left behind."""
    known = {k: v for k, v in data.items() if k != "message"}
    entity = known.pop("entity", None)
    return Hold(HoldReason(known.pop("reason")), Entity(entity) if entity else None, **known)


def _plan_dict(report: PlanReport, issues: list[dict[str, Any]], holds: int, kept: int, ids: bool) -> dict[str, Any]:
    rows = [_counts(e) for e in report.entities]
    out: dict[str, Any] = _without_none({"run": report.run, "stage": report.stage, "digest": report.digest})
    out |= {
        "baseRevision": report.base_revision,
        "noChanges": report.no_changes,
        "outboxPending": report.outbox_pending,
    }
    out |= {"totals": {c: sum(getattr(e, c) for e in report.entities) for c in _COUNTS}, "entities": rows}
    out |= {"holdsTotal": report.holds_total, "holds": [h.as_dict() for h in worst(report.holds, holds)]}
    out["schools"] = _schools_dict(report.schools, IDS if ids else 0)
    extra = {
        "causes": report.causes,
        "issues": issues[:kept],
        "incomplete": report.incomplete,
        "notOffered": report.not_offered,
    }
    extra |= {"blastRadius": _some(report.blast_radius), "previousConnection": report.previous_connection}
    return out | {k: v for k, v in extra.items() if v} | _without_none({"error": report.error})


def _fitting(make: Callable[[int], dict[str, Any]], shapes: int) -> str:
    """The first, so the fullest, shape that fits; at last with its error's message cut."""
    text = ""
    for i in range(shapes):
        text = _dump(make(i))
        if len(text.encode()) <= LIMIT:
            return text
    out, kept = make(shapes - 1), _TEXT
    while out.get("error") and len(text.encode()) > LIMIT and kept:
        out["error"] = {k: v[:kept] for k, v in out["error"].items()}
        text, kept = _dump(out), kept // 2
    if len(text.encode()) > LIMIT:
        raise ValueError(f"a report came to {len(text.encode())} bytes, more than {LIMIT}")
    return text


def _dump(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _some(counts: dict[str, int]) -> dict[str, int]:
    return counts if any(counts.values()) else {}


def _without_none(data: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in data.items() if v is not None}


def _counts(e: EntityCounts) -> dict[str, Any]:
    """Zeros are left out: most counts are, and every byte counts."""
    name = {"entity": e.entity.value} if e.entity else {}
    return name | {c: n for c in _COUNTS if (n := getattr(e, c))}


def _entity(data: Mapping[str, Any]) -> EntityCounts:
    counts = {c: int(data.get(c, 0)) for c in _COUNTS}
    return EntityCounts(Entity(data["entity"]) if "entity" in data else None, **counts)


def _schools_dict(s: Schools, ids: int) -> dict[str, Any]:
    """`ids` of each kind at most."""
    lists = {"missingIDs": list(s.missing_ids[:ids]), "vanishedIDs": list(s.vanished_ids[:ids])}
    numbers = {"found": s.found, "mapped": s.mapped, "missing": s.missing, "vanished": s.vanished}
    return numbers | {k: v for k, v in lists.items() if v}


def _schools(data: Mapping[str, Any]) -> Schools:
    numbers = {k: int(data.get(k, 0)) for k in ("found", "mapped", "missing", "vanished")}
    return Schools(
        **numbers, missing_ids=tuple(data.get("missingIDs", ())), vanished_ids=tuple(data.get("vanishedIDs", ()))
    )


def _object(text: str) -> dict[str, Any]:
    if not text.startswith("{"):
        raise ValueError("the report is not a JSON object")
    data: dict[str, Any] = json.loads(text)
    return data
