"""What `kubectl describe` shows first: why a run is held, what changes, and the command; and what an approval tells."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from rostersync.api.kinds import Ref
from rostersync.api.v1alpha1.syncapproval import SyncApprovalStatus
from rostersync.api.v1alpha1.syncrun import SyncRunStatus
from rostersync.controller.runs import approvals
from rostersync.lifecycle import status
from rostersync.lifecycle.about import about, reasons
from rostersync.lifecycle.decide import next_step
from rostersync.lifecycle.observed import Approval, Connection, Observed, Run, Work, WorkState
from rostersync.model import Entity, EntityCounts, Hold, HoldReason, PlanReport, RosterCounts
from rostersync.render.holds import sentence

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
A = "sha256:" + "a" * 64
DELETES = Hold(HoldReason.THRESHOLD, Entity.STUDENT, "Delete", None, 312, 1204, 10, "Percent")
PREVIEW = Hold(HoldReason.PREVIEW, count=312)
COUNTS = [EntityCounts(Entity.SCHOOL, unchanged=3), EntityCounts(Entity.STUDENT, updated=2, deleted=312)]
REPORT = PlanReport("r", "done", A, 4, COUNTS, [DELETES, PREVIEW, DELETES], 5)
PLAN = Work(WorkState.SUCCEEDED, 1, REPORT)
SEEN = Observed(
    NOW,
    Run("r"),
    Connection(Ref("FocusConnection", "springfield")),
    plan=PLAN,
    approval=Approval("r-aaaaaaaa", A, NOW + timedelta(hours=1), "u1"),
)
LINES = [
    "Threshold: Deletes 312 of 1,204 Students (25.9 %), limit 10 %.",
    f"Preview: {sentence(PREVIEW)}",
    "Threshold: Deletes 312 of 1,204 Students (25.9 %), limit 10 %.",
    "… and 2 more reasons; these are the worst.",
    "Student: 0 created, 2 updated, 312 deleted.",
]
COMMAND = 'To approve: rostersync approve r --reason "…"'


def test_holds_come_first_then_what_changes_then_the_command():
    made = status.of(SEEN, next_step(SEEN), sentence)
    assert made["about"] == [*LINES, COMMAND]
    assert made["holdReasons"] == "Threshold, Preview"
    assert min(made) == "about"  # kubectl describe shows fields in the order of their names
    SyncRunStatus.model_validate(made)


def test_what_becomes_of_the_roster_of_several_sources_is_one_line():
    roster = RosterCounts(EntityCounts(None, created=1, updated=20, deleted=3))
    lines = about(replace(REPORT, roster=roster))
    assert lines[-1] == "In the roster of all sources: 1 created, 20 updated, 3 deleted."
    fullest = replace(
        REPORT,
        holds=[DELETES] * 16,
        holds_total=17,
        entities=[EntityCounts(e, deleted=1, out_of_scope=1) for e in Entity],
        roster=roster,
    )
    SyncRunStatus.model_validate({"about": about(fullest, None, "x")})


def test_while_nobody_can_decide_and_when_it_has_ended_there_is_no_command():
    for seen in (replace(SEEN, unguarded="x"), replace(SEEN, run=Run("r", cancel=True))):
        assert status.of(seen, next_step(seen), sentence)["about"] == LINES


def test_what_a_person_wrote_ends_with_a_stop_and_only_one():
    for reason, said in (("not yet", "not yet."), ("not yet. ", "not yet. "), ("why?", "why?")):
        no = replace(SEEN.approval, decision="Rejected", decided_by="bob", reason=reason, seen_at=NOW)
        seen = replace(SEEN, approval=no)
        made = status.of(seen, next_step(seen), sentence)
        messages = {c["type"]: c["message"] for c in made["conditions"]}
        assert messages["Succeeded"] == f"Rejected by bob: {said}"
        assert messages["Approved"] == f"By bob: {said}"


def test_a_plan_without_holds_tells_what_changes():
    free = replace(REPORT, holds=[], holds_total=0)
    assert about(free) == ["Student: 0 created, 2 updated, 312 deleted."]
    assert reasons(free) == ""


def test_an_approval_tells_the_counts_and_holds_of_its_plan_and_keeps_them():
    obj = {"metadata": {"generation": 1}, "spec": {"expiresAt": "2026-11-27T02:00:00Z"}}
    pending = approvals.status(obj, "Pending", None, NOW, approvals.plan_facts(REPORT))
    assert pending["about"] == LINES
    assert (pending["holdReasons"], pending["holdsTotal"]) == ("Threshold, Preview", 5)
    assert (pending["totals"]["updated"], pending["totals"]["deleted"]) == (2, 312)
    SyncApprovalStatus.model_validate(pending)
    later = approvals.status(obj | {"status": pending}, "Superseded", None, NOW)
    assert {k: later[k] for k in ("about", "holdReasons", "totals", "holdsTotal")} == approvals.plan_facts(REPORT)
