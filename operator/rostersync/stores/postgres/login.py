"""What a Secret says of a database: where it is, and how to log in. Pure. Texts of Secrets are never in a message."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from rostersync.errors import Permanent
from rostersync.stores.reach import Reach

FIELD = "spec.store.postgres"
KEYS = "the key uri, or the keys host, database, user and password (and port, sslmode, ca.crt, schema)"
SCHEMA = "rostersync"
SAFEST = "verify-full"
_SSL_MODES = ("verify-full", "verify-ca", "require", "prefer", "allow", "disable")
_OPTIONS = frozenset(  # of a uri; others could name files of the pod or switch checks off
    {
        "application_name",
        "channel_binding",
        "connect_timeout",
        "gssencmode",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "require_auth",
        "ssl_min_protocol_version",
        "sslmode",
        "target_session_attrs",
        "tcp_user_timeout",
    }
)
_DEFAULTS = {  # a peer that is gone is noticed within two minutes, whatever the network does
    "application_name": "rostersync",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "6",
    "tcp_user_timeout": "90000",
}
_URI = re.compile(r"postgres(ql)?://")


@dataclass(frozen=True)
class Login:
    """A login as libpq takes it. `where` is for people: host, port, database and schema; `secret` is its Secret's name.

    `reader`: the role that the writer grants SELECT. `ca`: PEM text, "" for the system's authorities. `reach`: which
    addresses it may contact; None for any.
    """

    secret: str
    where: str
    user: str
    schema: str = SCHEMA
    reader: str = ""
    ca: str = field(default="", repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict, repr=False)
    reach: Reach | None = field(default=None, repr=False)

    @staticmethod
    def conninfo(parameters: Mapping[str, str], root_certificates: str) -> str:
        """The text for libpq. `root_certificates` is a file."""
        given = {**parameters, "sslrootcert": root_certificates}
        return " ".join(f"{key}={_quoted(value)}" for key, value in given.items())


def login(data: Mapping[str, str], secret: str, named: str) -> Login:
    """The login that a Secret holds. `named`: the Secret in words, and which field names it. Raises Permanent."""
    values = {key: text.strip() for key, text in data.items()}
    if any("\0" in text for text in values.values()):
        raise _incomplete(f"{named}, holds a NUL character.")
    given = _of_uri(values["uri"], named) if values.get("uri") else _of_keys(values, named)
    mode = given.setdefault("sslmode", values.get("sslmode") or SAFEST)
    if mode not in _SSL_MODES:
        raise _incomplete(f"{named}, has an sslmode that libpq does not know; use one of {', '.join(_SSL_MODES)}.")
    ca = values.get("ca.crt", "")
    if ca and "-----BEGIN CERTIFICATE-----" not in ca:
        raise _incomplete(f"{named}, has no certificate in PEM form under the key ca.crt.")
    schema = values.get("schema") or SCHEMA
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema) or schema.startswith("pg_"):
        raise _incomplete(f"{named}, has a schema that is no plain name (a-z, 0-9, _; at most 63, and not pg_…).")
    ports = given["port"].split(",")
    hosts = ",".join(f"{host}:{port}" for host, port in zip(given["host"].split(","), ports, strict=True))
    return Login(
        secret=secret,
        where=f"PostgreSQL at {hosts}, database {given['dbname']}, schema {schema}",
        user=given["user"],
        schema=schema,
        reader=values.get("reader", ""),
        ca=ca,
        parameters=_DEFAULTS | given,
    )


def _of_keys(values: Mapping[str, str], named: str) -> dict[str, str]:
    missing = [key for key in ("host", "database", "user", "password") if not values.get(key)]
    if missing:
        raise _incomplete(f"{named}, has no value for {' and '.join(missing)}; it needs {KEYS}.")
    port = values.get("port") or "5432"
    _check_ports([port], named)
    return {
        "host": values["host"],
        "port": ",".join([port] * len(values["host"].split(","))),
        "dbname": values["database"],
        "user": values["user"],
        "password": values["password"],
    }


def _of_uri(uri: str, named: str) -> dict[str, str]:
    shape = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
    begin = _URI.match(uri)
    if begin is None:
        raise _incomplete(f"{named}, has a uri that does not begin with postgresql://; write it as {shape}.")
    try:
        parts = urlsplit(uri)
        asked = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
    except ValueError:
        raise _incomplete(f"{named}, has a uri that cannot be read; write it as {shape}.") from None
    user, _, password = parts.netloc.rpartition("@")[0].partition(":")
    hosts, ports = _hosts(parts.netloc.rpartition("@")[2])
    database = unquote(parts.path.removeprefix("/"))
    needed = {"a user": user, "a password": password, "a host": all(hosts) and hosts, "a database": database}
    if missing := [what for what, there in needed.items() if not there]:
        hint = "" if parts.fragment == "" else " A # in a password is written %23."
        raise _incomplete(f"{named}, has a uri without {' and '.join(missing)}; write it as {shape}.{hint}")
    if parts.fragment or "/" in database:
        raise _incomplete(
            f"{named}, has a uri with a # or / where none belongs; in a password, write them as %23 and %2F."
        )
    if unknown := sorted(asked.keys() - _OPTIONS):
        known = [key for key in unknown if re.fullmatch(r"[a-z_]{1,40}", key)]
        what = ", ".join(known) or "an option"
        raise _incomplete(
            f"{named}, has a uri with {what}, which is not taken; a certificate goes under the key ca.crt, and the schema "
            "under the key schema."
        )
    _check_ports(ports, named)
    return {
        **asked,
        "host": ",".join(hosts),
        "port": ",".join(ports),
        "dbname": database,
        "user": unquote(user),
        "password": unquote(password),
    }


def _hosts(places: str) -> tuple[list[str], list[str]]:
    hosts, ports = [], []
    for place in places.split(","):
        found = re.fullmatch(r"(\[[^\]]*\]|[^:]*)(?::(.*))?", place)
        host, port = found.groups() if found else ("", None)
        hosts.append(unquote(host.strip("[]")))
        ports.append(port or "5432")
    return hosts, ports


def _check_ports(ports: list[str], named: str) -> None:
    if not all(port.isascii() and port.isdigit() and 0 < int(port) < 65536 for port in ports):
        raise _incomplete(f"{named}, has a port that is no number from 1 to 65535.")


def _incomplete(sentence: str) -> Permanent:
    return Permanent(sentence, reason="SecretIncomplete")


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
