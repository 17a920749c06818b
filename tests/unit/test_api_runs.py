"""SyncRun and SyncApproval: what they refuse, and that their status survives a round trip."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from rostersync.api.explain import problems
from rostersync.api.v1alpha1.syncapproval import SyncApproval
from rostersync.api.v1alpha1.syncrun import SyncRun

RUN = {"connectionRef": {"name": "springfield"}}
APPROVAL: dict[str, Any] = {
    "runRef": {"name": "r1", "uid": "12345678-1234-1234-1234-123456789abc"},
    "connectionRef": {"name": "springfield"},
    "planDigest": "sha256:" + "0" * 64,
    "requestedBy": ["alice"],
    "requireDistinctApprover": True,
    "expiresAt": "2026-12-01T00:00:00Z",
}


def wrong(model: type[BaseModel], spec: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as raised:
        model.model_validate({"metadata": {"name": "r1"}, "spec": spec})
    return [(p.path, p.message) for p in problems(raised.value, model)]


@pytest.mark.parametrize(
    ("model", "spec", "path", "sentence"),
    [
        (SyncRun, {}, "spec.connectionRef", "is required"),
        (SyncRun, RUN | {"mode": "Apply"}, "spec.mode", "must be one of Import, DryRun, Restore"),
        (SyncRun, RUN | {"mode": "Restore"}, "spec", "without restoreOf"),
        (SyncRun, RUN | {"restoreOf": "r0"}, "spec", "only goes with mode: Restore"),
        (SyncRun, RUN | {"everything": True}, "spec", "only goes with mode: Deliver"),
        (SyncRun, RUN | {"cancelled": True}, "spec.cancelled", "did you mean cancel"),
        (SyncRun, {"connectionRef": {"name": "c", "kind": "X"}}, "spec.connectionRef.kind", "must be "),
        (SyncApproval, APPROVAL | {"planDigest": "0" * 64}, "spec.planDigest", "must be sha256:"),
        (SyncApproval, APPROVAL | {"decision": "Approved"}, "spec", "without decidedBy"),
        (SyncApproval, APPROVAL | {"reason": "because"}, "spec", "without decision"),
        (SyncApproval, APPROVAL | {"decision": "Rejected", "decidedBy": "bob"}, "spec", "rejects without reason"),
        (
            SyncApproval,
            APPROVAL | {"decision": "Rejected", "decidedBy": "bob", "reason": " "},
            "spec",
            "without reason",
        ),
        (SyncApproval, APPROVAL | {"decision": "Approved", "decidedBy": "alice"}, "spec", "distinct approver"),
    ],
)
def test_refused(model: type[BaseModel], spec: dict[str, Any], path: str, sentence: str) -> None:
    ((found_path, found_sentence),) = wrong(model, spec)
    assert found_path == path
    assert sentence in found_sentence


def test_a_run_may_leave_its_name_to_the_server() -> None:
    metadata = {"generateName": "springfield-"}
    assert SyncRun.model_validate({"metadata": metadata, "spec": RUN}).metadata.name == ""


def test_a_decision_of_another_person_stands() -> None:
    spec = APPROVAL | {"decision": "Approved", "decidedBy": "bob"}
    assert SyncApproval.model_validate({"metadata": {"name": "a"}, "spec": spec}).spec.decision == "Approved"


def test_status_survives_a_round_trip_and_passes_over_newer_fields() -> None:
    status = {
        "observedGeneration": 1,
        "conditions": [
            {
                "type": "Succeeded",
                "status": "Unknown",
                "reason": "AwaitingApproval",
                "message": "",
                "lastTransitionTime": "2026-12-01T00:00:00Z",
            }
        ],
        "plan": {"digest": APPROVAL["planDigest"], "baseRevision": 3},
        "entities": [
            {
                "entity": "Student",
                "created": 1,
                "updated": 0,
                "deleted": 9,
                "unchanged": 90,
                "skipped": 0,
                "errors": 0,
                "duplicates": 0,
                "deferred": 0,
                "kept": 0,
                "population": 99,
            }
        ],
        "holds": [
            {
                "reason": "Threshold",
                "entity": "Student",
                "change": "Delete",
                "count": 9,
                "population": 99,
                "limit": 5,
                "unit": "Percent",
                "message": "9 of 99",
            }
        ],
        "holdsTotal": 1,
        "issues": [{"code": "Missing", "entity": "Student", "attribute": "email", "class": "Error", "count": 2}],
    }
    run = SyncRun.model_validate({"metadata": {"name": "r1"}, "spec": RUN, "status": status | {"newer": {"a": 1}}})
    assert run.status is not None
    assert run.status.model_dump(mode="json", exclude_unset=True) == status
