"""How far a run came, from every way that a Job and its pods can end, be lost, or say something that cannot be true."""

from datetime import timedelta

import pytest

from rostersync.api.kinds import Ref
from rostersync.controller.runs.attempts import Attempts, JobSeen
from rostersync.lifecycle.decide import next_step
from rostersync.lifecycle.observed import Connection, Observed, Run, Work, WorkState
from rostersync.lifecycle.status import of as status_of
from rostersync.lifecycle.steps import Wait
from rostersync.model import ApplyReport, Entity, EntityCounts, PlanReport
from rostersync.plan.report import LIMIT, apply_to_json, plan_to_json
from support.job_ends import NOW, Scene, job, looked, pod, stamp, unstarted

START_DEADLINE = timedelta(minutes=15)
DIGEST = "sha256:" + "a" * 64
PLAN = PlanReport("r", "done", DIGEST, 4, [EntityCounts(Entity.STUDENT, deleted=3, population=9)])
REFUSED = {"reason": "CredentialsRefused", "message": "Focus refused the token request (401)."}
DONE = plan_to_json(PLAN)
COMPARING = plan_to_json(PlanReport("r", "compare"))
FAILED = plan_to_json(PlanReport("r", "extract", error=REFUSED))


def halves(*jobs, status=None, missing=()):
    run = {"metadata": {"name": "r", "uid": "run-uid"}, "status": status or {}}
    return Attempts(run, jobs, NOW, START_DEADLINE, frozenset(missing))


def plan_of(scene):
    return halves(looked(scene)).plan()


def warning(about, reason, message):
    return {"about": about, "type": "Warning", "reason": reason, "message": message, "lastTimestamp": stamp(30)}


NO_SECRET = pod(waiting={"reason": "CreateContainerConfigError", "message": 'secret "focus" not found'})
PSA = warning("plan1", "FailedCreate", 'pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot')
NO_MOUNT = warning("p1", "FailedMount", 'MountVolume.SetUp failed for volume "credentials" : secret "focus" not found')
COMPLETE, SPENT = job("Complete", "CompletionsReached"), job("Failed", "BackoffLimitExceeded")
STOPPED, LATE = job("Failed", "PodFailurePolicy"), job("Failed", "DeadlineExceeded")
GOOD, R, F = pod(code=0, text=DONE, reason="Completed"), WorkState.RUNNING, WorkState.FAILED
TRIES = [pod(f"p{n}", 1, FAILED, ago=200 - n) for n in range(3)]

# what there is -> state, reason of a failure, a part of the message, the stage of the report
ENDS = {
    "complete": (Scene(COMPLETE, [GOOD]), WorkState.SUCCEEDED, None, "", "done"),
    "complete, and the pod was deleted while the watch saw it": (
        Scene(COMPLETE, [], [GOOD]),
        WorkState.SUCCEEDED,
        None,
        "",
        "done",
    ),
    "complete after a try that failed": (Scene(COMPLETE, [TRIES[0], GOOD]), WorkState.SUCCEEDED, None, "", "done"),
    "complete, and its report is on the way": (
        Scene(job("Complete", ago=5)),
        R,
        None,
        "",
        None,
    ),
    "complete, and every pod went with its node: lost": (Scene(COMPLETE), WorkState.LOST, None, "", None),
    "complete, and the pod said nothing: lost": (
        Scene(COMPLETE, [pod(code=0, reason="Completed")]),
        WorkState.LOST,
        None,
        "",
        None,
    ),
    "complete, with only a failed try's report: lost": (
        Scene(COMPLETE, [TRIES[0]]),
        WorkState.LOST,
        None,
        "",
        None,
    ),
    "exit 42": (Scene(STOPPED, [pod(code=42, text=FAILED)]), F, "CredentialsRefused", "(401).", "extract"),
    "evicted, and exit 42 on SIGTERM": (
        Scene(STOPPED, [], [pod(code=42, text=FAILED, disrupted=True)]),
        F,
        "CredentialsRefused",
        "(401).",
        "extract",
    ),
    "retries spent": (Scene(SPENT, TRIES), F, "CredentialsRefused", "(401). Tried 3 times.", "extract"),
    "retries spent without a word": (
        Scene(SPENT, [pod(code=1)]),
        F,
        "JobFailed",
        "exit code 1 and left no reason (BackoffLimitExceeded)",
        None,
    ),
    "out of memory, with what was said before": (
        Scene(SPENT, [pod(code=137, text=COMPARING, reason="OOMKilled")]),
        F,
        "OutOfMemory",
        "limits.memory",
        "compare",
    ),
    "out of memory, without a word": (
        Scene(SPENT, [pod(code=137, reason="OOMKilled")]),
        F,
        "OutOfMemory",
        "limits.memory",
        None,
    ),
    "137 alone is not want of memory": (
        Scene(SPENT, [pod(code=137, reason="ContainerStatusUnknown")]),
        F,
        "JobFailed",
        "exit code 137",
        None,
    ),
    "the Job's deadline, seen by the watch": (
        Scene(LATE, [], [pod(code=143, text=COMPARING)]),
        F,
        "DeadlineExceeded",
        "deadline",
        "compare",
    ),
    "the Job's deadline, while nobody watched": (Scene(LATE), F, "DeadlineExceeded", "deadline", None),
    "somebody deleted the pod: the next one runs": (
        Scene(job(), [pod("p2")], [pod(code=143, text=COMPARING)]),
        R,
        None,
        "",
        None,
    ),
    "evicted: the Job says nothing, and goes on": (
        Scene(job(), [pod("p2")], [pod(code=143, disrupted=True)]),
        R,
        None,
        "",
        None,
    ),
    "a Secret is missing": (Scene(job(), [NO_SECRET]), R, None, "Secret focus is not in this namespace", None),
    "a Secret is missing, and cannot be mounted": (
        Scene(job(), [unstarted()], [], [NO_MOUNT]),
        R,
        None,
        "Secret focus is not in this namespace",
        None,
    ),
    "a Secret is missing for too long": (
        Scene(job(made=901), [NO_SECRET]),
        F,
        "SecretNotFound",
        "Given up after 15 minutes; nothing was done.",
        None,
    ),
    "pod security refuses every pod": (Scene(job(), [], [], [PSA]), R, None, "Pod security refuses", None),
    "pod security refuses for too long": (Scene(job(made=901), [], [], [PSA]), F, "PodRefused", "restricted", None),
    "a queue of the cluster may take as long as it likes": (
        Scene(job(made=90000, suspend=True)),
        R,
        None,
        "suspended by a queue",
        None,
    ),
    "a pod that ran is not given up for what keeps the next one": (
        Scene(job(made=901), [NO_SECRET], [pod("p0", 1, FAILED)]),
        R,
        None,
        "Secret focus",
        None,
    ),
}


@pytest.mark.parametrize(("scene", "state", "reason", "message", "stage"), ENDS.values(), ids=ENDS)
def test_a_half_by_its_job(scene, state, reason, message, stage):
    work = plan_of(scene)

    assert work.state == state
    assert message in work.message
    assert (work.report.stage if work.report else None) == stage
    assert (work.ended_at is not None) == (state in (WorkState.SUCCEEDED, WorkState.FAILED))
    if state == WorkState.FAILED:
        assert work.reason == reason
    if state == WorkState.SUCCEEDED:
        assert work.report == PLAN


UNREADABLE = {
    "garbage": "Traceback (most recent call last):",
    "its head lost": DONE[100:],
    "longer than a report": DONE + " " * LIMIT,
    "another run's": DONE.replace('"run":"r"', '"run":"other"'),
    "numbers as text": DONE.replace('"baseRevision":4', '"baseRevision":"4"'),
}


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_a_complete_job_whose_report_cannot_be_read_has_lost_it(text):
    assert plan_of(Scene(COMPLETE, [pod(code=0, text=text, reason="Completed")])).state == WorkState.LOST


@pytest.mark.parametrize("text", UNREADABLE.values(), ids=UNREADABLE)
def test_a_failed_job_whose_report_cannot_be_read_failed_without_a_reason(text):
    work = plan_of(Scene(STOPPED, [pod(code=42, text=text)]))

    assert (work.state, work.reason, work.report) == (WorkState.FAILED, "JobFailed", None)
    assert "exit code 42" in work.message


def test_disruptions_are_the_pods_that_were_disrupted():
    gone = [pod(f"p{n}", 143, disrupted=n < 2) for n in range(3)]

    assert plan_of(Scene(job(), [pod("p9")], gone)).disruptions == 2


def seen(one):
    return JobSeen(one, [])


def test_the_newest_try_counts():
    made = halves(seen(job("Failed", number=1)), seen(job(number=2)), seen(job("Failed", stage="apply", number=7)))

    assert (made.plan().number, made.plan().state) == (2, WorkState.RUNNING)


def test_an_apply_belongs_to_the_plan_that_its_label_names():
    made = halves(seen(job("Complete", number=2)), seen(job(stage="apply", number=1, of_plan=2)))

    assert made.apply().of_plan == 2


def test_a_run_without_jobs_has_not_begun():
    assert halves().plan() is None
    assert halves().apply() is None


@pytest.mark.parametrize("stage", ["commit", "committed", "closed"])
def test_an_apply_that_was_ended_while_it_committed_is_lost_and_not_failed(stage):
    text = apply_to_json(ApplyReport("r", stage, DIGEST))
    pods = [pod("p1", 143, text, of="apply1", ago=90), pod("p2", 1, "", of="apply1")]
    made = halves(looked(Scene(job("Failed", "BackoffLimitExceeded", stage="apply", of_plan=1), pods))).apply()

    assert made.state == WorkState.LOST


def test_an_apply_that_was_ended_before_its_commit_has_failed():
    text = apply_to_json(ApplyReport("r", "revision", DIGEST))
    made = halves(
        looked(
            Scene(
                job("Failed", "BackoffLimitExceeded", stage="apply", of_plan=1), [pod(code=143, text=text, of="apply1")]
            )
        )
    ).apply()

    assert (made.state, made.reason) == (WorkState.FAILED, "JobFailed")


@pytest.mark.parametrize("reason", ["DiskFull", "ArtifactsAway", "StoreUnreachable", "StoreBusy"])
def test_an_apply_that_came_to_nothing_is_known_when_its_job_is_gone(reason):
    """From the run's status, through the state machine and back."""
    error = {"reason": reason, "message": "The disk of the store is full."}
    text = apply_to_json(ApplyReport("r", "commit", DIGEST, error=error))
    over = job("Failed", "BackoffLimitExceeded", stage="apply", of_plan=1, ago=5)
    made = halves(looked(Scene(over, [pod(code=1, text=text, of="apply1")])))
    assert (made.apply().state, made.apply().reason) == (WorkState.FAILED, reason)
    planned = Work(WorkState.SUCCEEDED, 1, PLAN, job="r-plan-1", ended_at=NOW)
    known = Observed(NOW, Run("r"), Connection(Ref("FocusConnection", "springfield")), plan=planned, apply=made.apply())
    step = next_step(known)
    assert isinstance(step, Wait)

    later = halves(status=status_of(known, step)).apply()

    assert (later.state, later.reason, later.number, later.of_plan) == (WorkState.FAILED, reason, 1, 1)
    assert "disk of the store" in later.message
    assert later.ended_at == made.apply().ended_at
