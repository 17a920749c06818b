"""Test Connection: a Job for every changed spec and every request, retried after a failure."""

from dataclasses import dataclass, replace
from datetime import datetime

from rostersync.api.kinds import Ref
from rostersync.api.objects import condition
from rostersync.attempts import CHECK
from rostersync.controller import jobs
from rostersync.controller.act import Actor, refused
from rostersync.controller.cluster.cache import JOBS, Key, Object, job_condition, labels
from rostersync.controller.cluster.client import ApiError
from rostersync.controller.options import CHECK_LABEL, NUMBER_LABEL
from rostersync.controller.runs import reports
from rostersync.controller.runs.attempts import JobSeen, job_failure
from rostersync.controller.runs.lookups import Lookups, check_pause
from rostersync.controller.runs.reports import moment
from rostersync.controller.shared import Shared
from rostersync.controller.view import View, stamps
from rostersync.lifecycle import connection_status
from rostersync.lifecycle.connection_status import Checked
from rostersync.lifecycle.triggers import Checking, check_due, pause_after

_TURN = 10.0  # seconds until a test that has to wait for its turn tries again


@dataclass
class Tries:
    """What this process remembers of a connection's tests. If it is lost, one more test runs."""

    failures: int = 0
    checked_at: datetime | None = None


class Checks:
    """Creates the Jobs of Test Connection and reads their results."""

    def __init__(self, shared: Shared, actor: Actor, lookups: Lookups) -> None:
        self.shared, self.actor, self.lookups = shared, actor, lookups
        self._tries: dict[str, Tries] = {}

    def forget(self, uid: str) -> None:
        """Forget a connection that is gone."""
        self._tries.pop(uid, None)

    async def check(
        self, key: Key, obj: Object, view: View, now: datetime, problem: tuple[str, str] | None
    ) -> tuple[Checked | None, str]:
        """Run Test Connection if it is due. Returns its result and the request that it answers. Raises ApiError."""
        memory = self._tries.setdefault(view.uid, Tries())
        status, asked = obj.get("status") or {}, stamps(obj)
        handled = str(status.get("lastHandledCheckRequestedAt", ""))
        current = _recorded(status)
        if problem:
            return (current, handled)
        token = f"{view.generation}/{asked.check_requested_at}"
        job = self._newest_check(obj, token)
        if job is not None:
            seen = await self.lookups.job_seen(job, now)
            made = _outcome(seen, view.generation)
            condition = job_condition(job)
            if condition is None or made.ok is None:
                begun = moment(job["metadata"]["creationTimestamp"]) or now
                self.shared.queue.add_after(key, check_pause((now - begun).total_seconds()))
                still = current if current and current.generation == view.generation and made.ok is None else made
                return (still, handled)
            number = int(labels(job).get(NUMBER_LABEL, 1))
            memory.failures, memory.checked_at = (
                (0 if made.good else number),
                moment(condition.get("lastTransitionTime")),
            )
            current, handled = replace(made, at=memory.checked_at), asked.check_requested_at
            await self.actor.expire(job)
        verified = current.good if current else None
        tested = current.generation if current else 0
        due = check_due(
            Checking(
                view.generation, asked.check_requested_at, handled, verified, tested, memory.checked_at, memory.failures
            ),
            now,
        )
        if due.now and self.shared.store.size(JOBS, f"attempt/{CHECK.name}") >= self.shared.options.runs:
            self.shared.queue.add_after(key, _TURN)  # a thousand connections need not be tested at once
        elif due.now:
            refusal = await self._start_check(obj, view, memory.failures + 1, token)
            if refusal:
                memory.failures, memory.checked_at = memory.failures + 1, now
                self.shared.queue.add_after(key, pause_after(memory.failures).total_seconds() + 0.5)
                return (refusal, asked.check_requested_at)
            self.shared.queue.add_after(key, 6.0)
            under_way = Checked(None, "Checking", "Test Connection is under way.", None, view.generation)
            return (current if current and tested == view.generation else under_way, handled)
        elif due.at:
            self.shared.queue.add_after(key, (due.at - now).total_seconds() + 0.5)
        return (current, handled)

    def _newest_check(self, obj: Object, token: str) -> Object | None:
        of = self.shared.store.related(JOBS, f"owner/{obj['metadata']['uid']}")
        mine = [j for j in of if labels(j).get(CHECK_LABEL) == jobs.digits(token)]
        return max(mine, key=lambda j: int(labels(j).get(NUMBER_LABEL, 0)), default=None)

    async def _start_check(self, obj: Object, view: View, number: int, token: str) -> Checked | None:
        """Create the Job. Returns a result only when the API server refuses the Job."""
        try:
            await self.actor.job(obj, jobs.check_job(obj, view, self.shared.options, number, token))
        except ApiError as error:
            if not refused(error):
                raise
            text = f"The API server refuses the Job of Test Connection ({error.reason}): {error.message}"[:1024]
            self.shared.events.warn(obj, Ref.to(obj).plural, "JobRefused", text)
            return Checked(False, "JobRefused", text, None, view.generation)
        return None


def _recorded(status: Object) -> Checked | None:
    """The result of Test Connection that the status has recorded."""
    found = condition(status, "ConnectionVerified")
    if found is None:
        return None
    ok = {"True": True, "False": False}.get(found["status"])
    generation = int(found.get("observedGeneration", 0))
    deliveries, store = (_kept(status, name) for name in (connection_status.DELIVERIES, connection_status.STORE))
    stalled = condition(status, connection_status.STALLED)
    final = stalled is not None and (stalled["reason"], stalled["message"]) == (found["reason"], found["message"])
    return Checked(ok, found["reason"], found["message"], None, generation, deliveries, store=store, permanent=final)


def _kept(status: Object, name: str) -> tuple[str, str, str] | None:
    found = condition(status, name)
    return (found["status"], found["reason"], found["message"]) if found else None


def _outcome(seen: JobSeen, generation: int) -> Checked:
    condition = job_condition(seen.job)
    if condition is None:
        if seen.trouble:
            return Checked(False, seen.trouble.reason, seen.trouble.message, None, generation)
        return Checked(None, "Checking", "Test Connection is under way.", None, generation)
    if condition["type"] == "Complete":
        report = next((r for e in reversed(seen.ended) if (r := reports.check_report(e.text))), None)
        if report is not None:
            message, probes = report.message or connection_status.OK, connection_status.of_probes(report.deliveries)
            store = connection_status.of_store(report.store)
            return Checked(True, "Verified", message, report.schools.as_dict(), generation, probes, store=store)
        if not seen.lost:
            return Checked(None, "Checking", "Test Connection has ended; its report is on the way.", None, generation)
        return Checked(False, "ReportLost", "Test Connection left no report. It will run again.", None, generation)
    reason, message, told = job_failure(seen, condition, reports.check_report)
    probes = connection_status.of_probes(told.deliveries) if told else None
    store = connection_status.of_store(told.store) if told else None
    final = condition.get("reason") == "PodFailurePolicy"
    return Checked(False, reason, message, None, generation, probes, store=store, permanent=final)
