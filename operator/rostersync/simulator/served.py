"""What a simulator serves: a roster and the faults that are on. Both can be changed while it runs."""

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rostersync.simulator.district import District
from rostersync.simulator.events import COLLECTIONS, Events
from rostersync.simulator.faults import Fault, Faults
from rostersync.simulator.roster import Roster, Wiped
from rostersync.simulator.tokens import Tokens

BASE_PATHS = {
    "1.1": "/focus/api/1.0/ims/oneroster/v1p1",
    "1.2": "/focus/api/1.0/ims/oneroster/rostering/v1p2",
}


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
        version: str,
        client: tuple[str, str],
        token_lifetime: float,
        seed: int,
    ) -> None:
        if version not in BASE_PATHS:
            raise ValueError(f"version is one of {', '.join(BASE_PATHS)}, not {version}")
        self.source, self.version = source, version
        self.client_id, self.client_secret = client
        self.base_path = BASE_PATHS[version]
        self.faults, self.tokens = Faults(seed), Tokens(token_lifetime)
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
        self.requests.append(Seen(method, path, {} if path.endswith("/token") else query, status))

    def _make(self) -> Roster:
        if isinstance(self.source, District):
            return self.source.day(self._day, self._events)
        return Wiped(self.source, self._events.wiped) if self._events.wiped else self.source

    def state(self) -> dict[str, Any]:
        """What the control endpoint shows: numbers, and no record."""
        events = {k: sorted(v) if isinstance(v, frozenset) else v for k, v in vars(self._events).items() if v}
        return {
            "serves": self.roster.name,
            "version": self.version,
            "day": self._day,
            "events": events,
            "faults": [f.as_dict() for f in self.faults.all()],
            "totals": {c: self.roster.total(c) for c in COLLECTIONS},
            "requests": len(self.requests),
        }
