"""Whatever a server answers is data, or an error of ours that says what to do: never a crash, never for ever.

Every field, header and part of a token gets what no server should send: other types, numbers without end, depth, texts
that are no UTF-8, halves of letters, addresses that are none. The examples are the same every time; more of them:
`make test ARGS="tests/contract/test_source_fuzz.py --hypothesis-profile=seek"`.
"""

import gzip
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from rostersync.errors import Permanent, Retryable
from rostersync.roster import TABLES
from rostersync.sources.oneroster.client import OneRoster
from rostersync.sources.oneroster.decode import Decoder
from rostersync.sources.oneroster.endpoint import Patience, ServiceEndpoint
from rostersync.sources.oneroster.records import shape
from rostersync.sources.oneroster.request_errors import TryAgain
from rostersync.sources.port import Credentials, Page
from support.quirky import Quirky, Reply, Request

LONGEST = 5.0  # seconds for one example, on a busy machine
REASONS = {
    "BadResponse",
    "CollectionNotOffered",
    "CredentialsRefused",
    "NotOneRoster",
    "PageTooLarge",
    "RateLimited",
    "RequestRefused",
    "ScopeRefused",
    "ServerFailed",
    "TimedOut",
    "Unreachable",
}
HASTY = Patience(attempts=2, wait_initial=0.001, wait_max=0.002, wait_jitter=0.001, retry_after_max=0.002, seconds=0)
COLLECTIONS = [table.name for table in TABLES]


def nested(depth: int, inner: bytes = b"1") -> bytes:
    return b"[" * depth + inner + b"]" * depth


def within(depth: int) -> bytes:
    return b'{"sourcedId":' * depth + b"1" + b"}" * depth


# Laid out by hand: these are lists to look through, and one text a line would fill pages.
WORDS = [
    b"null", b"true", b"false", b"0", b"-1", b"1.5", b"1e999", b"-1e999", b"1e308", b"9" * 20, b"9" * 400, b"9" * 5000,
    b'""', b'" "', b'"x"', b"[]", b"{}", b"[null]", b"[[]]", b"[{}]", b'[""]', b'["a","a"]', b'{"0":"a","1":{}}',
    b'{"sourcedId":null}', b'{"sourcedId":{"sourcedId":[]}}', b'{"sourcedId":"a","SOURCEDID":1e999}', b'{"identifier":{}}',
    b'[{"identifier":[1,2],"type":{}}]', b'[{"role":{"a":1},"roleType":"primary","org":[{}]}]',
    b'[{"role":"student","roleType":"primary"},{"role":1e400,"roleType":[]}]', b'{"a":{"b":[1,{"c":null}]}}',
    b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\xff\xfe"', b'"\xed\xa0\x80"', b'"\xc3"', b'"\\x"', b'"', b"nul",
    b"NaN", b"Infinity", b"0x1", b"01", b"'a'", b"\x00", b"", b",", b"}", b"]", b'"' + b"[" * 500 + b'"',
    nested(50), nested(99), nested(101), nested(600), nested(5000), nested(30_000), within(50), within(150), within(3000),
    b'"' + b" " * 20_000 + b'"', b'"' + b"a:" * 10_000 + b'"', b'"{' + b" " * 20_000 + b':"', b'"' + b"x" * 1025 + b'"',
    b'"' + "a\u0301\u0316".encode() * 5000 + b'"', b'"' + b"," * 20_000 + b'"', b'"0001-01-01"', b'"99999-99-99"',
    b'"http://[::1"', b'"https://elsewhere.example:99999/x?offset=1"', b'"//[/?a=b"', b'"?offset=' + b"9" * 5000 + b'"',
    b'"?offset=-1"', b'"?cursor=%ff%00%ed%a0%80"', b'"\\n\\r?x=\\u0001"', b'"file:///etc/passwd"', "\"٣٣٣\"".encode(),
]  # fmt: skip
TEXTS = [
    "", " ", ",", "x", "-1", "0", "1", "1e999", "nan", "inf", "9" * 400, "9" * 5000, "٣".encode().decode("latin-1"), "\xff",
    "<", "<>", "<>;", "<>; rel=next", "<http://[::1>; rel=next", '<//[>; rel="next"', "<?offset=" + "9" * 5000 + ">; rel=next",
    "<?cursor=%ff%00>; rel=next", "<" * 20_000, '"' * 20_000, "," * 20_000, " " * 20_000 + "x", "<a>;" * 10_000,
    "<https://x:99999/>;rel=next", "http://[::1", "https://x:99999/", "//", "///", "?", "#", "http://", "javascript:1",
    "http://\xe4\xf6.example/", "Fri, 31 Dec 99999999999999999999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 -9999",
    "Fri, 00 Foo 2026 99:99:99 GMT", "Mon, 1 Jan 1 00:00:00 +2359", "gzip", "gzip, gzip", "deflate", "br", "identity",
    "text/html; charset=klingon", "application/json; charset=" + "x" * 5000, "a=b; Expires=" + " " * 5000, "a" * 30_000,
]  # fmt: skip
HEADERS = [
    "X-Total-Count",
    "X-Count",
    "Link",
    "Retry-After",
    "Location",
    "Content-Encoding",
    "Content-Type",
    "x-perm-rev",
    "Set-Cookie",
    "Date",
    "WWW-Authenticate",
    "X-Anything",
]
STATUSES = [
    200,
    200,
    200,
    200,
    201,
    204,
    206,
    301,
    302,
    304,
    307,
    308,
    400,
    401,
    403,
    404,
    418,
    422,
    429,
    500,
    501,
    503,
    599,
    999,
]

words = st.one_of(
    st.sampled_from(WORDS),
    st.binary(max_size=12),
    st.integers(0, 130).map(nested),
    st.integers().map(lambda n: str(n).encode()),
    st.text(max_size=8).map(lambda t: ('"' + t.replace("\\", "").replace('"', "") + '"').encode("utf-8", "replace")),
)
headers = st.dictionaries(st.sampled_from(HEADERS), st.sampled_from(TEXTS), max_size=3)


def record(keys: list[str], values: dict[str, bytes]) -> bytes:
    plain: dict[str, bytes] = dict.fromkeys(keys[:4], b'"a"') | {"sourcedId": b'"u1"', "status": b'"active"'}
    return b"{" + b",".join(b'"%s":%s' % (k.encode(), v) for k, v in (plain | values).items()) + b"}"


@st.composite
def bodies(draw: st.DrawFn, collection: str) -> bytes:
    """A page in which some fields, or what stands around them, are spoiled."""
    keys = [*shape(collection, True).forms]
    spelled = st.sampled_from([*keys, "SourcedID", "STATUS", "password"])
    rows = [record(keys, draw(st.dictionaries(spelled, words, max_size=3))) for _ in range(draw(st.integers(1, 3)))]
    if draw(st.integers(0, 5)) == 0:
        rows.append(draw(words))
    listed = b"[" + b",".join(rows) + b"]" if draw(st.integers(0, 9)) else draw(words)
    around = {collection: listed}
    for key in draw(st.sets(st.sampled_from(["total", "pagination", "error", "imsx_codeMajor", "more"]), max_size=2)):
        value = draw(words)
        inner = draw(st.sampled_from([b'{"next":%s}', b'{"total":%s}', b'{"next":"?cursor=a","total":%s}']))
        around[key] = inner % value if key == "pagination" and draw(st.booleans()) else value
    body = b"{" + b",".join(b'"%s":%s' % (k.encode(), v) for k, v in around.items()) + b"}"
    match draw(st.integers(0, 14)):
        case 0:
            return body[: draw(st.integers(0, len(body)))]
        case 1:
            return b"\xef\xbb\xbf" + body
        case 2:
            return draw(words)
    return body


def ours(act: Callable[[], object]) -> None:
    """The act gives data, or an error with a reason of ours; soon."""
    began, told = time.monotonic(), None
    try:
        act()
    except (Permanent, Retryable) as error:
        told = error
    assert told is None or told.reason in REASONS, told
    assert len(str(told)) < 1000
    assert time.monotonic() - began < LONGEST


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_any_page_is_data_or_no_page(collection: str) -> None:
    """At the decoder, where the real client comes to as well."""

    @settings(max_examples=100, deadline=None)
    @given(bodies(collection))
    def check(body: bytes) -> None:
        began = time.monotonic()
        try:
            decoded = Decoder(collection, None).page(body)
        except TryAgain:
            pass
        else:
            decoded.batch.validate(full=True)
            assert decoded.rows == decoded.batch.num_rows + decoded.without_id
        assert time.monotonic() - began < LONGEST

    check()


class Answering(Quirky):
    """A server that gives one reply, of one kind of request, and is good otherwise."""

    reply_with = Reply()
    to = "page"

    def reply(self, request: Request) -> Reply:
        if (request.collection == "token") == (self.to == "token"):
            return self.reply_with
        return self.issue() if request.collection == "token" else Reply({request.collection: []})


@pytest.fixture(scope="module")
def server() -> Iterator[Answering]:
    with Answering() as made:
        yield made


@pytest.fixture(scope="module")
def opened(server: Answering) -> Callable[..., OneRoster]:
    few = trustme.CA().cert_pem.bytes().decode()  # one authority is loaded sooner than the system's
    return lambda **more: OneRoster(
        ServiceEndpoint(
            server.url,
            server.url + "/token",
            insecure_http=True,
            timeout_seconds=1.0,
            patience=HASTY,
            ca_bundle=few,
            **more,
        ),
        Credentials("client-1", "secret-1"),
    )


def pulled(client: OneRoster, collection: str) -> None:
    def sink(page: Page) -> None:
        page.batch.validate(full=True)

    client.pull(collection, frozenset(), sink)


@settings(max_examples=160, deadline=None)
@given(
    collection=st.sampled_from(COLLECTIONS),
    data=st.data(),
    status=st.sampled_from(STATUSES),
    more=headers,
    signs=st.booleans(),
    packed=st.booleans(),
)
def test_any_answer_to_a_page_is_data_or_an_error_of_ours(
    server: Answering,
    opened: Callable[..., OneRoster],
    collection: str,
    data: Any,
    status: int,
    more: dict[str, str],
    signs: bool,
    packed: bool,
) -> None:
    body = data.draw(bodies(collection))
    if packed:
        more, body = (
            more | {"Content-Encoding": "gzip"},
            gzip.compress(body)[: data.draw(st.sampled_from([None, -3, 15]))],
        )
    server.to, server.reply_with = "page", Reply(body, status, more)
    with opened(authentication="OAuth1" if signs else "OAuth2") as client:
        ours(partial(pulled, client, collection))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), status=st.sampled_from(STATUSES), more=headers)
def test_any_answer_to_a_token_request_is_a_token_or_an_error_of_ours(
    server: Answering, opened: Callable[..., OneRoster], data: Any, status: int, more: dict[str, str]
) -> None:
    parts = {"access_token": b'"abc"'} | data.draw(
        st.dictionaries(
            st.sampled_from(["access_token", "token_type", "expires_in", "expiration", "scope", "error"]),
            words,
            max_size=3,
        )
    )
    whole = b"{" + b",".join(b'"%s":%s' % (k.encode(), v) for k, v in parts.items()) + b"}"
    server.to, server.reply_with = "token", Reply(data.draw(st.one_of(st.just(whole), words)), status, more)
    with opened() as client:
        ours(partial(pulled, client, "courses"))


@settings(max_examples=40, deadline=None)
@given(data=st.data(), more=headers)
def test_any_answer_to_test_connection_is_a_result_or_an_error_of_ours(
    server: Answering, opened: Callable[..., OneRoster], data: Any, more: dict[str, str]
) -> None:
    collection = data.draw(st.sampled_from(COLLECTIONS))
    server.to, server.reply_with = "page", Reply(data.draw(bodies(collection)), 200, more)
    with opened() as client:
        ours(client.check)
