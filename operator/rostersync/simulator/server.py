"""The HTTP server: where it listens, and how it starts and stops."""

import ssl
import threading
from collections.abc import Iterable
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rostersync.simulator.district import District
from rostersync.simulator.faults import Fault
from rostersync.simulator.handler import Handler
from rostersync.simulator.profiles import PROFILES
from rostersync.simulator.roster import Roster
from rostersync.simulator.served import Served

CLIENT_ID = "8b6f1f0a-0000-4000-a000-000000000001"
CLIENT_SECRET = "simulator-secret"  # noqa: S105
USER_KEY = "SIMULATED-USER"
USER_SECRET = "simulator-user-secret"  # noqa: S105


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], simulator: "Simulator") -> None:
        self.simulator = simulator
        super().__init__(address, Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that went away is no error."""


class Simulator(Served):
    """A SIS to try things out. `source` is a District or any Roster, such as a Bundle; `profile` names one of PROFILES.

    Use it as a context manager, or with start() and stop(). Once it has started, `url` is the Service URL.
    """

    def __init__(
        self,
        source: District | Roster,
        *,
        day: int = 0,
        events: Iterable[str] = (),
        faults: Iterable[Fault | str] = (),
        profile: str = "focus",
        version: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        client_id: str = CLIENT_ID,
        client_secret: str = CLIENT_SECRET,
        user_key: str = USER_KEY,
        user_secret: str = USER_SECRET,
        token_lifetime: float | None = None,
        tls_cert: Path | str | None = None,
        tls_key: Path | str | None = None,
        seed: int = 1,
    ) -> None:
        client, user = (client_id, client_secret), (user_key, user_secret)
        super().__init__(source, day, events, faults, PROFILES[profile], version, client, user, token_lifetime, seed)
        self._tls = (tls_cert, tls_key) if tls_cert else None
        self._address = (host, port)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Listen and answer, in threads of its own."""
        server = _Server(self._address, self)
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._tls)
            # The connection's own thread does the handshake: a client that stalls must not stop the others.
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening. Threads finish the answers that are under way."""
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
        query = "&".join(f"{name}={value}" if value else name for name, value in self.sis.asked.items())
        return self.origin + self.token_path + (query and f"?{query}")
