"""Reports of attempts as JSON of at most 4,096 bytes, since Kubernetes cuts the start off a longer termination message.

A report that is too long loses, in this order, issues, holds beyond the worst, ids of schools, and the end of its
error's message. It keeps the digest, the number of holds, every count and the totals.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, NamedTuple

from rostersync.model import (
    COUNTS,
    ApplyReport,
    CheckReport,
    Entity,
    EntityCounts,
    Hold,
    IssueCount,
    NotOffered,
    PlanReport,
    Probe,
    RosterCounts,
    Schools,
)
from rostersync.plan.worst import worst
from rostersync.sent import DeliverReport, DeliveryReport

LIMIT = 4096
HOLDS = 16
ISSUES = 20
IDS = 20  # of schools, each kind
_TEXTS = (1024, 300, 120, 0)  # characters of a delivery's place and of its error's message
_SOURCES = 8  # of a district, whose names are up to 63 characters
_LEFT_OUT = 3  # of what formats cannot say, the most frequent, when there is no room for all
_TEXT = 1200  # characters of an error's message when nothing else is left to cut, halved until it fits
_HOLD = {f.name for f in fields(Hold)}


class _Shape(NamedTuple):
    """How many holds and issues a report lists, and whether it lists ids of schools and the roster's entities."""

    holds: int
    issues: int
    ids: bool
    roster: bool = True


# The fullest first.
_SHAPES = tuple(_Shape(HOLDS, issues, ids=True) for issues in (ISSUES, 10, 4, 0))
_SHAPES += tuple(_Shape(holds, 0, ids=True) for holds in (12, 8))
_SHAPES += (_Shape(8, 0, ids=False),)
_SHAPES += tuple(_Shape(holds, 0, ids=False, roster=False) for holds in (8, 4, 2, 0))


def plan_to_json(report: PlanReport) -> str:
    """The report of a plan, at most 4,096 bytes of UTF-8."""
    return _fitting(lambda i: _plan_dict(report, _SHAPES[i]), len(_SHAPES))


def apply_to_json(report: ApplyReport) -> str:
    """The report of an apply, at most 4,096 bytes of UTF-8."""
    said = {
        "run": report.run,
        "stage": report.stage,
        "digest": report.digest,
        "revision": report.revision,
        "error": report.error,
    }
    out = _without_none(said) | {"alreadyApplied": report.already_applied, "outboxPending": report.outbox_pending}
    return _fitting(lambda _: out, 1)


def deliver_to_json(report: DeliverReport) -> str:
    """The report of a delivery, at most 4,096 bytes of UTF-8."""
    out = {"run": report.run, "stage": report.stage, "revision": report.revision, "error": report.error}

    def made(texts: int) -> dict[str, Any]:
        return _without_none(out) | {"deliveries": [_delivery(d, texts) for d in report.deliveries]}

    return _fitting(lambda i: made(_TEXTS[i]), len(_TEXTS))


def check_to_json(report: CheckReport) -> str:
    """The report of Test Connection, at most 4,096 bytes of UTF-8."""

    def made(ids: int, texts: int) -> dict[str, Any]:
        out: dict[str, Any] = {"stage": report.stage, "message": report.message, "schools": report.schools.as_dict(ids)}
        if report.deliveries:
            out["deliveries"] = [_delivery(d, texts) for d in report.deliveries]
        if report.store:
            out["store"] = _delivery(report.store, texts)
        return out | _without_none({"error": report.error})

    shapes = [(ids, texts) for texts in _TEXTS for ids in (IDS, 12, 6, 3, 0)]
    return _fitting(lambda i: made(*shapes[i]), len(shapes))


def plan_from_json(text: str) -> PlanReport:
    """The report that `plan_to_json` wrote. Raises ValueError for anything else."""
    data = _object(text)
    return PlanReport(
        run=data["run"],
        stage=data["stage"],
        digest=data.get("digest"),
        base_revision=data["baseRevision"],
        entities=[_entity(e) for e in data["entities"]],
        holds=[_hold(h) for h in data["holds"]],
        holds_total=data["holdsTotal"],
        issues=[IssueCount.from_dict(i) for i in data.get("issues", [])],
        schools=Schools.from_dict(data.get("schools", {})),
        incomplete=data.get("incomplete", []),
        not_offered=[NotOffered.from_dict(n) for n in data.get("notOffered", [])],
        causes=data.get("causes", {}),
        blast_radius=data.get("blastRadius", {}),
        still_there=data.get("stillThere", {}),
        roster=_roster_from(data["roster"]) if "roster" in data else None,
        previous_connection=data.get("previousConnection", ""),
        outbox_pending=data["outboxPending"],
        no_changes=data["noChanges"],
        error=data.get("error"),
    )


def apply_from_json(text: str) -> ApplyReport:
    """The report that `apply_to_json` wrote. Raises ValueError for anything else."""
    data = _object(text)
    return ApplyReport(
        run=data["run"],
        stage=data["stage"],
        digest=data.get("digest"),
        revision=data.get("revision"),
        already_applied=data["alreadyApplied"],
        outbox_pending=data["outboxPending"],
        error=data.get("error"),
    )


def deliver_from_json(text: str) -> DeliverReport:
    """The report that `deliver_to_json` wrote. Raises ValueError for anything else."""
    data = _object(text)
    return DeliverReport(
        run=data["run"],
        stage=data["stage"],
        revision=data.get("revision"),
        deliveries=[DeliveryReport(**d) for d in data.get("deliveries", ())],
        error=data.get("error"),
    )


def check_from_json(text: str) -> CheckReport:
    """The report that `check_to_json` wrote. Raises ValueError for anything else."""
    data = _object(text)
    deliveries = [Probe(**d) for d in data.get("deliveries", ())]
    return CheckReport(
        data["stage"],
        data["message"],
        Schools.from_dict(data["schools"]),
        data.get("error"),
        deliveries,
        Probe(**data["store"]) if "store" in data else None,
    )


def _plan_dict(report: PlanReport, shape: _Shape) -> dict[str, Any]:
    issues = sorted(report.issues, key=lambda i: (-i.count, json.dumps(i.as_dict(), sort_keys=True)))
    out: dict[str, Any] = _without_none({"run": report.run, "stage": report.stage, "digest": report.digest})
    out |= {
        "baseRevision": report.base_revision,
        "noChanges": report.no_changes,
        "outboxPending": report.outbox_pending,
        "totals": report.totals,
        "entities": [_counts(e) for e in report.entities],
        "holdsTotal": report.holds_total,
        "holds": [h.as_dict() for h in worst(report.holds, shape.holds)],
        "schools": report.schools.as_dict(IDS if shape.ids else 0),
    }
    if_any = {
        "causes": report.causes,
        "issues": [i.as_dict() for i in issues[: shape.issues]],
        "incomplete": report.incomplete,
        "notOffered": [n.as_dict() for n in report.not_offered],
        "blastRadius": report.blast_radius if any(report.blast_radius.values()) else {},
        "stillThere": report.still_there,
        "roster": _roster(report.roster, shape) if report.roster else None,
        "previousConnection": report.previous_connection,
    }
    return out | {k: v for k, v in if_any.items() if v} | _without_none({"error": report.error})


def _fitting(make: Callable[[int], dict[str, Any]], shapes: int) -> str:
    """The text of the fullest shape that fits. If even the last one is too long, the error's message is cut."""
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


def _without_none(data: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in data.items() if v is not None}


def _delivery(report: DeliveryReport | Probe, texts: int) -> dict[str, Any]:
    error = report.error and {"reason": report.error["reason"], "message": report.error["message"][:texts]}
    out = vars(report) | {"where": report.where[:texts], "error": error}
    if isinstance(report, DeliveryReport):
        most = sorted(report.left_out.items(), key=lambda of: (-of[1], of[0]))
        out["left_out"] = dict(most if texts == _TEXTS[0] else most[:_LEFT_OUT])
    return {k: v for k, v in out.items() if v}


def _counts(e: EntityCounts) -> dict[str, Any]:
    """Without zeros, since most counts are zero and bytes are few."""
    name = {"entity": e.entity.value} if e.entity else {}
    return name | {key: n for c, key in COUNTS.items() if (n := getattr(e, c))}


def _roster(roster: RosterCounts, shape: _Shape) -> dict[str, Any]:
    """Without populations, which follow from the other counts; with what is listed only as far as there is room."""
    listed = {
        "entities": [_of_roster(e) for e in roster.entities],
        "causes": dict(roster.causes),
        "sources": list(roster.sources[:_SOURCES]),
    }
    return {"total": _of_roster(roster.total)} | {k: v for k, v in listed.items() if v and shape.roster}


def _of_roster(e: EntityCounts) -> dict[str, Any]:
    return {key: value for key, value in _counts(e).items() if key != "population"}


def _roster_from(data: Mapping[str, Any]) -> RosterCounts:
    total, *entities = [
        replace(e, population=e.updated + e.deleted + e.unchanged)
        for e in map(_entity, (data["total"], *data.get("entities", ())))
    ]
    return RosterCounts(total, tuple(entities), data.get("causes", {}), tuple(data.get("sources", ())))


def _hold(data: Mapping[str, Any]) -> Hold:
    if unknown := data.keys() - _HOLD:
        raise ValueError(f"a hold has {len(unknown)} fields that holds have not")
    return Hold.from_dict(data)


def _entity(data: Mapping[str, Any]) -> EntityCounts:
    counts = {c: int(data.get(key, 0)) for c, key in COUNTS.items()}
    return EntityCounts(Entity(data["entity"]) if "entity" in data else None, **counts)


def _object(text: str) -> dict[str, Any]:
    if not text.startswith("{"):
        raise ValueError("the report is not a JSON object")
    data: dict[str, Any] = json.loads(text)
    return data
