"""How pods ended: exit code and report. They are kept from the watch, since a pod can be deleted the next moment.

A report only steers. Whether a plan may be applied follows from the plan itself, where no foreign pod can write.
"""

import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from pydantic import ValidationError

from rostersync.api import kubernetes
from rostersync.api.kubernetes import pod_status
from rostersync.api.objects import condition
from rostersync.api.v1alpha1.report import SchoolsStatus
from rostersync.api.v1alpha1.syncrun import SyncRunStatus
from rostersync.controller.cluster.cache import Object, labels, owner
from rostersync.controller.options import RUN_LABEL
from rostersync.instants import parse_instant
from rostersync.lifecycle.recorded import of_delivery, of_plan
from rostersync.model import ApplyReport, CheckReport, PlanReport
from rostersync.plan.report import LIMIT, apply_from_json, check_from_json, deliver_from_json, plan_from_json
from rostersync.sent import DeliverReport

R = TypeVar("R")

CONTAINER = "sync"
_REASON = re.compile(r"[A-Za-z]([A-Za-z0-9_]{0,62}[A-Za-z0-9])?")
_SPOILED = (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError)
_MOST = 2**53  # the largest number that the API and its clients can represent


@dataclass(frozen=True)
class Ended:
    """One pod of a Job that has ended. `text` is its report, possibly empty."""

    pod: str
    exit: int
    reason: str  # Completed | Error | OOMKilled | ContainerStatusUnknown …
    text: str
    at: str
    disrupted: bool
    started: bool
    run: str = ""  # the label that a policy reserves for our pods


class Reports:
    """Ended pods by the UID of their Job."""

    def __init__(self) -> None:
        self._ended: dict[str, dict[str, Ended]] = {}
        self._gone: set[str] = set()  # Jobs that were missing the last time

    def note(self, pod: Object) -> bool:
        """Remember how a pod ended. Returns whether that was new. Pods without our label are ignored."""
        ended = ended_of(pod)
        job = owner(pod)
        if ended is None or not job or not ended.run:
            return False
        known = self._ended.setdefault(job, {})
        old = known.get(ended.pod)
        if old == ended or (old and old.text and not ended.text):
            return False
        known[ended.pod] = ended
        return True

    def of(self, job: Object) -> list[Ended]:
        """The ended pods of a Job, oldest first."""
        of = (e for e in self._ended.get(job["metadata"]["uid"], {}).values() if e.run == labels(job).get(RUN_LABEL))
        return sorted(of, key=lambda e: (e.at, e.pod))

    def forget(self, job: Object) -> None:
        """Forget a Job whose end is recorded."""
        self._ended.pop(job["metadata"]["uid"], None)

    def keep(self, jobs: Set[str]) -> None:
        """Forget the pods of all Jobs but these. It takes two calls, since a pod may be seen before its Job."""
        gone = self._ended.keys() - jobs
        for uid in gone & self._gone:
            del self._ended[uid]
        self._gone = gone


def ended_of(pod: Object) -> Ended | None:
    """How a pod ended. None while it lives."""
    status, meta = pod_status(pod), kubernetes.meta(pod)
    own = (c for c in status.get("containerStatuses") or () if c["name"] == CONTAINER)
    state = next((c.get("state", {}).get("terminated") for c in own), None)
    target = condition(status, "DisruptionTarget")
    disrupted = target is not None and target["status"] == "True"
    if state is None:
        if status.get("phase") != "Failed" and not (disrupted and meta.get("deletionTimestamp")):
            return None
        at = meta["creationTimestamp"]
        return Ended(meta["uid"], -1, status.get("reason", ""), "", at, disrupted, False, _run(pod))
    return Ended(
        meta["uid"],
        state["exitCode"],
        state.get("reason", ""),
        state.get("message", ""),
        state.get("finishedAt") or meta["creationTimestamp"],
        disrupted,
        True,
        _run(pod),
    )


def belongs(pod: Object, job: Object) -> bool:
    """Whether a pod was created for this Job. The Job controller adopts others too, but they lack our label."""
    return owner(pod) == job["metadata"]["uid"] and _run(pod) == labels(job).get(RUN_LABEL)


def _run(pod: Object) -> str:
    return labels(pod).get(RUN_LABEL, "")


def plan_report(text: str, run: str) -> PlanReport | None:
    """A plan's report, if the text is one that fits into a status."""
    report = _read(text, plan_from_json)
    if report is None or report.run != run:
        return None
    try:
        status = of_plan(report)
    except _SPOILED:
        return None
    return report if _fits(status) else None


def apply_report(text: str, run: str) -> ApplyReport | None:
    """An apply's report, if the text is one."""
    report = _read(text, apply_from_json)
    if report is None or report.run != run:
        return None
    return report if _is_revision(report.revision) else None


def deliver_report(text: str, run: str) -> DeliverReport | None:
    """A delivery's report, if the text is one."""
    report = _read(text, deliver_from_json)
    if report is None or report.run != run or not _is_revision(report.revision):
        return None
    status = {"deliveries": [of_delivery(d) for d in report.deliveries]}
    return report if _fits(status) else None


def _is_revision(known: Any) -> bool:
    return known is None or (type(known) is int and 0 <= known <= _MOST)


def _fits(status: Object) -> bool:
    """Whether a run's status can hold it."""
    try:
        SyncRunStatus.model_validate(status)
    except (ValidationError, *_SPOILED):
        return False
    return _countable(status)


def _countable(value: Any) -> bool:
    """Whether a status can hold every number."""
    if isinstance(value, Mapping):
        return all(_countable(v) for v in value.values())
    if isinstance(value, list | tuple):
        return all(_countable(v) for v in value)
    return not isinstance(value, int) or -_MOST <= value <= _MOST


def check_report(text: str) -> CheckReport | None:
    """A report of Test Connection, if the text is one that fits into a status."""
    report = _read(text, check_from_json)
    if report is None:
        return None
    schools = report.schools.as_dict()
    try:
        SchoolsStatus.model_validate(schools)
    except ValidationError:
        return None
    probes = [
        {"name": p.name, "state": "Failed" if p.error else "Delivered", **(p.error or {})} for p in report.deliveries
    ]
    if report.store and report.store.error and not _REASON.fullmatch(str(report.store.error.get("reason", ""))):
        return None
    if not _countable(schools) or not _fits({"deliveries": probes}):
        return None
    return replace(report, message=str(report.message)[:1024])


def told(error: Any) -> tuple[str, str] | None:
    """(reason, message) of a report's error, in the form that conditions allow."""
    if not isinstance(error, Mapping):
        return None
    reason, message = str(error.get("reason", "")), str(error.get("message", ""))
    return (reason if _REASON.fullmatch(reason) else "Failed", message[:2048])


def _read(text: str, parse: Callable[[str], R]) -> R | None:
    if not text or len(text.encode()) > LIMIT:
        return None
    try:
        return parse(text)
    except _SPOILED:
        return None


def moment(text: str | None) -> datetime | None:
    """A time in the API's format."""
    try:
        return parse_instant(text) if text else None
    except ValueError:
        return None
