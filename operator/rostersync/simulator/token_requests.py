"""Which answer a token request gets."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from rostersync.simulator.served import Served

COOKIE = "SIMULATORSESSION=1"
Reply = tuple[int, dict[str, Any], dict[str, str]]  # status, body, headers


def reply(
    simulator: Served, body: bytes, query: Mapping[str, str], authorization: str, struck: Mapping[str, str | None]
) -> Reply:
    """A token for the client's id and secret, in the form, the query or the header."""
    if lacking := {name for name, value in simulator.sis.asked.items() if query.get(name) != value}:
        return (
            400,
            {"error": "invalid_request", "error_description": simulator.sis.missing},
            {"X-Lacking": min(lacking)},
        )
    form = dict(parse_qsl(body.decode("utf-8", "replace")))
    given = {"form": form, "query": dict(query), "basic": _basic(authorization)}
    merged = dict(query) | form
    if merged.get("grant_type") != "client_credentials":
        return 400, {"error": "unsupported_grant_type"}, {}
    needed = struck.get("credentials")
    places = [given[needed]] if needed in given else list(given.values())
    wanted = (simulator.client_id, simulator.client_secret)
    if wanted not in [(p.get("client_id"), p.get("client_secret")) for p in places]:
        realm = f'Basic realm="{simulator.sis.title}"'
        return 401, {"error": "invalid_client"}, {"WWW-Authenticate": realm}
    if needed == "scope" and not merged.get("scope"):
        return 400, {"error": "invalid_request", "error_description": "scope is required"}, {}
    cookie = {"Set-Cookie": f"{COOKIE}; Path=/"} if needed == "cookie" else {}
    return 200, simulator.tokens.issue(merged.get("scope", "")), cookie


def _basic(authorization: str) -> dict[str, str]:
    if not authorization.startswith("Basic "):
        return {}
    try:
        name, _, secret = base64.b64decode(authorization[6:]).decode().partition(":")
    except ValueError:
        return {}
    return {"client_id": unquote(name), "client_secret": unquote(secret)}
