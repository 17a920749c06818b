"""Active Directory as a source: its people, and one organisation that they belong to."""

import math
import time
import uuid
from collections.abc import Callable, Iterator, Sequence

from rostersync.errors import RostersyncError
from rostersync.roster import ORGS, USERS
from rostersync.sources.active_directory import groups, records
from rostersync.sources.active_directory.check import check
from rostersync.sources.active_directory.records import Reader
from rostersync.sources.active_directory.server import VERSION, Server
from rostersync.sources.active_directory.session import Entry, Session, Stuck
from rostersync.sources.network import Network
from rostersync.sources.port import TIME_OVER, ByID, CheckResult, End, LookedUp, Page, Reading

_AT_ONCE = 40  # ids that one search asks for


class ActiveDirectory:
    """A source (sources/port.py). Logs in when it is first asked for people."""

    version = VERSION

    def __init__(self, server: Server, network: Network) -> None:
        self._server, self._network = server, network
        self._session: Session | None = None
        self._scope: tuple[Reader, list[str]] | None = None  # whom to look for by id, in this session
        self._told: Callable[[str, float, float], None] = lambda why, waited, patience: None

    def pull(self, collection: str, metadata: frozenset[str], sink: Callable[[Page], None]) -> Reading:
        """Read a collection once: orgs, which the connection itself names, or users."""
        if collection == ORGS.name:
            config = self._server.config.organization
            sink(Page(0, records.organization(config, self._server.organization), 0, 1))
            return Reading(True, End.TOTAL, total=1, recount=1, highest=1, rows=1, page_size=1)
        if collection != USERS.name:
            return Reading(offered=False)
        try:
            return self._users(metadata, sink)
        except RostersyncError:
            self.close()  # a session that failed once is of no use
            raise

    def look_up(
        self, collection: str, ids: Sequence[str], until: float, answered: Callable[[], None] = lambda: None
    ) -> LookedUp:
        """Ask for people by objectGUID: whether they are there, and are still read by filter and rules."""
        if collection != USERS.name:
            return LookedUp({}, unable="the connection itself names its organisation")
        answers: dict[str, ByID] = {}
        try:
            session = self._open()
            session.until = until
            self._scope = self._scope or (self._reader(session, frozenset()), groups.bases(session))
            for first in range(0, len(ids), _AT_ONCE):
                if time.monotonic() >= until:
                    return LookedUp(answers, unable=TIME_OVER)
                some = ids[first : first + _AT_ONCE]
                living = frozenset(_living(session, *self._scope, some))
                for id_ in some:
                    answers[id_] = ByID.ACTIVE if id_ in living else ByID.GONE
                    answered()
        except (RostersyncError, Stuck) as error:
            self.close()
            why = error.reason if isinstance(error, RostersyncError) else "empty pages without end"
            return LookedUp(answers, unable=f"a search by objectGUID failed: {why}")
        finally:
            if self._session:
                self._session.until = math.inf
        return LookedUp(answers)

    def on_wait(self, told: Callable[[str, float, float], None]) -> None:
        """Call `told` while an answer takes long."""
        self._told = told

    def check(self, skip: frozenset[str] = frozenset()) -> CheckResult:
        """Test Connection."""
        session = self._open()
        return check(session, self._reader(session, frozenset()), groups.bases(session))

    def close(self) -> None:
        """Hang up."""
        if self._session is not None:
            self._session.close()
        self._session = self._scope = None

    def _open(self) -> Session:
        if self._session is None:
            self._session = Session(self._server, self._network, self._told)
        return self._session

    def _reader(self, session: Session, metadata: frozenset[str]) -> Reader:
        config = self._server.config
        keys = sorted(filter(records.readable, metadata))
        return Reader(config.attributes, groups.rules(session), config.organization.sourcedId, keys)

    def _users(self, metadata: frozenset[str], sink: Callable[[Page], None]) -> Reading:
        session = self._open()
        session.until = math.inf
        before, asked = session.changes(), session.requests
        reader = self._reader(session, metadata)
        rows = left_out = 0
        end = End.PAGES
        try:
            for entries in _everybody(session, reader, groups.bases(session)):
                batch, without_id, others = reader.batch(entries)
                sink(Page(rows, batch, without_id, None))
                rows += batch.num_rows + without_id
                left_out += others
        except Stuck:
            end = End.STUCK
        after = session.changes()
        return Reading(
            offered=True,
            end=end,
            rows=rows,
            page_size=self._server.config.pageSize,
            requests=session.requests - asked,
            seamless=False,  # a cookie shows nobody whether pages join up
            still=before is not None and before == after,
            left_out=left_out,
        )


def _everybody(session: Session, reader: Reader, bases: Sequence[str]) -> Iterator[list[Entry]]:
    """Everybody whom the filter lets through, page by page, with all values."""
    filters, wanted = session.server.config.filter, reader.wanted
    for base in bases:
        for entries in session.search(base, filters, wanted, "a search for people", "baseDNs"):
            yield [
                (dn, session.complete(dn, values) if any(";range=" in name for name in values) else values)
                for dn, values in entries
            ]


def _living(session: Session, reader: Reader, bases: Sequence[str], ids: Sequence[str]) -> Iterator[str]:
    """Those of these ids that the filter lets through, that a rule takes, and that are not disabled."""
    asked = {found: id_ for id_ in ids if (found := _binary(id_))}
    if not asked:
        return
    any_of = "".join(f"(objectGUID={found})" for found in asked)
    filters = f"(&{session.server.config.filter}(|{any_of}))"
    for base in bases:
        for entries in session.search(base, filters, reader.wanted, "a search by objectGUID"):
            for dn, values in entries:
                id_ = records.guid(values)
                entry = dn, session.complete(dn, values)
                if id_ is not None and reader.takes(entry) and not records.is_disabled(values):
                    yield id_


def _binary(id_: str) -> str | None:
    """An id as a filter has it: every byte escaped. None for what is no GUID."""
    try:
        return "".join(f"\\{byte:02x}" for byte in uuid.UUID(id_).bytes_le)
    except ValueError:
        return None
