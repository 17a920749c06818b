"""kubectl roster approve and reject on a real API server, with several people, forgers and races among them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.cluster.plane import ControlPlane
from support.people import Person, ended, people_of
from support.played import Operator, digest, planned

REASON = ("--reason", "End of term")


@pytest.fixture
def operator(plane: ControlPlane, namespace: str) -> Iterator[Operator]:
    with Operator(plane, namespace) as played:
        played.connection()
        yield played


@pytest.fixture
def people(plane: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[dict[str, Person]]:
    with people_of(plane, namespace, tmp_path) as found:
        yield found


def test_an_approval_is_in_the_callers_name_and_for_what_was_shown(
    operator: Operator, people: dict[str, Person]
) -> None:
    operator.run("first")
    approval = operator.holds("first")
    watching = people["bob"].start("approve", "first", *REASON)
    decided = operator.waits_for(lambda: operator.decided(approval))
    operator.applies("first", approval)

    said = ended(watching, 0)

    assert {k: decided["spec"][k] for k in ("decision", "decidedBy", "reason", "planDigest")} == {
        "decision": "Approved",
        "decidedBy": "bob",
        "reason": "End of term",
        "planDigest": digest("a"),
    }
    for part in (digest("a"), "Deletes 312 of 1,204", "Requested by:  alice", "Approved by bob."):
        assert part in said.stderr
    assert "Applied: The store is at revision 5." in said.stdout


def test_a_rejection_ends_the_run(operator: Operator, people: dict[str, Person]) -> None:
    operator.run("first")
    approval = operator.holds("first")
    watching = people["bob"].start("reject", "first", "--reason", "The export was empty")
    operator.waits_for(lambda: operator.decided(approval))
    operator.applies("first", approval)

    assert "Rejected: Rejected by bob: The export was empty" in ended(watching, 0).stdout


def test_a_decision_needs_not_be_waited_for(operator: Operator, people: dict[str, Person]) -> None:
    operator.run("first")
    approval = operator.holds("first")

    people["bob"].types("approve", "first", *REASON, "--no-wait", "--digest", digest("a"))

    assert operator.decided(approval)


def test_who_lacks_the_verb_is_told_in_the_policys_words(operator: Operator, people: dict[str, Person]) -> None:
    operator.run("first")
    approval = operator.holds("first")

    said = people["carol"].types("approve", "first", *REASON, code=1)

    assert "Error: The cluster refuses it: you (carol) lack the verb approve" in said.stderr
    assert '"springfield"' in said.stderr
    assert "ValidatingAdmissionPolicy" not in said.stderr
    assert operator.decided(approval) is None


def test_four_eyes_refuse_who_asked(operator: Operator, people: dict[str, Person]) -> None:
    operator.run("first")
    approval = operator.holds("first", four_eyes=True)

    said = people["alice"].types("approve", "first", *REASON, code=1)

    assert "who requested it may not decide" in said.stderr
    assert "decidedBy must be none of requestedBy" in said.stderr
    assert operator.decided(approval) is None
    people["bob"].types("approve", "first", *REASON, "--no-wait")


@pytest.mark.parametrize("command", ["approve", "reject"])
def test_a_run_that_is_not_held_says_how_it_stands(operator: Operator, people: dict[str, Person], command: str) -> None:
    operator.run("first")
    operator.sees("first", plan=planned(no_changes=True, holds=0))

    said = people["bob"].types(command, "first", *REASON, code=1)

    assert "Run first does not wait for a decision: it is NoChanges. There is nothing to change" in said.stderr


def test_a_decision_is_made_once(operator: Operator, people: dict[str, Person]) -> None:
    operator.run("first")
    operator.holds("first")
    people["bob"].types("approve", "first", *REASON, "--no-wait")

    said = people["alice"].types("reject", "first", "--reason", "No", code=1)

    assert "Run first was approved by bob already: End of term" in said.stderr


def test_another_plan_than_the_one_that_was_seen_is_not_approved(operator: Operator, people: dict[str, Person]) -> None:
    operator.run("first")
    operator.holds("first", "a")
    operator.status("SyncApproval", "first-aaaaaaaa", {"state": "Superseded"})
    new = operator.holds("first", "b")

    said = people["bob"].types("approve", "first", *REASON, "--digest", digest("a"), code=1)

    assert f"The plan of run first has the digest {digest('b')}, not {digest('a')}" in said.stderr
    assert operator.decided(new) is None


def test_the_run_that_holds_the_same_plan_is_decided(operator: Operator, people: dict[str, Person]) -> None:
    operator.run("first")
    approval = operator.holds("first")
    operator.run("second")
    same = {"outcome": "SameAsHeld", "sameAs": "first", "completionTime": "2026-11-24T02:00:00Z"}
    operator.status("SyncRun", "second", same)

    said = people["bob"].types("approve", "second", *REASON, "--no-wait")

    assert "The same changes are held by run first; deciding that one." in said.stderr
    assert operator.decided(approval)


def test_a_decision_that_comes_too_late_is_refused(operator: Operator, people: dict[str, Person]) -> None:
    operator.run("first")
    approval = operator.holds("first", expires=timedelta(seconds=3))
    ends = datetime.fromisoformat(approval["spec"]["expiresAt"])
    operator.waits_for(lambda: datetime.now(UTC) > ends + timedelta(seconds=1))  # and the operator sleeps

    said = people["bob"].types("approve", "first", *REASON, code=1)

    assert "The time to decide about run first ended at" in said.stderr
    assert operator.decided(approval) is None


def test_an_approved_run_that_is_held_again_exits_3(operator: Operator, people: dict[str, Person]) -> None:
    operator.run("first")
    approval = operator.holds("first", "a")
    watching = people["bob"].start("approve", "first", *REASON)
    operator.waits_for(lambda: operator.decided(approval))
    operator.holds("first", "b")

    assert digest("b")[:15] in ended(watching, 3).stderr + operator.get("SyncRun", "first")["status"]["plan"]["digest"]


def test_an_expired_run_says_so(operator: Operator, people: dict[str, Person]) -> None:
    operator.run("first")
    operator.holds("first", expires=timedelta(seconds=-1))

    said = people["bob"].types("approve", "first", *REASON, code=1)

    assert "Run first does not wait for a decision: it is Expired. Nobody decided before" in said.stderr


def test_a_plan_that_changes_while_a_person_thinks_is_not_approved(
    operator: Operator, people: dict[str, Person]
) -> None:
    operator.run("first")
    old = operator.holds("first", "a")
    thinking = people["bob"].sits("approve", "first", *REASON)
    thinking.until("Approve exactly this?")
    operator.status("SyncApproval", old["metadata"]["name"], {"state": "Superseded"})
    new = operator.holds("first", "b")
    thinking.press("y\n")

    assert f"has the digest {digest('b')}, not {digest('a')}; look at it again. Nothing was decided." in thinking.ends(
        1
    )
    assert operator.decided(old) is None
    assert operator.decided(new) is None


def test_what_is_touched_without_changing_the_plan_is_still_approved(
    operator: Operator, people: dict[str, Person], plane: ControlPlane, namespace: str
) -> None:
    operator.run("first")
    approval = operator.holds("first")
    name = approval["metadata"]["name"]
    thinking = people["bob"].sits("approve", "first", *REASON, "--no-wait")
    thinking.until("Approve exactly this?")
    plane.kubectl("label", "syncapproval", name, "-n", namespace, "seen=yes", check=True)
    thinking.press("y\n")

    thinking.ends(0)
    assert operator.decided(approval)


def test_who_says_no_decides_nothing(operator: Operator, people: dict[str, Person]) -> None:
    operator.run("first")
    approval = operator.holds("first")
    thinking = people["bob"].sits("approve", "first", *REASON)
    thinking.until("Approve exactly this?")
    thinking.press("n\n")

    assert "Nothing was decided." in thinking.ends(1)
    assert operator.decided(approval) is None


def test_of_two_who_decide_at_once_one_is_refused(operator: Operator, people: dict[str, Person]) -> None:
    operator.run("first")
    approval = operator.holds("first")
    alice = people["alice"].sits("reject", "first", "--reason", "No", "--no-wait")
    bob = people["bob"].sits("approve", "first", *REASON, "--no-wait")
    alice.until("Reject exactly this?")
    bob.until("Approve exactly this?")
    alice.press("y\n")
    alice.ends(0)
    bob.press("y\n")

    assert "Run first was rejected by alice already: No" in bob.ends(1)
    decided = operator.decided(approval)
    assert decided
    assert decided["spec"]["decision"] == "Rejected"


def test_a_robot_is_refused_in_the_policys_words(
    operator: Operator, people: dict[str, Person], plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    operator.run("first")
    approval = operator.holds("first")
    plane.kubectl("create", "serviceaccount", "robot", "-n", namespace, check=True)
    plane.kubectl(
        "create",
        "rolebinding",
        "robot",
        "-n",
        namespace,
        "--clusterrole=rostersync-approver",
        f"--serviceaccount={namespace}:robot",
        check=True,
    )
    account = plane.service_account_kubeconfig(namespace, "robot")
    robot = Person.of(plane, "robot", namespace, tmp_path, account)

    said = robot.types("approve", "first", *REASON, code=1)

    assert "Error: The cluster refuses it: a person decides, not a service account" in said.stderr
    assert operator.decided(approval) is None
