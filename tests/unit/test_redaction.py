"""Secrets are taken out of what servers say, in every spelling that servers echo them in."""

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest

from rostersync.errors import Permanent
from rostersync.sources.oneroster.redaction import Redaction
from rostersync.sources.port import Credentials

SECRET = "p&ss<w/ö r'd\""
SPELLINGS = {
    "as it is": SECRET,
    "HTML": html.escape(SECRET),
    "HTML but for quotes": html.escape(SECRET, quote=False),
    "HTML of PHP": html.escape(SECRET).replace("&#x27;", "&#039;"),
    "JSON": json.dumps(SECRET)[1:-1],
    "JSON, unescaped letters": json.dumps(SECRET, ensure_ascii=False)[1:-1],
    "JSON of PHP": json.dumps(SECRET)[1:-1].replace("/", "\\/"),
    "a path": quote(SECRET),
    "a query": quote(SECRET, safe=""),
    "a form": quote_plus(SECRET),
    "Python": repr(SECRET)[1:-1],
    "Basic": base64.b64encode(f"client-1:{SECRET}".encode()).decode(),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_secret_is_hidden_in_every_spelling(spelling: str) -> None:
    discretion = Redaction(Credentials("client-1", SECRET))
    said = f"<p>wrong secret {SPELLINGS[spelling]} for client-1</p>"

    with pytest.raises(Permanent) as error, discretion.kept():
        raise Permanent("refused", detail=said)

    assert error.value.detail == "<p>wrong secret [hidden] for client-1</p>"


def test_tokens_are_hidden_and_what_is_too_short_to_be_one_is_not() -> None:
    discretion = Redaction(Credentials("client-1", "abc"))
    discretion.add("token-1")

    assert discretion.without("abc got token-1") == "abc got [hidden]"
    assert discretion.without(None) is None


def test_the_secret_of_a_user_is_taken_out_too() -> None:
    redaction = Redaction(Credentials("client-1", "client-secret", "user-1", "user-secret"))
    assert (
        redaction.without("signed with client-secret&user-secret for user-1")
        == "signed with [hidden]&[hidden] for user-1"
    )
