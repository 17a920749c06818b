"""What goes wrong before a page is read: each error says what was tried, where, what came back and what to do."""

import socket
import ssl

import pytest
import trustme

from rostersync.errors import Permanent, Retryable
from rostersync.sources.oneroster.endpoint import ServiceEndpoint
from support.quirky import Quirky, Reply, source


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def test_a_certificate_that_is_not_trusted_names_the_ca_bundle(certificate: ssl.SSLContext) -> None:
    with (
        Quirky({"orgs": []}, certificate=certificate) as server,
        source(server) as client,
        pytest.raises(Permanent, match=r"deliveryConfig\.caBundleRef") as error,
    ):
        client.check()

    assert error.value.reason == "CertificateNotTrusted"
    assert server.requests == []


def test_a_ca_bundle_makes_its_certificates_trusted(certificate: ssl.SSLContext, authority: trustme.CA) -> None:
    bundle = authority.cert_pem.bytes().decode()
    with Quirky({"orgs": []}, certificate=certificate) as server, source(server, ca_bundle=bundle) as client:
        assert client.pull("orgs", frozenset(), lambda page: None).offered


def test_another_ca_bundle_does_not(certificate: ssl.SSLContext) -> None:
    bundle = trustme.CA().cert_pem.bytes().decode()
    with (
        Quirky({"orgs": []}, certificate=certificate) as server,
        source(server, ca_bundle=bundle) as client,
        pytest.raises(Permanent) as error,
    ):
        client.check()

    assert error.value.reason == "CertificateNotTrusted"


def test_a_ca_bundle_that_is_none_is_said_at_once() -> None:
    with Quirky() as server, pytest.raises(Permanent, match="BEGIN CERTIFICATE"), source(server, ca_bundle="oops"):
        pass


def test_a_refused_connection_may_pass() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://localhost:{listening.getsockname()[1]}/v1p1"
        with (
            Quirky() as server,
            source(server, service_url=url, authentication_url=url + "/token") as client,
            pytest.raises(Retryable, match="refused") as error,
        ):
            client.check()

    assert error.value.reason == "Unreachable"
    assert url in str(error.value)


def test_a_name_that_is_not_known_may_pass() -> None:
    url = "http://sis.invalid/v1p1"
    with (
        Quirky() as server,
        source(server, service_url=url, authentication_url=url + "/token") as client,
        pytest.raises(Retryable) as error,
    ):
        client.check()

    assert error.value.reason == "Unreachable"


@pytest.mark.parametrize("collection", ["orgs", "users", "classes", "enrollments"])
@pytest.mark.parametrize("status", [403, 404])
def test_a_required_collection_that_is_not_offered_is_permanent(collection: str, status: int) -> None:
    with (
        Quirky(answer=lambda r: Reply({"imsx_description": "Mary Archer"}, status)) as server,
        source(server) as client,
        pytest.raises(Permanent, match=f"{collection} \\({status}\\)") as error,
    ):
        client.pull(collection, frozenset(), lambda page: None)

    assert error.value.reason == "CollectionNotOffered"
    assert "Archer" not in str(error.value)


@pytest.mark.parametrize("collection", ["academicSessions", "courses", "demographics"])
def test_another_collection_that_is_not_offered_is_only_not_there(collection: str) -> None:
    with Quirky() as server, source(server) as client:
        assert not client.pull(collection, frozenset(), lambda page: None).offered


@pytest.mark.parametrize("field", ["service_url", "authentication_url"])
@pytest.mark.parametrize(
    "url",
    [
        "https://[::1/x",
        "https://[zz]/x",
        "https://x:99999/",
        "https://x:a/",
        "https://℀.example/",
        "x",
        "ftp://x/",
        "https:///x",
    ],
)
def test_an_address_that_is_none_is_said_at_once(field: str, url: str) -> None:
    urls = {"service_url": "https://sis.example/v1p1", "authentication_url": "https://sis.example/token"}

    with pytest.raises(Permanent, match="is not a web address") as error:
        ServiceEndpoint(**(urls | {field: url}))

    assert error.value.reason == "InvalidSpec"


@pytest.mark.parametrize("field", ["service_url", "authentication_url"])
def test_plain_http_is_refused_unless_it_is_allowed(field: str) -> None:
    urls = {"service_url": "https://sis.example/v1p1", "authentication_url": "https://sis.example/token"}

    with pytest.raises(Permanent, match=r"deliveryConfig\.insecureHTTP: true") as error:
        ServiceEndpoint(**(urls | {field: "http://sis.example/v1p1"}))

    assert error.value.reason == "InsecureHTTP"


def test_errors_show_no_query_and_no_user_of_an_address() -> None:
    with (
        Quirky(token=lambda r: Reply({}, 401)) as server,
        source(server, authentication_url=server.url.replace("//", "//me:pw@") + "/token?appName=x") as client,
        pytest.raises(Permanent) as error,
    ):
        client.check()

    assert f"at {server.url}/token;" in str(error.value)
