"""A plan's report is the same once it is only remembered by the run's status."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostersync.api.v1alpha1.syncrun import SyncRunStatus
from rostersync.lifecycle.recorded import of_plan, plan_report
from rostersync.model import (
    Cause,
    Entity,
    EntityCounts,
    Hold,
    HoldReason,
    IssueCount,
    PlanReport,
    RosterCounts,
    Schools,
)
from rostersync.plan.report import LIMIT, plan_from_json, plan_to_json
from support.example_kind import registered

COUNT = st.integers(0, 10_000_000)
CODE = st.sampled_from(["Missing", "DanglingReference", "UnknownRole"])
IDS = st.lists(st.text("0123456789abcäß-", min_size=1, max_size=8), max_size=20).map(tuple)
OPTIONAL = st.none() | COUNT
HOLDS = st.builds(
    Hold,
    st.sampled_from(HoldReason),
    st.none() | st.sampled_from(Entity),
    st.sampled_from([None, "Create", "Update", "Delete", "Any"]),
    st.none() | st.text("0123456789", min_size=1),
    OPTIONAL,
    OPTIONAL,
    OPTIONAL,
    st.sampled_from([None, "Percent", "Count"]),
)
ISSUES = st.builds(
    IssueCount,
    CODE,
    COUNT,
    st.none() | st.sampled_from([e.value for e in Entity]),
    st.none() | st.just("email"),
    st.sampled_from([None, "Error", "Skipped", "Duplicate"]),
)
OF_ROSTER = st.builds(EntityCounts, st.sampled_from(Entity), *[COUNT] * 4, population=COUNT)
ROSTERS = st.builds(
    RosterCounts.of,
    st.lists(OF_ROSTER, max_size=11, unique_by=lambda e: e.entity),
    st.dictionaries(st.sampled_from([c.value for c in Cause]), COUNT),
    st.lists(st.sampled_from(["springfield", "ad-accounts", "ic-campus"]), unique=True),
)
REPORTS = st.builds(
    PlanReport,
    run=st.just("r"),
    stage=st.just("done"),
    digest=st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:{}".format),
    base_revision=COUNT,
    entities=st.lists(
        st.builds(EntityCounts, st.none() | st.sampled_from(Entity), *[COUNT] * 9),
        max_size=12,
        unique_by=lambda e: e.entity,
    ),
    holds=st.lists(HOLDS, max_size=16),
    holds_total=COUNT,
    issues=st.lists(ISSUES, max_size=20),
    schools=st.builds(Schools, COUNT, COUNT, COUNT, COUNT, IDS, IDS),
    incomplete=st.lists(st.sampled_from(["orgs", "users", "classes"]), unique=True),
    causes=st.dictionaries(st.sampled_from([c.value for c in Cause]), COUNT),
    blast_radius=st.just({}) | st.fixed_dictionaries({"students": st.integers(1, 9), "teachers": COUNT}),
    still_there=st.dictionaries(st.sampled_from(["users", "enrollments"]), st.integers(1, 25)),
    roster=st.none() | ROSTERS,
    previous_connection=st.sampled_from(["", "north", "exampleconnection/north"]),
    outbox_pending=st.booleans(),
    no_changes=st.booleans(),
)


@settings(max_examples=40)
@given(REPORTS)
def test_a_report_is_the_same_after_its_status(report):
    assert plan_report(of_plan(report), "r") == report


@settings(max_examples=40)
@given(REPORTS)
def test_a_report_is_the_same_when_the_status_has_sentences(report):
    assert plan_report(of_plan(report, lambda hold: f"{hold.count} of {hold.population}"), "r") == report


@settings(max_examples=40)
@given(REPORTS)
def test_a_report_is_the_same_after_the_api_server_has_had_it(report):
    held = SyncRunStatus.model_validate(of_plan(report)).model_dump(mode="json", exclude_unset=True)

    assert plan_report(held, "r") == report


@settings(max_examples=40)
@given(REPORTS)
def test_what_a_job_writes_is_what_a_status_remembers(report):
    text = plan_to_json(report)
    told = plan_from_json(text)

    assert len(text.encode()) <= LIMIT
    assert plan_report(of_plan(told), "r") == told
    assert (told.digest, told.holds_total, told.entities) == (report.digest, report.holds_total, report.entities)


@pytest.mark.parametrize(
    ("key", "named"),
    [
        ("north", {"name": "north"}),
        ("exampleconnection/north", {"kind": "ExampleConnection", "name": "north"}),
    ],
)
def test_the_connection_before_is_named_with_its_kind_where_that_is_not_the_default(key, named):
    with registered():
        report = PlanReport("r", "done", "sha256:1", previous_connection=key)
        assert of_plan(report)["plan"]["previousConnection"] == named


@pytest.mark.parametrize("status", [{}, {"plan": {}}, {"stage": "extract"}, {"plan": None}], ids=str)
def test_a_status_without_a_plan_has_no_report(status):
    assert plan_report(status, "r") is None


def test_a_plan_that_is_not_frozen_leaves_its_stage_only():
    report = PlanReport("r", "extract")

    assert of_plan(report) == {"stage": "extract"}
    assert plan_report(of_plan(replace(report, stage="done")), "r") is None
