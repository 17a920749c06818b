"""Approvals as they are made and judged: whose decision counts, and which object is the one that was meant."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostersync.api.v1alpha1.syncapproval import SyncApproval, SyncApprovalSpec, SyncApprovalStatus
from rostersync.controller.connections.policy_check import Guard
from rostersync.controller.runs.approvals import Rules, doubt, made, name, read, same, status
from rostersync.lifecycle.names import LONGEST
from rostersync.lifecycle.steps import CreateApproval
from support.example_kind import registered

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
UID = "8a4f7b1e-0000-4000-8000-000000000001"
RUN = {
    "metadata": {"name": "springfield-1", "namespace": "rosters", "uid": UID},
    "spec": {"connectionRef": {"kind": "FocusConnection", "name": "springfield"}},
}
STEP = CreateApproval(A, NOW + timedelta(hours=72), ("alex",), True)
POLICIES = (
    {"kind": "ValidatingAdmissionPolicy", "name": "decision", "uid": "1", "generation": 1},
    {"kind": "ValidatingAdmissionPolicyBinding", "name": "decision", "uid": "2", "generation": 3},
)
GUARD = Guard((), True, POLICIES)
RULES = Rules(("alex",), False, ())
ROBOT = "system:serviceaccount:rosters:argo"


def approval(number=1, step=STEP, uid="uid-1", state="Pending", policies=POLICIES, seen=None, **spec):
    """An approval as the API server has it."""
    obj = made(RUN, step, number)
    obj["metadata"] |= {"uid": uid, "generation": 1}
    obj["spec"] |= spec
    obj["status"] = {"state": state, "policies": list(policies)} | ({"decisionSeenAt": seen} if seen else {})
    return obj


def decided(by="dana", decision="Approved", **more):
    return approval(**{"decision": decision, "decidedBy": by, "reason": "end of term"} | more)


FOUR_EYES = replace(RULES, four_eyes=True)
RELAXED = replace(STEP, require_distinct_approver=False)
MORE = "more people than can be listed"
NOBODY, AMONG, MISSING, OTHERS = "not decided by a person", "among those who asked", "are missing", "are not those of"


def moved(index, **change):
    rows = [dict(p) for p in POLICIES]
    rows[index] |= change
    return replace(GUARD, seen=tuple(rows))


DOUBTS = {
    "a person who did not ask": (decided(), GUARD, RULES, ""),
    "nobody decided yet": (approval(), GUARD, RULES, ""),
    "a rejection is held to the same": (decided(decision="Rejected", by="alex"), GUARD, RULES, AMONG),
    "no name": (decided(by=""), GUARD, RULES, NOBODY),
    "a service account": (decided(by=ROBOT), GUARD, RULES, NOBODY),
    "the operator itself": (
        decided(by="system:serviceaccount:rostersync-system:rostersync-operator"),
        GUARD,
        RULES,
        NOBODY,
    ),
    "a node": (decided(by="system:node:n1"), GUARD, RULES, NOBODY),
    "a service account that may": (decided(by=ROBOT), GUARD, replace(RULES, robots=(ROBOT,)), ""),
    "another service account than the one that may": (
        decided(by=ROBOT + "2"),
        GUARD,
        replace(RULES, robots=(ROBOT,)),
        NOBODY,
    ),
    "the one who asked, where four eyes are asked for": (decided(by="alex", step=RELAXED), GUARD, FOUR_EYES, AMONG),
    "the one who asked, where they were when it was made": (decided(by="alex"), GUARD, RULES, AMONG),
    "the one who asked, where nobody wants four eyes": (decided(by="alex", step=RELAXED), GUARD, RULES, ""),
    "one who is among those who asked by now": (
        decided(step=RELAXED),
        GUARD,
        replace(FOUR_EYES, requesters=("alex", "dana")),
        AMONG,
    ),
    "one who was among those who asked when it was made": (
        decided(by="alex", step=RELAXED),
        GUARD,
        replace(FOUR_EYES, requesters=()),
        AMONG,
    ),
    "of more requesters than are listed nobody can be told apart": (decided(), GUARD, replace(RULES, more=True), MORE),
    "and nobody needs to try": (approval(), GUARD, replace(RULES, more=True), MORE),
    "where nobody wants four eyes they do not matter": (
        decided(step=RELAXED),
        GUARD,
        replace(RULES, more=True),
        "",
    ),
    "judged before there were so many": (
        decided(seen="2026-11-24T01:00:00Z"),
        GUARD,
        replace(FOUR_EYES, more=True),
        "",
    ),
    "a robot that may, and asked": (
        decided(by=ROBOT),
        GUARD,
        replace(FOUR_EYES, robots=(ROBOT,), requesters=(ROBOT,)),
        AMONG,
    ),
    "nobody looked at the policies": (decided(), None, RULES, MISSING),
    "policies are missing": (decided(), replace(GUARD, missing=("x",)), RULES, MISSING),
    "a policy was changed": (decided(), moved(0, generation=2), RULES, OTHERS),
    "a binding was changed": (decided(), moved(1, generation=4), RULES, OTHERS),
    "a policy was deleted and made again": (decided(), moved(0, uid="9"), RULES, OTHERS),
    "a policy was added": (
        decided(),
        replace(GUARD, seen=(*POLICIES, {"kind": "k", "name": "n", "uid": "u", "generation": 1})),
        RULES,
        OTHERS,
    ),
    "a policy went": (decided(), replace(GUARD, seen=POLICIES[:1]), RULES, OTHERS),
    "the same policies in another order": (decided(), replace(GUARD, seen=POLICIES[::-1]), RULES, ""),
    "no policies were recorded": (decided(policies=()), GUARD, RULES, OTHERS),
    "judged before, whatever has changed since": (
        decided(by="alex", seen="2026-11-24T01:00:00Z"),
        replace(GUARD, missing=("x",)),
        FOUR_EYES,
        "",
    ),
}


@pytest.mark.parametrize(("obj", "guard", "rules", "expected"), DOUBTS.values(), ids=DOUBTS)
def test_doubt(obj, guard, rules, expected):
    found = doubt(obj, guard, rules)

    assert bool(found) == bool(expected)
    assert expected in found
    assert read(obj, guard, rules).superseded == bool(expected)


def test_an_approval_as_the_lifecycle_sees_it():
    found = read(decided(seen="2026-11-24T01:00:00Z"), GUARD, RULES)

    assert (found.name, found.uid, found.digest) == ("springfield-1-aaaaaaaa", "uid-1", A)
    assert (found.decision, found.decided_by, found.reason) == ("Approved", "dana", "end of term")
    assert (found.expires_at, found.seen_at) == (NOW + timedelta(hours=72), NOW - timedelta(hours=1))


def test_a_superseded_approval_stays_superseded():
    assert read(decided(state="Superseded", seen="2026-11-24T01:00:00Z"), GUARD, RULES).superseded


def test_a_time_that_is_none_has_passed():
    assert read(approval(expiresAt="whenever"), GUARD, RULES).expires_at < NOW


def owned_by(uid):
    obj = approval()
    obj["metadata"]["ownerReferences"][0]["uid"] = uid
    return obj


def orphan():
    obj = approval()
    del obj["metadata"]["ownerReferences"]
    return obj


SAMES = {
    "the very one": (approval(), True),
    "made a moment ago, so without a status": ({k: v for k, v in approval().items() if k != "status"}, True),
    "made a while ago, so with an earlier end": (approval(expiresAt="2026-11-26T00:00:00Z"), True),
    "for another digest": (approval(planDigest=B), False),
    "for a run of that name before": (approval(runRef={"name": "springfield-1", "uid": "x"}), False),
    "with other requesters": (approval(requestedBy=["dana"]), False),
    "without four eyes": (approval(requireDistinctApprover=False), False),
    "for another connection too": (approval(previousConnection={"kind": "FocusConnection", "name": "north"}), False),
    "decided": (decided(), False),
    "superseded": (approval(state="Superseded"), False),
    "expired": (approval(state="Expired"), False),
    "owned by something else": (owned_by("x"), False),
    "owned by nothing": (orphan(), False),
}


@pytest.mark.parametrize(("found", "expected"), SAMES.values(), ids=SAMES)
def test_what_is_there_by_that_name_is_the_one_only_if_all_facts_are(found, expected):
    assert same(found, made(RUN, STEP, 1)) == expected


def test_what_is_made_is_an_approval_of_the_api():
    obj = made(RUN, STEP, 1)

    SyncApproval.model_validate(obj)
    assert SyncApprovalSpec.model_validate(obj["spec"]).model_dump(exclude_none=True, mode="json") == {
        "runRef": {"name": "springfield-1", "uid": UID},
        "planDigest": A,
        "requestedBy": ["alex"],
        "connectionRef": {"kind": "FocusConnection", "name": "springfield"},
        "requireDistinctApprover": True,
        "expiresAt": "2026-11-27T02:00:00Z",
    }
    assert obj["metadata"]["ownerReferences"][0]["controller"]
    assert "decision" not in obj["spec"]


def test_the_connection_before_is_named_and_read_again():
    obj = approval(step=replace(STEP, previous_connection="north"))

    assert SyncApproval.model_validate(obj).spec.previousConnection.name == "north"
    assert obj["spec"]["previousConnection"] == {"kind": "FocusConnection", "name": "north"}
    assert read(obj, GUARD, RULES).previous_connection == "north"


def test_the_connection_before_may_be_of_another_kind():
    with registered():
        obj = approval(step=replace(STEP, previous_connection="exampleconnection/north"))

        assert SyncApproval.model_validate(obj).spec.previousConnection.kind == "ExampleConnection"
        assert read(obj, GUARD, RULES).previous_connection == "exampleconnection/north"


@given(st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,98}[a-z0-9])?", fullmatch=True), st.integers(1, 8))
def test_names_fit_and_differ(run, number):
    made_of = name(run, A, number)

    assert len(made_of) <= LONGEST
    assert made_of[0].isalnum()
    assert made_of[-1].isalnum()
    assert made_of == name(run, A, number)
    assert len({name(run, d, n) for d in (A, B) for n in range(1, 9)}) == 16


STATES = {
    "pending": (approval(), "Pending", None, ("False", "AwaitingDecision")),
    "approved": (decided(), "Approved", "2026-11-24T02:00:00Z", ("True", "Approved")),
    "rejected": (decided(decision="Rejected"), "Rejected", "2026-11-24T02:00:00Z", ("True", "Rejected")),
    "expired": (approval(), "Expired", None, ("True", "Expired")),
    "decided too late": (decided(), "Expired", "2026-11-24T02:00:00Z", ("True", "Expired")),
    "superseded": (approval(), "Superseded", None, ("True", "Superseded")),
    "decided, and that does not count": (decided(), "Superseded", "2026-11-24T02:00:00Z", ("True", "Superseded")),
    "seen before": (decided(seen="2026-11-24T01:00:00Z"), "Approved", "2026-11-24T01:00:00Z", ("True", "Approved")),
}


@pytest.mark.parametrize(("obj", "state", "seen", "ready"), STATES.values(), ids=STATES)
def test_status(obj, state, seen, ready):
    made_of = status(obj, state, GUARD, NOW)

    whole = SyncApprovalStatus.model_validate(made_of)
    assert (whole.state, whole.decisionSeenAt) == (state, seen)
    assert [(c.type, c.status, c.reason) for c in whole.conditions] == [("Ready", *ready)]
    assert made_of["policies"] == list(POLICIES)


def test_policies_are_recorded_when_it_is_made_and_never_again():
    fresh = approval() | {"status": {}}

    first = status(fresh, "Pending", GUARD, NOW)
    then = status(fresh | {"status": first}, "Pending", moved(0, generation=2), NOW)

    assert first["policies"] == list(POLICIES)
    assert then["policies"] == list(POLICIES)
    assert "policies" not in status(fresh, "Pending", None, NOW)
