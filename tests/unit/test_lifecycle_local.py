"""The local driver over a state folder, with halves that write the reports they are told to.

Over 300 lines: the stories of runs share the halves and the folder, and are read one after the other.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rostersync.api.kinds import Ref
from rostersync.api.v1alpha1.syncapproval import SyncApproval
from rostersync.api.v1alpha1.syncrun import SyncRun
from rostersync.errors import Permanent, Retryable, StoreBusy
from rostersync.execution.report_files import ApplyReportFile, PlanReportFile
from rostersync.lifecycle.observed import Connection, Window
from rostersync.lifecycle.outcomes import exit_code, succeeded_reason
from rostersync.local.drive import Driver
from rostersync.local.state import State
from rostersync.model import ApplyReport, Entity, EntityCounts, Hold, HoldReason, PlanReport

A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64
START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
HOLD = Hold(HoldReason.PREVIEW, count=1)


class Killed(BaseException):
    """A process that ends without another word."""


class FakeHalves:
    """Plans and applies that come out as `plans` and `applies` say: digest and holds, or an error."""

    def __init__(self, state):
        self.state, self.plans, self.applies, self.consents, self.again = state, [], [], [], []
        self.can_deliver = lambda run: True

    def plan(self, run, step):
        name = run["metadata"]["name"]
        self.again.append(step.again)
        file = PlanReportFile(self.state.layout.folder(name), step.number, name)
        file.stage("extract")
        (self.state.layout.folder(name) / "extract").mkdir(exist_ok=True)
        result = self.plans.pop(0)
        if isinstance(result, BaseException):
            if isinstance(result, Killed):
                raise result
            file.failed(result)
            return
        digest, holds = result
        counts = [EntityCounts(Entity.STUDENT, created=1)] if digest else []
        file.done(PlanReport(name, "done", digest or B, 4, counts, [HOLD] * holds, holds, no_changes=not digest))

    def apply(self, run, step, of_plan):
        name = run["metadata"]["name"]
        file = ApplyReportFile(self.state.layout.folder(name), step.number, of_plan, name)
        file.stage("apply")
        self.consents.append(step.consent)
        result = self.applies.pop(0) if self.applies else 5
        if isinstance(result, StoreBusy):
            file.forget()
            raise result
        if isinstance(result, BaseException):
            if isinstance(result, Killed):
                raise result
            file.failed(result)
            return
        file.done(ApplyReport(name, "done", step.digest, result))


class Bench:
    """A state folder, a clock that can be set, and a driver."""

    def __init__(self, tmp_path):
        self.state = State(tmp_path / "state")
        self.now = START
        self.halves = FakeHalves(self.state)
        self.connection = Connection(Ref("FocusConnection", "springfield"), expires_after=timedelta(hours=72))

    def driver(self):
        return Driver(self.state, self.connection, self.halves, lambda: self.now)

    def run(self, *plans, mode="Import", name=None):
        """What the command run does: settle, resume, plan and go on."""
        self.halves.plans += plans
        driver = self.driver()
        driver.settle_others()
        driver.resume()
        spec = {
            "connectionRef": {"kind": "FocusConnection", "name": "springfield"},
            "mode": mode,
            "requestedBy": "alex",
        }
        run = self.state.create(Ref("FocusConnection", "springfield"), None, spec, name, self.now)
        run = driver.advance(run)
        driver.settle_others(run)
        return run["metadata"]["name"]

    def decide(self, name, decision):
        approval = self.state.approval(name)
        approval["spec"] |= {"decision": decision, "decidedBy": "dana", "reason": "seen"}
        approval["status"]["decisionSeenAt"] = self.now.isoformat()
        self.state.save_approval(approval)

    def reason(self, name):
        return succeeded_reason(self.state.run(name)["status"])

    def state_of_approval(self, name):
        return self.state.approval(name)["status"]["state"]


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_a_plan_without_holds_is_applied(bench):
    name = bench.run((A, 0))

    assert bench.reason(name) == "Applied"
    assert bench.state.run(name)["status"]["revision"] == 5
    assert bench.halves.consents == [None]


def test_nothing_to_change(bench):
    assert bench.reason(bench.run((None, 0))) == "NoChanges"


def test_a_held_run_waits_and_is_applied_when_approved(bench):
    name = bench.run((A, 1))
    assert (bench.reason(name), bench.state_of_approval(name)) == ("AwaitingApproval", "Pending")
    assert bench.halves.consents == []

    bench.decide(name, "Approved")
    run = bench.driver().advance(bench.state.run(name))

    assert (bench.reason(name), exit_code(run["status"])) == ("Applied", 0)
    consent = bench.halves.consents[0]
    assert (consent.digest, consent.decided_by, consent.four_eyes_enforced) == (A, "dana", False)


def test_a_rejected_run_applies_nothing(bench):
    name = bench.run((A, 1))
    bench.decide(name, "Rejected")

    bench.driver().advance(bench.state.run(name))

    assert (bench.reason(name), bench.state_of_approval(name)) == ("Rejected", "Rejected")
    assert bench.halves.consents == []


def test_nobody_decides_in_time(bench):
    name = bench.run((A, 1))
    bench.now += timedelta(hours=72)

    bench.driver().settle_others()

    assert (bench.reason(name), bench.state_of_approval(name)) == ("Expired", "Expired")


def test_the_same_plan_again_is_same_as_held(bench):
    first, second = bench.run((A, 1)), bench.run((A, 1))

    assert (bench.reason(first), bench.reason(second)) == ("AwaitingApproval", "SameAsHeld")
    assert bench.state.run(second)["status"]["sameAs"] == first
    assert exit_code(bench.state.run(second)["status"]) == 3
    assert bench.state.approval(second) is None


@pytest.mark.parametrize("later", [(B, 1), (B, 0), (None, 0)], ids=["held", "applied", "no changes"])
def test_another_plan_supersedes_a_held_one(bench, later):
    first = bench.run((A, 1))
    second = bench.run(later)

    assert (bench.reason(first), bench.state_of_approval(first)) == ("Superseded", "Superseded")
    assert bench.state.run(first)["status"]["supersededBy"] == second


@pytest.mark.parametrize("later", [Permanent("no"), Retryable("no")], ids=["permanent", "retryable"])
def test_a_run_that_fails_supersedes_nothing(bench, later):
    first = bench.run((A, 1))
    bench.run(later)

    assert bench.reason(first) == "AwaitingApproval"


def test_a_dry_run_supersedes_nothing_and_asks_nobody(bench):
    first = bench.run((A, 1))
    second = bench.run((B, 1), mode="DryRun")

    assert (bench.reason(first), bench.reason(second)) == ("AwaitingApproval", "DryRun")
    assert bench.state.approval(second) is None


def test_a_plan_approved_without_applying_is_applied_by_the_next_equal_run(bench):
    first = bench.run((A, 1))
    bench.decide(first, "Approved")
    bench.driver().settle(bench.state.run(first))
    assert (bench.reason(first), bench.halves.consents) == ("Queued", [])

    second = bench.run((A, 1))

    assert (bench.reason(first), bench.reason(second)) == ("Applied", "Applied")
    assert bench.halves.consents[0].approval == bench.state.approval(first)["metadata"]["name"]
    assert bench.state_of_approval(first) == "Approved"


def test_a_moved_base_is_planned_again_and_keeps_its_approval(bench):
    name = bench.run((A, 1))
    bench.decide(name, "Approved")
    bench.halves.applies = [Retryable("moved", reason="BaseMoved")]
    bench.halves.plans = [(A, 1)]

    bench.driver().advance(bench.state.run(name))

    assert bench.reason(name) == "Applied"
    assert bench.halves.again == [False, True]
    assert [c.digest for c in bench.halves.consents] == [A, A]


def test_a_moved_base_with_another_digest_asks_again(bench):
    name = bench.run((A, 1))
    old = bench.state.approval(name)["metadata"]["name"]
    bench.decide(name, "Approved")
    bench.halves.applies = [Retryable("moved", reason="BaseMoved")]
    bench.halves.plans = [(B, 1)]

    bench.driver().advance(bench.state.run(name))

    assert (bench.reason(name), bench.state_of_approval(name)) == ("AwaitingApproval", "Pending")
    assert bench.state.approval(name)["spec"]["planDigest"] == B
    kept = json.loads((bench.state.root / "approvals" / f"{old}.json").read_text())
    assert kept["status"]["state"] == "Superseded"


def test_a_failed_plan_keeps_its_report_and_the_next_run_is_free(bench):
    name = bench.run(Permanent("Focus refused", reason="CredentialsRefused"))

    assert (bench.reason(name), exit_code(bench.state.run(name)["status"])) == ("CredentialsRefused", 1)
    assert list(bench.state.layout.folder(name).glob("reports/plan-*.json"))
    assert bench.reason(bench.run((A, 0))) == "Applied"


def test_a_killed_plan_is_interrupted_at_the_next_command(bench):
    with pytest.raises(Killed):
        bench.run(Killed(), name="first")
    assert bench.reason("first") == "Planning"

    bench.driver().settle_others()

    assert bench.reason("first") == "Interrupted"
    assert bench.state.run("first")["status"]["outcome"] == "Failed"


@pytest.mark.parametrize("left", ["", "{}", '{"run"'], ids=["nothing", "no report", "half"])
def test_a_spoiled_report_is_a_lost_one(bench, left):
    name = bench.run((A, 1))
    next(bench.state.layout.folder(name).glob("reports/plan-*.json")).write_text(left)

    bench.driver().settle(bench.state.run(name))

    assert bench.reason(name) == "Interrupted"


def test_a_spoiled_run_is_named(bench):
    name = bench.run((A, 0))
    (bench.state.root / "runs" / f"{name}.json").write_text("")

    with pytest.raises(Permanent, match=f"{name}.json is spoiled"):
        bench.state.runs()


def test_a_killed_apply_is_done_once_more_by_the_next_run(bench):
    bench.halves.applies = [Killed()]
    with pytest.raises(Killed):
        bench.run((A, 0), name="first")

    second = bench.run((None, 0))

    assert (bench.reason("first"), bench.reason(second)) == ("Applied", "NoChanges")


def test_a_busy_store_leaves_an_approved_run_waiting(bench):
    name = bench.run((A, 1))
    bench.decide(name, "Approved")
    bench.halves.applies = [StoreBusy("busy")]

    with pytest.raises(StoreBusy):
        bench.driver().advance(bench.state.run(name))
    assert bench.reason(name) == "Queued"

    bench.driver().advance(bench.state.run(name))
    assert bench.reason(name) == "Applied"


def test_a_finished_run_is_never_started_again(bench):
    name = bench.run((A, 0))
    before = bench.state.run(name)

    bench.driver().advance(before)

    assert bench.state.run(name) == before
    assert len(bench.halves.consents) == 1


def test_the_raw_extract_lives_until_its_run_is_final(bench):
    name = bench.run((A, 1))
    assert (bench.state.layout.folder(name) / "extract").exists()

    bench.decide(name, "Rejected")
    bench.driver().settle(bench.state.run(name))

    assert not (bench.state.layout.folder(name) / "extract").exists()


def test_suspended_imports_end_without_reading(bench):
    bench.connection = replace(bench.connection, suspend_import=(Window(START, START + timedelta(1)),))

    name = bench.run()

    assert (bench.reason(name), exit_code(bench.state.run(name)["status"])) == ("ImportSuspended", 1)
    assert bench.halves.again == []


def test_objects_are_those_of_the_api(bench):
    name = bench.run((A, 1))
    bench.decide(name, "Approved")
    bench.driver().advance(bench.state.run(name))

    run, approval = bench.state.run(name), bench.state.approval(name)
    SyncRun.model_validate(run)
    SyncApproval.model_validate(approval)
    assert approval["spec"]["runRef"]["uid"] == run["metadata"]["uid"]


def test_history_keeps_so_many_of_each_kind_and_what_is_held(bench):
    held = bench.run((A, 1))
    good = [bench.run((None, 0), mode="DryRun") for _ in range(3)]
    bad = [bench.run(Permanent("no")) for _ in range(3)]

    bench.state.prune("springfield", 2, 1)

    left = {r["metadata"]["name"] for r in bench.state.runs()}
    assert left == {held, *good[1:], bad[2]}
    assert not bench.state.layout.folder(good[0]).exists()


def test_two_processes_do_not_work_on_one_connection(bench):
    with (
        bench.state.lock("springfield"),
        pytest.raises(StoreBusy, match="springfield"),
        State(bench.state.root).lock("springfield"),
    ):
        pass


@pytest.mark.parametrize("name", ["../runs/x", "", ".hidden", "nothing"])
def test_an_unknown_run_says_what_there_is(bench, name):
    there = bench.run((A, 0))

    with pytest.raises(Permanent, match=there):
        bench.state.run(name)
