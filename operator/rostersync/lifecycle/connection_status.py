"""A FocusConnection's status from what is known of it. The only place that makes a connection's conditions. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rostersync.lifecycle.status import Condition, dated, stamp
from rostersync.lifecycle.triggers import Answer

OK = "Connection is OK"


@dataclass(frozen=True)
class Checked:
    """What Test Connection last came to. `ok` is None while it runs and nothing is known yet."""

    ok: bool | None
    reason: str
    message: str
    schools: Mapping[str, Any] | None = None
    generation: int = 0


@dataclass(frozen=True)
class RunSeen:
    """One run of the connection, as its status tells of it."""

    name: str
    reason: str = ""  # of Succeeded
    outcome: str = ""
    completed: str = ""
    revision: int | None = None
    schools: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Known:
    """All that a connection's status is made of."""

    generation: int
    status: Mapping[str, Any]  # the one written last
    problem: tuple[str, str] | None  # (reason, message) of a spec that cannot run
    suspended: bool
    checked: Checked | None
    missing_policies: Sequence[str] | None  # None: not looked yet
    runs: Sequence[RunSeen]  # oldest first
    answer: Answer
    handled_check: str
    now: datetime


def of(known: Known) -> dict[str, Any]:
    """The whole status."""
    before = known.status
    status: dict[str, Any] = {"observedGeneration": known.generation}
    ended = max((r for r in known.runs if r.completed), key=lambda r: (r.completed, r.name), default=None)
    if ended:
        status["lastRun"] = {"name": ended.name, "outcome": ended.outcome, "completionTime": ended.completed} | (
            {"revision": ended.revision} if ended.revision is not None else {}
        )
    elif before.get("lastRun"):
        status["lastRun"] = before["lastRun"]  # history took the run away
    active = next((r for r in known.runs if not r.outcome and r.reason in ("Planning", "Applying", "Delivering")), None)
    if active:
        status["activeRun"] = active.name
    status["heldRuns"] = sum(1 for r in known.runs if not r.outcome and r.reason == "AwaitingApproval")
    if known.answer.next_run and not known.suspended:
        status["nextRunTime"] = stamp(known.answer.next_run)
    schools = _schools(known)
    if schools:
        status["schools"] = schools
    remembered = {
        "lastHandledRequestedAt": known.answer.handled_request,
        "lastHandledCheckRequestedAt": known.handled_check,
        "lastRunSpecHash": known.answer.handled_spec,
    }
    status |= {key: value for key, value in remembered.items() if value}
    conditions = [_ready(known), *_verified(known), *_complete(schools), *_policies(known)]
    made = dated(conditions, before.get("conditions") or [], known.now, known.generation)
    for condition in made:
        if condition["type"] == "ConnectionVerified" and known.checked:
            condition["observedGeneration"] = known.checked.generation  # what was tested, not what is looked at now
    status["conditions"] = made
    return status


def _ready(known: Known) -> Condition:
    if known.problem:
        return ("Ready", "False", *known.problem)
    if known.checked and known.checked.ok is False:
        return ("Ready", "False", known.checked.reason, known.checked.message)
    if known.suspended:
        return ("Ready", "True", "Suspended", "Starts nothing new (spec.suspend).")
    return ("Ready", "True", "Ready", "Runs can be made.")


def _verified(known: Known) -> list[Condition]:
    checked = known.checked
    if checked is None:
        return []
    state = {None: "Unknown", True: "True", False: "False"}[checked.ok]
    return [("ConnectionVerified", state, checked.reason, checked.message)]


def _schools(known: Known) -> Mapping[str, Any] | None:
    """Those of the newest plan, or of the newest Test Connection before there is one."""
    planned = next((r.schools for r in reversed(known.runs) if r.schools), None)
    checked = known.checked.schools if known.checked else None
    return planned or checked or known.status.get("schools")


def _complete(schools: Mapping[str, Any] | None) -> list[Condition]:
    if not schools:
        return []
    gone = int(schools.get("vanished", 0))
    if not gone:
        return [("SchoolsComplete", "True", "Complete", "Every mapped school is in the source.")]
    ids = ", ".join(schools.get("vanishedIDs", ()))
    return [
        (
            "SchoolsComplete", "False", "SchoolsVanished",
            f"{gone} mapped school{' is' if gone == 1 else 's are'} not in the source any more{f' ({ids})' if ids else ''}; "
            "what refers to them stays until they are taken out of the mapping (spec.schoolsMapping).",
        )
    ]  # fmt: skip


def _policies(known: Known) -> list[Condition]:
    if known.missing_policies is None:
        return []
    if not known.missing_policies:
        return [("PoliciesInstalled", "True", "Installed", "The API server guards decisions.")]
    return [
        (
            "PoliciesInstalled", "False", "PoliciesMissing",
            f"Missing or switched off: {', '.join(known.missing_policies)}. Held runs wait; install them with the chart "
            "(policies.enabled) or `kubectl apply -k deploy/base`.",
        )
    ]  # fmt: skip
