"""Which parts of a connection make its plans, and which only judge or time them."""

from typing import Any

import pytest

from rostersync.api.v1alpha1.focusconnection import FocusConnectionSpec
from rostersync.plan.effective import config_hash, effective_config
from support.days import spec


def hashed(**fields: Any) -> str:
    return config_hash(effective_config(FocusConnectionSpec.model_validate(spec(**fields))))


EMAIL = {"entity": "Student", "attribute": "username", "from": "email"}
TITLE = {"entity": "Class", "attribute": "title", "from": "classCode"}
ACTIVE = {"entity": "Student", "conditions": [{"attribute": "email", "condition": "IsNotEmpty"}]}
NINTH = {"entity": "Student", "conditions": [{"attribute": "grades", "condition": "In", "values": ["09"]}]}
MISSING = {"entity": "Student", "attribute": "email", "action": "Skip"}
DEFAULT = {"entity": "Student", "attribute": "email", "action": "Default", "default": "none@x.example"}
UNIQUE = {"entity": "Student", "attributes": ["email"]}
NAMES = {"entity": "Teacher", "attributes": ["email"]}


@pytest.mark.parametrize(
    "shaping",
    [
        {"sisIDPrefix": "FOC-"},
        {"entities": ["School", "Student"]},
        {"timeZone": "America/New_York"},
        {"bulkUploadMode": True},
        {"schoolsMapping": {"mode": "Selected", "schools": [{"sourcedId": "1"}]}},
        {"schoolsMapping": {"schools": [{"sourcedId": "1", "target": {"id": "WHS"}}]}},
        {"schoolsMapping": {"exclude": ["1"]}},
        {"attributesMapping": [EMAIL]},
        {"dataRequirements": [MISSING]},
        {"filterRules": [ACTIVE]},
        {"compareByDomainsOfUniqueness": True, "domainsOfUniqueness": [UNIQUE]},
    ],
    ids=lambda f: next(iter(f)),
)
def test_what_shapes_data_changes_the_configuration(shaping: dict[str, Any]) -> None:
    assert hashed(**shaping) != hashed()


@pytest.mark.parametrize(
    "other",
    [
        {"schedule": {"cron": "30 2 * * *"}},
        {"dataRollover": {"disableDeletion": [{"start": "2026-07-01", "end": "2026-08-01"}]}},
        {"dataRollover": {"suspendImport": [{"start": "2026-07-01", "end": "2026-08-01"}]}},
        {"jobTemplate": {"labels": {"a": "b"}}},
        {"history": {"runs": {"successful": 3}}},
        {"previewDataUpload": True},
        {"syncHoldThreshold": {"rules": [{"entity": "*", "change": "Any", "count": 1}]}},
        {"approval": {"expiresAfter": "1h"}},
        {"onIncompleteRead": "Fail"},
        {"suspend": True},
        {"runOn": ["SpecChange"]},
        {"deliveryConfig": {"pageSize": 17}},
        {"termsOfUse": {"accepted": True, "version": "2"}},
    ],
    ids=lambda f: next(iter(f)),
)
def test_what_only_judges_or_times_a_plan_does_not(other: dict[str, Any]) -> None:
    assert hashed(**other) == hashed()


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ({"attributesMapping": [EMAIL, TITLE]}, {"attributesMapping": [TITLE, EMAIL]}),
        ({"filterRules": [ACTIVE, NINTH]}, {"filterRules": [NINTH, ACTIVE]}),
        ({"entities": ["School", "Student", "Class"]}, {"entities": ["Class", "Student", "School"]}),
        ({"schoolsMapping": {"exclude": ["1", "2"]}}, {"schoolsMapping": {"exclude": ["2", "1"]}}),
        (
            {"schoolsMapping": {"mode": "Selected", "schools": [{"sourcedId": "1"}, {"sourcedId": "2"}]}},
            {"schoolsMapping": {"mode": "Selected", "schools": [{"sourcedId": "2"}, {"sourcedId": "1"}]}},
        ),
        (
            {"compareByDomainsOfUniqueness": True, "domainsOfUniqueness": [UNIQUE, NAMES]},
            {"compareByDomainsOfUniqueness": True, "domainsOfUniqueness": [NAMES, UNIQUE]},
        ),
        ({"timeZone": "UTC", "bulkUploadMode": False, "sisIDPrefix": ""}, {}),
    ],
)
def test_order_that_means_nothing_and_defaults_written_out_are_no_difference(
    one: dict[str, Any], same: dict[str, Any]
) -> None:
    assert hashed(**one) == hashed(**same)


def test_the_order_of_data_requirements_and_of_transforms_means_something() -> None:
    assert hashed(dataRequirements=[MISSING, DEFAULT]) != hashed(dataRequirements=[DEFAULT, MISSING])
    lower, before = {**EMAIL, "transforms": ["Lower", "Before@"]}, {**EMAIL, "transforms": ["Before@", "Lower"]}
    assert hashed(attributesMapping=[lower]) != hashed(attributesMapping=[before])


def test_the_hash_is_64_hexadecimal_digits_of_canonical_json() -> None:
    assert config_hash({"b": 1, "a": "é"}) == config_hash({"a": "é", "b": 1})
    assert len(hashed()) == 64
