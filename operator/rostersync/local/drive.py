"""Drives runs without a cluster: observe, decide, write the status, take the step, until nothing is left to do.

The decisions are those of a cluster. Only observing (files) and acting (in this process) are local.
"""

import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from rostersync.api.kinds import Ref
from rostersync.api.v1alpha1 import API_VERSION
from rostersync.artifacts.folder import Artifacts
from rostersync.errors import DiskFull, StoreBusy, StoreUnreachable, Unsure
from rostersync.execution.progress import log
from rostersync.instants import stamp
from rostersync.lifecycle import conditions, status
from rostersync.lifecycle.decide import next_step
from rostersync.lifecycle.names import approval_name
from rostersync.lifecycle.observed import Connection, Observed, Work, WorkState
from rostersync.lifecycle.outcomes import APPLIED, succeeded_reason
from rostersync.lifecycle.steps import CreateApproval, Finish, Nothing, Start, StartApply, StartDeliver, StartPlan, Step
from rostersync.local.observe import observed
from rostersync.local.state import State
from rostersync.model import Mode, Phase
from rostersync.render.holds import sentence

Clock = Callable[[], datetime]


class Attempts(Protocol):
    """The attempts of a run. Failures go to their reports.

    StoreBusy, StoreUnreachable, DiskFull and Unsure are raised. They leave the run as it was.
    """

    def plan(self, run: dict[str, Any], step: StartPlan) -> None:
        """Make the plan."""
        ...

    def apply(self, run: dict[str, Any], step: StartApply, of_plan: int) -> None:
        """Apply the plan."""
        ...

    def can_deliver(self, run: str) -> bool:
        """Whether the inputs of a run's deliveries are at hand."""
        ...

    def deliver(self, run: dict[str, Any], step: StartDeliver) -> None:
        """Deliver the roster."""
        ...


def now_utc() -> datetime:
    """The current time in whole seconds, as the API writes times."""
    return datetime.now(UTC).replace(microsecond=0)


class Driver:
    """Works on runs of one connection, whose lock the caller holds."""

    def __init__(
        self,
        state: State,
        connection: Connection,
        attempts: Attempts | None,
        clock: Clock = now_utc,
        again: str | None = None,
    ) -> None:
        """`again` names a run that the user asks for again: its plan is retried if it was interrupted."""
        self.state, self.connection, self.attempts, self.clock, self.again = state, connection, attempts, clock, again
        self.asked: set[str] = set()  # runs whose deliveries are wanted now, once

    def advance(self, run: dict[str, Any], may_apply: bool = True) -> dict[str, Any]:
        """Take a run as far as it can go now. Returns it with its status. Raises StoreBusy when the store is in use."""
        while True:
            seen = self._observe(run, may_apply)
            step = next_step(seen)
            run = self._record(run, seen, step)
            match step:
                case StartPlan() | StartApply() | StartDeliver() if self.attempts:
                    try:
                        self._start(self.attempts, run, step, seen.plan.number if seen.plan else 1)
                    except (StoreBusy, StoreUnreachable, DiskFull, Unsure):
                        with suppress(DiskFull):  # the next command does it
                            self.settle(run)
                        raise
                case CreateApproval():
                    self._ask(run, step)
                case _:
                    return run

    def _start(self, attempts: Attempts, run: dict[str, Any], step: Start, of_plan: int) -> None:
        match step:
            case StartPlan():
                attempts.plan(run, step)
            case StartApply():
                attempts.apply(run, step, of_plan)
            case StartDeliver():
                self.asked.discard(run["metadata"]["name"])
                attempts.deliver(run, step)

    def settle(self, run: dict[str, Any]) -> dict[str, Any]:
        """Bring a run's status up to date without starting anything. It may be expired, superseded or killed."""
        while True:
            seen = self._observe(run, may_apply=False, may_start=False)
            step = next_step(seen)
            run = self._record(run, seen, step)
            if not isinstance(step, CreateApproval):
                return run
            self._ask(run, step)

    def settle_others(self, run: dict[str, Any] | None = None) -> None:
        """Settle every other run of the connection that is not final, oldest first."""
        name = run["metadata"]["name"] if run else None
        for other in reversed(self.state.runs(self.connection.ref.key)):
            if other["metadata"]["name"] != name and not (other.get("status") or {}).get("outcome"):
                self.settle(other)

    def resume(self) -> None:
        """Finish runs that were killed during an apply. The apply was allowed, and the store says how far it got.

        Also deliver what is applied and not delivered yet, if it is time to.
        """
        for run in reversed(self.state.runs(self.connection.ref.key)):
            if not (run.get("status") or {}).get("outcome"):
                seen = self._observe(run, may_apply=True)
                in_doubt = any(attempt.in_doubt and work.state == WorkState.LOST for attempt, work in seen.works)
                if in_doubt or seen.in_store or seen.deliver:
                    self.advance(run)

    def deliver(self) -> dict[str, Any] | None:
        """Deliver what applied runs have left, without keeping a pause. Returns the newest of them, if there is one."""
        last = None
        for run in reversed(self.state.runs(self.connection.ref.key)):
            if (run.get("status") or {}).get("outcome"):
                continue
            seen = self._observe(run, may_apply=True)
            if seen.in_store or seen.deliver:
                self.asked.add(run["metadata"]["name"])
                last = self.advance(run)
        return last

    def _observe(self, run: dict[str, Any], may_apply: bool, may_start: bool = True) -> Observed:
        # The caller holds the connection's lock, so no process works on anything unfinished.
        name = run["metadata"]["name"]
        can_deliver = self.attempts is not None and self.attempts.can_deliver(name)
        seen = observed(
            self.state,
            run,
            self.connection,
            self.clock(),
            alive=False,
            may_start=may_start,
            may_apply=may_apply,
            may_deliver=may_apply and can_deliver,
        )
        seen = replace(seen, deliver_now=name in self.asked)
        plans = seen.run.mode != Mode.DELIVER
        if plans and seen.plan is None and not may_start and succeeded_reason(run.get("status") or {}) != Phase.QUEUED:
            return replace(seen, plan=Work(WorkState.LOST))  # killed before its plan wrote a report
        if seen.plan and seen.plan.state == WorkState.LOST and may_start and run["metadata"]["name"] == self.again:
            return replace(seen, tries=seen.plan.number + 1)
        return seen

    def _record(self, run: dict[str, Any], seen: Observed, step: Step) -> dict[str, Any]:
        if isinstance(step, Nothing):
            return run
        made = {**run, "status": status.of(seen, step, sentence)}
        if isinstance(step, Finish):
            # The raw extract stays until its run is final. The rest is what a killed process left. It is removed first,
            # since a final run is never read again.
            Artifacts(self.state.layout.artifacts).finish(run["metadata"]["name"])
        try:
            if made != run:
                self.state.save(made)
            self._record_approval(run, seen, step)
        except DiskFull as error:
            if not isinstance(step, Finish) or step.outcome not in APPLIED:
                raise
            # It is applied, even if there is no space to record it. The next command reads it once more.
            log("warning", reason=error.reason, message=f"The plan is applied. What failed after that: {error}")
        return made

    def _record_approval(self, run: dict[str, Any], seen: Observed, step: Step) -> None:
        data = self.state.approval(run["metadata"]["name"])
        if data is None or seen.approval is None:
            return
        new = conditions.approval_state(seen.approval, seen, step)
        if (data.get("status") or {}).get("state") != new:
            self.state.save_approval({**data, "status": {**(data.get("status") or {}), "state": new}})

    def _ask(self, run: dict[str, Any], step: CreateApproval) -> None:
        metadata = run["metadata"]
        spec = {
            "runRef": {"name": metadata["name"], "uid": metadata["uid"]},
            "connectionRef": run["spec"]["connectionRef"],
            "planDigest": step.digest,
            "requestedBy": list(step.requested_by),
            # Nobody can prove identities here, and a promise that is not kept would be worse than none.
            "requireDistinctApprover": False,
            "expiresAt": stamp(step.expires_at),
            **(
                {"previousConnection": Ref.of_key(step.previous_connection).in_brief()}
                if step.previous_connection
                else {}
            ),
        }
        made = {
            "name": approval_name(metadata["name"], step.digest),
            "uid": str(uuid.uuid4()),
            "generation": 1,
            "creationTimestamp": stamp(self.clock()),
        }
        if "namespace" in metadata:
            made["namespace"] = metadata["namespace"]
        self.state.save_approval(
            {
                "apiVersion": API_VERSION,
                "kind": "SyncApproval",
                "metadata": made,
                "spec": spec,
                "status": {"state": "Pending"},
            }
        )
