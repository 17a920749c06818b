"""Where redirects lead: on the same server they are followed, elsewhere the credentials have no business."""

from pathlib import Path
from urllib.parse import unquote

import pytest
from oauthlib import oauth1

from rostersync.errors import Permanent
from rostersync.sources.oneroster.rate_limit import retry_after
from rostersync.sources.oneroster.redirects import at_home, shown
from support.quirky import Quirky, Reply, Request, enrollments, source, staged


@pytest.mark.parametrize("kind", ["BearerToken", "Bearer ", "bearer", "MAC", "", None, 7, ["Bearer"], {"type": "x"}])
def test_every_type_of_token_means_bearer(kind: object) -> None:
    def answer(request: Request) -> Reply | None:
        assert request.headers["authorization"] == f"Bearer {server.issued[-1]}"
        return None

    with Quirky({"orgs": []}, answer=answer) as server, source(server) as client:
        server.token = lambda request: server.good_token(request, token_type=kind)
        assert client.pull("orgs", frozenset(), lambda page: None).offered


@pytest.mark.parametrize("token", ["tökén", "a b", "a\u0000", "a\nb", "x" * 20_000])
def test_a_token_that_no_header_can_hold_is_no_token(token: str) -> None:
    with Quirky({"orgs": []}) as server, source(server) as client:
        server.token = lambda request: server.good_token(request, access_token=token)
        with pytest.raises(Permanent) as error:
            client.pull("orgs", frozenset(), lambda page: None)

    assert error.value.reason == "NotOneRoster"
    assert "a token that no header can hold" in str(error.value)
    assert token not in str(error.value)


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("location", ["/other/token?x=1", "{root}/other/token"])
def test_a_token_request_is_sent_again_where_the_same_server_redirects_it(status: int, location: str) -> None:
    def token(request: Request) -> Reply | None:
        if request.path == "/other/token":
            return server.good_token(request)  # the form has come along
        return Reply(status=status, headers={"Location": location.format(root=server.root)})

    with Quirky({"orgs": []}, token=token) as server, source(server) as client:
        assert client.pull("orgs", frozenset(), lambda page: None).offered

    assert [r.method for r in server.asked("token")] == ["POST", "POST"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_token_request_that_is_redirected_elsewhere_names_the_address_and_the_remedy(status: int) -> None:
    with Quirky() as elsewhere:
        there = f"{elsewhere.root}/oauth/token"
        with (
            Quirky(token=lambda r: Reply(status=status, headers={"Location": f"{there}?secret=1"})) as server,
            source(server) as client,
            pytest.raises(Permanent) as error,
        ):
            client.check()

    assert error.value.reason == "NotOneRoster"
    assert f"{status}, a redirect to {there}, which is not followed" in str(error.value)
    assert "set deliveryConfig.authenticationURL to it" in str(error.value)
    assert "secret=1" not in str(error.value)
    assert elsewhere.requests == []


def test_a_page_that_is_redirected_elsewhere_sends_no_token_there() -> None:
    with Quirky() as elsewhere:
        there = f"{elsewhere.root}/v1p1/orgs"
        with (
            Quirky(answer=lambda r: Reply(status=302, headers={"Location": there})) as server,
            source(server) as client,
            pytest.raises(Permanent, match=r"set deliveryConfig\.serviceURL to it") as error,
        ):
            client.check()

    assert f"a redirect to {elsewhere.root}, which" in str(error.value), "a path may hold a name"
    assert elsewhere.requests == []


def test_a_redirect_that_holds_the_secret_is_not_named() -> None:
    reply = Reply(status=302, headers={"Location": "https://elsewhere.example/secret%2D1"})
    with Quirky(token=lambda r: reply) as server, source(server) as client, pytest.raises(Permanent) as error:
        client.check()

    assert "a redirect elsewhere" in str(error.value)
    assert "secret%2D1" not in str(error.value)


def test_oauth1_signs_anew_where_a_redirect_leads(tmp_path: Path) -> None:
    """A signature is made of the address, so the first one says nothing of the second address."""

    def answer(request: Request) -> Reply | None:
        query = "&".join(f"{k}={v}" for k, v in request.query.items())
        if "moved" not in request.path:
            return Reply(status=307, headers={"Location": f"/moved{request.path}?{query}"})
        header = request.headers["authorization"]
        sent = dict(part.strip().split("=", 1) for part in header.removeprefix("OAuth ").split(","))
        params = {k: unquote(v.strip('"')) for k, v in sent.items()}
        verifier = oauth1.Client(
            "client-1",
            client_secret="secret-1",
            signature_method=oauth1.SIGNATURE_HMAC_SHA256,
            nonce=params["oauth_nonce"],
            timestamp=params["oauth_timestamp"],
        )
        _, headers, _ = verifier.sign(f"{server.root}{request.path}?{query}", http_method="GET")
        return server.page(request) if headers["Authorization"] == header else Reply({}, 401)

    with Quirky({"enrollments": enrollments(25)}, answer=answer) as server:
        result = staged(server, tmp_path, "enrollments", authentication="OAuth1")

    assert result.proof["enrollments"]["distinct"] == 25


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/x", "https://sis.example/x"),
        ("?a=b", "https://sis.example/token?a=b"),
        ("", "https://sis.example/token"),
        ("https://sis.example/x", "https://sis.example/x"),
        ("https://SIS.example/x", "https://SIS.example/x"),
        ("http://sis.example/x", None),
        ("https://sis.example:8443/x", None),
        ("https://sis.example.evil.example/", None),
        ("https://sis.example@evil.example/", None),
        ("//evil.example/x", None),
        ("http://[::1/", None),
        ("https://sis.example:99999/", None),
        ("javascript:x", None),
    ],
)
def test_a_redirect_stays_at_home_or_is_none(location: str, target: str | None) -> None:
    assert at_home("https://sis.example/token", location) == target


def test_a_server_may_ask_for_https_of_its_own() -> None:
    assert at_home("http://sis.example/x", "https://sis.example/x") == "https://sis.example/x"
    assert at_home("http://sis.example:8080/x", "https://sis.example/x") is None


@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("https://a.example/x?token=1#f", "https://a.example/x"),
        ("/x", "https://sis.example/x"),
        ("", None),
        ("http://[::1", None),
        ("javascript:alert(1)", None),
        ("https://a.example/" + "x" * 300, None),
        ("https://a.example/Ä", None),
        ("https://me:pw@a.example/", "https://a.example/"),
    ],
)
def test_only_a_plain_short_address_is_named(location: str, said: str | None) -> None:
    assert shown("https://sis.example/token", location) == said


@pytest.mark.parametrize(
    "value",
    [
        "Fri, 31 Dec 99999999999999999999 23:59:59 GMT",
        "Fri, 31 Dec " + "9" * 5000,
        "9" * 5000,
        "soon",
        "",
        None,
        "Fri, 31 Dec 9999 23:59:59 -9999",
        "Fri, 00 Foo 2026 99:99:99 GMT",
    ],
)
def test_a_retry_after_of_no_calendar_says_nothing(value: str | None) -> None:
    waits = retry_after(value)
    assert waits is None or waits > 10**9
