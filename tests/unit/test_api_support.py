"""What is accepted by the API and refused until it works; and the terms of use."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from rostersync.api.v1alpha1.deliveries import FORMATS, PLACES, Delivery
from rostersync.api.v1alpha1.focusconnection import FocusConnection
from rostersync.api.v1alpha1.storage import Store
from rostersync.api.v1alpha1.support import Supported, not_yet_supported, terms_accepted
from rostersync.execution.supported import supported
from support import example_delivery, example_store

SECRET = {"name": "some-secret"}
WHERE = {"host": "h.example", "secretRef": SECRET, "hostKey": "ssh-ed25519 AAAAAAAA"}
DOMAINS = {
    "compareByDomainsOfUniqueness": True,
    "domainsOfUniqueness": [{"entity": "Student", "attributes": ["email"]}],
}


MASTER = {"entity": "Student", "attributes": ["email"], "source": "ad", "mode": "Master"}


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
        (DOMAINS | {"multipleDataSources": True}, []),
        (DOMAINS | {"multipleDataSources": True, "masterFields": [MASTER]}, []),
        (
            {"store": {"postgres": {"readerSecretRef": SECRET, "writerSecretRef": SECRET}}},
            ["spec.store.postgres"],
        ),
        ({"store": {"embedded": {}}}, []),
        ({"artifacts": {"objectStorage": {"url": "s3://b/p", "secretRef": SECRET}}}, []),
        (
            {
                "deliveries": [
                    {
                        "name": "a",
                        "oneRosterCSV": {},
                        "sftp": WHERE,
                    }
                ]
            },
            ["spec.deliveries[0].oneRosterCSV", "spec.deliveries[0].sftp"],
        ),
        (
            {"schoolsMapping": {"schools": [{"sourcedId": "1"}, {"sourcedId": "2", "target": {"existing": "X"}}]}},
            [],
        ),
    ],
)
def test_fields_that_come_later(spec: dict[str, Any], fields: list[str]) -> None:
    assert not_yet_supported(connection(**spec), Supported(stores=("embedded",), formats=(), places=())) == fields


def test_a_record_is_all_that_a_kind_of_store_needs_to_be_let_through() -> None:
    asked = connection(store=example_store.SPEC)
    with example_store.registered():
        assert not_yet_supported(asked, supported()) == []


def test_a_record_is_all_that_a_kind_of_delivery_needs_to_be_let_through(tmp_path: Path) -> None:
    asked = connection(deliveries=[example_delivery.delivery(tmp_path)])
    with example_delivery.registered():
        assert not_yet_supported(asked, supported()) == []


def test_a_delivery_says_what_and_where_once_each() -> None:
    where = {"directory": {"existingClaim": "out"}}
    found = Delivery.model_validate({"name": "a", "oneRosterCSV": {}} | where)
    assert (found.format, found.place) == ("oneRosterCSV", "directory")
    for wrong in (
        {"name": "a"} | where,
        {"name": "a", "oneRosterCSV": {}},
        {"name": "a", "oneRosterCSV": {}, "basicRoster": {}} | where,
        {"name": "a", "oneRosterCSV": {}, "sftp": WHERE} | where,
    ):
        with pytest.raises(ValidationError, match="must say wh"):
            Delivery.model_validate(wrong)


BUCKET = {"url": "s3://b/a", "secretRef": SECRET}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"sftp": WHERE}, {"sftp": WHERE | {"host": "H.example", "path": "//", "secretRef": {"name": "another"}}}),
        ({"sftp": WHERE | {"path": "/a"}}, {"sftp": WHERE | {"path": "/b/../a/"}}),
        ({"directory": {"existingClaim": "out"}}, {"directory": {"existingClaim": "out", "path": "./"}}),
        ({"objectStorage": BUCKET}, {"objectStorage": BUCKET | {"url": "s3://b/a/", "region": "eu-north-1"}}),
    ],
)
def test_two_deliveries_to_one_folder_are_refused(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Their files have the same names, so that one would take the place of the other."""
    both = [{"name": "a", "oneRosterCSV": {}} | one, {"name": "b", "basicRoster": {}} | other]
    with pytest.raises(ValidationError, match="has deliveries a and b to one folder"):
        connection(deliveries=both)


def test_deliveries_to_folders_of_their_own_are_taken() -> None:
    places: list[dict[str, Any]] = [
        {"sftp": WHERE},
        {"sftp": WHERE | {"path": "/a"}},
        {"sftp": WHERE | {"port": 2222}},
        {"directory": {"existingClaim": "out"}},
        {"directory": {"existingClaim": "out", "path": "a"}},
        {"objectStorage": BUCKET},
        {"objectStorage": BUCKET | {"endpoint": "https://s3.example"}},
    ]
    given = [{"name": f"d{n}", "oneRosterCSV": {}} | place for n, place in enumerate(places)]
    assert len(connection(deliveries=given).spec.deliveries) == len(places)


def test_changes_go_in_a_zip_of_their_own() -> None:
    what = {"name": "a", "oneRosterCSV": {"mode": "Delta", "zip": False}}
    with pytest.raises(ValidationError, match="leave zip out"):
        Delivery.model_validate(what | {"directory": {"existingClaim": "out"}})
    Delivery.model_validate(what | {"objectStorage": {"url": "s3://b/p", "secretRef": SECRET}})  # a folder each


def test_what_the_api_says_of_a_store_is_what_is_so() -> None:
    """A record for a kind goes with its description, and the other way round."""
    later = {name for name, field in Store.model_fields.items() if "Not yet supported" in str(field.description)}
    assert later == Store.model_fields.keys() - supported().stores


def test_what_the_api_says_of_deliveries_is_what_is_so() -> None:
    later = {name for name, field in Delivery.model_fields.items() if "Not yet supported" in str(field.description)}
    assert later == {*FORMATS, *PLACES} - supported().formats - supported().places
