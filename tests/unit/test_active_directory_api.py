"""What an ActiveDirectoryConnection refuses, before anything is contacted."""

from typing import Any

import pytest
from pydantic import ValidationError

from rostersync.api.v1alpha1.activedirectoryconnection import ActiveDirectoryConnection
from rostersync.api.v1alpha1.support import not_yet_supported
from rostersync.execution.supported import supported
from rostersync.plan.effective import config_hash, effective_config
from rostersync.sources.registry import profile_of

MISSING = {"entity": "Class", "attribute": "title", "action": "Skip"}
RULE = {"entity": "Student", "groups": ["Pupils"]}
CONFIG = {
    "url": "ldaps://dc1.example",
    "credentialsSecretRef": {"name": "s"},
    "baseDNs": ["DC=ad,DC=example"],
    "entities": [RULE],
}


def made(delivery: dict[str, Any] | None = None, **spec: Any) -> ActiveDirectoryConnection:
    config = {key: value for key, value in {**CONFIG, **(delivery or {})}.items() if value is not None}
    whole = {"termsOfUse": {"accepted": True}, "deliveryConfig": config, **spec}
    return ActiveDirectoryConnection.model_validate({"metadata": {"name": "springfield"}, "spec": whole})


@pytest.mark.parametrize(
    ("delivery", "words"),
    [
        ({"url": "ldap://dc1.example"}, "plain LDAP is refused"),
        ({"startTLS": True}, "startTLS only goes with ldap://"),
        ({"url": "https://dc1.example"}, "must be a URL that begins with ldaps:// or ldap://"),
        ({"url": "ldaps://bind:secret@dc1.example"}, "must not hold a user or password"),
        ({"url": "ldaps://dc1.example/DC=ad"}, "must end after host and port"),
        ({"url": "ldaps://dc1.example:0"}, "must be a URL"),
        ({"baseDNs": []}, "at least 1 item"),
        ({"baseDNs": ["Students"]}, "should match pattern"),
        ({"baseDNs": ["DC=a,DC=b", "dc=A,dc=B"]}, "names DC=a,DC=b twice"),
        ({"entities": []}, "at least 1 item"),
        ({"entities": [{"entity": "Student"}]}, "needs groups or organizationalUnits"),
        ({"entities": [RULE | {"entity": "Class"}]}, "Input should be 'Student'"),
        ({"entities": [RULE | {"organizationalUnits": ["Pupils"]}]}, "should match pattern"),
        ({"filter": "(a=b)(c=d)"}, "must be one LDAP filter in parentheses"),
        ({"filter": "a=b"}, "must be one LDAP filter in parentheses"),
        ({"filter": "((a=b)"}, "must be one LDAP filter in parentheses"),
        ({"filter": "(a=b))"}, "must be one LDAP filter in parentheses"),
        ({"attributes": {"email": "mail;binary"}}, "should match pattern"),
        ({"attributes": {"password": "userPassword"}}, "not permitted"),
        ({"credentialsSecretRef": None}, "required"),
        ({"unmatched": "Drop"}, "Input should be 'HoldBack' or 'Create'"),
    ],
)
def test_a_delivery_config_that_cannot_work(delivery: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        made(delivery)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"schoolsMapping": {"mode": "Auto"}}, "a directory has no schools to map"),
        ({"entities": ["School", "Student", "Class"]}, "names Class, but a directory only has"),
        ({"entities": ["Student"]}, "must include School"),
        ({"dataRequirements": [MISSING]}, "entry [0] is about Class, which entities does not list"),
    ],
)
def test_what_a_directory_does_not_have(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        made(**spec)
    assert words in str(caught.value)


def test_ways_to_encrypt() -> None:
    for delivery in ({}, {"url": "ldap://a", "startTLS": True}, {"url": "ldap://a", "insecureLDAP": True}):
        assert made(delivery).spec.deliveryConfig.creates is False


def test_a_directory_may_bring_people_or_only_add_to_them() -> None:
    assert not_yet_supported(made(), supported()) == []
    assert not_yet_supported(made({"unmatched": "Create"}), supported()) == []


def test_who_is_read_shapes_data_and_where_it_is_does_not() -> None:
    def hashed(**delivery: Any) -> str:
        return config_hash(effective_config(made(delivery).spec))

    assert hashed() == hashed(
        url="ldaps://dc2.example", credentialsSecretRef={"name": "t"}, pageSize=5, timeoutSeconds=5
    )
    assert hashed() == hashed(baseDNs=["dc=AD,dc=example"], entities=[RULE | {"groups": ["PUPILS"]}])
    others: list[dict[str, Any]] = [
        {"filter": "(objectClass=user)"},
        {"baseDNs": ["DC=b,DC=example"]},
        {"entities": [RULE | {"entity": "Teacher"}]},
        {"attributes": {"email": "userPrincipalName"}},
        {"organization": {"name": "North"}},
    ]
    assert len({hashed(), *(hashed(**other) for other in others)}) == 6


def test_what_the_rest_knows_of_it() -> None:
    connection = made({"url": "ldaps://DC1.example:3269"})
    profile = profile_of(connection)
    endpoint = profile.endpoint(connection)
    assert (endpoint.host, endpoint.version, endpoint.secret) == ("dc1.example", "LDAPv3", "s")
    assert profile.source_id(connection) == "ad-springfield"
