"""kubectl roster on a real API server: run, runs, show, check. The operator's statuses are the test's own."""

import base64
import io
import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from rostersync.lifecycle.observed import Work, WorkState
from rostersync.plugin.words_to_type import typed
from rostersync.render import run as pages
from rostersync.render.tables import WIDE
from support.cluster.certificates import Authority
from support.cluster.plane import ControlPlane
from support.people import Person, ended, people_of
from support.played import Operator, digest, planned


@pytest.fixture
def operator(plane: ControlPlane, namespace: str) -> Iterator[Operator]:
    with Operator(plane, namespace) as played:
        played.connection()
        yield played


@pytest.fixture
def people(plane: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[dict[str, Person]]:
    with people_of(plane, namespace, tmp_path) as found:
        yield found


def page_of(run: dict[str, object]) -> str:
    """What the local command's renderer prints for a run, with kubectl's words."""
    out = io.StringIO()
    console = Console(file=out, width=WIDE, markup=False, highlight=False, emoji=False)
    pages.page(console, run, typed=typed(""), with_issues=True)
    return out.getvalue()


def condition(kind: str, status: str, reason: str, message: str) -> dict[str, object]:
    """A condition of a connection's status."""
    at = "2026-11-24T02:00:00Z"
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": at}


def asked(operator: Operator) -> str:
    """What the annotation that asks for Test Connection says, once it is there."""
    key = "rostersync.dev/checkRequestedAt"
    found: str = operator.waits_for(
        lambda: operator.get("FocusConnection", "springfield")["metadata"].get("annotations", {}).get(key)
    )
    return found


def test_a_run_is_made_in_the_callers_name_and_watched_to_its_end(
    operator: Operator, people: dict[str, Person]
) -> None:
    watching = people["alice"].start("run", "springfield", "--reason", "after the repair")
    made = operator.waits_for(lambda: operator.all("SyncRun"))[0]
    name = made["metadata"]["name"]
    operator.sees(name, plan=Work(WorkState.RUNNING))
    operator.sees(name, plan=planned(no_changes=True, holds=0))

    said = ended(watching, 0)

    assert re.fullmatch(r"springfield-\d{8}t\d{6}", name)
    assert made["spec"] == {
        "connectionRef": {"kind": "FocusConnection", "name": "springfield"},
        "mode": "Import",
        "requestedBy": "alice",
        "reason": "after the repair",
    }
    assert said.stderr.splitlines()[-1] == f"{name}: NoChanges"
    assert said.stdout.startswith(f"Run {name}\n")
    assert "NoChanges: There is nothing to change in the store." in said.stdout


def test_a_dry_run_only_plans(operator: Operator, people: dict[str, Person]) -> None:
    said = people["alice"].types("run", "springfield", "--dry-run", "--no-wait", "-o", "json")

    assert json.loads(said.stdout)["spec"]["mode"] == "DryRun"
    assert len(operator.all("SyncRun")) == 1


def test_a_held_run_exits_3_and_says_what_to_type(operator: Operator, people: dict[str, Person]) -> None:
    watching = people["alice"].start("run", "springfield")
    name = operator.waits_for(lambda: operator.all("SyncRun"))[0]["metadata"]["name"]
    operator.holds(name)

    said = ended(watching, 3)

    assert "Deletes 312 of 1,204 Students (25.9 %), limit 10 %" in said.stdout
    assert f'kubectl roster approve {name} --reason "…"' in said.stdout


def test_two_runs_of_one_second_have_two_names(operator: Operator, people: dict[str, Person]) -> None:
    for process in [people["alice"].start("run", "springfield", "--no-wait") for _ in range(4)]:
        ended(process, 0)

    assert len({r["metadata"]["name"] for r in operator.all("SyncRun")}) == 4


def test_ctrl_c_stops_watching_and_not_the_run(operator: Operator, people: dict[str, Person]) -> None:
    watching = people["alice"].start("run", "springfield")
    name = operator.waits_for(lambda: operator.all("SyncRun"))[0]["metadata"]["name"]
    operator.sees(name, plan=Work(WorkState.RUNNING))
    assert watching.stderr
    operator.waits_for(lambda: "Planning" in (watching.stderr.readline() if watching.stderr else ""))
    watching.send_signal(signal.SIGINT)

    said = ended(watching, 130)

    assert said.stderr.splitlines() == [f"Stopped watching. Run {name} goes on: `kubectl roster show {name}`."]
    assert "cancel" not in operator.get("SyncRun", name)["spec"]


def test_show_prints_what_the_local_renderer_prints(operator: Operator, people: dict[str, Person]) -> None:
    operator.run("first")
    operator.holds("first")
    run = operator.get("SyncRun", "first")

    assert people["bob"].types("show", "first").stdout == page_of(run)
    text = page_of(run)
    for part in ("Deletes 312 of 1,204", "SourceMissing", "Affected by cascades: 0 students, 9 teachers", digest("a")):
        assert part in text
    for part in ("Not mapped: 1003", "Missing", "single records stay in the run's artifacts", "Pending, ends"):
        assert part in text


def test_show_takes_the_newest_run_of_a_connection(operator: Operator, people: dict[str, Person]) -> None:
    operator.connection("shelbyville")
    operator.run("springfield-1")
    operator.run("shelbyville-1", "shelbyville")

    shown = json.loads(people["bob"].types("show", "--connection", "springfield", "-o", "json").stdout)

    assert shown["metadata"]["name"] == "springfield-1"
    assert "managedFields" not in shown["metadata"]


def test_runs_begins_with_the_connections(
    operator: Operator, people: dict[str, Person], plane: ControlPlane, namespace: str
) -> None:
    operator.connection("shelbyville")
    for name, letter in (("springfield-1", "a"), ("springfield-2", "b")):
        operator.run(name)
        operator.holds(name, letter)

    lines = [line.split() for line in people["bob"].types("runs").stdout.splitlines() if line.strip()]
    everywhere = people["admin"].types("runs", "-A").stdout

    assert ["shelbyville", "No", "runs", "0"] in lines
    assert ["springfield", "AwaitingApproval", "springfield-2", "2"] in lines
    assert [line[:3] for line in lines if line[0].startswith("springfield-")] == [
        ["springfield-2", "springfield", "AwaitingApproval"],
        ["springfield-1", "springfield", "AwaitingApproval"],
    ]
    assert re.search(rf"{namespace} +springfield +AwaitingApproval +springfield-2 +2", everywhere)
    assert "shelbyville" not in people["bob"].types("runs", "springfield").stdout


def test_runs_works_as_a_plugin_of_kubectl(
    operator: Operator, people: dict[str, Person], plane: ControlPlane, namespace: str
) -> None:
    installed = Path(sys.executable).parent
    assert (installed / "kubectl-roster").exists(), "install the package: make setup"
    operator.run("springfield-1")
    path = f"{installed}:{os.environ['PATH']}"

    by_kubectl = people["bob"].types("roster", "runs", "-n", namespace, command=(plane._kubectl,), PATH=path)

    assert by_kubectl.stdout == people["bob"].types("runs").stdout
    assert "springfield-1" in by_kubectl.stdout


def test_who_may_nothing_is_told_which_right_is_missing(
    operator: Operator, people: dict[str, Person], namespace: str
) -> None:
    operator.run("first")
    rights = {
        ("runs",): "list syncruns",
        ("show", "first"): "get syncruns",
        ("approve", "first", "--reason", "x"): "get syncruns",
        ("run", "springfield"): "get focusconnections",
        ("check", "springfield"): "get focusconnections",
    }

    for words, right in rights.items():
        said = people["dave"].types(*words, code=1).stderr
        assert f"Error: You (dave) may not {right}.rostersync.dev in namespace {namespace}." in said
    assert "You (bob) may not create syncruns" in people["bob"].types("run", "springfield", code=1).stderr


def test_a_check_is_asked_for_and_its_answer_told(operator: Operator, people: dict[str, Person]) -> None:
    watching = people["alice"].start("check", "springfield")
    at = asked(operator)
    verified = condition("ConnectionVerified", "True", "Verified", "Connection is OK")
    schools = {"found": 3, "mapped": 2, "missing": 1, "vanished": 0, "missingIDs": ["1003"]}
    operator.status("FocusConnection", "springfield", {"conditions": [verified | {"status": "Unknown"}]})
    answer = {"conditions": [verified], "schools": schools, "lastHandledCheckRequestedAt": at}
    operator.status("FocusConnection", "springfield", answer)

    said = ended(watching, 0)

    assert said.stdout.splitlines() == [
        "Verified: Connection is OK",
        "Schools: 3 found, 2 mapped, 1 missing, 0 vanished",
        "  Not mapped: 1003",
    ]


def test_a_check_that_fails_exits_1(operator: Operator, people: dict[str, Person]) -> None:
    watching = people["alice"].start("check", "springfield")
    at = asked(operator)
    told = "Focus refused the token request (401)"
    refused = condition("ConnectionVerified", "False", "CredentialsRefused", told)
    answer = {"conditions": [refused], "lastHandledCheckRequestedAt": at}
    operator.status("FocusConnection", "springfield", answer)

    assert f"CredentialsRefused: {told}" in ended(watching, 1).stdout


def test_a_connection_that_cannot_be_tested_says_what_to_mend(operator: Operator, people: dict[str, Person]) -> None:
    unready = condition("Ready", "False", "NotYetSupported", "spec.deliveries: leave it out")
    operator.status("FocusConnection", "springfield", {"conditions": [unready | {"observedGeneration": 1}]})

    said = people["alice"].types("check", "springfield", code=1)

    assert "not Ready. NotYetSupported: spec.deliveries: leave it out" in said.stdout


def test_what_is_not_there_is_said_with_what_is(operator: Operator, people: dict[str, Person]) -> None:
    operator.run("springfield-1")

    for words in (("show", "nope"), ("approve", "nope", "--reason", "x")):
        said = people["bob"].types(*words, code=1).stderr
        assert "There is no SyncRun nope in namespace" in said
        assert "There are: springfield-1." in said
    for words in (("run", "nope"), ("check", "nope"), ("runs", "nope"), ("show", "--connection", "nope")):
        said = people["alice"].types(*words, code=1).stderr
        assert "There is no FocusConnection nope in namespace" in said
        assert "There are: springfield." in said


def test_a_watch_outlives_a_restart_of_the_api_server(
    operator: Operator, people: dict[str, Person], plane: ControlPlane
) -> None:
    watching = people["alice"].start("run", "springfield")
    name = operator.waits_for(lambda: operator.all("SyncRun"))[0]["metadata"]["name"]
    plane.kill_apiserver()
    assert watching.stderr
    while "still trying" not in watching.stderr.readline():
        pass
    plane.start_apiserver()
    operator.sees(name, plan=planned(no_changes=True, holds=0))

    assert "NoChanges" in ended(watching, 0).stdout


def test_a_terminal_has_a_line_that_changes(operator: Operator, people: dict[str, Person]) -> None:
    watching = people["alice"].sits("run", "springfield")
    name = operator.waits_for(lambda: operator.all("SyncRun"))[0]["metadata"]["name"]
    operator.sees(name, plan=Work(WorkState.RUNNING))
    watching.until(f"\r\x1b[2K{name}: Planning  ")
    operator.sees(name, plan=planned(no_changes=True, holds=0))

    assert "\r\x1b[2KRun springfield-" in re.sub(r"\x1b\[\d*m", "", watching.ends(0))


def test_a_cluster_that_cannot_be_trusted_is_not_talked_to(people: dict[str, Person], tmp_path: Path) -> None:
    def changed(file: str, part: str, **values: object) -> Person:
        """The administrator's kubeconfig with other values."""
        document = yaml.safe_load(people["admin"].kubeconfig.read_text())
        inner = document[f"{part}s"][0][part]
        inner |= values
        document[f"{part}s"][0][part] = {k: v for k, v in inner.items() if v is not None}
        (tmp_path / file).write_text(yaml.safe_dump(document))
        return Person(tmp_path / file)

    other = base64.b64encode(Authority().pem).decode()
    assert (
        "There is no secure connection to the cluster"
        in changed("other-ca", "cluster", **{"certificate-authority-data": other}).types("runs", code=1).stderr
    )
    unchecked = {"certificate-authority-data": None, "insecure-skip-tls-verify": True}
    assert "No runs yet" in changed("unchecked", "cluster", **unchecked).types("runs").stdout
    nobody = {"client-certificate-data": None, "client-key-data": None}
    assert "You (system:anonymous) may not list" in changed("nobody", "user", **nobody).types("runs", code=1).stderr
    stale = changed("stale", "user", **nobody, token="ended")
    assert "does not accept your credentials (401)" in stale.types("runs", code=1).stderr
