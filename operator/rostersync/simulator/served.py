"""What a simulator serves: a roster and the faults that are on. Both can be changed while it runs."""

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rostersync.simulator.district import District
from rostersync.simulator.events import COLLECTIONS, Events
from rostersync.simulator.faults import Fault, Faults
from rostersync.simulator.profiles import SIS
from rostersync.simulator.roster import Roster, Wiped
from rostersync.simulator.tokens import Tokens


@dataclass(frozen=True)
class Seen:
    """A request that was answered, without its headers and body."""

    method: str
    path: str
    query: dict[str, str]  # empty for token requests, since theirs may hold a secret
    status: int


class Served(ABC):
    """The part of a simulator that handler.py asks for answers. Safe to change from other threads."""

    def __init__(
        self,
        source: District | Roster,
        day: int,
        events: Iterable[str],
        faults: Iterable[Fault | str],
        sis: SIS,
        version: str | None,
        client: tuple[str, str],
        user: tuple[str, str],
        token_lifetime: float | None,
        seed: int,
    ) -> None:
        version = version or next(iter(sis.base))
        if version not in sis.base:
            raise ValueError(f"version is one of {', '.join(sis.base)}, not {version}")
        self.source, self.sis, self.version = source, sis, version
        self.client_id, self.client_secret = client
        self.user_key, self.user_secret = user
        self.base_path = sis.base[version]
        self.token_path = sis.tokens or f"{self.base_path}/token"
        self.faults = Faults(seed)
        self.tokens = Tokens(sis.lifetime if token_lifetime is None else token_lifetime, sis.reissues)
        self.busiest = 0  # the most requests that were answered at the same time
        self._at_once = 0
        self._nonces: set[str] = set()
        self.requests: deque[Seen] = deque(maxlen=100_000)
        self._lock = threading.Lock()
        self._day, self._events = day, Events()
        self.roster: Roster = self._make()
        for event in events:
            self.add_event(event)
        for fault in faults:
            self.faults.add(fault)

    @property
    @abstractmethod
    def origin(self) -> str:
        """Scheme, host and port."""

    @property
    def day(self) -> int:
        """The district's day."""
        return self._day

    def set_day(self, day: int) -> None:
        """Serve a day from now on. Raises ValueError for a bundle, which has one day only."""
        if not isinstance(self.source, District):
            raise ValueError("a bundle has no days")  # noqa: TRY004 - nobody passed a wrong type
        if day < 0:
            raise ValueError("days count from 0")
        with self._lock:
            self._day = day
            self.roster = self._make()

    def add_event(self, text: str) -> None:
        """Let an event happen, as in events.HELP. Raises ValueError that says what is possible."""
        schools = len(self.source.layout.schools) if isinstance(self.source, District) else None
        with self._lock:
            events = self._events.with_event(text, schools)
            if schools is None and events != Events(wiped=events.wiped):
                raise ValueError(f"{text}: the only event of a bundle is wiped-table")
            self._events = events
            self.roster = self._make()

    def clear_events(self) -> None:
        """Undo all events."""
        with self._lock:
            self._events = Events()
            self.roster = self._make()

    def serve(self, source: District | Roster) -> None:
        """Serve something else from now on, without events."""
        with self._lock:
            self.source, self._events = source, Events()
            self.roster = self._make()

    def add_fault(self, fault: Fault | str) -> Fault:
        """Switch a fault on, as in faults.HELP."""
        return self.faults.add(fault)

    def clear_faults(self) -> None:
        """Switch all faults off."""
        self.faults.clear()

    def saw(self, method: str, path: str, query: dict[str, str], status: int) -> None:
        """Note a request that was answered (status -1: cut off)."""
        self.requests.append(Seen(method, path, {} if path == self.token_path else query, status))

    @contextmanager
    def answering(self) -> Iterator[bool]:
        """While a request is answered. Says whether there may be one more at the same time."""
        with self._lock:
            self._at_once += 1
            self.busiest = max(self.busiest, self._at_once)
            allowed = self.sis.most_at_once is None or self._at_once <= self.sis.most_at_once
        try:
            yield allowed
        finally:
            with self._lock:
                self._at_once -= 1

    def is_new(self, nonce: str) -> bool:
        """Whether a signature's nonce is seen for the first time."""
        with self._lock:
            new = nonce not in self._nonces
            self._nonces.add(nonce)
            return new

    def _make(self) -> Roster:
        if isinstance(self.source, District):
            return self.source.day(self._day, self._events)
        return Wiped(self.source, self._events.wiped) if self._events.wiped else self.source

    def state(self) -> dict[str, Any]:
        """What the control endpoint shows: numbers, and no record."""
        events = {k: sorted(v) if isinstance(v, frozenset) else v for k, v in vars(self._events).items() if v}
        return {
            "serves": self.roster.name,
            "as": self.sis.title,
            "version": self.version,
            "day": self._day,
            "events": events,
            "faults": [f.as_dict() for f in self.faults.all()],
            "totals": {c: self.roster.total(c) for c in COLLECTIONS},
            "requests": len(self.requests),
            "busiest": self.busiest,
        }
