"""Which approval is a run's own, when nobody can decide about it, and what follows from a decision."""

from copy import deepcopy
from datetime import UTC, datetime, timedelta

import pytest

from rostersync.plugin import approvals

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
RUN = {
    "metadata": {"name": "r", "uid": "run-1"},
    "spec": {"connectionRef": {"name": "springfield"}},
    "status": {
        "plan": {"digest": A},
        "approval": {"uid": "appr-1", "state": "Pending"},
        "conditions": [{"type": "Succeeded", "status": "Unknown", "reason": "AwaitingApproval", "message": "Held."}],
    },
}
APPROVAL = {
    "metadata": {"name": "r-aaaaaaaa", "uid": "appr-1", "resourceVersion": "17"},
    "spec": {
        "runRef": {"name": "r", "uid": "run-1"},
        "connectionRef": {"name": "springfield"},
        "planDigest": A,
        "requestedBy": ["alice"],
        "requireDistinctApprover": False,
        "expiresAt": "2026-11-27T02:00:00Z",
    },
    "status": {"state": "Pending"},
}


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


@pytest.mark.parametrize(("run", "there", "expected"), CHOICES.values(), ids=CHOICES)
def test_which_approval_belongs_to_a_run(run, there, expected):
    assert approvals.approval_of(run, there) == expected


DECIDED = but(but(but(APPROVAL, "spec.decision", "Approved"), "spec.decidedBy", "bob"), "spec.reason", "fine")
REFUSALS = {
    "applied": (
        ended("Applied", "The store is at revision 5."),
        APPROVAL,
        None,
        "it is Applied. The store is at revision 5.",
    ),
    "expired": (ended("Expired"), APPROVAL, None, "it is Expired. Because."),
    "not seen by the operator": (but(RUN, "status", None), None, None, "the operator has not taken it up yet"),
    "without approval": (RUN, None, None, "no SyncApproval that could be decided (yet): Held."),
    "decided": (RUN, DECIDED, None, "was approved by bob already: fine"),
    "another digest than was seen": (RUN, APPROVAL, B, f"has the digest {A}, not {B}; look at it again"),
    "superseded": (RUN, but(APPROVAL, "status.state", "Superseded"), None, "is being made again (Superseded)"),
    "without state": (RUN, but(APPROVAL, "status", None), None, "is being made again (no state)"),
    "of the plan before": (but(RUN, "status.plan.digest", B), APPROVAL, None, "is being made again"),
    "too late": (RUN, but(APPROVAL, "spec.expiresAt", "2026-11-24T02:00:00Z"), None, "ended at 2026-11-24T02:00:00Z"),
    "too late, as the operator says": (
        RUN,
        but(APPROVAL, "status.state", "Expired"),
        None,
        "what is decided now does not count",
    ),
}


@pytest.mark.parametrize(("run", "approval", "digest", "sentence"), REFUSALS.values(), ids=REFUSALS)
def test_why_nobody_can_decide(run, approval, digest, sentence):
    why = approvals.undecidable(run, approval, digest, NOW)

    assert why is not None
    assert sentence in why
    assert "Run r" in why or "run r" in why


@pytest.mark.parametrize("digest", [None, A])
def test_a_pending_approval_of_the_plan_can_be_decided_until_it_ends(digest):
    assert approvals.undecidable(RUN, APPROVAL, digest, NOW) is None
    assert approvals.undecidable(RUN, APPROVAL, digest, NOW + timedelta(hours=71, minutes=59)) is None
    assert approvals.undecidable(RUN, APPROVAL, digest, NOW + timedelta(hours=72)) is not None


def test_a_decision_fits_the_shown_state_only():
    assert approvals.decision_of(APPROVAL, "Approved", "bob", "fine") == {
        "metadata": {"uid": "appr-1", "resourceVersion": "17"},
        "spec": {"decision": "Approved", "decidedBy": "bob", "reason": "fine"},
    }


def test_a_decision_has_its_effect_when_the_run_ends_or_waits_for_another():
    assert not approvals.is_decided(RUN, "appr-1")
    assert not approvals.is_decided(UNNAMED, "appr-1")
    assert approvals.is_decided(but(RUN, "status.approval.uid", "appr-2"), "appr-1")
    assert approvals.is_decided(ended("Applied"), "appr-1")


EXITS = [
    ("Approved", ended("Applied"), 0),
    ("Approved", RUN, 3),
    ("Approved", ended("Failed"), 1),
    ("Approved", ended("Expired"), 1),
    ("Rejected", ended("Rejected"), 0),
    ("Rejected", ended("Expired"), 1),
    ("Rejected", ended("Applied"), 1),
    ("Rejected", RUN, 3),
]


@pytest.mark.parametrize(("decision", "run", "code"), EXITS)
def test_exit_codes_of_decisions(decision, run, code):
    assert approvals.exit_after(run, decision) == code
