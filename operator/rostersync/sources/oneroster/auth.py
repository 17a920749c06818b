"""Authorization: OAuth 2 client credentials, or OAuth 1.0a signatures for servers that still want them."""

import base64
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
from oauthlib import oauth1

from rostersync.errors import Permanent
from rostersync.instants import parse_instant
from rostersync.sources.oneroster.bounds import check_depth
from rostersync.sources.oneroster.endpoint import ServiceEndpoint, bare
from rostersync.sources.oneroster.request_errors import DETAIL_LIMIT, Failure, TryAgain
from rostersync.sources.port import Credentials

MARGIN = 60.0  # seconds before a token expires that it is replaced; a tenth of its lifetime if that is less
ERRORS = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
)
MAX_TOKEN = 16_384  # characters; servers refuse longer headers
REFUSALS = frozenset({400, 401, 403, 422})
METHODS = {"HMAC-SHA1": oauth1.SIGNATURE_HMAC_SHA1, "HMAC-SHA256": oauth1.SIGNATURE_HMAC_SHA256}


@dataclass(frozen=True)
class Answer:
    """The answer to an HTTP request. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def text(self) -> str:
        """The beginning of the body. It may hold anything, so it is only for `detail`."""
        return self.body[:DETAIL_LIMIT].decode("utf-8", "replace")


class Auth(Protocol):
    """Makes the Authorization header of each request.

    `greeted`: the token endpoint has answered as token endpoints do.
    """

    greeted: bool

    def header(self, url: str) -> str:
        """The header's value for a GET of this address, query included."""
        ...

    def accepted(self, header: str) -> None:
        """The server accepted this header."""
        ...

    def renew(self, stale: str) -> bool:
        """The server refused this header. Returns whether a new one is worth trying."""
        ...


class OAuth1:
    """Signs every request with all of its query parameters."""

    greeted = False

    def __init__(self, endpoint: ServiceEndpoint, credentials: Credentials) -> None:
        self._client = oauth1.Client(
            credentials.client_id,
            client_secret=credentials.client_secret,
            resource_owner_key=credentials.user_key or None,
            resource_owner_secret=credentials.user_secret or None,
            signature_method=METHODS[endpoint.signature_method],
        )

    def header(self, url: str) -> str:
        """A fresh signature (nonce and time) for this address."""
        _, headers, _ = self._client.sign(url, http_method="GET")
        return str(headers["Authorization"])

    def accepted(self, header: str) -> None:
        """Nothing to remember: the next request has another signature."""

    def renew(self, stale: str) -> bool:
        """Never worth trying: another signature would be refused too."""
        return False


@dataclass(frozen=True)
class Token:
    """An access token. It expires at `until` by the monotonic clock; None when the server did not say."""

    header: str
    until: float | None


class OAuth2:
    """Client credentials. All threads share one token, which is renewed before it expires and when it is refused.

    `post(url, form, headers)` sends the token request and retries failures that may pass; `secret` is told every token.
    """

    def __init__(
        self,
        endpoint: ServiceEndpoint,
        credentials: Credentials,
        post: Callable[[str, dict[str, str], dict[str, str], Callable[[Answer], Any]], Any],
        secret: Callable[[str], None],
    ) -> None:
        self._endpoint = endpoint
        self._secret = secret
        self._credentials = credentials
        self._post = post
        self.greeted = False
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._in_doubt = False  # the token replaces one that was refused and has not been accepted yet
        self._placements = ["form", "basic"]  # the one that worked comes first

    def header(self, url: str) -> str:
        """The current token, renewed shortly before it expires. Threads that ask meanwhile share the new one."""
        with self._lock:
            token = self._token
            if token is None or (token.until is not None and time.monotonic() >= token.until):
                token = self._token = self._fetch()
            return token.header

    def accepted(self, header: str) -> None:
        """A token that is refused after it was accepted has expired.

        One that was never accepted is refused for good.
        """
        if self._in_doubt:
            with self._lock:
                if self._token is not None and self._token.header == header:
                    self._in_doubt = False

    def renew(self, stale: str) -> bool:
        """Fetch another token, unless another thread already did, or this token itself replaced a refused one."""
        with self._lock:
            if self._token is None or self._token.header == stale:
                if self._in_doubt:
                    return False
                self._token = self._fetch()
                self._in_doubt = True
            return True

    def _fetch(self) -> Token:
        refused: list[Answer] = []
        for placement in list(self._placements):
            answer, token = self._ask(placement)
            self.greeted |= token is not None or _is_refusal(answer)
            if token is not None:
                self._secret(token.header.partition(" ")[2])
                self._placements.remove(placement)
                self._placements.insert(0, placement)
                return token
            if answer.status not in REFUSALS and answer.status >= 300:
                raise self._wrong_place(answer)
            refused.append(answer)
        raise self._refused(refused)

    def _ask(self, placement: str) -> tuple[Answer, Token | None]:
        form, headers = {"grant_type": "client_credentials"}, {"Accept": "application/json"}
        if self._endpoint.scope:
            form["scope"] = self._endpoint.scope
        identity, secret = self._credentials.client_id, self._credentials.client_secret
        if placement == "form":
            form |= {"client_id": identity, "client_secret": secret}
        else:
            pair = f"{identity}:{secret}".encode()
            headers["Authorization"] = "Basic " + base64.b64encode(pair).decode()

        def read(answer: Answer) -> tuple[Answer, Token | None]:
            return answer, _token(_parsed(answer), time.monotonic()) if answer.status < 300 else None

        answered: tuple[Answer, Token | None] = self._post(self._endpoint.authentication_url, form, headers, read)
        return answered

    def _refused(self, refused: list[Answer]) -> Permanent:
        status = 401 if any(a.status == 401 for a in refused) else refused[-1].status
        where = bare(self._endpoint.authentication_url)
        detail = "\n".join(a.text() for a in refused)
        if any(a.status == 400 and b"scope" in a.body.lower() for a in refused):
            return Permanent(
                f"{self._endpoint.name} refused the scope of the token request ({status}) at {where}; set "
                "deliveryConfig.scope to what its operator names",
                reason="ScopeRefused",
                detail=detail,
            )
        return Permanent(
            f"{self._endpoint.name} refused the token request ({status}) at {where}; check "
            f"{self._endpoint.credentials}",
            reason="CredentialsRefused",
            detail=detail,
        )

    def _wrong_place(self, answer: Answer) -> Permanent:
        return Permanent(
            f"There is no token endpoint at {bare(self._endpoint.authentication_url)} ({answer.status}); check "
            "deliveryConfig.authenticationURL and serviceURL",
            reason="NotOneRoster",
            detail=answer.text(),
        )


def _parsed(answer: Answer) -> Any:
    """The JSON of a 200. Anything else is not from a token endpoint, but may be an error page that passes."""
    try:
        check_depth(answer.body)
        return msgspec.json.decode(answer.body)
    except TryAgain as again:
        raise TryAgain(again.failure, f"{answer.status}, {again.what}", detail=answer.text()) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise TryAgain(Failure.UNREADABLE, f"{answer.status}, not JSON", detail=answer.text()) from None


def _is_refusal(answer: Answer) -> bool:
    """Whether the refusal is one that only token endpoints send (RFC 6749, 5.2)."""
    try:
        body = _parsed(answer)
    except TryAgain:
        return False
    return isinstance(body, dict) and isinstance(body.get("error"), str) and body["error"] in ERRORS


def _token(body: Any, now: float) -> Token | None:
    """The token in an answer; None when there is none. Raises TryAgain when no header could carry it.

    `token_type` is ignored: servers say BearerToken, or nothing, and all of them mean Bearer.
    """
    if not isinstance(body, dict):
        return None
    value = body.get("access_token")
    if not isinstance(value, str) or not value.strip():
        return None
    value = value.strip()
    if len(value) > MAX_TOKEN or any(not "!" <= letter <= "~" for letter in value):
        raise TryAgain(Failure.UNREADABLE, "a token that no header can hold")
    life = lifetime(body)
    until = None if life is None else now + life - min(MARGIN, life / 10)
    return Token(f"Bearer {value}", until)


def lifetime(body: Mapping[str, Any], now: datetime | None = None) -> float | None:
    """Seconds until a token expires: `expires_in`, else the time in `expiration`; None when neither is usable.

    Nonsense (zero, negative numbers, words) is ignored: the token is then used until it is refused.
    """
    said = body.get("expires_in")
    try:
        seconds = float(said) if isinstance(said, int | float | str) and not isinstance(said, bool) else 0.0
    except (ValueError, OverflowError):
        seconds = 0.0
    if 0 < seconds < float("inf"):
        return seconds
    ends = body.get("expiration")
    try:
        end = parse_instant(ends if isinstance(ends, str) else "")
    except ValueError:
        return None
    left = (end - (now or datetime.now(UTC))).total_seconds()
    return left if left > 0 else None
