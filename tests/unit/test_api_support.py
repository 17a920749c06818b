"""What is accepted by the API and refused until it works; and the terms of use."""

from typing import Any

import pytest

from rostersync.api.v1alpha1.focusconnection import FocusConnection
from rostersync.api.v1alpha1.support import not_yet_supported, run_not_yet_supported, terms_accepted
from rostersync.api.v1alpha1.syncrun import SyncRun

SECRET = {"name": "some-secret"}
DOMAINS = {
    "compareByDomainsOfUniqueness": True,
    "domainsOfUniqueness": [{"entity": "Student", "attributes": ["email"]}],
}


def connection(accepted: bool = True, **spec: Any) -> FocusConnection:
    config = {"serviceURL": "https://focus.example/v1p1", "credentialsSecretRef": {"name": "focus"}}
    base: dict[str, Any] = {"termsOfUse": {"accepted": accepted}, "deliveryConfig": config}
    return FocusConnection.model_validate({"metadata": {"name": "springfield"}, "spec": base | spec})


@pytest.mark.parametrize("accepted", [True, False])
def test_terms_that_are_not_accepted_parse_and_are_seen(accepted: bool) -> None:
    assert terms_accepted(connection(accepted)) is accepted


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        ({}, []),
        ({"multipleDataSources": False}, []),
        (DOMAINS | {"multipleDataSources": True}, ["spec.multipleDataSources"]),
        (
            {"masterFields": [{"entity": "Student", "attributes": ["email"], "source": "ad", "mode": "Master"}]},
            ["spec.masterFields"],
        ),
        (
            {"store": {"postgres": {"readerSecretRef": SECRET, "writerSecretRef": SECRET}}},
            ["spec.store.postgres"],
        ),
        ({"store": {"embedded": {}}}, []),
        ({"artifacts": {"objectStorage": {"url": "s3://b/p", "secretRef": SECRET}}}, ["spec.artifacts.objectStorage"]),
        (
            {
                "deliveries": [
                    {
                        "name": "a",
                        "oneRosterCSV": {},
                        "sftp": {"host": "h.example", "secretRef": SECRET, "hostKey": "ssh-ed25519 AAAAAAAA"},
                    }
                ]
            },
            ["spec.deliveries"],
        ),
        (
            {"schoolsMapping": {"schools": [{"sourcedId": "1"}, {"sourcedId": "2", "target": {"existing": "X"}}]}},
            ["spec.schoolsMapping.schools[1].target.existing"],
        ),
    ],
)
def test_fields_that_come_later(spec: dict[str, Any], fields: list[str]) -> None:
    assert not_yet_supported(connection(**spec)) == fields


@pytest.mark.parametrize(
    ("spec", "fields"),
    [
        ({}, []),
        ({"mode": "DryRun"}, []),
        ({"mode": "Restore", "restoreOf": "r1"}, ["spec.mode: Restore"]),
        ({"schools": ["1"]}, ["spec.schools"]),
    ],
)
def test_runs_that_come_later(spec: dict[str, Any], fields: list[str]) -> None:
    run = SyncRun.model_validate({"metadata": {"name": "r"}, "spec": {"connectionRef": {"name": "c"}} | spec})
    assert run_not_yet_supported(run) == fields
