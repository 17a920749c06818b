"""Which addresses a Job's client contacts: what a name leads to is judged, and nothing else is contacted after that."""

import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

import httpcore
import pytest

from rostersync.errors import Permanent, Retryable, RostersyncError
from rostersync.sources.network import Network, is_public, refusal
from rostersync.sources.oneroster.client import OneRoster
from rostersync.sources.oneroster.endpoint import Patience, ServiceEndpoint
from rostersync.sources.port import Credentials
from support import holding
from support.quirky import CREDENTIALS, IMPATIENT, Quirky, Reply

PUBLIC, OTHER = "93.184.216.34", "93.184.216.35"  # never contacted: each test hands in the connection
INSIDE = "10.96.0.17"
NOWHERE = "0.0.0.0"  # noqa: S104 - looked at, not bound

LOOPBACK = ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1"]
KINDS = {
    "loopback": LOOPBACK,
    "unspecified": [NOWHERE, "0.1.2.3", "::", "::ffff:0.0.0.0"],
    "link-local": [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "fe80::1",
        "fe80::1%eth0",
        "64:ff9b::a9fe:a9fe",
        "fd00:ec2::254",
    ],
    "multicast": ["224.0.0.1", "239.1.2.3", "ff02::1"],
    "reserved": ["255.255.255.255", "240.0.0.1"],
    "no address": ["localhost", ""],
}
REFUSED = [(address, kind) for kind, addresses in KINDS.items() for address in addresses]


@pytest.mark.parametrize(("address", "kind"), REFUSED)
def test_addresses_that_no_job_may_contact(address: str, kind: str) -> None:
    assert kind in (refusal(address, loopback=False) or "")


@pytest.mark.parametrize(
    "address", [PUBLIC, "10.0.0.1", "172.16.5.4", "192.168.1.1", "100.64.0.1", "2001:db8::1", "fd12::1"]
)
def test_a_sis_may_be_anywhere_else(address: str) -> None:
    """A district's own network too."""
    assert refusal(address, loopback=False) is None


@pytest.mark.parametrize(("address", "kind"), REFUSED)
def test_a_trial_allows_loopback_and_nothing_more(address: str, kind: str) -> None:
    assert (refusal(address, loopback=True) is None) == (kind == "loopback")


@pytest.mark.parametrize("address", [PUBLIC, "2606:4700::1111"])
def test_addresses_of_the_internet_are_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", INSIDE, "192.168.1.1", "fd12::1", "169.254.1.1", "::ffff:10.0.0.1", "x"]
)
def test_all_others_are_not(address: str) -> None:
    assert not is_public(address)


class Names:
    """Names and what they lead to, and a way to loopback in place of every address. Keeps what was asked for."""

    def __init__(self, *answers: Sequence[str] | OSError, to: str = "") -> None:
        self.answers, self.to = list(answers), to
        self.resolved: list[str] = []
        self.contacted: list[str] = []

    def resolve(self, host: str, port: int) -> Sequence[str]:
        self.resolved.append(host)
        answer = self.answers[min(len(self.resolved), len(self.answers)) - 1]
        if isinstance(answer, OSError):
            raise answer
        return answer

    def connect(self, address: str, port: int, timeout: float | None) -> httpcore.NetworkStream:
        self.contacted.append(address)
        if not self.to:
            try:
                raise ConnectionRefusedError(111, "Connection refused")
            except OSError as error:
                raise httpcore.ConnectError(str(error)) from error
        host, _, there = self.to.rpartition("//")[2].partition(":")
        return httpcore.SyncBackend().connect_tcp(host, int(there), timeout)

    def network(self, *, guarded: bool = True, loopback: bool = False) -> Network:
        return Network(guarded, loopback, self.resolve, self.connect)


def client(names: Names, url: str = "http://sis.example/v1p1", *, token: str = "", **how: bool) -> OneRoster:
    quick = ServiceEndpoint(url, token or url + "/token", insecure_http=True, timeout_seconds=1.0, patience=IMPATIENT)
    return OneRoster(replace(quick, name="Focus", secret_name="rosters/focus"), CREDENTIALS, names.network(**how))


def failure(names: Names, url: str = "http://sis.example/v1p1", **more: str) -> RostersyncError:
    with client(names, url, **more) as source, pytest.raises(RostersyncError) as error:
        source.check()
    return error.value


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", NOWHERE, "::1", "ff02::1", "::ffff:127.0.0.1"])
def test_a_name_that_leads_to_such_an_address_is_refused_before_anything_is_sent(address: str) -> None:
    error = failure(names := Names([address]))

    assert (type(error), error.reason) == (Permanent, "AddressRefused")
    assert str(error).startswith("http://sis.example/v1p1/token leads to ")
    assert "deliveryConfig.serviceURL and authenticationURL" in str(error)
    assert names.contacted == []


ODD = ("127.1", "2130706433", "0x7f.1")


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "[::1]", "[::ffff:169.254.169.254]", NOWHERE, *ODD])
def test_addresses_in_the_url_itself_are_refused_in_every_spelling(host: str) -> None:
    """With the system's own resolver: it is what turns spellings into addresses."""
    root = f"http://{host}:9"
    endpoint = ServiceEndpoint(f"{root}/v1p1", f"{root}/token", insecure_http=True, patience=Patience(attempts=1))
    source = OneRoster(endpoint, Credentials("a", "b"), Network(guarded=True, connect=Names().connect))
    with source, pytest.raises(RostersyncError) as error:
        source.check()

    assert error.value.reason in ("AddressRefused", "Unreachable")  # the latter where it is no address here
    assert error.value.reason == "AddressRefused" or host in ODD


def test_the_service_is_judged_as_the_token_endpoint_is() -> None:
    """The token comes from elsewhere."""
    with Quirky() as server:
        names = Names([PUBLIC], ["169.254.169.254"], to=server.root)
        error = failure(names, token="http://token.example/token")

    assert error.reason == "AddressRefused"
    assert names.resolved == ["token.example", "sis.example"]
    assert names.contacted == [PUBLIC]
    assert [r.collection for r in server.requests] == ["token"]


def test_what_was_judged_is_what_is_contacted() -> None:
    """A name that leads elsewhere a moment later: it is resolved once for a connection, and that address is contacted."""
    with Quirky({"orgs": []}) as server:
        names = Names([PUBLIC], ["127.0.0.1"], to=server.root)
        with client(names) as source:
            assert source.pull("orgs", frozenset(), lambda page: None).offered

    assert names.contacted == [PUBLIC]
    assert names.resolved == ["sis.example"]


def test_a_new_connection_is_judged_anew() -> None:
    def answer(request: object) -> Reply:
        return Reply({"orgs": []}, headers={"Connection": "close"})

    def token(request: object) -> Reply:
        return Reply({"access_token": "a"}, headers={"Connection": "close"})

    with Quirky({"orgs": []}, answer=answer, token=token) as server:
        names = Names([PUBLIC], ["127.0.0.1"], to=server.root)
        error = failure(names)

    assert error.reason == "AddressRefused"
    assert names.contacted == [PUBLIC]


def test_of_several_addresses_only_those_that_are_allowed_are_contacted() -> None:
    with Quirky({"orgs": []}) as server:
        names = Names(["127.0.0.1", "169.254.169.254", PUBLIC, OTHER], to=server.root)
        with client(names) as source:
            source.pull("orgs", frozenset(), lambda page: None)

    assert names.contacted == [PUBLIC]


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    failure(names := Names([PUBLIC, OTHER]))
    assert names.contacted[:2] == [PUBLIC, OTHER]


def test_no_proxy_of_the_environment_stands_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would resolve the name where nobody judges the address."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with Quirky({"orgs": []}) as server:
        names = Names([PUBLIC], to=server.root)
        with client(names) as source:
            source.pull("orgs", frozenset(), lambda page: None)

    assert names.contacted == [PUBLIC]
    assert names.resolved == ["sis.example"]


def test_without_a_guard_the_machine_itself_is_as_good_as_any() -> None:
    """The command line, where people try the simulator."""
    with Quirky({"orgs": []}) as server:
        names = Names(["127.0.0.1"], to=server.root)
        with client(names, guarded=False) as source:
            source.pull("orgs", frozenset(), lambda page: None)

    assert names.contacted == ["127.0.0.1"]


def told_of(names: Names, url: str = "http://probe.example/v1p1") -> tuple[type, str, str]:
    error = failure(names, url)
    assert error.detail
    return type(error), error.reason, str(error)


FOREIGN = {
    "a web page": Reply(b"<html>Grafana</html>"),
    "404": Reply(b"404 page not found", 404),
    "401": Reply(b"", 401),
    "a JSON service": Reply({"kind": "Status", "status": "Failure"}, 403),
    "500": Reply(b"oops", 500),
    "429": Reply(b"", 429),
    "a redirect": Reply(status=302, headers={"Location": "http://grafana.example/login"}),
    "a token for everybody": Reply({"hello": 1}),
    "no HTTP": Reply(b"", cut=0),
}


def test_in_a_cluster_no_answer_tells_a_refused_connection_from_a_foreign_service() -> None:
    told = {
        "refused": told_of(Names([INSIDE])),
        "unknown": told_of(Names(socket.gaierror(socket.EAI_NONAME, "Name or service not known"))),
    }
    for what, reply in FOREIGN.items():
        with Quirky(token=lambda r, reply=reply: reply) as server:  # type: ignore[misc]
            told[what] = told_of(Names([INSIDE], to=server.root))
    with holding.holding(holding.silence) as url:
        told["silent"] = told_of(Names([INSIDE], to=url))

    assert len(set(told.values())) == 1, told
    kind, reason, message = told["refused"]
    assert (kind, reason) == (Retryable, "Unreachable")
    for word in ("serviceURL", "authenticationURL", "caBundleRef", "rosters/focus", "http://probe.example/v1p1"):
        assert word in message


def test_the_reason_is_kept_for_the_artifact() -> None:
    assert "connection refused" in (failure(Names([INSIDE])).detail or "")


def test_a_public_address_is_told_everything() -> None:
    """It says nothing of the cluster, and a person mends it sooner."""
    error = failure(Names([PUBLIC]))
    assert "connection refused" in str(error)


def test_a_token_endpoint_that_refuses_is_told_as_such() -> None:
    """It has shown what it is."""
    with Quirky(token=lambda r: Reply({"error": "invalid_client"}, 401)) as server:
        error = failure(Names([INSIDE], to=server.root))

    assert error.reason == "CredentialsRefused"


def test_what_fails_later_on_a_server_that_is_known_is_told() -> None:
    with (
        Quirky({"orgs": []}, answer=lambda r: Reply({}, 403) if r.collection == "users" else None) as server,
        client(Names([INSIDE], to=server.root)) as source,
    ):
        source.pull("orgs", frozenset(), lambda page: None)
        with pytest.raises(Permanent) as error:
            source.pull("users", frozenset(), lambda page: None)

    assert error.value.reason == "CollectionNotOffered"


def test_a_name_that_nobody_answers_for_takes_no_longer_than_a_connection() -> None:
    """The system's resolver may wait for minutes, and nothing interrupts it."""
    answered = threading.Event()

    class Silent(Names):
        def resolve(self, host: str, port: int) -> Sequence[str]:
            answered.wait(60)
            return super().resolve(host, port)

    began = time.monotonic()
    error = failure(names := Silent([PUBLIC]))
    answered.set()

    assert (type(error), error.reason) == (Retryable, "Unreachable")
    assert time.monotonic() - began < 20
    assert names.contacted == []
