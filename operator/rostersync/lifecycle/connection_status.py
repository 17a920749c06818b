"""A connection's status, from what is known of it. A connection's conditions are made nowhere else. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rostersync.instants import stamp
from rostersync.lifecycle.conditions import Condition, dated
from rostersync.lifecycle.messages import stopped
from rostersync.lifecycle.triggers import Answer
from rostersync.model import AT_WORK, Mode, Phase, Probe

OK = "Connection is OK"
CONFIRMED = "StoreConfirmed"
DELIVERIES = "DeliveriesVerified"
RECONCILING = "Reconciling"
STALLED = "Stalled"
STORE = "StoreVerified"
OTHER_SOURCE = "StoreHasOtherSource"
_SENT = ("revision", "place", "time", "files", "bytes", "sha256", "leftOut")


@dataclass(frozen=True)
class Checked:
    """The result of the last Test Connection. `ok` is None while the first one runs. `at`: when the newest one ended."""

    ok: bool | None
    reason: str
    message: str
    schools: Mapping[str, Any] | None = None
    generation: int = 0
    deliveries: tuple[str, str, str] | None = None  # status, reason and message of their own condition
    at: datetime | None = None
    store: tuple[str, str, str] | None = None  # the same of the store's
    permanent: bool = False  # it failed, and waiting alone does not help

    @property
    def good(self) -> bool | None:
        """Whether source, store and deliveries are fine. None while that is being found out."""
        failed = any(each and each[0] == "False" for each in (self.deliveries, self.store))
        return False if self.ok and failed else self.ok


@dataclass(frozen=True)
class RunSeen:
    """One run of the connection, as its status describes it."""

    name: str
    reason: str = ""  # of Succeeded
    outcome: str = ""
    completed: str = ""
    revision: int | None = None
    schools: Mapping[str, Any] | None = None
    mode: str = "Import"
    planned: str = ""  # when its plan was started
    base: int | None = None  # the store's revision that its plan found
    deliveries: Sequence[Mapping[str, Any]] = ()
    tried: str = ""  # when the newest attempt to deliver of a run that goes on ended or, until then, was started


@dataclass(frozen=True)
class Known:
    """Everything that a connection's status is made of."""

    generation: int
    status: Mapping[str, Any]  # the last one that was written
    problem: tuple[str, str] | None  # (reason, message) of why it cannot run
    suspended: bool
    checked: Checked | None
    missing_policies: Sequence[str] | None  # None: not read yet
    runs: Sequence[RunSeen]  # oldest first
    answer: Answer
    handled_check: str
    now: datetime
    notice: tuple[str, str] | None = None  # (reason, message) of something wrong that does not prevent runs
    deliveries: Collection[str] = ()  # names of those that the spec has
    of_spec: bool = False  # whether only another spec solves the problem


def of(known: Known) -> dict[str, Any]:
    """The whole status."""
    before = known.status
    status: dict[str, Any] = {"observedGeneration": known.generation}
    imports = [r for r in known.runs if r.completed and r.mode == "Import"]
    ended = max(imports, key=lambda r: (r.completed, r.name), default=None)
    if ended:
        status["lastRun"] = {"name": ended.name, "outcome": ended.outcome, "completionTime": ended.completed} | (
            {"revision": ended.revision} if ended.revision is not None else {}
        )
    elif before.get("lastRun"):
        status["lastRun"] = before["lastRun"]  # the run was removed by history
    working = [r for r in known.runs if not r.outcome and r.reason in AT_WORK]
    active = min(
        working, key=lambda r: r.reason == Phase.DELIVERING, default=None
    )  # one that retries may do so for long
    if active:
        status["activeRun"] = active.name
    status["heldRuns"] = sum(1 for r in known.runs if not r.outcome and r.reason == Phase.AWAITING_APPROVAL)
    if known.answer.next_run and not known.suspended:
        status["nextRunTime"] = stamp(known.answer.next_run)
    schools = _schools(known)
    if schools:
        status["schools"] = schools
    if deliveries := _deliveries(known):
        status["deliveries"] = deliveries
    if known.checked and known.checked.at:
        status["lastCheckTime"] = stamp(known.checked.at)
    elif before.get("lastCheckTime"):
        status["lastCheckTime"] = before["lastCheckTime"]
    remembered = {
        "lastHandledRequestedAt": known.answer.handled_request,
        "lastHandledCheckRequestedAt": known.handled_check,
        "lastRunSpecHash": known.answer.handled_spec,
    }
    status |= {key: value for key, value in remembered.items() if value}
    ready = _ready(known)
    conditions = [
        ready,
        *_underway(known, ready),
        *_verified(known),
        *_delivered(deliveries),
        *_complete(schools),
        *_confirmed(known),
        *_policies(known),
    ]
    made = dated(conditions, before.get("conditions") or [], known.now, known.generation)
    for each in made:
        if each["type"] in ("ConnectionVerified", STORE, DELIVERIES) and known.checked:
            each["observedGeneration"] = known.checked.generation  # the spec that was tested, not the current one
    status["conditions"] = made
    return status


def _deliveries(known: Known) -> list[dict[str, Any]]:
    """What became of each delivery: its newest success by time, and its state in the newest run that tried."""
    made: dict[str, dict[str, Any]] = {d["name"]: dict(d) for d in known.status.get("deliveries") or ()}
    for each in (d for run in sorted(known.runs, key=lambda r: r.completed or r.tried) for d in run.deliveries):
        before = made.get(each["name"], {})
        newest = max((before, each), key=lambda d: (str(d.get("time", "")), d.get("revision", -1)))
        details = {key: newest[key] for key in _SENT if key in newest}
        made[each["name"]] = {key: each[key] for key in ("name", "state", "reason", "message") if key in each} | details
    return [made[name] for name in known.deliveries if name in made]


def _ready(known: Known) -> Condition:
    if known.problem:
        return ("Ready", "False", *known.problem)
    if known.checked and known.checked.ok is False:
        return ("Ready", "False", known.checked.reason, known.checked.message)
    if known.notice:
        return ("Ready", "False", *known.notice)
    other = _other_source(known.runs)
    if other:
        return ("Ready", "False", *other)
    if known.suspended:
        return ("Ready", "True", "Suspended", "Starts nothing new (spec.suspend).")
    return ("Ready", "True", "Ready", "Runs can be made.")


def _underway(known: Known, ready: Condition) -> list[Condition]:
    """kstatus' conditions, by which GitOps tools know whether to wait. They are absent when they are not true."""
    tested = known.checked
    if not known.problem and (tested is None or tested.ok is None or tested.generation != known.generation):
        return [(RECONCILING, "True", "Checking", "Test Connection of this spec has not ended yet.")]
    if ready[1] == "True":
        return []
    final = known.of_spec if known.problem else tested is not None and tested.ok is False and tested.permanent
    return [(STALLED if final else RECONCILING, "True", *ready[2:])]


def _other_source(runs: Sequence[RunSeen]) -> tuple[str, str] | None:
    """Whether the store of this connection belongs to another source, as its newest run found."""
    newest = max((r for r in runs if r.completed), key=lambda r: (r.completed, r.name), default=None)
    if newest is None or newest.reason != OTHER_SOURCE:
        return None
    return (
        OTHER_SOURCE,
        f"Run {newest.name} found records of another source in the store: `kubectl describe syncrun {newest.name}` says which "
        "settings to compare. This stays until a run ends otherwise.",
    )


def _confirmed(known: Known) -> list[Condition]:
    """Whether the newest plan found in the store what earlier runs reported as applied."""
    planner = max((r for r in known.runs if r.base is not None and r.planned), key=lambda r: r.planned, default=None)
    if planner is None or planner.base is None:
        return []
    told = [r for r in known.runs if r.revision is not None and r.completed and r.completed <= planner.planned]
    last = max(told, key=lambda r: r.revision or 0, default=None)
    if last is None or (last.revision or 0) <= planner.base:
        return [(CONFIRMED, "True", "Confirmed", f"The newest plan found the store at revision {planner.base}.")]
    return [
        (
            CONFIRMED,
            "False",
            "RevisionNotFound",
            f"Run {last.name} reported revision {last.revision}, but the plan of run {planner.name} found the store at revision "
            f"{planner.base}. Either the volume was replaced or put back, or the report was not the Job's own: compare "
            f"with the store's own list of revisions.",
        )
    ]


def _verified(known: Known) -> list[Condition]:
    checked = known.checked
    if checked is None:
        return []
    state = {None: "Unknown", True: "True", False: "False"}[checked.ok]
    made: list[Condition] = [("ConnectionVerified", state, checked.reason, checked.message)]
    if checked.store:
        made.append((STORE, *checked.store))
    if known.deliveries and checked.deliveries:
        made.append((DELIVERIES, *checked.deliveries))
    return made


def of_store(probe: Probe | None) -> tuple[str, str, str] | None:
    """The condition of a store that was tested. None for one that Test Connection does not reach."""
    if probe is None:
        return None
    if probe.error:
        return ("False", probe.error["reason"], probe.error["message"][:1024])
    return ("True", "Verified", probe.where[:1024])


def of_probes(probes: Sequence[Probe]) -> tuple[str, str, str] | None:
    """The condition of deliveries that were tested: status, reason and message. None without deliveries."""
    if not probes:
        return None
    failed = [d for d in probes if d.error]
    if not failed:
        return ("True", "Verified", f"Can be delivered to: {', '.join(d.name for d in probes)}."[:1024])
    reasons = {d.error["reason"] for d in failed if d.error}
    message = " ".join(f"{d.name}: {stopped(d.error['message'])}" for d in failed if d.error)
    return ("False", reasons.pop() if len(reasons) == 1 else "DeliveriesFail", message[:1024])


def _delivered(deliveries: Sequence[Mapping[str, Any]]) -> list[Condition]:
    """Whether the newest try of each delivery succeeded. Test Connection can be fine all the same."""
    if not deliveries:
        return []
    failed = [d for d in deliveries if d.get("state") == "Failed"]
    if not failed:
        return [("Delivered", "True", "Delivered", f"Delivered: {', '.join(d['name'] for d in deliveries)}."[:1024])]
    reasons = {str(d.get("reason", "Failed")) for d in failed}
    message = " ".join(f"{d['name']}: {stopped(str(d.get('message', '')))}" for d in failed)
    return [("Delivered", "False", reasons.pop() if len(reasons) == 1 else "DeliveriesFail", message[:1024])]


def _schools(known: Known) -> Mapping[str, Any] | None:
    """The schools of the newest plan, or of the newest Test Connection before the first plan."""
    asked = (r for r in reversed(known.runs) if r.mode != Mode.RESTORE)  # which does not ask the SIS for its schools
    planned = next((r.schools for r in asked if r.schools), None)
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
            "SchoolsComplete",
            "False",
            "SchoolsVanished",
            f"{gone} mapped school{' is' if gone == 1 else 's are'} not in the source any more{f' ({ids})' if ids else ''}; "
            "what refers to them stays until they are taken out of the mapping (spec.schoolsMapping).",
        )
    ]


def _policies(known: Known) -> list[Condition]:
    if known.missing_policies is None:
        return []
    if not known.missing_policies:
        return [("PoliciesInstalled", "True", "Installed", "The API server guards decisions.")]
    return [
        (
            "PoliciesInstalled",
            "False",
            "PoliciesMissing",
            f"Missing or switched off: {', '.join(known.missing_policies)}. Held runs wait; install them with the chart "
            "(policies.enabled) or `kubectl apply -k deploy/base`.",
        )
    ]
