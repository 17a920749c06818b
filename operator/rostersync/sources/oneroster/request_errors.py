"""What can go wrong with one request, and the error that remains when retrying does not help.

`TryAgain` is only raised inside the retry loop. Its text is our own; texts of servers and libraries go into `detail`.
"""

import socket
import ssl
from enum import Enum
from urllib.parse import urlsplit

import httpx

from rostersync.errors import Permanent, Retryable, RostersyncError
from rostersync.sources.oneroster.endpoint import ServiceEndpoint, bare

DETAIL_LIMIT = 4000  # characters of a server's answer that are kept among the artifacts


class Failure(Enum):
    """Failures that may pass with another attempt."""

    CONNECTION = "could not be reached"
    TIMEOUT = "did not answer in time"
    LIMITED = "asked for fewer requests"
    FAILED = "failed"
    UNREADABLE = "answered something that is not a page of OneRoster"
    TOO_LARGE = "answered more than fits into memory"


OVERLOAD = frozenset({Failure.TIMEOUT, Failure.FAILED, Failure.TOO_LARGE})  # smaller pages may help


class OutOfTime(Retryable):
    """The time that the caller gives was over before an answer came."""

    reason = "OutOfTime"


class TryAgain(Exception):  # noqa: N818 - named for what happens next, as all errors are
    """One attempt failed in a way that may pass. `wait`: the seconds that the server asked for.

    `held`: it took all the time that an answer may take, ten times as long as a silent server.
    """

    def __init__(
        self,
        failure: Failure,
        what: str,
        *,
        wait: float | None = None,
        detail: str | None = None,
        status: int | None = None,
        held: bool = False,
    ) -> None:
        super().__init__(f"{failure.name}: {what}")
        self.failure = failure
        self.what = what
        self.wait = wait
        self.detail = detail
        self.status = status
        self.held = held

    def briefly(self, tried: str) -> str:
        """What is waited for, on a line of progress: `token request: connection refused`, `GET /users failed (503)`."""
        tried = tried.removeprefix("the ")
        return f"{tried} failed ({self.what})" if self.failure is Failure.FAILED else f"{tried}: {self.what}"


def causes(error: BaseException) -> list[BaseException]:
    """The error and all its causes."""
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        current = current.__cause__ or current.__context__
    return found


def forbidden(what: str, url: str) -> Permanent:
    """The error for an address that a Job may not contact. `what` says of which kind it is."""
    return Permanent(
        f"{bare(url)} leads to {what}, which a Job may not contact; give the SIS's own address in "
        "deliveryConfig.serviceURL and authenticationURL (for a trial on this machine: jobs.allowLoopback in the chart)",
        reason="AddressRefused",
    )


def unreadable(error: RostersyncError, endpoint: ServiceEndpoint) -> Retryable:
    """The one sentence for every error where more could reveal what else is in a cluster's network."""
    return Retryable(
        f"{endpoint.name} could not be read as OneRoster at {bare(endpoint.service_url)}, with the token of "
        f"{bare(endpoint.authentication_url)}; check deliveryConfig.serviceURL, authenticationURL and caBundleRef, Secret "
        f"{endpoint.secret_name}, and whether Jobs may reach it. What came back is not told here, since the address is one "
        "of the cluster's own network",
        reason="Unreachable",
        detail="\n".join(filter(None, [f"{error.reason}: {error}", error.detail])),
    )


def of_transport(error: httpx.TransportError, endpoint: ServiceEndpoint, url: str) -> TryAgain | Permanent:
    """Classify a failure below HTTP: an untrusted certificate is permanent, everything else may pass."""
    chain = causes(error)
    detail = repr(error)
    untrusted = next((c for c in chain if isinstance(c, ssl.SSLCertVerificationError)), None)
    if untrusted is not None:
        return Permanent(
            f"The certificate of {bare(url)} could not be verified; {_remedy(untrusted, endpoint, url)}",
            reason="CertificateNotTrusted",
            detail=detail,
        )
    if isinstance(error, httpx.UnsupportedProtocol | httpx.ProxyError):
        return TryAgain(Failure.CONNECTION, "the proxy failed", detail=detail)
    if isinstance(error, httpx.TimeoutException):
        if isinstance(error, httpx.ConnectTimeout):
            return TryAgain(Failure.CONNECTION, "no connection in time", detail=detail)
        return TryAgain(Failure.TIMEOUT, f"no answer within {endpoint.timeout_seconds:g} s", detail=detail)
    if any(isinstance(c, socket.gaierror) for c in chain):
        return TryAgain(Failure.CONNECTION, "its name is not known", detail=detail)
    if any(isinstance(c, ConnectionRefusedError) for c in chain):
        return TryAgain(Failure.CONNECTION, "connection refused", detail=detail)
    if any(isinstance(c, ssl.SSLError) for c in chain):
        return TryAgain(Failure.CONNECTION, "the TLS handshake failed", detail=detail)
    return TryAgain(Failure.CONNECTION, "the connection broke", detail=detail)


def _remedy(untrusted: ssl.SSLCertVerificationError, endpoint: ServiceEndpoint, url: str) -> str:
    """What to do about a certificate. The codes are OpenSSL's."""
    match getattr(untrusted, "verify_code", 0):
        case 62 | 64:
            return f"it was issued for another name than {urlsplit(url).hostname}; use the name that it was issued for"
        case 10:
            return "it has expired; the server's operator must renew it"
        case 9:
            return "it is not valid yet; check the clocks of the server and of this machine"
    if endpoint.ca_bundle:
        return "the certificate authorities of deliveryConfig.caBundleRef did not issue it"
    return "give the authority that issued it by deliveryConfig.caBundleRef"


def given_up(
    again: TryAgain, endpoint: ServiceEndpoint, tried: str, url: str, *, read_before: bool, failures: int
) -> RostersyncError:
    """The error after the last attempt. `read_before`: this service has already answered with OneRoster."""
    where = f"{tried} at {bare(url)}"
    attempts = "after 1 attempt" if failures == 1 else f"after {failures} attempts"
    match again.failure:
        case Failure.CONNECTION:
            return Retryable(
                f"{endpoint.name} could not be reached for {where} ({again.what}) {attempts}; check "
                "deliveryConfig.serviceURL and the network, then run again",
                reason="Unreachable",
                detail=again.detail,
            )
        case Failure.TIMEOUT:
            return Retryable(
                f"{endpoint.name} did not answer {where} ({again.what}) {attempts}; raise deliveryConfig.timeoutSeconds "
                "or lower deliveryConfig.pageSize, or run again later",
                reason="TimedOut",
                detail=again.detail,
            )
        case Failure.LIMITED:
            return Retryable(
                f"{endpoint.name} kept refusing {where} as too many requests (429) {attempts}; lower "
                "deliveryConfig.requestsPerSecond or maxConcurrentRequests, or run again later",
                reason="RateLimited",
                detail=again.detail,
            )
        case Failure.TOO_LARGE:
            return Permanent(
                f"{endpoint.name} sent a page too large to read for {where} ({again.what}); lower deliveryConfig.pageSize",
                reason="PageTooLarge",
                detail=again.detail,
            )
        case Failure.UNREADABLE if not read_before:
            return Permanent(
                f"What answered {where} is not OneRoster ({again.what}); check deliveryConfig.serviceURL and "
                "authenticationURL",
                reason="NotOneRoster",
                detail=again.detail,
            )
        case Failure.UNREADABLE:
            return Retryable(
                f"{endpoint.name} answered {where} with something that is not a page of OneRoster ({again.what}) "
                f"{attempts}; nothing was taken from it; run again later",
                reason="BadResponse",
                detail=again.detail,
            )
    return Retryable(
        f"{endpoint.name} failed to answer {where} ({again.what}) {attempts}; run again later, or ask its operator",
        reason="ServerFailed",
        detail=again.detail,
    )
