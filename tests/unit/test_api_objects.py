"""Types of what is read: each of their fields is one that the API has."""

from typing import get_type_hints

import pytest

from rostersync.api import objects
from rostersync.api.v1alpha1 import connection, meta, report, syncrun

MODELS = {
    objects.Condition: meta.Condition,
    objects.PlanStatus: syncrun.PlanStatus,
    objects.ApprovalStatus: syncrun.ApprovalStatus,
    objects.RunStatus: syncrun.SyncRunStatus,
    objects.ConnectionStatus: connection.ConnectionStatus,
    objects.HoldStatus: report.HoldStatus,
    objects.CauseCount: report.CauseCount,
    objects.IssueCount: report.IssueCount,
    objects.Schools: report.SchoolsStatus,
}


@pytest.mark.parametrize(("read", "model"), MODELS.items(), ids=lambda t: t.__name__)
def test_what_is_read_is_a_field_of_the_api(read, model):
    written = {field.alias or name for name, field in model.model_fields.items()}
    assert set(get_type_hints(read)) <= written


def test_a_status_may_be_absent():
    assert objects.run_status({}) == objects.connection_status({"status": None}) == {}
    assert objects.condition({}, "Ready") is None
