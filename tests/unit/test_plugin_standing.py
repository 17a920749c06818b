"""How a run stands for those who watch it or decide about it: which approval is its own, when nobody can decide."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta

import pytest

from rostersync.plugin import standing

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
RUN = {
    "metadata": {"name": "r", "uid": "run-1"},
    "spec": {"connectionRef": {"name": "springfield"}},
    "status": {
        "plan": {"digest": A}, "approval": {"uid": "appr-1", "state": "Pending"},
        "conditions": [{"type": "Succeeded", "status": "Unknown", "reason": "AwaitingApproval", "message": "Held."}],
    },
}  # fmt: skip
APPROVAL = {
    "metadata": {"name": "r-aaaaaaaa", "uid": "appr-1", "resourceVersion": "17"},
    "spec": {
        "runRef": {"name": "r", "uid": "run-1"}, "connectionRef": {"name": "springfield"}, "planDigest": A,
        "requestedBy": ["alice"], "requireDistinctApprover": False, "expiresAt": "2026-11-27T02:00:00Z",
    },
    "status": {"state": "Pending"},
}  # fmt: skip


def but(thing, path, value):
    """The same object with another value at a dotted path; None takes it away."""
    new = deepcopy(thing)
    *parents, last = path.split(".")
    place = new
    for name in parents:
        place = place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return new


def ended(outcome, message="Because."):
    conditions = [{"type": "Succeeded", "status": "False", "reason": outcome, "message": message}]
    return RUN | {"status": {"outcome": outcome, "conditions": conditions}}


UNNAMED = but(RUN, "status.approval", None)
CHOICES = {
    "the one that the status names": (RUN, [APPROVAL], APPROVAL),
    "none but the named one": (RUN, [but(APPROVAL, "metadata.uid", "appr-2")], None),
    "never that of another run": (RUN, [but(APPROVAL, "spec.runRef.uid", "run-0")], None),
    "by digest, where the status names none yet": (UNNAMED, [APPROVAL], APPROVAL),
    "not of another plan": (UNNAMED, [but(APPROVAL, "spec.planDigest", B)], None),
    "not a dead one": (UNNAMED, [but(APPROVAL, "status.state", "Superseded")], None),
    "none of two": (UNNAMED, [APPROVAL, but(APPROVAL, "metadata.uid", "appr-2")], None),
}


@pytest.mark.parametrize(("run", "approvals", "expected"), CHOICES.values(), ids=CHOICES)
def test_which_approval_belongs_to_a_run(run, approvals, expected):
    assert standing.approval_of(run, approvals) == expected


DECIDED = but(but(but(APPROVAL, "spec.decision", "Approved"), "spec.decidedBy", "bob"), "spec.reason", "fine")
REFUSALS = {
    "applied": (ended("Applied", "The store is at revision 5."), APPROVAL, None, "it is Applied. The store is at revision 5."),
    "expired": (ended("Expired"), APPROVAL, None, "it is Expired. Because."),
    "not seen by the operator": (but(RUN, "status", None), None, None, "the operator has not taken it up yet"),
    "without approval": (RUN, None, None, "no SyncApproval that could be decided (yet): Held."),
    "decided": (RUN, DECIDED, None, "was approved by bob already: fine"),
    "another digest than was seen": (RUN, APPROVAL, B, f"has the digest {A}, not {B}; look at it again"),
    "superseded": (RUN, but(APPROVAL, "status.state", "Superseded"), None, "is being made again (Superseded)"),
    "without state": (RUN, but(APPROVAL, "status", None), None, "is being made again (no state)"),
    "of the plan before": (but(RUN, "status.plan.digest", B), APPROVAL, None, "is being made again"),
    "too late": (RUN, but(APPROVAL, "spec.expiresAt", "2026-11-24T02:00:00Z"), None, "ended at 2026-11-24T02:00:00Z"),
    "too late, as the operator says": (RUN, but(APPROVAL, "status.state", "Expired"), None, "what is decided now does not count"),
}  # fmt: skip


@pytest.mark.parametrize(("run", "approval", "digest", "sentence"), REFUSALS.values(), ids=REFUSALS)
def test_why_nobody_can_decide(run, approval, digest, sentence):
    why = standing.undecidable(run, approval, digest, NOW)

    assert why is not None
    assert sentence in why
    assert "Run r" in why or "run r" in why


@pytest.mark.parametrize("digest", [None, A])
def test_a_pending_approval_of_the_plan_can_be_decided_until_it_ends(digest):
    assert standing.undecidable(RUN, APPROVAL, digest, NOW) is None
    assert standing.undecidable(RUN, APPROVAL, digest, NOW + timedelta(hours=71, minutes=59)) is None
    assert standing.undecidable(RUN, APPROVAL, digest, NOW + timedelta(hours=72)) is not None


def test_a_decision_fits_the_shown_state_only():
    assert standing.decision_of(APPROVAL, "Approved", "bob", "fine") == {
        "metadata": {"uid": "appr-1", "resourceVersion": "17"},
        "spec": {"decision": "Approved", "decidedBy": "bob", "reason": "fine"},
    }


def test_a_decision_has_its_effect_when_the_run_ends_or_waits_for_another():
    assert not standing.is_decided(RUN, "appr-1")
    assert not standing.is_decided(UNNAMED, "appr-1")
    assert standing.is_decided(but(RUN, "status.approval.uid", "appr-2"), "appr-1")
    assert standing.is_decided(ended("Applied"), "appr-1")


EXITS = [
    ("Approved", ended("Applied"), 0), ("Approved", RUN, 3), ("Approved", ended("Failed"), 1),
    ("Approved", ended("Expired"), 1), ("Rejected", ended("Rejected"), 0), ("Rejected", ended("Expired"), 1),
    ("Rejected", ended("Applied"), 1), ("Rejected", RUN, 3),
]  # fmt: skip


@pytest.mark.parametrize(("decision", "run", "code"), EXITS)
def test_exit_codes_of_decisions(decision, run, code):
    assert standing.exit_after(run, decision) == code


def connection(asked, handled, verified):
    conditions = [{"type": "ConnectionVerified", "status": verified, "reason": "X"}] if verified else []
    key = "rostersync.dev/checkRequestedAt"
    return {
        "metadata": {"annotations": {key: asked} if asked else {}},
        "status": {"lastHandledCheckRequestedAt": handled, "conditions": conditions},
    }


CHECKS = [("2", "2", "True", True), ("2", "2", "False", True), ("2", "1", "True", False), ("2", "2", "Unknown", False),
          ("2", "2", None, False), ("2", None, "True", False)]  # fmt: skip


@pytest.mark.parametrize(("asked", "handled", "verified", "done"), CHECKS)
def test_a_check_is_done_when_the_newest_request_is_answered(asked, handled, verified, done):
    assert standing.check_is_done(connection(asked, handled, verified), "rostersync.dev/checkRequestedAt") == done


def ready(reason, generation=3):
    return {"type": "Ready", "status": "False", "reason": reason, "observedGeneration": generation}


SPECS = {
    "a spec that cannot run": ([ready("NotYetSupported")], True),
    "one that could before": ([ready("NotYetSupported"), {"type": "ConnectionVerified", "status": "True", "reason": "Verified"}], True),
    "a spec that is mended meanwhile": ([ready("NotYetSupported", 2)], False),
    "a test that failed before": ([ready("Refused"), {"type": "ConnectionVerified", "status": "False", "reason": "Refused"}], False),
    "ready": ([{"type": "Ready", "status": "True", "reason": "Ready", "observedGeneration": 3}], False),
    "not seen yet": ([], False),
}  # fmt: skip


@pytest.mark.parametrize(("conditions", "hopeless"), SPECS.values(), ids=SPECS)
def test_a_check_is_not_waited_for_that_is_never_made(conditions, hopeless):
    key = "rostersync.dev/checkRequestedAt"
    known = {"metadata": {"generation": 3, "annotations": {key: "2"}}, "status": {"conditions": conditions}}

    assert standing.check_is_done(known, key) == hopeless
    assert (standing.not_testable(known) is not None) == hopeless


def test_runs_are_newest_first_also_within_a_second():
    made = [("s-t1", "01"), ("s-t2", "02"), ("s-t2-2", "02"), ("s-t2-10", "02")]
    runs = [{"metadata": {"name": name, "creationTimestamp": at}} for name, at in made]

    ordered = [r["metadata"]["name"] for r in standing.newest_first(runs)]

    assert ordered == ["s-t2-10", "s-t2-2", "s-t2", "s-t1"]


def test_what_is_typed_leads_to_the_same_cluster():
    words = standing.typed(" -n rosters --context prod")

    assert words.approve.format(run="r") == 'kubectl roster approve r -n rosters --context prod --reason "…"'
    assert words.start == "kubectl roster run CONNECTION -n rosters --context prod"
    assert "diff" not in words.look
    assert "out of the cluster's reach" in words.look
