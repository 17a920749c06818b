"""Our own sentences for errors of the server and of the way to it. Their texts may quote values, and go to `detail`."""

import re

from adbc_driver_manager import Error as DriverError

from rostersync.errors import DiskFull, Permanent, Retryable, RostersyncError, StoreBusy, StoreUnreachable
from rostersync.stores.postgres.login import Login

_STATE = re.compile(r"SQLSTATE: ([0-9A-Z]{5})")
_FROM_SERVER = ("[libpq]", "server closed the connection", "no connection to the server", "SQLSTATE: ")


def sqlstate(error: BaseException) -> str:
    """The server's code of an error. "" for errors that the server did not send."""
    said = getattr(error, "sqlstate", None) or ""
    found = _STATE.search(str(error))
    missing = "42P01" if str(error).startswith("NOT_FOUND: ") else ""  # a table that COPY goes into, without a code
    return str(said) or (found[1] if found else missing)


def is_of_server(error: Exception) -> bool:
    """Whether an error of the engine is only about the stream that it read from the server."""
    return any(word in str(error) for word in _FROM_SERVER)


def no_connection(error: DriverError, login: Login) -> RostersyncError:
    """Why there is no connection. libpq has no codes here, so its words decide. Unknown ones may pass by themselves."""
    text = str(error)
    _, kind, reason, why = next(cause for cause in _CAUSES if re.search(cause[0], text, re.IGNORECASE))
    said = why.format(user=login.user, secret=login.secret)
    return kind(f"Tried to connect to the roster store ({login.where}); {said}", reason=reason, detail=text)


_CAUSES: tuple[tuple[str, type[Permanent] | type[Retryable], str, str], ...] = (
    (
        "password authentication failed|no password supplied",
        Permanent,
        "LoginRefused",
        "the server refused the password of role {user}; correct Secret {secret}.",
    ),
    (
        'role ".*" does not exist|is not permitted to log in|authentication failed for user',
        Permanent,
        "LoginRefused",
        "the server refused role {user}; create it with the right to log in, or correct Secret {secret}.",
    ),
    (
        "pg_hba.conf",
        Permanent,
        "LoginRefused",
        "the server's pg_hba.conf does not let role {user} in from here (with or without TLS); add a line there.",
    ),
    (
        'database ".*" does not exist',
        Permanent,
        "DatabaseNotFound",
        "there is no such database; create it, or correct Secret {secret}.",
    ),
    (
        "permission denied for database",
        Permanent,
        "LoginRefused",
        "role {user} has no right to connect to it; GRANT CONNECT ON DATABASE to that role.",
    ),
    (
        "server does not support SSL",
        Permanent,
        "TLSFailed",
        "the server speaks no TLS, which sslmode asks for; switch it on there (ssl = on), or set sslmode in Secret "
        "{secret} if the network is trusted.",
    ),
    (
        "does not match host name",
        Permanent,
        "TLSFailed",
        "the server's certificate is for another host name; use the name that it has as host in Secret {secret}, or give "
        "the server a certificate for this one.",
    ),
    (
        "certificate|root.crt",
        Permanent,
        "TLSFailed",
        "the server's certificate does not verify (unknown authority, or expired); put the authority's certificate under "
        "the key ca.crt of Secret {secret}.",
    ),
    (
        "could not translate host name",
        StoreUnreachable,
        StoreUnreachable.reason,
        "the host name is not known; check host in Secret {secret}.",
    ),
    (
        "Connection refused|timeout expired|No route|unreachable|timed out",
        StoreUnreachable,
        StoreUnreachable.reason,
        "nothing answers there; check host and port in Secret {secret}, whether the server runs, and network policies.",
    ),
    (
        "too many|remaining connection slots",
        Retryable,
        StoreBusy.reason,
        "the server has no free connection; raise max_connections there, or run the same command again later.",
    ),
    (
        "the database system is |not (yet )?accepting connections|server_login_retry|no more connections allowed",
        StoreUnreachable,
        StoreUnreachable.reason,
        "the server is being started or stopped; run the same command again.",
    ),
    (
        r"failed: \S+:  |SASL|authentication",  # "SEVERITY:  text": the server's own words, perhaps in another language
        Retryable,
        "LoginRefused",
        "the server answered and did not let role {user} in. Check user, password and database in Secret {secret}, and "
        "pg_hba.conf and max_connections there. The server's own words are in its log.",
    ),
    (
        "",
        StoreUnreachable,
        StoreUnreachable.reason,
        "no connection was made. The full text is in the run's errors folder; run the same command again.",
    ),
)


def translated(error: Exception, doing: str, login: Login) -> RostersyncError:
    """The error for what went wrong once connected. `doing`: such as `apply the plan to`."""
    text, state = str(error), sqlstate(error)
    begin = f"Tried to {doing} the roster store ({login.where})"
    if state in ("53100", "58030"):
        return DiskFull(
            f"{begin}; the server's disk is full: make room there, then run the same command again. What was approved "
            "stays approved.",
            volume="store",
            detail=text,
        )
    if state == "22021":
        return Permanent(
            f"{begin}; a text of the plan has a NUL character, which PostgreSQL does not keep. Nothing was applied. Take it out "
            "in the SIS (the run's errors folder names the column), or keep the roster in another kind of store.",
            reason="NotStorable",
            detail=text,
        )
    if state in ("RS001", "RS002"):  # of settle (migrations/0002_settle.sql)
        return Retryable(
            f"{begin}; it does not have the revision that was sent, or not this way: it may have been restored from a backup "
            "meanwhile. Nothing was recorded; run the same command again, which looks anew at what is to be delivered.",
            reason="StoreFailed",
            detail=text,
        )
    if state == "55P03":
        return StoreBusy(
            f"{begin}; another process is writing this district; run the same command again later.", detail=text
        )
    if state == "25006":
        return Retryable(
            f"{begin}; the server only reads: it is a standby, or is just being promoted. Nothing was changed. Name the "
            f"primary in Secret {login.secret}; with several hosts in a uri, add target_session_attrs=read-write.",
            reason="StoreReadOnly",
            detail=text,
        )
    if state in ("42P01", "42703", "42883", "3F000"):
        return Permanent(
            f"{begin}; schema {login.schema} lacks something that rostersync has made there, or role {login.user} may not look "
            "into it: somebody has changed the schema by hand. Nothing was changed. Put it back, from a backup if need be.",
            reason="StoreSpoiled",
            detail=text,
        )
    if state == "42501":
        return Permanent(
            f"{begin}; role {login.user} lacks a right there. The writer must own the schema "
            f"{login.schema} or be allowed to create it (GRANT CREATE ON DATABASE), and put the reader's role into its "
            "Secret under the key reader.",
            reason="StoreRefused",
            detail=text,
        )
    what = _PASSING.get(state) or _PASSING.get(state[:2]) or ("" if state else "the connection was lost")
    if what:
        return Retryable(
            f"{begin}; {what}. Nothing is half done; run the same command again.", reason="StoreFailed", detail=text
        )
    return Permanent(
        f"{begin}; PostgreSQL refused ({state}). The full text is in the run's errors folder.",
        reason="StoreFailed",
        detail=text,
    )


_PASSING = {
    "08": "the connection was lost",
    "25P03": "the server ended the connection, which stood still for too long",
    "40": "the server ended it in favour of another transaction (deadlock)",
    "53": "the server ran out of memory or connections",
    "54000": "a limit of the server was reached",
    "57014": "the server cancelled a statement (statement_timeout, or an administrator)",
    "57": "the server is being stopped or started, or ended the connection",
    "58": "the server failed to read or write its files",
    "XX": "the server had an internal error; look at its log",
}
