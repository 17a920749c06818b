"""Reports as JSON: nothing lost on the way there and back, never more than 4,096 bytes, the worst holds first."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostersync.model import (
    ApplyReport,
    Entity,
    EntityCounts,
    Hold,
    HoldReason,
    IssueCount,
    PlanReport,
    RosterCounts,
    Schools,
)
from rostersync.plan.report import (
    HOLDS,
    LIMIT,
    apply_from_json,
    apply_to_json,
    plan_from_json,
    plan_to_json,
)
from rostersync.plan.worst import ratio, worst

A = "sha256:" + "a" * 64


def hold(count, limit=10, unit="Percent", population=100, entity=Entity.STUDENT, school=None):
    return Hold(HoldReason.THRESHOLD, entity, "Delete", school, count, population, limit, unit)


def changes(entity, *numbers):
    """An entity's counts in the roster: created, updated, deleted, unchanged."""
    made = EntityCounts(entity, *numbers)
    return replace(made, population=made.updated + made.deleted + made.unchanged)


def roster_of(*numbers):
    """What a plan does to a roster that has records of every entity."""
    counts = [changes(e, *numbers) for e in Entity]
    return RosterCounts.of(counts, {"SourceCreated": 3, "Merged": 1}, ("springfield", "ad-accounts"))


def test_what_becomes_of_the_roster_comes_back_equal():
    report = PlanReport("r", "done", A, 4, roster=roster_of(1, 2, 3, 4))

    assert plan_from_json(plan_to_json(report)) == report
    assert report.roster.total == changes(None, 11, 22, 33, 44)


def test_the_roster_stays_whole_while_holds_and_issues_are_cut():
    holds = [hold(n, entity=Entity.ENROLLMENT) for n in range(100, 130)]
    issues = [IssueCount("RequirementFailed", i, "Student", f"a{i}") for i in range(60)]
    counts = [EntityCounts(e, created=123_456, unchanged=654_321, population=654_321) for e in Entity]
    report = PlanReport("r", "done", A, 4, counts, holds, 30, issues, roster=roster_of(1000, 20_000, 300, 400_000))

    read = plan_from_json(plan_to_json(report))

    assert read.roster == report.roster
    assert len(read.holds) >= 8


def test_where_the_roster_has_no_room_its_totals_stay():
    holds = [hold(n, school=f"SCHOOL-{n:04}", entity=Entity.ENROLLMENT) for n in range(100, 130)]
    counts = [EntityCounts(e, *[10**6] * 9) for e in Entity]
    roster = roster_of(*[10**6] * 4)

    read = plan_from_json(plan_to_json(PlanReport("r", "done", A, 4, counts, holds, 30, roster=roster)))

    assert read.roster == RosterCounts(roster.total)
    assert read.holds


def test_a_plan_report_comes_back_equal():
    report = PlanReport(
        "springfield-1",
        "done",
        A,
        4,
        [EntityCounts(Entity.STUDENT, 1, 2, 3, 4, 5, 6, 7, 8, 9), EntityCounts(None, skipped=2)],
        [hold(50)],
        1,
        [IssueCount("Missing", 3, "Student", "email", "Error")],
        Schools(3, 1, 1, 1, ("1002",), ("1003",)),
        ["users"],
        {"Cascade": 3, "SourceMissing": 1},
        {"students": 2, "teachers": 0},
        True,
        False,
        {"reason": "X", "message": "y"},
    )

    assert plan_from_json(plan_to_json(report)) == report


def test_an_apply_report_comes_back_equal():
    report = ApplyReport("r", "done", A, 5, True, True, {"reason": "StoreBusy", "message": "try again"})

    assert apply_from_json(apply_to_json(report)) == report


def test_a_report_of_the_first_stage_has_no_digest():
    assert plan_from_json(plan_to_json(PlanReport("r", "extract"))).digest is None


def test_keys_are_camel_case():
    data = json.loads(plan_to_json(PlanReport("r", "done", A, blast_radius={"students": 1})))

    assert {"baseRevision", "holdsTotal", "noChanges", "outboxPending", "blastRadius", "totals"} <= set(data)


@pytest.mark.parametrize("text", ["", "[]", "null", '{"run"', "{}"])
def test_what_is_no_report_is_refused(text):
    with pytest.raises((ValueError, KeyError)):
        plan_from_json(text)


RATIOS = {
    "percent": (hold(25, 10), 2.5),
    "count": (hold(25, 10, "Count"), 2.5),
    "limit zero is without bound": (hold(25, 0), None),
    "no limit": (Hold(HoldReason.PREVIEW), None),
}


@pytest.mark.parametrize(("held", "expected"), RATIOS.values(), ids=RATIOS)
def test_ratio(held, expected):
    assert ratio(held) == expected


def test_the_worst_holds_come_first_and_at_most_16():
    preview = Hold(HoldReason.PREVIEW)
    holds = [hold(n) for n in range(11, 41)]

    kept = worst([*holds, preview], HOLDS)

    assert kept == [preview, *(hold(n) for n in range(40, 25, -1))]
    assert worst([preview, *reversed(holds)], HOLDS) == kept


def test_long_reports_lose_issues_before_holds_and_never_totals():
    holds = [hold(n, school=f"SCHOOL-{n:04}", entity=Entity.ENROLLMENT) for n in range(100, 130)]
    issues = [IssueCount("RequirementFailed", i, "Student", f"a{i}") for i in range(60)]
    report = PlanReport("r", "done", A, 4, [EntityCounts(e, *[10**6] * 9) for e in Entity], holds, 30, issues)

    text = plan_to_json(report)
    read = plan_from_json(text)

    assert len(text.encode()) <= LIMIT
    assert (read.digest, read.holds_total, read.entities) == (A, 30, report.entities)
    assert json.loads(text)["totals"]["deleted"] == 11 * 10**6
    assert read.holds == worst(holds, len(read.holds))
    assert read.holds
    assert read.issues == []


def test_a_long_error_text_is_cut():
    text = plan_to_json(PlanReport("r" * 100, "extract", error={"reason": "X", "message": "é" * 5000}))

    assert len(text.encode()) <= LIMIT
    assert plan_from_json(text).error["message"].startswith("ééé")


names = st.text(min_size=1, max_size=100)
counts = st.integers(0, 10**9)
entity_counts = st.builds(EntityCounts, st.sampled_from(Entity), *[counts] * 9)
holds = st.builds(
    Hold,
    st.sampled_from(HoldReason),
    st.sampled_from(Entity),
    st.sampled_from(["Create", "Any"]),
    names,
    counts,
    counts,
    counts,
    st.sampled_from(["Percent", "Count"]),
)
reports = st.builds(
    PlanReport,
    names,
    st.just("done"),
    st.just(A),
    counts,
    st.lists(entity_counts, max_size=12, unique_by=lambda e: e.entity),
    st.lists(holds, max_size=40),
    counts,
    schools=st.builds(Schools, counts, counts, counts, counts, st.lists(names, max_size=20).map(tuple)),
    roster=st.none()
    | st.builds(
        RosterCounts.of,
        st.lists(st.builds(changes, st.sampled_from(Entity), *[counts] * 4), max_size=11, unique_by=lambda e: e.entity),
        st.dictionaries(names, counts, max_size=12),
        st.lists(names, max_size=12).map(tuple),
    ),
    error=st.none() | st.fixed_dictionaries({"reason": st.just("X"), "message": st.text(max_size=2000)}),
)


@settings(max_examples=60, deadline=None)
@given(reports)
def test_any_report_fits_and_keeps_what_counts(report):
    text = plan_to_json(report)
    read = plan_from_json(text)

    assert len(text.encode()) <= LIMIT
    assert (read.digest, read.holds_total, read.base_revision) == (A, report.holds_total, report.base_revision)
    assert read.entities == report.entities
    assert (read.roster and read.roster.total) == (report.roster and report.roster.total)
    assert read.holds == worst(report.holds, len(read.holds))
