"""Quirks of tokens and signatures."""

import base64
import logging
import threading
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from oauthlib import oauth1

from rostersync.errors import Permanent
from rostersync.sources.oneroster.transport import MAX_TOKENS
from support.quirky import Quirky, Reply, Request, enrollments, source, staged


def test_a_token_that_ends_in_the_middle_is_renewed_once(tmp_path: Path) -> None:
    """Quirk 11: the server takes the token back without a word; concurrent requests share the new one."""
    taken = threading.Event()

    def answer(request: Request) -> Reply | None:
        if request.collection == "enrollments" and request.offset >= 100 and not taken.is_set():
            taken.set()
            server.issued[-1] = "taken back"
        return None

    with Quirky({"enrollments": enrollments(300)}, answer=answer) as server:
        result = staged(server, tmp_path, "enrollments")

    assert result.proof["enrollments"]["distinct"] == 300
    assert len(server.asked("token")) == 2


def test_a_token_is_renewed_before_its_end_without_a_failed_page(tmp_path: Path) -> None:
    """Quirk 11: expires_in as text, one second; requests keep the reading going for longer than that."""
    refused: list[str] = []

    def answer(request: Request) -> Reply | None:
        if request.headers.get("authorization") != f"Bearer {server.issued[-1]}":
            refused.append(request.path)
        return None

    with Quirky({"enrollments": enrollments(160)}, answer=answer) as server:
        server.token = lambda request: server.good_token(request, expires_in="0.5")
        staged(server, tmp_path, "enrollments", requests_per_second=15.0, max_concurrent_requests=1)

    assert refused == []
    assert len(server.asked("token")) >= 2


@pytest.mark.parametrize("life", [{"expires_in": None}, {"expires_in": "soon"}, {"expires_in": 0}, {"expires_in": -5}])
def test_a_token_without_a_usable_life_is_used_until_it_is_refused(life: dict[str, Any], tmp_path: Path) -> None:
    """Quirk 11: expires_in missing or odd."""
    with Quirky({"enrollments": enrollments(45)}) as server:
        server.token = lambda request: server.good_token(request, **life)
        staged(server, tmp_path, "enrollments")

    assert len(server.asked("token")) == 1


def test_a_token_that_is_refused_again_and_again_is_an_error_of_credentials() -> None:
    """Quirk 11: 401, refresh once, 401: no more."""
    with (
        Quirky(answer=lambda r: Reply({}, 401)) as server,
        source(server) as client,
        pytest.raises(Permanent, match="rosters/focus-credentials") as error,
    ):
        client.pull("orgs", frozenset(), lambda page: None)

    assert error.value.reason == "CredentialsRefused"
    assert (len(server.asked("orgs")), len(server.asked("token"))) == (2, 2)


def test_a_token_that_ends_again_while_a_page_is_repeated_is_renewed_again(tmp_path: Path) -> None:
    """Quirk 11: what others were answered meanwhile shows that the new token had been good."""
    lock = threading.Lock()
    served = threading.Condition(lock)
    tries, others = [0], [0]

    def answer(request: Request) -> Reply | None:
        if request.collection != "enrollments" or request.headers.get("authorization") != f"Bearer {server.issued[-1]}":
            return None
        with lock:
            if request.offset < 100 or request.offset > 109 or tries[0] == 3:
                others[0] += 1
                served.notify_all()
                return None
            tries[0] += 1
            # Three other threads: of four requests one at least was answered before the last was sent.
            if tries[0] > 1 and not served.wait_for(lambda: others[0] >= 4, timeout=10):
                return None
            others[0] = 0
            server.issued[-1] = "taken back"
        return None

    with Quirky({"enrollments": enrollments(300)}, answer=answer) as server:
        result = staged(server, tmp_path, "enrollments", max_concurrent_requests=4)

    assert result.proof["enrollments"]["distinct"] == 300
    assert tries == [3]
    assert len(server.asked("token")) == 4


def test_a_collection_that_is_refused_while_others_are_served_ends_too() -> None:
    """Quirk 11: each new token is accepted elsewhere meanwhile, so each might have ended; but not for ever."""

    def answer(request: Request) -> Reply | None:
        if request.collection != "users":
            return None
        client.pull("orgs", frozenset(), lambda page: None)
        return Reply({}, 401)

    with (
        Quirky({"orgs": []}, answer=answer) as server,
        source(server) as client,
        pytest.raises(Permanent, match="rosters/focus-credentials"),
    ):
        client.pull("users", frozenset(), lambda page: None)

    assert len(server.asked("users")) == MAX_TOKENS


def test_credentials_go_as_a_form_first() -> None:
    """Quirk 12: form credentials, and no scope unless one is configured."""
    with Quirky({"orgs": []}) as server, source(server) as client:
        client.pull("orgs", frozenset(), lambda page: None)

    [request] = server.asked("token")
    assert request.form == {"grant_type": "client_credentials", "client_id": "client-1", "client_secret": "secret-1"}
    assert "authorization" not in request.headers


@pytest.mark.parametrize("status", [400, 401])
def test_credentials_go_as_basic_where_the_form_is_refused(status: int) -> None:
    """Quirk 12: Basic credentials; the way that worked is used first from then on."""

    def token(request: Request) -> Reply | None:
        wanted = "Basic " + base64.b64encode(b"client-1:secret-1").decode()
        if request.headers.get("authorization") != wanted or "client_secret" in request.form:
            return Reply({"error": "invalid_client"}, status)
        return server.issue(expires_in=0.02)

    with Quirky({"orgs": []}, token=token) as server, source(server, requests_per_second=20.0) as client:
        client.pull("orgs", frozenset(), lambda page: None)
        client.pull("orgs", frozenset(), lambda page: None)

    ways = ["basic" if "authorization" in r.headers else "form" for r in server.asked("token")]
    assert ways[:2] == ["form", "basic"]
    assert set(ways[2:]) == {"basic"}


def test_a_scope_is_sent_where_one_is_configured() -> None:
    """Quirk 12: a server that insists on a scope."""

    def token(request: Request) -> Reply | None:
        wrong = Reply({"error": "invalid_request", "error_description": "scope is required"}, 400)
        return None if request.form.get("scope") == "*" else wrong

    with Quirky({"orgs": []}, token=token) as server:
        with source(server, scope="*") as client:
            client.pull("orgs", frozenset(), lambda page: None)
        with source(server) as client, pytest.raises(Permanent, match=r"deliveryConfig\.scope") as error:
            client.pull("orgs", frozenset(), lambda page: None)

    assert error.value.reason == "ScopeRefused"


def test_cookies_of_the_token_endpoint_are_sent_back() -> None:
    """Quirk 12: a server that keeps a session in a cookie beside the token."""

    def token(request: Request) -> Reply | None:
        reply = server.good_token(request)
        reply.headers["Set-Cookie"] = "session=abc; Path=/"
        return reply

    def answer(request: Request) -> Reply | None:
        return None if request.headers.get("cookie") == "session=abc" else Reply({}, 401)

    with Quirky({"orgs": []}, token=token, answer=answer) as server, source(server) as client:
        assert client.pull("orgs", frozenset(), lambda page: None).offered


def test_neither_secret_nor_token_is_ever_logged(caplog: pytest.LogCaptureFixture) -> None:
    """At debug level, with an answer that fails and a token that is renewed."""
    caplog.set_level(logging.DEBUG)

    def answer(request: Request) -> Reply | None:
        return {1: Reply({"name": "Mary Archer"}, 500), 2: Reply({}, 401)}.get(request.nth)

    with Quirky({"orgs": []}, answer=answer) as server, source(server) as client:
        client.pull("orgs", frozenset(), lambda page: None)

    assert "GET /orgs: failed (500)" in caplog.text
    for secret in ("secret-1", "token-1", "token-2", "Archer"):
        assert secret not in caplog.text


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_wrong_secret_names_the_secret_and_its_keys(status: int) -> None:
    with (
        Quirky(token=lambda r: Reply({"error": "invalid_client"}, status)) as server,
        source(server) as client,
        pytest.raises(Permanent) as error,
    ):
        client.check()

    assert error.value.reason == "CredentialsRefused"
    assert str(error.value) == (
        f"Focus refused the token request ({status}) at {server.url}/token; check Secret rosters/focus-credentials, "
        "keys clientID and clientSecret"
    )


def test_a_200_that_holds_no_token_is_a_refusal() -> None:
    """Quirk 12: an error in the body of a 200."""
    with (
        Quirky(token=lambda r: Reply({"error": "invalid_client"})) as server,
        source(server) as client,
        pytest.raises(Permanent) as error,
    ):
        client.check()

    assert error.value.reason == "CredentialsRefused"


@pytest.mark.parametrize(
    "reply", [Reply(b"<html>Focus</html>"), Reply(b"Not found", 404), Reply(status=302, headers={"Location": "/login"})]
)
def test_a_wrong_authentication_url_is_not_oneroster(reply: Reply) -> None:
    with Quirky(token=lambda r: reply) as server, source(server) as client, pytest.raises(Permanent) as error:
        client.check()

    assert error.value.reason == "NotOneRoster"
    assert "authenticationURL" in str(error.value)


def test_the_token_request_is_sent_again_when_it_failed() -> None:
    def token(request: Request) -> Reply | None:
        return Reply(b"", 503) if request.nth == 1 else None

    with Quirky({"orgs": []}, token=token) as server, source(server) as client:
        assert client.pull("orgs", frozenset(), lambda page: None).offered


@pytest.mark.parametrize("method", ["HMAC-SHA1", "HMAC-SHA256"])
def test_oauth1_signs_every_query_parameter(method: str, tmp_path: Path) -> None:
    """Every request is verified by the server, sort and paging included."""
    signature = {"HMAC-SHA1": oauth1.SIGNATURE_HMAC_SHA1, "HMAC-SHA256": oauth1.SIGNATURE_HMAC_SHA256}[method]

    def answer(request: Request) -> Reply | None:
        header = request.headers["authorization"]
        sent = dict(part.strip().split("=", 1) for part in header.removeprefix("OAuth ").split(","))
        params = {k: unquote(v.strip('"')) for k, v in sent.items()}
        query = "&".join(f"{k}={v}" for k, v in request.query.items())
        verifier = oauth1.Client(
            "client-1",
            client_secret="secret-1",
            signature_method=signature,
            nonce=params["oauth_nonce"],
            timestamp=params["oauth_timestamp"],
        )
        _, headers, _ = verifier.sign(f"{server.root}{request.path}?{query}", http_method="GET")
        good = params["oauth_signature_method"] == method and headers["Authorization"] == header
        return None if good else Reply({}, 401)

    with Quirky({"enrollments": enrollments(45)}, answer=answer) as server:
        result = staged(server, tmp_path, "enrollments", authentication="OAuth1", signature_method=method)

    assert result.proof["enrollments"]["distinct"] == 45
    assert server.asked("token") == []


def test_an_oauth1_signature_that_is_refused_names_the_secret() -> None:
    with (
        Quirky(answer=lambda r: Reply({}, 401)) as server,
        source(server, authentication="OAuth1") as client,
        pytest.raises(Permanent, match="rosters/focus-credentials") as error,
    ):
        client.check()

    assert error.value.reason == "CredentialsRefused"
    assert len(server.requests) == 1
