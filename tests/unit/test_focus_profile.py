"""What a FocusConnection's Delivery Config means to the OneRoster client."""

import hashlib
from dataclasses import replace
from typing import Any

from rostersync.api.v1alpha1.focusconnection import FocusConnection
from rostersync.sources.focus import FOCUS
from rostersync.sources.oneroster.client import OneRoster
from rostersync.sources.oneroster.endpoint import Patience, ServiceEndpoint
from rostersync.sources.oneroster.profile import service_endpoint
from rostersync.sources.port import Credentials
from rostersync.sources.profile import Login
from rostersync.sources.registry import open_source

URL = "https://springfield.focusschoolsoftware.com/focus/api/1.0/ims/oneroster/v1p1"
WHERE = "Secret rosters/focus-credentials, keys clientID and clientSecret"
LOGIN = Login({"clientID": "a", "clientSecret": "hunter2"}, WHERE)


def connection(**config: Any) -> FocusConnection:
    return FocusConnection.model_validate(
        {
            "apiVersion": "rostersync.dev/v1alpha1",
            "kind": "FocusConnection",
            "metadata": {"name": "springfield", "namespace": "rosters"},
            "spec": {
                "termsOfUse": {"accepted": True},
                "deliveryConfig": {"serviceURL": URL, "credentialsSecretRef": {"name": "focus-credentials"}, **config},
            },
        }
    )


def dateless(fcon: FocusConnection, ca_bundle: str | None, patience: Patience | None = None) -> ServiceEndpoint:
    return replace(service_endpoint(FOCUS, fcon, LOGIN, ca_bundle, patience), today="")


def test_the_smallest_connection_gets_focus_defaults() -> None:
    assert dateless(connection(), None) == ServiceEndpoint(
        service_url=URL,
        authentication_url=URL + "/token",
        name="Focus",
        rights="Setup > Third Party Systems",
        secret_name="rosters/focus-credentials",
        credentials=WHERE,
    )


def test_a_slash_at_the_end_of_the_service_url_is_not_doubled() -> None:
    found = service_endpoint(FOCUS, connection(serviceURL=URL + "/"), LOGIN, None)

    assert found.authentication_url == URL + "/token"


def test_the_client_is_told_from_others_by_its_id_alone() -> None:
    """As stores remember it: another secret is no other client."""
    other = Login({"clientID": "a", "clientSecret": "changed"}, WHERE)

    assert FOCUS.client_hash(LOGIN) == FOCUS.client_hash(other) == hashlib.sha256(b"a").hexdigest()
    assert FOCUS.client_hash(Login({"clientID": "b", "clientSecret": "hunter2"}, WHERE)) != FOCUS.client_hash(LOGIN)


def test_every_field_is_carried_over() -> None:
    config = {
        "authenticationURL": "https://sis.example/oauth/token?appName=x",
        "version": "1.2",
        "scope": "*",
        "pageSize": 250,
        "maxConcurrentRequests": 2,
        "requestsPerSecond": 20,
        "timeoutSeconds": 30,
    }

    assert dateless(connection(**config), "PEM", Patience(attempts=2)) == ServiceEndpoint(
        service_url=URL,
        authentication_url="https://sis.example/oauth/token?appName=x",
        version="1.2",
        scope="*",
        page_size=250,
        max_concurrent_requests=2,
        requests_per_second=20,
        timeout_seconds=30,
        ca_bundle="PEM",
        name="Focus",
        rights="Setup > Third Party Systems",
        secret_name="rosters/focus-credentials",
        credentials=WHERE,
        patience=Patience(attempts=2),
    )


def test_oauth1_and_plain_http_are_carried_over() -> None:
    config = {
        "serviceURL": "http://sis.example/v1p1",
        "insecureHTTP": True,
        "authentication": "OAuth1",
        "signatureMethod": "HMAC-SHA1",
    }

    found = service_endpoint(FOCUS, connection(**config), LOGIN, None, Patience())

    assert (found.authentication, found.signature_method, found.insecure_http) == ("OAuth1", "HMAC-SHA1", True)


def test_the_registry_opens_a_focus_connection_without_sending_anything() -> None:
    source = open_source(connection(version="1.2"), LOGIN)
    source.close()

    assert isinstance(source, OneRoster)
    assert source.version == "1.2"


def test_credentials_are_never_printed() -> None:
    assert "b" not in repr(Credentials("a-client", "b")).replace("Credentials", "")
    assert "hunter2" not in repr(LOGIN)
