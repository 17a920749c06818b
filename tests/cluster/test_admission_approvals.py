"""Who decides a held run, and that a decision stays what it was: refused by the API server, without any operator."""

import json
from collections.abc import Iterator

import pytest

from support.cluster.plane import ControlPlane
from support.everybody import People, Person, approval, made, refused, run, unstamped

RUN_OF_NOBODY = "0f0f0f0f-0f0f-0f0f-0f0f-0f0f0f0f0f0f"
APPROVE = {"spec": {"decision": "Approved"}}


@pytest.fixture
def people(plane: ControlPlane, namespace: str) -> Iterator[People]:
    with People(plane, namespace) as everybody:
        yield everybody


def decide(person: Person, name: str = "held", **more: str) -> str:
    """Approve; returns who is said to have decided, or the refusal."""
    answer = person.patch("SyncApproval", name, {"spec": {"decision": "Approved"} | more})
    return str(made(answer)["spec"]["decidedBy"]) if answer.is_success else refused(answer)


def test_who_has_the_verb_approve_decides_under_their_own_name(people: People) -> None:
    people.approval("one")
    people.approval("two")
    assert decide(people.bob, "one") == "bob"
    assert decide(people.dave, "two") == "dave"  # by a group


@pytest.mark.parametrize("forged", ["merge", "replace", "apply"])
def test_a_forged_name_is_written_over(people: People, forged: str) -> None:
    held = people.approval()
    spec = {"decision": "Approved", "decidedBy": "ann"}
    if forged == "merge":
        answer = people.bob.patch("SyncApproval", "held", {"spec": spec})
    elif forged == "replace":
        answer = people.bob.replace(held | {"spec": held["spec"] | spec})
    else:
        answer = people.bob.apply(approval() | {"spec": spec})
    assert made(answer)["spec"]["decidedBy"] == "bob"


def test_without_the_verb_nobody_decides(people: People) -> None:
    people.approval()
    assert 'lack the verb approve on focusconnections.rostersync.dev "springfield"' in decide(people.carol)
    assert "lack the verb approve" in decide(people.carol, decidedBy="bob")
    assert "cannot patch" in decide(people.alice)  # RBAC
    assert people.admin.get("SyncApproval", "held")["spec"].get("decision") is None


def lets_carol_approve(plane: ControlPlane, namespace: str, *connections: str) -> None:
    """Carol, who may patch approvals, gets the verb approve on these connections by name."""
    rule = {
        "apiGroups": ["rostersync.dev"],
        "resources": ["focusconnections"],
        "resourceNames": list(connections),
        "verbs": ["approve"],
    }
    rbac = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    meta = {"name": "approves-by-name", "namespace": namespace}
    plane.apply(
        {**rbac, "kind": "Role", "metadata": meta, "rules": [rule]},
        {
            **rbac,
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": meta["name"]},
            "subjects": [{"kind": "User", "name": "carol", "apiGroup": "rbac.authorization.k8s.io"}],
        },
    )


def test_the_verb_can_be_given_for_one_connection(people: People, plane: ControlPlane, namespace: str) -> None:
    lets_carol_approve(plane, namespace, "springfield")
    people.approval("here")
    people.approval("there", connectionRef={"kind": "FocusConnection", "name": "shelbyville"})
    assert decide(people.carol, "here") == "carol"
    assert '"shelbyville"' in decide(people.carol, "there")


BEFORE = {"kind": "FocusConnection", "name": "simulated"}


def test_another_connections_roster_needs_the_verb_on_both(people: People, plane: ControlPlane, namespace: str) -> None:
    """Whoever makes a connection for a roster that another one filled cannot let its deletes through alone."""
    own = {"connectionRef": {"kind": "FocusConnection", "name": "carls-own"}, "previousConnection": BEFORE}
    people.approval("mine", **own)
    people.approval("theirs", **own)
    lets_carol_approve(plane, namespace, "carls-own")
    told = decide(people.carol, "mine")
    assert 'lack the verb approve on focusconnections.rostersync.dev "simulated"' in told
    assert "last changed through that connection, so the decision needs the verb on both" in told
    rejected = {"spec": {"decision": "Rejected", "reason": "not mine"}}
    assert '"simulated"' in refused(people.carol.patch("SyncApproval", "mine", rejected))
    lets_carol_approve(plane, namespace, "simulated")
    people.approval("other", **own)
    assert '"carls-own"' in decide(people.carol, "other")
    lets_carol_approve(plane, namespace, "carls-own", "simulated")
    assert decide(people.carol, "mine") == "carol"
    assert decide(people.bob, "theirs") == "bob"  # who has the verb on all of the namespace's


def test_a_connection_that_was_made_anew_asks_for_the_verb_on_its_name(
    people: People, plane: ControlPlane, namespace: str
) -> None:
    people.approval(previousConnection={"kind": "FocusConnection", "name": "springfield"})
    assert '"springfield"' in decide(people.carol)
    lets_carol_approve(plane, namespace, "springfield")
    assert decide(people.carol) == "carol"


def test_which_other_connection_is_asked_cannot_be_edited(people: People, plane: ControlPlane, namespace: str) -> None:
    people.approval(previousConnection=BEFORE)
    people.approval("alone")
    for change in ({"name": "springfield"}, None):
        edit = {"spec": {"previousConnection": change, "decision": "Approved"}}
        assert "previousConnection is immutable" in refused(people.bob.patch("SyncApproval", "held", edit))
    added = {"spec": {"previousConnection": BEFORE}}
    assert "previousConnection is immutable" in refused(people.bob.patch("SyncApproval", "alone", added))


def test_service_accounts_do_not_decide(people: People) -> None:
    people.approval()
    assert "a person decides, not a service account" in decide(people.robot)
    assert "a person decides, not a service account" in decide(people.robot, decidedBy="bob")
    assert "cannot patch" in decide(people.operator)  # RBAC: it can write the status only
    forged = made(people.operator.patch("SyncApproval", "held", APPROVE, "status"))
    assert "decision" not in forged["spec"]


def test_with_four_eyes_none_of_the_requesters_decides(people: People) -> None:
    people.approval("four", requestedBy=["alice", "bob"], requireDistinctApprover=True)
    people.approval("two", requestedBy=["alice", "bob"])
    assert "decidedBy must be none of requestedBy" in decide(
        people.bob, "four"
    )  # the stamp comes before CEL of the CRD
    assert decide(people.ann, "four") == "ann"
    assert decide(people.bob, "two") == "bob"


def test_a_decision_is_made_once(people: People) -> None:
    people.approval()
    assert decide(people.bob) == "bob"
    assert "the decision is final" in refused(
        people.ann.patch("SyncApproval", "held", {"spec": {"decision": "Rejected", "reason": "no"}})
    )
    assert "the decision is final" in refused(people.bob.patch("SyncApproval", "held", {"spec": {"decision": None}}))
    assert "the decision is final" in refused(people.bob.patch("SyncApproval", "held", {"spec": {"reason": "late"}}))
    made(people.bob.patch("SyncApproval", "held", APPROVE))  # the same once more changes nothing


@pytest.mark.parametrize("state", ["Expired", "Superseded", "Rejected", "Approved", None])
def test_only_a_pending_approval_can_be_decided(people: People, state: str | None) -> None:
    people.approval()
    made(people.operator.patch("SyncApproval", "held", {"status": {"state": state}}, "status"))
    assert "only while status.state is Pending" in decide(people.bob)


def test_nobody_but_the_operator_writes_the_status(people: People, plane: ControlPlane, namespace: str) -> None:
    """Or a dead approval could be brought back to life."""
    people.approval()
    made(people.operator.patch("SyncApproval", "held", {"status": {"state": "Expired"}}, "status"))
    assert "cannot patch" in refused(
        people.bob.patch("SyncApproval", "held", {"status": {"state": "Pending"}}, "status")
    )
    again = people.admin.patch("SyncApproval", "held", {"status": {"state": "Pending"}, **APPROVE}, "status")
    assert "the status of a SyncApproval is the operator's to write" in refused(again)


def test_times_in_managed_fields_do_not_change_what_is_decided(people: People) -> None:
    """Who backdates the decision, or clears its trace, changes metadata; the decision stays, with its name."""
    people.approval()
    assert decide(people.bob) == "bob"
    found = people.admin.get("SyncApproval", "held")
    for entry in found["metadata"]["managedFields"]:
        entry["time"] = "2020-01-01T00:00:00Z"
    made(people.carol.replace(found))
    made(people.carol.patch("SyncApproval", "held", {"metadata": {"managedFields": [{}]}}))
    after = people.admin.get("SyncApproval", "held")
    assert (after["spec"]["decision"], after["spec"]["decidedBy"]) == ("Approved", "bob")


def test_facts_of_an_approval_cannot_be_edited(people: People) -> None:
    people.approval()
    for field, value in {
        "planDigest": "sha256:" + "f" * 64,
        "requestedBy": ["nobody"],
        "expiresAt": "2031-01-01T00:00:00Z",
        "requireDistinctApprover": True,
        "connectionRef": {"name": "mine"},
    }.items():
        assert f"{field} is immutable" in refused(people.bob.patch("SyncApproval", "held", {"spec": {field: value}}))


@pytest.mark.parametrize("who", ["alice", "bob", "robot", "admin"])
def test_only_the_operator_makes_approvals(people: People, who: str) -> None:
    person: Person = getattr(people, who)
    told = refused(person.create(approval("forged")))
    assert "cannot create" in told or "the operator makes a SyncApproval when a run is held" in told


@pytest.mark.parametrize("who", ["bob", "carol", "admin"])
def test_an_approval_cannot_be_given_another_owner(people: People, who: str) -> None:
    """The garbage collector would delete it, which nobody who may patch approvals may do."""
    people.approval()
    owner = {"apiVersion": "rostersync.dev/v1alpha1", "kind": "SyncRun", "name": "gone", "uid": RUN_OF_NOBODY}
    person: Person = getattr(people, who)
    for change in ({"ownerReferences": [owner]}, {"finalizers": ["example.org/mine"]}):
        assert "are the operator's to write" in refused(person.patch("SyncApproval", "held", {"metadata": change}))


def test_a_decided_approval_cannot_be_deleted_by_hand(people: People) -> None:
    people.approval("decided")
    people.approval("pending")
    assert decide(people.bob, "decided") == "bob"
    assert "cannot delete" in refused(people.bob.delete("SyncApproval", "decided"))
    assert "is a record" in refused(people.admin.delete("SyncApproval", "decided"))
    made(people.admin.delete("SyncApproval", "pending"))


def test_replacing_by_force_does_not_get_around(people: People) -> None:
    """`kubectl replace --force` deletes and makes anew."""
    held = people.approval()
    forged = held | {"spec": held["spec"] | {"planDigest": "sha256:" + "f" * 64}}
    forged["metadata"] = {"name": "held"}
    code, told = people.bob.kubectl("replace", "--force", "-f", "-", stdin=json.dumps(forged))
    assert code != 0
    assert "cannot delete" in told or "cannot create" in told
    assert people.admin.get("SyncApproval", "held")["spec"] == held["spec"]


def test_decided_approvals_go_with_their_run_and_with_the_namespace(
    plane: ControlPlane, namespace: str, people: People
) -> None:
    made_run = made(people.alice.create(run()))
    owner = {
        "apiVersion": "rostersync.dev/v1alpha1",
        "kind": "SyncRun",
        "name": "monday",
        "uid": made_run["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    manifest = approval()
    manifest["metadata"]["ownerReferences"] = [owner]
    made(people.operator.create(manifest))
    made(people.operator.patch("SyncApproval", "held", {"status": {"state": "Pending"}}, "status"))
    people.approval("kept")
    assert decide(people.bob) == decide(people.bob, "kept") == "bob"
    made(people.alice.delete("SyncRun", "monday"))
    plane.kubectl("-n", namespace, "wait", "--for=delete", "syncapproval/held", "--timeout=30s", check=True)
    plane.kubectl("delete", "namespace", namespace, "--timeout=60s", check=True)
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})


def test_without_the_stamp_a_decision_needs_the_own_name(people: People, without_stamp: None) -> None:
    people.approval()
    told = decide(people.bob, decidedBy="ann")
    assert 'spec.decidedBy is "ann", but you are "bob" (kubectl auth whoami)' in told
    assert "a decision needs decidedBy" in decide(people.bob)
    assert decide(people.bob, decidedBy="bob") == "bob"


@pytest.fixture
def without_stamp(plane: ControlPlane, people: People) -> Iterator[None]:
    people.approval("probe")

    def stamped() -> bool:
        return people.bob.patch("SyncApproval", "probe", APPROVE, dry_run=True).is_success

    with unstamped(plane, "syncapproval-stamp.rostersync.dev", stamped):
        yield
