"""The HTTP server: a roster, the faults that are on, and a way to change both while it runs."""

import ssl
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rostersync.simulator.district import District
from rostersync.simulator.events import COLLECTIONS, Events
from rostersync.simulator.faults import Fault, Faults
from rostersync.simulator.handler import Handler
from rostersync.simulator.roster import Roster, Wiped
from rostersync.simulator.tokens import LIFETIME, Tokens

BASE_PATHS = {
    "1.1": "/focus/api/1.0/ims/oneroster/v1p1",
    "1.2": "/focus/api/1.0/ims/oneroster/rostering/v1p2",
}
CLIENT_ID = "8b6f1f0a-0000-4000-a000-000000000001"
CLIENT_SECRET = "simulator-secret"  # noqa: S105


@dataclass(frozen=True)
class Seen:
    """One request that was answered; never with its headers or body."""

    method: str
    path: str
    query: dict[str, str]  # the token request's may hold a secret and is left empty
    status: int


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], simulator: "Simulator") -> None:
        self.simulator = simulator
        super().__init__(address, Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of the server's."""


class Simulator:
    """A SIS to try things on. `source` is a District, or any Roster (a Bundle).

    Use it as a context manager, or start() and stop(). `url` is the Service URL, once started.
    """

    def __init__(
        self, source: District | Roster, *, day: int = 0, events: Iterable[str] = (),
        faults: Iterable[Fault | str] = (), version: str = "1.1", host: str = "127.0.0.1", port: int = 0,
        client_id: str = CLIENT_ID, client_secret: str = CLIENT_SECRET, token_lifetime: float = LIFETIME,
        tls_cert: Path | str | None = None, tls_key: Path | str | None = None, seed: int = 1,
    ) -> None:  # fmt: skip
        if version not in BASE_PATHS:
            raise ValueError(f"version is one of {', '.join(BASE_PATHS)}, not {version}")
        self.source, self.version = source, version
        self.client_id, self.client_secret = client_id, client_secret
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
        self._tls = (tls_cert, tls_key) if tls_cert else None
        self._address = (host, port)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    # -- life ---------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Listens and answers, in threads of its own."""
        server = _Server(self._address, self)
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._tls)
            # The handshake is done by the connection's own thread: a client that stalls must not stop the others.
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stops listening; answers that are under way are finished by their threads."""
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            self._server = self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        if self._server is None:
            raise RuntimeError("the simulator has not been started")
        host, port = self._server.server_address[:2]
        return f"{'https' if self._tls else 'http'}://{host!s}:{port}"

    @property
    def url(self) -> str:
        """The Service URL."""
        return self.origin + self.base_path

    @property
    def token_url(self) -> str:
        """The Authentication URL."""
        return f"{self.url}/token"

    # -- what it serves -----------------------------------------------------------------------------------------

    @property
    def day(self) -> int:
        """The day of the district."""
        return self._day

    def set_day(self, day: int) -> None:
        """Serves that day from now on. ValueError for a bundle, which has one day only."""
        if not isinstance(self.source, District):
            raise ValueError("a bundle has no days")  # noqa: TRY004 - nobody passed a wrong type
        if day < 0:
            raise ValueError("days count from 0")
        with self._lock:
            self._day = day
            self.roster = self._make()

    def add_event(self, text: str) -> None:
        """Something befalls the district from now on, as in events.HELP. ValueError says what is possible."""
        schools = len(self.source.layout.schools) if isinstance(self.source, District) else None
        with self._lock:
            events = self._events.with_event(text, schools)
            if schools is None and events != Events(wiped=events.wiped):
                raise ValueError(f"{text}: the only event of a bundle is wiped-table")
            self._events = events
            self.roster = self._make()

    def clear_events(self) -> None:
        """As if nothing had befallen."""
        with self._lock:
            self._events = Events()
            self.roster = self._make()

    def serve(self, source: District | Roster) -> None:
        """Serves something else from now on; events are forgotten."""
        with self._lock:
            self.source, self._events = source, Events()
            self.roster = self._make()

    def add_fault(self, fault: Fault | str) -> Fault:
        """Switches a fault on, as in faults.HELP."""
        return self.faults.add(fault)

    def clear_faults(self) -> None:
        """Switches all faults off."""
        self.faults.clear()

    def saw(self, method: str, path: str, query: dict[str, str], status: int) -> None:
        """Remembers a request that was answered (status -1: cut off)."""
        self.requests.append(Seen(method, path, {} if path.endswith("/token") else query, status))

    def _make(self) -> Roster:
        if isinstance(self.source, District):
            return self.source.day(self._day, self._events)
        return Wiped(self.source, self._events.wiped) if self._events.wiped else self.source

    def state(self) -> dict[str, Any]:
        """What the control endpoint says: no record, only numbers."""
        events = {k: sorted(v) if isinstance(v, frozenset) else v for k, v in vars(self._events).items() if v}
        return {
            "serves": self.roster.name, "version": self.version, "day": self._day, "events": events,
            "faults": [f.as_dict() for f in self.faults.all()],
            "totals": {c: self.roster.total(c) for c in COLLECTIONS}, "requests": len(self.requests),
        }  # fmt: skip
