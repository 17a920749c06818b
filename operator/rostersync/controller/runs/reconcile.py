"""One SyncRun: observe, decide, act and write its status, until it waits or is final."""

import logging
from collections.abc import Awaitable
from datetime import datetime
from typing import Any

from rostersync.controller import turns
from rostersync.controller.act import Actor, refused
from rostersync.controller.cluster.cache import RUNS, Key, Object, connection_key, place_of
from rostersync.controller.cluster.client import ApiError
from rostersync.controller.runs.deliveries import tell_deliveries
from rostersync.controller.runs.lookups import TROUBLE_AFTER, Facts, Lookups, check_pause
from rostersync.controller.runs.observe import observed
from rostersync.controller.runs.slots import Refusal
from rostersync.controller.shared import Shared
from rostersync.controller.view import View
from rostersync.lifecycle import status as statuses
from rostersync.lifecycle.decide import next_step
from rostersync.lifecycle.observed import Observed, Work, WorkState
from rostersync.lifecycle.passing import passes
from rostersync.lifecycle.steps import CreateApproval, Finish, Nothing, Start, StartApply, StartDeliver, StartPlan, Wait
from rostersync.model import AT_WORK, Phase
from rostersync.render.holds import sentence

log = logging.getLogger(__name__)

_STEPS = 12  # more actions in a row than any run can need
_TURN_TRIES = 3  # failures in a row after which a run loses its turn
_STEADY = 60.0  # seconds between two checks of a Job that runs


class Runs:
    """Reconciles SyncRuns."""

    def __init__(self, shared: Shared, actor: Actor) -> None:
        self.shared, self.actor, self.lookups = shared, actor, Lookups(shared)

    async def reconcile(self, namespace: str, name: str) -> None:
        """Take the run as far as it can go now. Raises ApiError, after which the queue retries."""
        key: Key = (RUNS, namespace, name)
        slots = self.shared.slots
        turn, waited = slots.turn(key), slots.waiting.for_slot(key)
        try:
            await self._go_on(key)
        except Exception:
            if self.shared.queue.failures(key) >= _TURN_TRIES:
                self.shared.end_turn(key, turn)  # others need not wait for a run that keeps failing
            raise
        finally:
            if waited and not slots.waiting.for_slot(key):
                self.shared.wake_next()  # another run may have what it waited for, or it did not need it
        self.shared.end_turn(key, turn)

    async def _go_on(self, key: Key) -> None:
        _, namespace, name = key
        for _ in range(_STEPS):
            run = self.shared.store.get(RUNS, namespace, name)
            self.shared.slots.waiting.pop(key)
            if run is None:
                return
            if (run.get("status") or {}).get("outcome"):
                await self.actor.tidy(run)
                return
            facts = await self.lookups.facts(run)
            # Nothing is awaited from here until a slot is promised, so that no two runs take the same one.
            seen, view, refusal = observed(self.shared, run, facts)
            step = next_step(seen)
            if isinstance(step, Nothing):
                return
            if not self.shared.listed and not isinstance(step, StartPlan | Wait):
                return  # an ended run may supersede it, so it is queued again when the ended runs are known
            release = None
            if isinstance(step, Start) and view:
                release = self.shared.slots.promise(run["metadata"]["uid"], namespace, view.turn)
            try:
                if isinstance(step, Start) and not await self.lookups.stands(run):
                    continue
                await self.actor.record_approvals(run, seen, step, facts.guard)
                match step:
                    case StartPlan() if view:
                        await self._start(run, seen, self.actor.start_plan(run, view, step))
                    case StartApply() if view:
                        number = seen.plan.number if seen.plan else 1
                        await self._start(run, seen, self.actor.start_apply(run, view, step, number))
                    case StartDeliver() if view:
                        await self._start(run, seen, self.actor.start_deliver(run, view, step))
                    case CreateApproval():
                        await self.actor.create_approval(run, seen, step, facts.guard)
                    case Wait() | Finish():
                        await self._settle(key, run, seen, step, refusal, view, facts)
                        return
                    case _:
                        log.error("SyncRun %s/%s: the connection's manifest is not known", namespace, name)
                        return
            finally:
                if release:
                    release()
        log.error("SyncRun %s/%s: too many steps at once", namespace, name)
        raise ApiError(0, "Unsettled", "the run came to no rest")

    async def _settle(
        self,
        key: Key,
        run: Object,
        seen: Observed,
        step: Wait | Finish,
        refusal: Refusal,
        view: View | None,
        facts: Facts,
    ) -> None:
        """Write the run's status, and queue the run for when it may change."""
        shared = self.shared
        if view and isinstance(step, Wait) and step.turn and (refusal.for_store or refusal.for_slot):
            # Registered before the status is written. Its turn may come during the write, and only registered runs are
            # woken.
            shared.slots.waiting.add(key, key[1], turns.label(view.turn), refusal.for_store)
        made = statuses.of(seen, step, sentence)
        changed = made != (run.get("status") or {})
        if changed:
            before = run
            try:
                run = await self.actor.write_run(run, made)
            except ApiError as error:
                if error.status == 404:
                    return  # it was deleted, which the watch will report
                raise
            tell_deliveries(shared, before, seen)
        if isinstance(step, Finish):
            await self.actor.finished(run, seen, step, view)
            return
        if changed and seen.plan and seen.plan.state == WorkState.SUCCEEDED:
            await self.actor.retire(seen)
        if step.until:
            shared.queue.add_after(key, (step.until - seen.now).total_seconds() + 0.5)
        if changed and isinstance(step, Wait):
            for failed in (w for _, w in seen.works if passes(w)):
                shared.events.warn(run, RUNS, failed.reason, step.message)
        busy = next((w for _, w in reversed(seen.works) if w.state == WorkState.RUNNING), None)
        if busy and step.reason in AT_WORK:
            shared.queue.add_after(key, self._next_check(busy, facts.started(busy.job), seen.now))
            if busy.message and changed:
                shared.events.warn(run, RUNS, busy.reason, busy.message)
            if busy.message:
                shared.troubled.add(connection_key(run))
                shared.queue.add_at_leisure(connection_key(run))
        if changed and (seen.plan or seen.apply):
            shared.tell(place_of(run), besides=seen.run.uid)

    async def _start(self, run: Object, seen: Observed, starting: Awaitable[None]) -> None:
        """Start a Job. If the API server refuses it, the status says so once, and the Job is retried."""
        try:
            await starting
        except ApiError as error:
            if refused(error):
                await self._refused(run, seen, error)
            raise

    async def _refused(self, run: Object, seen: Observed, error: ApiError) -> None:
        message = f"The API server refuses the Job ({error.reason}): {error.message}"[:1024]
        made = statuses.of(seen, Wait(Phase.QUEUED, message), sentence)
        if made != (run.get("status") or {}):
            await self.actor.write_run(run, made)
            self.shared.events.warn(run, RUNS, "JobRefused", message)

    def _next_check(self, work: Work[Any], started: bool, now: datetime) -> float:
        """Seconds until a running attempt is checked again. They grow with its age.

        Only events say what keeps a pod from starting. They are not watched, and arrive some seconds late.
        """
        waited = (now - work.started_at).total_seconds() if work.started_at else 0.0
        if not work.message and waited <= TROUBLE_AFTER.total_seconds():
            return TROUBLE_AFTER.total_seconds() + 1
        return _STEADY if started and not work.message else check_pause(waited)
