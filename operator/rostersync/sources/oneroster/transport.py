"""Sends requests: authorization, rate limit, retries, and what each status means."""

import logging
import ssl
import threading
import time
from collections.abc import Callable
from math import inf
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import httpx
import stamina

from rostersync.errors import Permanent
from rostersync.sources.network import Network
from rostersync.sources.network_backend import Backend, Forbidden
from rostersync.sources.oneroster.auth import Answer, Auth, OAuth1, OAuth2
from rostersync.sources.oneroster.bounds import unpacked
from rostersync.sources.oneroster.endpoint import ServiceEndpoint, bare
from rostersync.sources.oneroster.rate_limit import RateLimit, retry_after
from rostersync.sources.oneroster.redirects import at_home, shown
from rostersync.sources.oneroster.request_errors import (
    OVERLOAD,
    Failure,
    OutOfTime,
    TryAgain,
    forbidden,
    given_up,
    of_transport,
)
from rostersync.sources.port import Credentials

log = logging.getLogger(__name__)
stamina.instrumentation.set_on_retry_hooks([])  # its warnings would end up on the terminal, and ours say more

T = TypeVar("T")
Waiting = Callable[[str, float, float], None]  # what is waited for, seconds so far, seconds at most
PASSES = frozenset({Failure.TIMEOUT, Failure.FAILED, Failure.LIMITED})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
REPEATED = frozenset({307, 308})  # those to which a form is sent again
MAX_REDIRECTS = 3
MAX_TOKENS = 6  # per request, while each expires after another request was accepted with it
MAX_HELD = 2  # answers to one request that took all their time; smaller pages were tried, so a third would take as long
SLOWEST = 10  # times timeoutSeconds that an answer may take once it has begun


class Transport:
    """Requests to one OneRoster service. Safe to use from several threads; close it at the end.

    `secret` is told every token, so that none appears in errors.
    """

    def __init__(
        self,
        endpoint: ServiceEndpoint,
        credentials: Credentials,
        secret: Callable[[str], None],
        network: Network | None,
    ) -> None:
        self.endpoint = endpoint
        self.network = network or Network()
        self._client_secret = credentials.client_secret
        self.read_before = False  # whether this service has ever answered with OneRoster
        self.patient = True  # whether failures are waited out, as in a nightly run
        self.until: float | None = None  # when the time for requests is over (time.monotonic), if it is limited
        self.waiting: Waiting = lambda why, waited, patience: None  # called while waiting
        self._reached = False  # whether any answer has ever come
        self._rate = RateLimit(endpoint.requests_per_second)
        self._at_once = threading.Semaphore(endpoint.max_concurrent_requests)
        self.backend = Backend(self.network)
        self._client = httpx.Client(
            verify=_trust(endpoint),
            trust_env=not self.network.guarded,  # a proxy would resolve names without checking their addresses
            timeout=httpx.Timeout(endpoint.timeout_seconds, connect=min(endpoint.timeout_seconds, 30.0)),
            limits=httpx.Limits(
                max_connections=endpoint.max_concurrent_requests + 1,
                max_keepalive_connections=endpoint.max_concurrent_requests + 1,
            ),
            headers={"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "rostersync"},
        )
        self.backend.serve(self._client)
        self.auth: Auth = (
            OAuth1(endpoint, credentials)
            if endpoint.authentication == "OAuth1"
            else OAuth2(endpoint, credentials, self._post, secret=secret)
        )

    @property
    def veiled(self) -> bool:
        """Whether errors must not say what answered: in a Job, for an address of the network that has not shown to be
        OneRoster.
        """
        return self.network.guarded and self.backend.inside and not (self.read_before or self._greeted)

    @property
    def _greeted(self) -> bool:
        """Whether the service's own server has answered as token endpoints do."""
        return self.auth.greeted and at_home(self.endpoint.service_url, self.endpoint.authentication_url) is not None

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def get(
        self,
        ask: Callable[[], str],
        read: Callable[[Answer], T],
        tried: str,
        where: str,
        on_overload: Callable[[], None] | None = None,
    ) -> T:
        """GET until `read` accepts the answer. `ask` gives the address of each attempt.

        `read` gets answers whose status is 2xx or would not change with another attempt, and may raise TryAgain itself.
        `tried` and `where` name the request in errors. `on_overload` is called when a smaller page may help.
        """

        def once() -> T:
            return read(self._authorized(ask(), tried))

        return self._insist(once, tried, where, on_overload)

    def _post(self, url: str, form: dict[str, str], headers: dict[str, str], read: Callable[[Answer], T]) -> T:
        def once() -> T:
            return read(self._sorted(self._send("POST", url, headers, form), url, "authenticationURL"))

        return self._insist(once, "the token request", url)

    def _authorized(self, url: str, tried: str) -> Answer:
        for _ in range(MAX_TOKENS):
            header = self.auth.header(url)
            answer = self._send("GET", url, {"Authorization": header})
            if answer.status != 401:
                if answer.status < 400:
                    self.auth.accepted(header)
                return self._sorted(answer, url, "serviceURL")
            if not self.auth.renew(header):
                break
        raise Permanent(
            f"{self.endpoint.name} refused {tried} (401) at {bare(url)}; check {self.endpoint.credentials}, and "
            "what they may read",
            reason="CredentialsRefused",
            detail=answer.text(),
        )

    def _insist(self, once: Callable[[], T], tried: str, url: str, on_overload: Callable[[], None] | None = None) -> T:
        patience = self.endpoint.patience
        began = time.monotonic()
        failures = held = 0
        late = False

        def hook(error: Exception) -> bool | float:
            nonlocal failures, held, late
            if not isinstance(error, TryAgain):
                return False
            failures += 1
            held += error.held
            log.info("%s: %s (%s), attempt %d", tried, error.failure.value, error.what, failures)
            waited = time.monotonic() - began
            if failures >= patience.attempts and not (self._passes(error.failure) and waited < patience.seconds):
                return False
            late = self.until is not None and time.monotonic() + (error.wait or 0.0) >= self.until
            if late:
                return False
            if failures > 1:
                self.waiting(error.briefly(tried), waited, patience.seconds)
            if error.failure in OVERLOAD and on_overload:
                on_overload()
            if held >= MAX_HELD:
                return False
            if error.wait is None and error.failure is not Failure.LIMITED:
                return True
            # A rate limit without Retry-After usually counts by the minute: wait longer than for a hiccup.
            own = min(patience.wait_max, 4 * patience.wait_initial * 2.0 ** (failures - 1))
            wait = own if error.wait is None else min(error.wait, patience.retry_after_max)
            if error.failure is Failure.LIMITED:
                self._rate.pause(wait)
            return wait

        try:
            for attempt in stamina.retry_context(
                on=hook,
                attempts=None,
                timeout=None,
                wait_initial=patience.wait_initial,
                wait_max=patience.wait_max,
                wait_jitter=patience.wait_jitter,
            ):
                with attempt:
                    return once()
        except TryAgain as again:
            if late:
                raise OutOfTime(f"There was no time left for {tried}.") from None
            raise given_up(again, self.endpoint, tried, url, read_before=self.read_before, failures=failures) from None
        raise AssertionError("unreachable")

    def _passes(self, failure: Failure) -> bool:
        """Whether a failure is waited out: not while a person waits, nor for an address that has never answered."""
        return self.patient and (failure in PASSES or (failure is Failure.CONNECTION and self._reached))

    def _sorted(self, answer: Answer, url: str, field: str) -> Answer:
        """Raise TryAgain for what may pass; return what another attempt would not change.

        `field` has the address in the spec.
        """
        status = answer.status
        if status in REDIRECTS:
            location = answer.headers.get("location", "")
            to = shown(url, location)
            if to and field == "serviceURL":
                to = to[: -len(urlsplit(to).path) or None]  # a page's path may hold a name
            elif to and self._client_secret in unquote(to):
                to = None
            remedy = f" to {to}, which is not followed; if that is its address, set deliveryConfig.{field} to it"
            raise TryAgain(Failure.UNREADABLE, f"{status}, a redirect{remedy if to else ' elsewhere'}", detail=location)
        if status == 429:
            raise TryAgain(Failure.LIMITED, "429", wait=retry_after(answer.headers.get("retry-after")))
        if (status >= 500 and status != 501) or status in (408, 425):
            wait = retry_after(answer.headers.get("retry-after"))
            raise TryAgain(Failure.FAILED, str(status), wait=wait, detail=answer.text(), status=status)
        return answer

    def _send(self, method: str, url: str, headers: dict[str, str], form: dict[str, str] | None = None) -> Answer:
        for _ in range(MAX_REDIRECTS):
            if not self._rate.wait(self.until):
                raise OutOfTime("There was no time left for a request.")
            with self._at_once:
                answer = self._once(method, url, headers, form)
            if answer.status not in (REDIRECTS if method == "GET" else REPEATED):
                return answer
            target = at_home(url, answer.headers.get("location", ""))
            if target is None:
                return answer  # credentials are not sent elsewhere
            if method == "GET" and self.endpoint.authentication == "OAuth1":
                headers = headers | {"Authorization": self.auth.header(target)}
            url = target
        return answer

    def _once(self, method: str, url: str, headers: dict[str, str], form: dict[str, str] | None) -> Answer:
        first = self.endpoint.timeout_seconds
        left = inf if self.until is None else self.until - time.monotonic()
        try:
            with (
                self.backend.answer(min(first, left), min(SLOWEST * first, left)),
                self._client.stream(method, url, headers=headers, data=form) as response,
            ):
                self._reached = True
                body = unpacked(response.iter_raw(), response.headers.get("content-encoding", ""))
                return Answer(response.status_code, dict(response.headers), body)
        except (httpx.RemoteProtocolError, httpx.ReadError) as error:
            raise TryAgain(Failure.FAILED, "the answer broke off", detail=repr(error)) from None
        except httpx.TransportError as error:
            if isinstance(error, httpx.TimeoutException) and self.backend.trickled:
                raise TryAgain(
                    Failure.TIMEOUT,
                    f"its answer was not whole after {SLOWEST * first:g} s",
                    detail=repr(error),
                    held=True,
                ) from None
            raise of_transport(error, self.endpoint, url) from None
        except Forbidden as error:
            raise forbidden(error.what, url) from None
        except (
            httpx.InvalidURL,
            httpx.CookieConflict,
            ValueError,
        ) as error:  # ValueError: text that is no address
            raise TryAgain(Failure.UNREADABLE, "an address that is none", detail=repr(error)) from None


def _trust(endpoint: ServiceEndpoint) -> ssl.SSLContext:
    """The system's certificate authorities, or only those of the CA bundle."""
    if endpoint.ca_bundle is None:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cadata=endpoint.ca_bundle)
    except (ssl.SSLError, ValueError) as error:
        raise Permanent(
            "deliveryConfig.caBundleRef does not hold certificates; give PEM blocks that begin with BEGIN CERTIFICATE",
            reason="CertificateNotTrusted",
            detail=repr(error),
        ) from None
