"""What pods say when they end is taken for what it is: a text that anybody who may make pods could have written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostersync.controller.runs.reports import Reports, apply_report, belongs, check_report, plan_report, told
from rostersync.model import ApplyReport, CheckReport, Entity, EntityCounts, Hold, HoldReason, PlanReport, Schools
from rostersync.plan.report import LIMIT, apply_to_json, check_to_json, plan_to_json

DIGEST = "sha256:" + "a" * 64
HOLD = Hold(HoldReason.THRESHOLD, Entity.STUDENT, "Delete", None, 3, 9, 10, "Percent")
PLAN = PlanReport("r", "done", DIGEST, 4, [EntityCounts(Entity.STUDENT, deleted=3, population=9)], [HOLD], 1)
REFUSED = {"reason": "CredentialsRefused", "message": "Focus refused the token request (401)."}
DONE = plan_to_json(PLAN)
COMPARING = plan_to_json(PlanReport("r", "compare"))


def test_what_a_job_writes_is_read():
    assert plan_report(DONE, "r") == PLAN
    assert plan_report(COMPARING, "r") == PlanReport("r", "compare")


def altered(**changes):
    return json.dumps(json.loads(DONE) | changes)


DEEP = '{"run":"r","issues":' + "[" * 3500
LIES = {
    "no JSON": "Traceback (most recent call last):",
    "half of it": DONE[:100],
    "its head lost": DONE[100:],
    "no object": "[1]",
    "null": "null",
    "empty object": "{}",
    "nested too deep": DEEP,
    "another run's": altered(run="other"),
    "longer than a report": DONE + " " * LIMIT,
    "a digest that is none": altered(digest="sha256:xyz"),
    "a digest of another type": altered(digest=7),
    "a number as text": altered(holdsTotal="0"),
    "a negative number": altered(baseRevision=-1),
    "a fraction": altered(holdsTotal=1.5),
    "a truth as text": altered(noChanges="false"),
    "an unknown entity": altered(entities=[{"entity": "Robot"}]),
    "no list": altered(entities=7),
    "an endless count": altered(entities=[{"entity": "Student", "deleted": float("inf")}]),
    "no number": altered(entities=[{"entity": "Student", "deleted": float("nan")}]),
    "an unknown hold": altered(holds=[{"reason": "Mood"}]),
    "a hold with more than it has": altered(holds=[{"reason": "Preview", "x": 1}]),
    "more holds than a status takes": altered(holds=[{"reason": "Preview"}] * 17),
    "schools of another shape": altered(schools=[1]),
    "more schools than a status takes": altered(schools={"missingIDs": [str(n) for n in range(21)]}),
    "a stage of another type": altered(stage={"a": 1}),
    "a blast of another shape": altered(blastRadius=[1]),
    "causes of another shape": altered(causes=["Cascade"]),
    "a cause that is counted below nothing": altered(causes={"Cascade": -1}),
    "more causes than there are": altered(causes={f"C{n}": 1 for n in range(17)}),
}


@pytest.mark.parametrize("text", LIES.values(), ids=LIES)
def test_a_report_that_cannot_be_true_is_none(text):
    assert plan_report(text, "r") is None


@given(
    st.text(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda x: st.lists(x, max_size=4) | st.dictionaries(st.sampled_from(list(json.loads(DONE))), x, max_size=9),
    ).map(json.dumps)
)
def test_no_text_whatever_stops_the_operator(text):
    for read in (lambda t: plan_report(t, "r"), lambda t: apply_report(t, "r"), check_report):
        read(text)


APPLIES = {
    "whole": (apply_to_json(ApplyReport("r", "done", DIGEST, 5)), True),
    "another run's": ('{"run":"x"}', False),
    "failed, so without a revision": (apply_to_json(ApplyReport("r", "verify", error=REFUSED)), True),
    **{
        f"revision {json.dumps(wrong)}": (
            json.dumps(
                {"run": "r", "stage": "done", "revision": wrong, "alreadyApplied": False, "outboxPending": False}
            ),
            False,
        )
        for wrong in ("5", -1, 1.5, True, [])
    },
}


@pytest.mark.parametrize(("text", "good"), APPLIES.values(), ids=APPLIES)
def test_an_apply_report_has_a_revision_or_none(text, good):
    assert (apply_report(text, "r") is not None) == good


TOLD = {
    "whole": (REFUSED, ("CredentialsRefused", REFUSED["message"])),
    "none": (None, None),
    "a text": ("oh", None),
    "a reason that is no code": ({"reason": "No, thanks!", "message": "m"}, ("Failed", "m")),
    "an empty one": ({}, ("Failed", "")),
    "a long message": ({"reason": "A", "message": "m" * 5000}, ("A", "m" * 2048)),
}


@pytest.mark.parametrize(("error", "expected"), TOLD.values(), ids=TOLD)
def test_an_error_is_told_as_a_condition_takes_it(error, expected):
    assert told(error) == expected


SCHOOLS = Schools(3, 2, 1, 1, ("1",), ("2",))
CHECKS = {
    "whole": (check_to_json(CheckReport("done", "Connection is OK", SCHOOLS)), True),
    "no object": ("[]", False),
    "no JSON": ("oh", False),
    "too many schools": (json.dumps({"schools": {"missingIDs": ["1"] * 21}}), False),
    "schools of another shape": ('{"schools": 7}', False),
    "nested too deep": ('{"a":' + "[" * 3500, False),
    "a count below nothing": ('{"schools": {"found": -1}}', False),
}


@pytest.mark.parametrize(("text", "good"), CHECKS.values(), ids=CHECKS)
def test_a_report_of_test_connection_has_schools_as_a_status_has_them(text, good):
    assert (check_report(text) is not None) == good


OURS = {"rostersync.dev/run": "u1", "rostersync.dev/job": "plan"}


def pod(code=None, text="", phase="Running", disrupted=False, leaving=False, name="p1", at="2026-11-24T02:00:00Z"):
    ended = {"terminated": {"exitCode": code, "reason": "Error", "message": text, "finishedAt": at}}
    meta = {
        "uid": name,
        "creationTimestamp": at,
        "ownerReferences": [{"uid": "j1", "controller": True}],
        "labels": OURS,
    }
    return {
        "metadata": meta | ({"deletionTimestamp": at} if leaving else {}),
        "status": {
            "phase": phase,
            "containerStatuses": [
                {"name": "other", "state": ended},
                {"name": "sync", "state": ended if code is not None else {}},
            ],
            "conditions": [{"type": "DisruptionTarget", "status": "True"}] if disrupted else [],
        },
    }


JOB = {"metadata": {"uid": "j1", "labels": OURS}}
PODS = {
    "one that runs has not ended": (pod(), None),
    "one that is disrupted and runs on has not ended": (pod(disrupted=True), None),
    "one that ended": (pod(1, "t", "Failed"), (1, "t", False, True)),
    "one that was evicted and said something": (pod(143, "t", "Failed", True), (143, "t", True, True)),
    "one that was evicted before it started": (pod(phase="Failed", disrupted=True), (-1, "", True, False)),
    "one that goes, disrupted, without a word": (pod(disrupted=True, leaving=True), (-1, "", True, False)),
    "one that somebody deletes while it waits has not ended": (pod(leaving=True), None),
}


@pytest.mark.parametrize(("one", "expected"), PODS.values(), ids=PODS)
def test_how_a_pod_ended(one, expected):
    reports = Reports()

    assert reports.note(one) == (expected is not None)
    assert [(e.exit, e.text, e.disrupted, e.started) for e in reports.of(JOB)] == ([expected] if expected else [])


def test_what_a_pod_said_is_not_forgotten_when_it_is_heard_of_again_without_it():
    reports = Reports()
    assert reports.note(pod(143, COMPARING))
    assert not reports.note(pod(143, COMPARING))
    assert not reports.note(pod(143))

    assert [e.text for e in reports.of(JOB)] == [COMPARING]


def test_pods_come_in_the_order_in_which_they_ended():
    reports = Reports()
    for name, at in (("b", "2026-11-24T02:00:05Z"), ("c", "2026-11-24T02:00:01Z"), ("a", "2026-11-24T02:00:05Z")):
        reports.note(pod(1, name=name, at=at))

    assert [e.pod for e in reports.of(JOB)] == ["c", "a", "b"]


STRANGERS = {"without a label": {}, "with another run's": {"rostersync.dev/run": "u2"}}


@pytest.mark.parametrize("marks", STRANGERS.values(), ids=STRANGERS)
def test_a_pod_that_the_job_controller_adopted_says_nothing(marks):
    stranger, reports = pod(0, DONE), Reports()
    stranger["metadata"]["labels"] = {"batch.kubernetes.io/controller-uid": "j1", **marks}

    reports.note(stranger)

    assert reports.of(JOB) == []
    assert belongs(pod(0, DONE), JOB)
    assert not belongs(stranger, JOB)


def test_a_pod_that_no_job_owns_says_nothing_to_anybody():
    assert not Reports().note({**pod(0), "metadata": {"uid": "p", "creationTimestamp": "t"}})


def test_what_is_recorded_can_be_forgotten():
    reports = Reports()
    reports.note(pod(1, "t"))

    reports.forget(JOB)

    assert reports.of(JOB) == []


def test_pods_of_jobs_that_are_gone_are_forgotten_but_not_those_whose_job_is_yet_to_be_seen():
    reports = Reports()
    reports.note(pod(0, "t"))

    reports.keep(set())
    assert reports.of(JOB)  # the pod may have been seen before its Job
    reports.keep({"j1"})
    reports.keep(set())
    assert reports.of(JOB)
    reports.keep(set())
    assert not reports.of(JOB)
