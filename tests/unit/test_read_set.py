"""What an extract reads: the collections that are needed, and only the keys of metadata that a rule names."""

import pytest

from rostersync.api.v1alpha1.focusconnection import FocusConnection, FocusConnectionSpec
from rostersync.reading.read_set import collections, metadata_to_read

SMALLEST = {
    "termsOfUse": {"accepted": True},
    "deliveryConfig": {"serviceURL": "https://focus.example.org/x", "credentialsSecretRef": {"name": "s"}},
}
NO_DEMOGRAPHICS = ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")

COLLECTIONS = {
    "the default leaves out demographics": ({}, NO_DEMOGRAPHICS),
    "demographics when they are listed": (
        {"entities": ["School", "Student", "Demographics"]},
        ("orgs", "classes", "users", "enrollments", "demographics"),
    ),
    "what no import can do without": ({"entities": ["School"]}, ("orgs", "classes", "users", "enrollments")),
}


@pytest.mark.parametrize(("spec", "expected"), COLLECTIONS.values(), ids=COLLECTIONS)
def test_collections(spec, expected):
    made = {"metadata": {"name": "springfield"}, "spec": SMALLEST | spec}
    assert collections(FocusConnection.model_validate(made)) == expected


KEYS = {
    "none by default": ({}, {}),
    "a mapping's source": (
        {"attributesMapping": [{"entity": "Student", "attribute": "identifier", "from": "metadata.stateID"}]},
        {"users": {"stateID"}},
    ),
    "every piece of a template": (
        {
            "attributesMapping": [
                {"entity": "Class", "attribute": "title", "template": "{metadata.room} {title} {metadata.wing}"},
            ]
        },
        {"classes": {"room", "wing"}},
    ),
    "an attribute that is required": (
        {"dataRequirements": [{"entity": "Student", "attribute": "metadata.homeroom", "action": "Error"}]},
        {"users": {"homeroom"}},
    ),
    "an attribute that is filtered by": (
        {
            "filterRules": [
                {"entity": "Course", "conditions": [{"attribute": "metadata.kind", "condition": "IsNotEmpty"}]}
            ]
        },
        {"courses": {"kind"}},
    ),
    "an attribute of a domain": (
        {
            "compareByDomainsOfUniqueness": True,
            "domainsOfUniqueness": [{"entity": "Teacher", "attributes": ["metadata.badge"]}],
        },
        {"users": {"badge"}},
    ),
}


@pytest.mark.parametrize(("spec", "expected"), KEYS.values(), ids=KEYS)
def test_metadata_to_read(spec, expected):
    assert metadata_to_read(FocusConnectionSpec.model_validate(SMALLEST | spec)) == expected
