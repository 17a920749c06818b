"""What went wrong with a directory, as sentences: what was tried, where, what came back, and what to do.

The server's own text goes into `detail`, since it may name people.
"""

import ssl

import ldap

from rostersync.errors import Permanent, Retryable, RostersyncError
from rostersync.sources.active_directory.server import NAME, Server

# What Active Directory says of a bind that it refuses: `data 52e` in its text.
_REFUSED = {
    "525": "there is no such account",
    "52e": "the account or the password is wrong",
    "530": "the account may not log in at this time",
    "531": "the account may not log in from here",
    "532": "the password has expired",
    "533": "the account is disabled",
    "701": "the account has expired",
    "773": "the password must be changed first",
    "775": "the account is locked",
}
_BUSY = (ldap.BUSY, ldap.UNAVAILABLE, ldap.TIMELIMIT_EXCEEDED)
_BROKEN = (ldap.SERVER_DOWN, ldap.CONNECT_ERROR, ldap.UNAVAILABLE_CRITICAL_EXTENSION)


def address_refused(server: Server, what: str) -> Permanent:
    """The address is one that no Job may contact."""
    return Permanent(
        f"{server.url} leads to {what}, which a Job may not contact; give the domain controller's own address in "
        "deliveryConfig.url (for a trial on this machine: jobs.allowLoopback in the chart)",
        reason="AddressRefused",
    )


def unreachable(server: Server, what: str, error: BaseException | str) -> Retryable:
    """No connection, or one that broke."""
    return Retryable(
        f"{NAME} cannot be reached at {server.url}: {what}; check that the domain controller runs, deliveryConfig.url, and "
        "what may be reached from here",
        reason="Unreachable",
        detail=repr(error),
    )


def hidden(server: Server, error: RostersyncError) -> Retryable:
    """The one sentence for every error that could reveal what else is in a cluster's network."""
    return Retryable(
        f"{NAME} could not be read at {server.url}; check deliveryConfig.url and startTLS, ca.crt in Secret {server.secret}, "
        "and whether Jobs may reach it. What came back is not told here, since the address is one of the cluster's own "
        "network",
        reason="Unreachable",
        detail="\n".join(filter(None, [f"{error.reason}: {error}", error.detail])),
    )


def timed_out(server: Server, tried: str) -> Retryable:
    """No answer in time."""
    return Retryable(
        f"{NAME} did not answer {tried} at {server.url} within {server.timeout:g} s; try later, or raise "
        "deliveryConfig.timeoutSeconds",
        reason="TimedOut",
    )


def untrusted(server: Server, error: ssl.SSLCertVerificationError) -> Permanent:
    """The certificate was not accepted. The codes are OpenSSL's."""
    match error.verify_code:
        case 62 | 64:
            remedy = f"it was issued for another name than {server.host}; use the name that it was issued for"
        case 10:
            remedy = "it has expired; the directory's administrator must renew it"
        case 9:
            remedy = "it is not valid yet; check the clocks of the server and of this machine"
        case _ if server.ca:
            remedy = f"the certificate authorities in ca.crt of Secret {server.secret} did not issue it"
        case _:
            remedy = f"give the authority that issued it as ca.crt in Secret {server.secret}"
    return Permanent(
        f"The certificate of {server.url} could not be verified; {remedy}",
        reason="CertificateNotTrusted",
        detail=repr(error),
    )


def no_certificates(server: Server, error: Exception) -> Permanent:
    """ca.crt holds something else."""
    return Permanent(
        f"ca.crt in Secret {server.secret} does not hold certificates; give PEM blocks that begin with BEGIN CERTIFICATE",
        reason="CertificateNotTrusted",
        detail=repr(error),
    )


def no_start_tls(server: Server, code: object) -> Permanent:
    """StartTLS was refused."""
    return Permanent(
        f"{NAME} at {server.url} refused StartTLS (result {code}); use ldaps://, or let the domain controller have a "
        "certificate",
        reason="EncryptionRefused",
    )


def of_bind(server: Server, error: ldap.LDAPError) -> RostersyncError:
    """The bind failed."""
    if isinstance(
        error, ldap.INVALID_CREDENTIALS | ldap.INVALID_DN_SYNTAX | ldap.INAPPROPRIATE_AUTH | ldap.NO_SUCH_OBJECT
    ):
        why = _REFUSED.get(str(error).partition(" data ")[2][:3].lower(), "invalid credentials")
        return Permanent(
            f"{NAME} refused the bind at {server.url}: {why}; check {server.login}",
            reason="CredentialsRefused",
            detail=repr(error),
        )
    if isinstance(error, ldap.STRONG_AUTH_REQUIRED | ldap.CONFIDENTIALITY_REQUIRED):
        return Permanent(
            f"{NAME} at {server.url} takes no password over an unencrypted connection; use ldaps:// or startTLS: true in "
            "deliveryConfig",
            reason="EncryptionRequired",
            detail=repr(error),
        )
    return of(server, error, "the bind")


def of(server: Server, error: ldap.LDAPError, tried: str, place: str = "") -> RostersyncError:
    """`tried` failed. `place`: the part of deliveryConfig that it was about."""
    detail, code = repr(error), _code(error)
    if isinstance(error, ldap.TIMEOUT):
        return timed_out(server, tried)
    if isinstance(error, _BROKEN):
        return unreachable(server, f"the connection broke at {tried}", error)
    if isinstance(error, _BUSY):
        return Retryable(
            f"{NAME} at {server.url} could not do {tried} now (result {code}); run again later",
            reason="ServerFailed",
            detail=detail,
        )
    if isinstance(error, ldap.NO_SUCH_OBJECT | ldap.INVALID_DN_SYNTAX | ldap.REFERRAL) and place:
        why = (
            "is of another domain, to which referrals are not followed"
            if isinstance(error, ldap.REFERRAL)
            else "does not exist there"
        )
        return Permanent(
            f"deliveryConfig.{place} {why} ({NAME} at {server.url}, result {code}); correct it, or let the account of Secret "
            f"{server.secret} see it",
            reason="NotFound",
            detail=detail,
        )
    if isinstance(error, ldap.SIZELIMIT_EXCEEDED | ldap.ADMINLIMIT_EXCEEDED):
        return Permanent(
            f"{NAME} at {server.url} reached its size limit at {tried} (result {code}) and left the rest out; let its "
            "administrator allow paged results without a limit for this account, or read less by deliveryConfig.baseDNs "
            "and filter",
            reason="SizeLimit",
            detail=detail,
        )
    if isinstance(error, ldap.FILTER_ERROR):
        return Permanent(
            f"deliveryConfig.filter is no LDAP filter that {NAME} at {server.url} understands; correct it",
            reason="InvalidSpec",
            detail=detail,
        )
    if isinstance(error, ldap.INSUFFICIENT_ACCESS | ldap.UNWILLING_TO_PERFORM | ldap.OPERATIONS_ERROR):
        return Permanent(
            f"{NAME} at {server.url} refused {tried} (result {code}); let the account of Secret {server.secret} read the "
            "directory",
            reason="RequestRefused",
            detail=detail,
        )
    return Retryable(
        f"{NAME} at {server.url} answered {tried} with result {code}, which rostersync does not know; run again, and if it "
        "stays, look at the full text among the artifacts",
        reason="BadResponse",
        detail=detail,
    )


def _code(error: ldap.LDAPError) -> object:
    told = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    return told.get("result", type(error).__name__)
