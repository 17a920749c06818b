"""A directory that refuses, breaks, moves, or is not one: each a sentence with place and remedy, and nothing half done."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ldap
import pytest
import trustme

from rostersync.errors import Permanent, Retryable
from rostersync.sources.active_directory import failures
from rostersync.sources.active_directory.client import ActiveDirectory
from rostersync.sources.network import Network
from rostersync.sources.port import Page, Source
from support.cli import reason_of
from support.directory import PUPILS, SPRINGFIELD
from support.directory_desk import Desk, opened, people
from support.samba import BASE, Server, samba, shared


@pytest.fixture(scope="module")
def server() -> Server:
    return shared(SPRINGFIELD)


@pytest.fixture
def own() -> Iterator[Server]:
    """One that a test may change or kill."""
    with samba(SPRINGFIELD) as made:
        yield made


def refusal(source: Source, kind: type[Permanent] | type[Retryable] = Permanent) -> Permanent | Retryable:
    with pytest.raises(kind) as caught:
        people(source)
    return caught.value


STUDENT = {"entity": "Student"}


@pytest.mark.parametrize(
    ("delivery", "reason", "words"),
    [
        (
            {"baseDNs": ["DC=elsewhere,DC=example"]},
            "NotFound",
            "deliveryConfig.baseDNs[0] (DC=elsewhere,DC=example) does",
        ),
        ({"baseDNs": [BASE, f"OU=Gone,{BASE}"]}, "NotFound", "deliveryConfig.baseDNs[1] (OU=Gone,"),
        ({"baseDNs": ["a=b=c,,"]}, "NotFound", "deliveryConfig.baseDNs[0] (a=b=c,,) does not exist there"),
        ({"entities": [STUDENT | {"groups": ["Nobody"]}]}, "NotFound", "entities[0].groups[0] (Nobody) does not exist"),
        ({"entities": [STUDENT | {"groups": [f"CN=x,{BASE}"]}]}, "NotFound", "entities[0].groups[0] (CN=x,"),
        ({"entities": [STUDENT | {"groups": [PUPILS[0].dn]}]}, "NotFound", "is not what it should be"),
        (
            {"entities": [STUDENT | {"organizationalUnits": [f"OU=x,{BASE}"]}]},
            "NotFound",
            "organizationalUnits[0] (OU=x,",
        ),
        ({"filter": "(&(objectClass=user)mail=x)"}, "InvalidSpec", "deliveryConfig.filter is no LDAP filter"),
    ],
)
def test_what_is_not_there_is_named(server: Server, delivery: dict[str, Any], reason: str, words: str) -> None:
    error = refusal(opened(server, **delivery))
    assert error.reason == reason
    assert words in str(error)
    assert server.url() in str(error)


def test_a_refused_bind_says_why(server: Server) -> None:
    error = refusal(opened(server, {"password": "wrong"}))
    assert error.reason == "CredentialsRefused"
    assert str(error) == (
        f"Active Directory refused the bind at {server.url()}: the account or the password is wrong; check Secret "
        "default/directory-account, keys bindDN and password"
    )


@pytest.mark.parametrize(
    ("told", "words"), [("data 532, v1db1", "the password has expired"), ("data 775", "locked"), ("", "invalid")]
)
def test_refusals_of_a_bind_in_words(server: Server, told: str, words: str) -> None:
    source = opened(server)
    assert isinstance(source, ActiveDirectory)
    error = failures.of_bind(source._server, ldap.INVALID_CREDENTIALS({"result": 49, "info": f"LdapErr: {told}"}))
    assert words in str(error)


@pytest.mark.parametrize("start_tls", [False, True])
def test_certificates_are_checked(server: Server, start_tls: bool) -> None:
    way = {"url": server.url(not start_tls), "startTLS": start_tls}
    assert len(people(opened(server, **way))[0]) == 70

    unknown = refusal(opened(server, {"ca.crt": ""}, **way))
    assert unknown.reason == "CertificateNotTrusted"
    assert "give the authority that issued it as ca.crt in Secret default/directory-account" in str(unknown)
    other = refusal(opened(server, {"ca.crt": trustme.CA().cert_pem.bytes().decode()}, **way))
    assert "the certificate authorities in ca.crt of Secret default/directory-account did not issue it" in str(other)
    spoiled = refusal(opened(server, {"ca.crt": "none"}, **way))
    assert "does not hold certificates" in str(spoiled)

    way["url"] = way["url"].replace("127.0.0.1", "dc9.springfield.example")
    network = Network(resolve=lambda host, port: ["127.0.0.1"])
    named = refusal(opened(server, network=network, **way))
    assert "it was issued for another name than dc9.springfield.example" in str(named)


def test_passwords_are_not_sent_in_the_clear_unless_it_is_asked_for(server: Server) -> None:
    plain = refusal(opened(server, url=server.url(secure=False), insecureLDAP=True))
    assert plain.reason == "EncryptionRequired"
    with samba(SPRINGFIELD, strong=False) as lax:
        assert len(people(opened(lax, url=lax.url(secure=False), insecureLDAP=True))[0]) == 70


def test_addresses_are_those_that_a_job_may_contact(server: Server) -> None:
    error = refusal(opened(server, network=Network(guarded=True)))
    assert error.reason == "AddressRefused"
    assert "a loopback address" in str(error)
    network = Network(guarded=True, loopback=True)
    assert len(people(opened(server, network=network))[0]) == 70
    hidden = refusal(opened(server, network=network, url="ldaps://127.0.0.1:1"), Retryable)
    assert "What came back is not told here" in str(hidden)
    assert "refused" not in str(hidden)
    hidden = refusal(opened(server, {"ca.crt": ""}, network=network), Retryable)
    assert "What came back is not told here" in str(hidden)


def test_a_server_that_is_away(server: Server) -> None:
    assert "connection refused" in str(refusal(opened(server, url="ldaps://127.0.0.1:1"), Retryable))

    def nowhere(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no")

    error = refusal(opened(server, network=Network(resolve=nowhere)), Retryable)
    assert "its name is not known" in str(error)


@contextmanager
def speaking(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that answers in its own way. Its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    client, _ = listening.accept()
                except OSError:
                    return
                with client:
                    client.recv(100)
                    answer(client)

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


WEB = b"HTTP/1.1 400 Bad Request\r\n\r\n"
OTHER = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x34\x04\x00\x04\x00"  # unavailable


@pytest.mark.parametrize(
    ("answer", "secure", "kind", "words"),
    [
        (WEB, True, Retryable, "the TLS handshake failed"),
        (WEB, False, Permanent, "does not speak LDAP"),
        (OTHER, False, Permanent, "refused StartTLS (result 52)"),
        (b"\x30\x02\x02\x01", False, Permanent, "refused StartTLS (result unreadable)"),
        (b"\x30\x84\xff\xff\xff\xff", False, Permanent, "does not speak LDAP"),
        (b"", False, Retryable, "the TLS handshake failed"),
    ],
)
def test_what_answers_is_no_directory(
    server: Server, answer: bytes, secure: bool, kind: type[Permanent] | type[Retryable], words: str
) -> None:
    with speaking(lambda client: client.sendall(answer)) as port:
        url = f"ldap{'s' if secure else ''}://127.0.0.1:{port}"
        assert words in str(refusal(opened(server, url=url, startTLS=not secure), kind))


def test_a_server_that_says_nothing(server: Server) -> None:
    done = threading.Event()
    with speaking(lambda client: done.wait(10) and None) as port:
        for url, tls in ((f"ldaps://127.0.0.1:{port}", False), (f"ldap://127.0.0.1:{port}", True)):
            error = refusal(opened(server, url=url, startTLS=tls, timeoutSeconds=1), Retryable)
            assert error.reason == "TimedOut"
        done.set()


def test_a_server_that_stops_answering_after_the_login(own: Server) -> None:
    source = opened(own, timeoutSeconds=1)
    pages: list[Page] = []

    def stop(page: Page) -> None:
        own.freeze()
        pages.append(page)

    with pytest.raises(Retryable) as caught:
        source.pull("users", frozenset(), stop)
    source.close()
    assert caught.value.reason == "TimedOut"
    assert "did not answer a search for people" in str(caught.value)
    assert 0 < len(pages) < 8


@pytest.mark.parametrize("after", [3_000, 12_000, 20_000])
def test_a_connection_that_is_cut_between_pages_changes_nothing(own: Server, tmp_path: Path, after: int) -> None:
    desk = Desk(tmp_path, own)
    own.cut = after
    told = desk.call("run", *desk.manifests(), "--quiet", code=1)
    assert own.closed
    assert "Active Directory cannot be reached" in told.output
    assert not desk.store.exists()

    own.cut, own.closed = None, False
    assert desk.run()["status"]["outcome"] == "Applied"


def test_a_server_that_is_killed_between_pages(own: Server) -> None:
    source = opened(own)
    with pytest.raises(Retryable) as caught:
        source.pull("users", frozenset(), lambda page: own.end())
    error = caught.value
    assert error.reason == "Unreachable"
    assert "the connection broke at a search" in str(error)
    assert not any(word in str(error) for word in ("Ada", "Byron", "s0"))


def test_a_size_limit_is_said(server: Server) -> None:
    source = opened(server)
    assert isinstance(source, ActiveDirectory)
    told = failures.of(source._server, ldap.SIZELIMIT_EXCEEDED({"result": 4}), "a search for people")
    assert (type(told), told.reason) == (Permanent, "SizeLimit")
    assert "reached its size limit at a search for people (result 4)" in str(told)


def test_a_refused_run_is_the_same_on_the_command_line(own: Server, tmp_path: Path) -> None:
    desk = Desk(tmp_path, own)
    desk.keys["password"] = "wrong"
    for command in ("run", "check"):
        told = desk.call(command, *desk.manifests(), *(["--quiet"] if command == "run" else []), code=None)
        assert told.exit_code != 0
        assert "the account or the password is wrong" in told.output
    desk.keys = dict(own.secret())
    assert reason_of(desk.run()) == "Applied"
