"""kubectl roster on a real API server: cancel, show a connection, act as another, and what is meant where nothing is named."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rostersync.lifecycle.observed import Connection, Work, WorkState
from rostersync.sent import DeliverReport, DeliveryReport
from support.cluster.plane import ControlPlane
from support.people import Person, ended, people_of
from support.played import Operator, planned

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


def test_show_of_a_connection_says_where_the_connections_of_its_district_differ(
    operator: Operator, people: dict[str, Person]
) -> None:
    domains = [{"entity": "Student", "attributes": ["email"]}]
    words = {
        "district": "river",
        "multipleDataSources": True,
        "compareByDomainsOfUniqueness": True,
        "domainsOfUniqueness": domains,
    }
    masters = [{"entity": "Student", "attributes": ["phone"], "source": "south", "mode": "Master"}]
    operator.connection("north", **words)
    operator.connection("south", masterFields=masters, **words)
    at = "2026-11-24T02:00:00Z"
    unready = {"type": "Ready", "status": "False", "reason": "DistrictSettingsDiffer", "lastTransitionTime": at}
    operator.status("FocusConnection", "north", {"conditions": [unready | {"message": "spec.masterFields differ"}]})

    lines = [" ".join(line.split()) for line in people["alice"].types("show", "north").stdout.splitlines()]

    assert lines[0] == "FocusConnection north"
    for line in (
        "Ready: False, DistrictSettingsDiffer: spec.masterFields differ",
        "south south differs in spec.masterFields",
        "Student phone south whenever it has one only south",
    ):
        assert line in lines
    assert not any("springfield" in line for line in lines)


def test_a_run_is_cancelled_and_its_end_is_watched(operator: Operator, people: dict[str, Person]) -> None:
    operator.run("first", reason="after the repair")
    operator.holds("first")
    watching = people["alice"].start("cancel", "first")
    operator.waits_for(lambda: operator.get("SyncRun", "first")["spec"].get("cancel"))
    operator.sees("first", plan=planned())

    said = ended(watching, 0)

    assert "Cancelled: Cancelled as asked; nothing was applied." in said.stdout
    again = people["alice"].types("cancel", "first", code=1)
    assert "Run first has ended already: it is Cancelled." in again.stderr
    assert "Reason:        after the repair" in people["alice"].types("show", "first").stdout


@pytest.fixture
def editor(plane: ControlPlane, namespace: str, people: dict[str, Person]) -> Person:
    """Who may read the Secret that the connection names, as everybody who changes its spec must."""
    may = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["focus"], "verbs": ["get"]}
    base = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "secrets", "namespace": namespace}}
    to = {
        "subjects": [{"kind": "User", "name": "alice", "apiGroup": "rbac.authorization.k8s.io"}],
        "roleRef": {"kind": "Role", "name": "secrets", "apiGroup": "rbac.authorization.k8s.io"},
    }
    plane.apply(base | {"kind": "Role", "rules": [may]}, base | {"kind": "RoleBinding"} | to)
    return people["alice"]


def test_a_district_is_suspended_and_resumed(operator: Operator, people: dict[str, Person], editor: Person) -> None:
    alice = editor

    assert alice.types("suspend", "springfield").stdout == ("springfield is suspended: nothing new starts.\n")
    assert operator.get("FocusConnection", "springfield")["spec"]["suspend"] is True
    assert "is already suspended" in alice.types("suspend", "springfield").stdout

    said = alice.types("resume", "springfield")
    assert (said.stderr, "is not suspended" in said.stdout) == ("", True)
    assert operator.get("FocusConnection", "springfield")["spec"]["suspend"] is False
    assert "You (bob) may not patch focusconnections" in people["bob"].types("suspend", "springfield", code=1).stderr


def test_who_suspends_what_comes_from_git_is_told(
    plane: ControlPlane, namespace: str, operator: Operator, editor: Person
) -> None:
    mark = "kustomize.toolkit.fluxcd.io/name=districts"
    assert plane.kubectl("-n", namespace, "label", "focusconnection", "springfield", mark).returncode == 0

    assert "It comes from Git by Flux" in editor.types("suspend", "springfield").stderr


def test_cancelling_needs_not_be_watched_and_not_to_be_allowed(operator: Operator, people: dict[str, Person]) -> None:
    operator.run("first")
    assert "You (bob) may not patch syncruns" in people["bob"].types("cancel", "first", code=1).stderr
    said = people["alice"].types("cancel", "first", "--no-wait")
    assert said.stdout == "Run first was asked to end: `kubectl roster show first` says how it ended.\n"


@pytest.mark.parametrize(
    "words", [("runs",), ("runs", "-o", "json"), ("show",), ("runs", "springfield"), ("show", "first")]
)
def test_a_namespace_that_is_not_there_is_an_error(
    operator: Operator, people: dict[str, Person], words: tuple[str, ...]
) -> None:
    said = people["admin"].types(*words, "-n", "nowhere", code=1)
    assert "There is no namespace nowhere." in said.stderr


def test_a_namespace_without_runs_is_none(operator: Operator, people: dict[str, Person]) -> None:
    assert people["admin"].types("runs", "-n", "default", "-o", "json").stdout
    people["alice"].types("runs")  # who may not look at namespaces is not told that there is none


def test_without_a_name_the_only_run_that_waits_is_decided(operator: Operator, people: dict[str, Person]) -> None:
    nobody = people["bob"].types("approve", *REASON, "--no-wait", code=1)
    operator.run("first")
    approval = operator.holds("first")
    operator.run("done")
    operator.sees("done", plan=planned(no_changes=True, holds=0))

    said = people["bob"].types("approve", *REASON, "--no-wait")

    assert "No run in namespace" in nobody.stderr
    assert "Run first of springfield" in said.stderr
    assert operator.decided(approval)


def test_without_a_name_several_runs_that_wait_are_listed_and_none_is_decided(
    operator: Operator, people: dict[str, Person]
) -> None:
    approvals = []
    for name in ("first", "second"):
        operator.run(name)
        approvals.append(operator.holds(name))

    said = people["bob"].types("reject", *REASON, code=1)

    assert "2 runs in namespace" in said.stderr
    assert "wait for a decision. Name one of them: first (of springfield), second (of springfield)." in said.stderr
    assert not any(operator.decided(a) for a in approvals)


def test_who_may_impersonate_decides_under_the_other_name(operator: Operator, people: dict[str, Person]) -> None:
    operator.run("first")
    approval = operator.holds("first")

    refused = people["carol"].types("approve", "first", *REASON, "--no-wait", "--as", "bob", code=1)
    people["admin"].types("--as", "bob", "--as-group", "system:authenticated", "approve", "first", *REASON, "--no-wait")

    assert "impersonate" in refused.stderr
    assert operator.decided(approval)["spec"]["decidedBy"] == "bob"


def test_groups_come_with_impersonation(operator: Operator, people: dict[str, Person]) -> None:
    operator.run("first")
    operator.holds("first")
    said = people["admin"].types(
        "approve", "first", *REASON, "--as", "zoe", "--as-group", "a", "--as-group", "b", code=1
    )
    assert "You (zoe) may not" in said.stderr
    everyone = people["admin"].types(
        "runs", "--as", "zoe", "--as-group", "a", "--as-group", "system:masters", "-o", "json"
    )
    assert '"first"' in everyone.stdout  # both groups were sent


def test_the_roster_of_another_connection_is_said_before_the_decision(
    operator: Operator, people: dict[str, Person]
) -> None:
    operator.run("first")
    approval = operator.holds("first", previous="simulated")

    said = people["bob"].types("approve", "first", *REASON, "--no-wait", code=1)

    assert "the last applied plan was for connection simulated; you need the verb approve on it, too" in said.stderr
    assert 'lack the verb approve on focusconnections.rostersync.dev "simulated"' in said.stderr
    assert operator.decided(approval) is None


def test_plain_kubectl_shows_why_first_and_the_command(
    operator: Operator, people: dict[str, Person], plane: ControlPlane, namespace: str
) -> None:
    operator.run("first")
    operator.holds("first")

    def kubectl(*words: str) -> str:
        return str(plane.kubectl("-n", namespace, *words, check=True).stdout)

    said = kubectl("describe", "syncrun", "first").partition("\nStatus:\n")[2]
    assert said.lstrip().startswith("About:\n")
    why, what, how = (line.strip() for line in said.splitlines()[1:4])
    assert why == "Threshold: Deletes 312 of 1,204 Students (25.9 %), limit 10 %."
    assert what == "Student: 4 created, 0 updated, 312 deleted."
    assert how.startswith("To approve: kubectl")
    wide = kubectl("get", "syncruns", "-o", "wide").splitlines()
    assert "HOLD REASONS" in wide[0]
    assert "Threshold" in wide[1]


def test_a_run_of_some_schools_names_each_once(operator: Operator, people: dict[str, Person]) -> None:
    some = [word for school in ("1001", "1002", "1001") for word in ("--school", school)]
    said = people["alice"].types("run", "springfield", *some, "--no-wait", "-o", "json")

    assert json.loads(said.stdout)["spec"]["schools"] == ["1001", "1002"]


def test_a_delivery_is_asked_for_and_its_end_is_watched(operator: Operator, people: dict[str, Person]) -> None:
    watching = people["alice"].start("deliver", "springfield", "--reason", "their server is back")
    [run] = operator.waits_for(lambda: operator.all("SyncRun"))
    assert (run["spec"]["mode"], run["spec"]["reason"]) == ("Deliver", "their server is back")
    assert "everything" not in run["spec"]
    sent = DeliveryReport("feed", "a folder", 7, 1, 1, 12_345, "ab" * 32, "2026-11-26T02:00:00Z")
    known = Connection("springfield", deliveries={"feed": timedelta(hours=24)})
    done = Work(WorkState.SUCCEEDED, 1, DeliverReport(run["metadata"]["name"], "done", 7, [sent]))
    operator.sees(run["metadata"]["name"], known, deliver=done)

    said = ended(watching, 0)
    assert "What was delivered" in said.stdout
    assert "a folder" in said.stdout
    assert "Delivered: Sent: feed (revision 7, 12,345 bytes)." in said.stdout


def test_a_delivery_that_fails_ends_the_watching_and_says_why(operator: Operator, people: dict[str, Person]) -> None:
    watching = people["alice"].start("deliver", "springfield", "--everything")
    [run] = operator.waits_for(lambda: operator.all("SyncRun"))
    assert run["spec"]["everything"] is True
    error = {"reason": "LoginRefused", "message": "The receiver refused the login."}
    report = DeliverReport(
        run["metadata"]["name"], "send", deliveries=[DeliveryReport("feed", error=error)], error=error
    )
    failed = Work(WorkState.FAILED, 1, report, "LoginRefused", error["message"], ended_at=datetime.now(UTC))
    operator.sees(
        run["metadata"]["name"], Connection("springfield", deliveries={"feed": timedelta(hours=24)}), deliver=failed
    )

    said = ended(watching, 1)
    assert "Not delivered: feed (LoginRefused): The receiver refused the login." in said.stdout
    assert "Next try: " in said.stdout


def test_deliveries_are_listed_from_the_status_of_connections(operator: Operator, people: dict[str, Person]) -> None:
    assert "Nothing was delivered yet" in people["alice"].types("deliveries").stdout
    sent = {"name": "feed", "state": "Delivered", "revision": 7, "place": "a folder", "time": "2026-11-26T02:00:00Z"}
    lost = {"name": "other", "state": "Failed", "reason": "LoginRefused", "message": "The receiver refused the login."}
    operator.status("FocusConnection", "springfield", {"deliveries": [sent, lost]})

    page = people["alice"].types("deliveries", "springfield").stdout
    assert "a folder" in page
    assert "LoginRefused: The receiver refused the login." in page
    assert '"revision": 7' in people["alice"].types("deliveries", "-o", "json").stdout
