"""How far the attempts of a run got, from its Jobs, their pods' reports, and its recorded status. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from rostersync.api.kubernetes import Condition
from rostersync.api.objects import condition
from rostersync.attempts import APPLY, DELIVER, OF_RUN, PLAN, Attempt
from rostersync.controller.cluster.cache import Object, attempt_of, job_condition, labels
from rostersync.controller.options import NUMBER_LABEL, PLAN_LABEL
from rostersync.controller.runs import reports
from rostersync.controller.runs.pod_diagnosis import Trouble
from rostersync.controller.runs.reports import Ended, moment
from rostersync.errors import BaseMoved
from rostersync.lifecycle.observed import Work, WorkState
from rostersync.lifecycle.passing import PASSING
from rostersync.lifecycle.recorded import failed_deliveries, plan_report
from rostersync.model import ApplyReport, PlanReport
from rostersync.sent import DeliverReport

R = TypeVar("R", PlanReport, ApplyReport, DeliverReport)

COMMITTING = ("commit", "committed", "closed", "done")  # stages of an apply in which its plan may already be applied


@dataclass(frozen=True)
class JobSeen:
    """One Job and what is known of its pods. `lost`: it ended, and its report can no longer be read."""

    job: Object
    ended: Sequence[Ended]
    trouble: Trouble | None = None
    started: bool = False  # whether one of its containers ever ran
    lost: bool = False


@dataclass(frozen=True)
class Attempts:
    """Everything that is known of one run's Jobs. `missing`: names of Jobs that were requested and do not exist."""

    run: Object
    jobs: Sequence[JobSeen]
    now: datetime
    start_deadline: timedelta
    missing: frozenset[str] = frozenset()

    def plan(self) -> Work[PlanReport] | None:
        """The newest attempt to plan."""

        def recorded(base: dict[str, Any]) -> Work[PlanReport]:
            planned = condition(self._status, "Planned")
            if planned and planned["reason"] in PASSING:  # it is retried after a while
                return Work(WorkState.FAILED, reason=str(planned["reason"]), message=str(planned["message"]), **base)
            return Work(WorkState.SUCCEEDED, report=plan_report(self._status, self._name), **base)

        return self._newest(PLAN, recorded, reports.plan_report)

    def apply(self) -> Work[ApplyReport] | None:
        """The newest attempt to apply."""

        def recorded(base: dict[str, Any]) -> Work[ApplyReport]:
            # A good apply is followed by a delivery. A failed apply makes a run final, with two exceptions. What
            # passes is retried later. When the base has moved, the plan is replaced, and the apply is history.
            applied, of_plan = condition(self._status, "Applied"), int(self._recorded(PLAN).get("attempts", 1))
            if applied and applied["status"] == "True":
                report = ApplyReport(self._name, "done", revision=self._status.get("revision"))
                report.outbox_pending = bool(self._status.get("outboxPending"))
                return Work(WorkState.SUCCEEDED, report=report, of_plan=of_plan, **base)
            if applied and applied["reason"] in PASSING:
                reason, said = str(applied["reason"]), str(applied["message"])
                return Work(WorkState.FAILED, reason=reason, message=said, of_plan=of_plan, **base)
            return Work(WorkState.FAILED, reason=BaseMoved.reason, of_plan=0, **base)

        seen = self._seen(APPLY)
        work = self._newest(APPLY, recorded, reports.apply_report)
        if work and work.state == WorkState.FAILED and seen and _may_be_done(seen, self._name):
            return replace(work, state=WorkState.LOST)
        return work

    def deliver(self) -> Work[DeliverReport] | None:
        """The newest attempt to deliver."""

        def recorded(base: dict[str, Any]) -> Work[DeliverReport]:
            # A good delivery makes a run final.
            delivered = condition(self._status, "Delivered")
            reason, message = (delivered["reason"], delivered["message"]) if delivered else ("Failed", "")
            report = failed_deliveries(self._status, self._name)
            return Work(WorkState.FAILED, report=report, reason=reason, message=message, **base)

        return self._newest(DELIVER, recorded, reports.deliver_report)

    def unknown(self) -> list[str]:
        """Names of Jobs that the status names, that were not seen to end, and that do not exist."""
        names = []
        for attempt in OF_RUN:
            recorded = self._recorded(attempt)
            newer = _number(self._seen(attempt)) >= int(recorded.get("attempts", 0))
            if recorded.get("name") and not recorded.get("completionTime") and not newer:
                names.append(str(recorded["name"]))
        return names

    @property
    def _name(self) -> str:
        return str(self.run["metadata"]["name"])

    @property
    def _status(self) -> Object:
        return self.run.get("status") or {}

    def _recorded(self, attempt: Attempt) -> dict[str, Any]:
        """What the status has recorded of an attempt."""
        return next((j for j in self._status.get("jobs") or () if j["type"] == attempt.type), {})

    def _seen(self, attempt: Attempt) -> JobSeen | None:
        """The newest Job of an attempt."""
        return max((j for j in self.jobs if attempt_of(j.job) == attempt), key=_number, default=None)

    def _newest(
        self,
        attempt: Attempt,
        recorded: Callable[[dict[str, Any]], Work[R]],
        parse: Callable[[str, str], R | None],
    ) -> Work[R] | None:
        """The newest attempt, from its Job. Once the status has its end, `recorded` makes it from that."""
        known, seen = self._recorded(attempt), self._seen(attempt)
        number = max(int(known.get("attempts", 0)), _number(seen))
        if number == 0:
            return None
        if number == int(known.get("attempts", 0)) and known.get("completionTime"):
            return recorded(
                {
                    "number": number,
                    "job": known.get("name"),
                    "started_at": moment(known.get("startTime")),
                    "ended_at": moment(known["completionTime"]),
                    "disruptions": int(known.get("disruptions", 0)),
                }
            )
        of_plan = int(labels(seen.job).get(PLAN_LABEL, 1) if seen else self._recorded(PLAN).get("attempts", 1))
        return self._work(known, seen, number, lambda text: parse(text, self._name), of_plan)

    def _work(
        self,
        recorded: dict[str, Any],
        seen: JobSeen | None,
        number: int,
        parse: Callable[[str], R | None],
        of_plan: int,
    ) -> Work[R]:
        if seen is None or _number(seen) < number:
            lost = recorded.get("name") in self.missing
            return Work(
                WorkState.LOST if lost else WorkState.RUNNING,
                number,
                job=recorded.get("name"),
                of_plan=of_plan,
                started_at=moment(recorded.get("startTime")),
                message="" if lost else "Looking for its Job.",
            )
        meta = seen.job["metadata"]
        begun = moment(meta["creationTimestamp"])  # never changes, unlike the Job's startTime: one write less a run
        base: dict[str, Any] = {
            "number": number,
            "job": meta["name"],
            "of_plan": of_plan,
            "started_at": begun,
            "disruptions": sum(1 for e in seen.ended if e.disrupted),
        }
        condition = job_condition(seen.job)
        if condition is None:
            return self._unfinished(seen, base)
        base["ended_at"] = moment(condition.get("lastTransitionTime")) or self.now
        if condition["type"] == "Complete":
            report = next((r for e in reversed(seen.ended) if e.exit == 0 and (r := parse(e.text))), None)
            if report is None:
                return Work(WorkState.LOST if seen.lost else WorkState.RUNNING, **{**base, "ended_at": None})
            return Work(WorkState.SUCCEEDED, report=report, **base)
        reason, message, last = job_failure(seen, condition, parse)
        return Work(WorkState.FAILED, report=last, reason=reason, message=message, **base)

    def _unfinished(self, seen: JobSeen, base: dict[str, Any]) -> Work[Any]:
        trouble = seen.trouble
        if trouble is None:
            return Work(WorkState.RUNNING, **base)
        made = moment(seen.job["metadata"]["creationTimestamp"]) or self.now
        waited = self.now - made
        if not trouble.patient and not seen.started and waited > self.start_deadline:
            minutes = int(waited.total_seconds() // 60)
            text = f"{trouble.message} Given up after {minutes} minutes; nothing was done."
            return Work(WorkState.FAILED, reason=trouble.reason, message=text, ended_at=self.now, **base)
        return Work(WorkState.RUNNING, reason=trouble.reason, message=trouble.message, **base)


def _may_be_done(seen: JobSeen, run: str) -> bool:
    """Whether a failed apply's pod was ended during its commit. Then only the store knows whether it succeeded."""
    told = (reports.apply_report(e.text, run) for e in seen.ended)
    return any(r is not None and r.stage in COMMITTING and not r.error for r in told)


def _number(seen: JobSeen | None) -> int:
    text = labels(seen.job).get(NUMBER_LABEL, "") if seen else ""
    return int(text) if text.isdigit() else 0


class _Told(Protocol):
    """A report that may have an error and a stage."""

    stage: str
    error: dict[str, str] | None


T = TypeVar("T", bound=_Told)


def job_failure(seen: JobSeen, condition: Condition, parse: Callable[[str], T | None]) -> tuple[str, str, T | None]:
    """(reason, message, the last report) of a Job that failed."""
    last = seen.ended[-1] if seen.ended else None
    report = parse(last.text) if last else None
    if last and last.reason == "OOMKilled":
        return (
            "OutOfMemory",
            "The pod ran out of memory and was killed: raise spec.jobTemplate.resources.limits.memory.",
            report,
        )
    error = reports.told(report.error) if report else None
    if error:
        tries = len(seen.ended)
        more = f" Tried {tries} times." if condition.get("reason") == "BackoffLimitExceeded" and tries > 1 else ""
        return (error[0], f"{error[1]}{more}", report)
    if condition.get("reason") == "DeadlineExceeded":
        why = seen.trouble.message if seen.trouble else "Its stages took too long, or it never started."
        return ("DeadlineExceeded", f"The Job reached its deadline. {why}", report)
    at = f" in stage {report.stage}" if report else ""
    code = f" with exit code {last.exit}" if last and last.started else ""
    return (
        "JobFailed",
        f"The Job's pods ended{code}{at} and left no reason ({condition.get('reason', 'unknown')}); look at the log of "
        f"Job {seen.job['metadata']['name']} while it is there.",
        report,
    )
