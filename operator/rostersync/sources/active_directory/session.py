"""A session with a directory: bind, paged searches, and values that come in ranges. It decides nothing about people."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import ldap
from ldap.controls.libldap import SimplePagedResultsControl

from rostersync.sources.active_directory import failures
from rostersync.sources.active_directory.server import NAME, Server
from rostersync.sources.active_directory.wire import connect
from rostersync.sources.network import Network

Values = dict[str, list[bytes]]  # by the attribute's name in lower case
Entry = tuple[str, Values]  # with its DN
Told = Callable[[str, float, float], None]

SUBTREE, BASE = ldap.SCOPE_SUBTREE, ldap.SCOPE_BASE
EVERYTHING = "(objectClass=*)"
MAX_EMPTY = 100  # empty pages in a row that name another one, as a server gives that looks at much and finds little
_TICK = 0.5  # seconds after which signals are looked at, and waiting is told
_RANGE = ";range="  # in an attribute's name: `memberOf;range=0-1499`, and `memberOf;range=1500-*` for the last part


class Stuck(Exception):  # noqa: N818 - named for what is so
    """The server goes on to empty pages without end."""


class Session:
    """One connection, bound. Use it from one thread. Every method raises Permanent or Retryable."""

    def __init__(self, server: Server, network: Network, told: Told) -> None:
        self.server = server
        self.requests = 0
        self.until = math.inf  # nothing is waited for beyond it (time.monotonic)
        self._told = told
        # The library owns the descriptor from here on, and closes it.
        self._ldap = ldap.initialize(f"ldap://{server.host}:{server.port}", fileno=connect(server, network))
        self._ldap.protocol_version = ldap.VERSION3
        self._ldap.set_option(ldap.OPT_REFERRALS, 0)
        self._ldap.set_option(ldap.OPT_SIZELIMIT, 0)  # whatever the machine's ldap.conf says
        self._ldap.set_option(ldap.OPT_TIMELIMIT, 0)
        self._ldap.set_option(ldap.OPT_RESTART, ldap.OPT_ON)
        try:
            self._bind()
            self.root = self._root()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        with suppress(ldap.LDAPError):  # as when the connection is broken
            self._ldap.unbind_ext_s()

    def _bind(self) -> None:
        try:
            self._answer(self._ldap.simple_bind(self.server.bind_dn, self.server.password), "the bind")
        except ldap.LDAPError as error:
            raise failures.of_bind(self.server, error) from None

    def _root(self) -> Values:
        """What the directory says of itself."""
        wanted = ["defaultNamingContext", "highestCommittedUSN"]
        try:
            [(_, values)] = self._entries(self._ldap.search_ext("", BASE, EVERYTHING, wanted), "the root")[0]
        except ValueError:
            return {}
        except ldap.LDAPError as error:
            raise failures.of(self.server, error, "a search for its root") from None
        return values

    def changes(self) -> str | None:
        """The directory's count of changes now; None if it has none."""
        found = self._root().get("highestcommittedusn")
        return found[0].decode("ascii", "replace") if found else None

    @property
    def domain(self) -> str:
        """The DN of the server's domain."""
        return (self.root.get("defaultnamingcontext") or [b""])[0].decode("utf-8", "replace")

    def find(self, dn: str, wanted: Sequence[str], place: str, only: str = EVERYTHING) -> Entry | None:
        """One entry; None if it is not what `only` says. `place` is the part of deliveryConfig that names it."""
        try:
            found = self._entries(self._ldap.search_ext(dn, BASE, only, [*wanted]), "a search")[0]
        except ldap.LDAPError as error:
            raise failures.of(self.server, error, "a search", place) from None
        return found[0] if found else None

    def search(
        self, base: str, filters: str, wanted: Sequence[str], tried: str, place: str = ""
    ) -> Iterator[list[Entry]]:
        """Everything below `base` that a filter lets through, page by page. Raises Stuck.

        The next page is asked for before one is handed out, so that the server works meanwhile.
        """
        control = SimplePagedResultsControl(True, self.server.config.pageSize, "")

        def ask() -> int:
            found: int = self._ldap.search_ext(base, SUBTREE, filters, [*wanted], serverctrls=[control])
            return found

        empty = 0
        try:
            coming: int | None = ask()
            while coming is not None:
                entries, cookie = self._entries(coming, tried)
                control.cookie = cookie
                empty = 0 if entries else empty + 1
                if empty > MAX_EMPTY:
                    raise Stuck
                coming = ask() if cookie else None
                if entries:
                    yield entries
        except ldap.LDAPError as error:
            raise failures.of(self.server, error, tried, place) from None

    def complete(self, dn: str, values: Values) -> Values:
        """The values of an entry with the rest of attributes that came in part (`memberOf;range=0-1499`)."""
        for name in [name for name in values if _RANGE in name]:
            plain, last = _range(name)
            values[plain] = [*values.get(plain, []), *values.pop(name)]
            while last is not None:
                found = self.find(dn, [f"{plain}{_RANGE}{last + 1}-*"], "")
                parts = found[1] if found else {}
                part = next((key for key in parts if key.startswith(plain + _RANGE)), "")
                values[plain].extend(parts.get(part, []))
                before, last = last, _range(part)[1]
                if last is not None and last <= before:
                    break  # a part that leads back
        return values

    def _entries(self, message: int, tried: str) -> tuple[list[Entry], bytes]:
        """An answer's entries, and the cookie of the next page. References to other servers are left out."""
        rows, controls = self._answer(message, tried)
        entries = [(dn, {k.lower(): v for k, v in values.items()}) for dn, values in rows if dn is not None]
        pages = (c for c in controls if c.controlType == SimplePagedResultsControl.controlType)
        return entries, next((c.cookie for c in pages if c.cookie), b"")

    def _answer(self, message: int, tried: str) -> tuple[list[Any], list[Any]]:
        """Wait for an answer, in small steps, since signals have to wait for the library."""
        self.requests += 1
        begun = time.monotonic()
        while True:
            try:
                _, rows, _, controls = self._ldap.result3(message, all=1, timeout=_TICK)
            except ldap.TIMEOUT:
                waited = time.monotonic() - begun
                if waited >= self.server.timeout or time.monotonic() >= self.until:
                    raise
                if waited > 2:
                    self._told(f"{NAME}, {tried}", waited, self.server.timeout)
            else:
                return rows, controls


def _range(name: str) -> tuple[str, int | None]:
    """An attribute without its range, and the number of the last value in it. None if there are no more."""
    plain, _, told = name.partition(_RANGE)
    last = told.partition("-")[2]
    return plain, int(last) if last.isascii() and last.isdigit() and len(last) < 10 else None
