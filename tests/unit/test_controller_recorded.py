"""What a run's status remembers of its Jobs stands for them when they are gone, and a second look changes nothing."""

from datetime import timedelta

import pytest

from rostersync.api.kinds import Ref
from rostersync.controller.runs.attempts import Attempts, JobSeen
from rostersync.lifecycle import status as statuses
from rostersync.lifecycle.decide import next_step
from rostersync.lifecycle.observed import Connection, Observed, Run, WorkState
from rostersync.lifecycle.steps import Wait
from rostersync.model import ApplyReport, Entity, EntityCounts, PlanReport
from rostersync.plan.report import deliver_to_json, plan_to_json
from rostersync.sent import DeliverReport, DeliveryReport
from support.job_ends import NOW, Scene, job, looked, pod, stamp

PLAN = PlanReport("r", "done", "sha256:" + "a" * 64, 4, [EntityCounts(Entity.STUDENT, deleted=3, population=9)])
GOOD = pod(code=0, text=plan_to_json(PLAN), reason="Completed")
COMPLETE = job("Complete", "CompletionsReached")
NO_SECRET = pod(waiting={"reason": "CreateContainerConfigError", "message": 'secret "focus" not found'})


def halves(*jobs, status=None, missing=()):
    run = {"metadata": {"name": "r", "uid": "run-uid"}, "status": status or {}}
    return Attempts(run, jobs, NOW, timedelta(minutes=15), frozenset(missing))


def seen(one):
    return JobSeen(one, [])


def recorded(kind, attempts=1, ended=True, **status):
    name = f"r-{kind.lower()}-{attempts}"
    row = {"type": kind, "name": name, "attempts": attempts, "startTime": stamp(300)}
    return {"jobs": [row | ({"completionTime": stamp(60)} if ended else {})]} | status


def test_a_plan_that_ended_is_known_from_the_status_when_its_job_is_gone():
    work = halves(status=recorded("Plan", 2) | statuses.of_plan(PLAN)).plan()

    assert (work.state, work.number, work.report, work.job) == (WorkState.SUCCEEDED, 2, PLAN, "r-plan-2")


def test_a_plan_that_ended_is_not_looked_up_again_while_its_job_is_there():
    scene = Scene(COMPLETE)  # its pods are gone

    assert halves(looked(scene), status=recorded("Plan") | statuses.of_plan(PLAN)).plan().state == WorkState.SUCCEEDED


def test_an_apply_that_ended_and_left_its_run_open_is_history():
    work = halves(status=recorded("Apply")).apply()

    assert (work.state, work.reason, work.number, work.of_plan) == (WorkState.FAILED, "BaseMoved", 1, 0)


def told(kind, status, reason, message=""):
    return {"conditions": [{"type": kind, "status": status, "reason": reason, "message": message}]}


def test_a_plan_that_found_a_disk_full_is_not_taken_for_one_that_succeeded():
    status = recorded("Plan", 2) | told("Planned", "False", "DiskFull", "The disk of the artifacts is full.")
    work = halves(status=status).plan()

    assert (work.state, work.number, work.reason) == (WorkState.FAILED, 2, "DiskFull")
    assert work.message == "The disk of the artifacts is full."


def test_an_apply_that_is_applied_and_left_its_run_open_is_to_be_delivered():
    status = recorded("Apply") | told("Applied", "True", "Applied") | {"revision": 7, "outboxPending": True}
    work = halves(status=status).apply()

    assert (work.state, work.of_plan) == (WorkState.SUCCEEDED, 1)
    assert work.report == ApplyReport("r", "done", revision=7, outbox_pending=True)
    assert work.ended_at


def test_a_delivery_that_ended_and_left_its_run_open_has_failed():
    status = recorded("Deliver", 3) | told("Delivered", "False", "LoginRefused", "The receiver refused the login.")
    status["deliveries"] = [
        {"name": "feed", "state": "Failed", "reason": "LoginRefused"},
        {"name": "b", "state": "Delivered"},
    ]
    work = halves(status=status).deliver()

    assert work.report.failed == ("feed",)

    assert (work.state, work.number, work.reason) == (WorkState.FAILED, 3, "LoginRefused")
    assert work.message == "The receiver refused the login."


SENT = deliver_to_json(DeliverReport("r", "done", 7, [DeliveryReport("feed", "a folder", 7)]))
DELIVERIES = {
    "done": (Scene(job("Complete", stage="deliver"), [pod(code=0, text=SENT, of="deliver1")]), WorkState.SUCCEEDED),
    "done, and its report is lost": (Scene(job("Complete", stage="deliver")), WorkState.LOST),
    "failed": (Scene(job("Failed", "BackoffLimitExceeded", stage="deliver")), WorkState.FAILED),
    "at work": (Scene(job(stage="deliver"), [pod(of="deliver1")]), WorkState.RUNNING),
}


@pytest.mark.parametrize(("scene", "state"), DELIVERIES.values(), ids=DELIVERIES)
def test_a_delivery_by_its_job(scene, state):
    assert halves(looked(scene)).deliver().state == state


LOOKS = {
    "its Job is there": ((job(),), (), WorkState.RUNNING, []),
    "nobody looked for it yet": ((), (), WorkState.RUNNING, ["r-plan-1"]),
    "it was looked for and is not there: lost": ((), ("r-plan-1",), WorkState.LOST, ["r-plan-1"]),
}


@pytest.mark.parametrize(("jobs", "missing", "state", "unknown"), LOOKS.values(), ids=LOOKS)
def test_a_plan_that_had_begun(jobs, missing, state, unknown):
    made = halves(*map(seen, jobs), status=recorded("Plan", ended=False), missing=missing)

    assert made.plan().state == state
    assert made.unknown() == unknown


def test_an_older_job_does_not_stand_for_the_newer_one_that_the_status_names():
    made = halves(seen(job("Failed", number=1)), status=recorded("Plan", 2, ended=False), missing=["r-plan-2"])

    assert (made.plan().state, made.plan().number, made.unknown()) == (WorkState.LOST, 2, ["r-plan-2"])


def written(jobs, status):
    """The status after one look."""
    made = halves(*jobs, status=status)
    known = Observed(
        NOW,
        Run("r", "run-uid", status=status),
        Connection(Ref("FocusConnection", "c")),
        plan=made.plan(),
        apply=made.apply(),
    )
    step = next_step(known)
    assert isinstance(step, Wait)
    return statuses.of(known, step)


EVICTED = pod("p0", 143, disrupted=True)
AT_WORK = {
    "planning": [Scene(job(), [pod()])],
    "planning, evicted once": [Scene(job(), [pod()], [EVICTED])],
    "a Secret is missing": [Scene(job(), [NO_SECRET])],
    "applying": [Scene(COMPLETE, [GOOD]), Scene(job(stage="apply"), [pod("p2", of="apply1")])],
    "applying, the plan was evicted once": [Scene(COMPLETE, [GOOD], [EVICTED]), Scene(job(stage="apply"))],
    "applying, evicted once": [
        Scene(COMPLETE, [GOOD]),
        Scene(job(stage="apply"), [], [pod("p3", 143, disrupted=True, of="apply1")]),
    ],
}


@pytest.mark.parametrize("scenes", AT_WORK.values(), ids=AT_WORK)
def test_a_second_look_at_the_same_writes_the_same(scenes):
    jobs = [looked(s) for s in scenes]
    first = written(jobs, {})

    second = written(jobs, first)

    assert second == first
    assert written(jobs, second) == first
