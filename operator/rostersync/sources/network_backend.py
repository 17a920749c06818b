"""The connections below HTTP: which address is contacted, and how long an answer may take.

A library's timeout begins again with every byte. Here an answer has one deadline for its first byte and one for its
end, whatever arrives in between. A name is resolved once, its addresses are checked, and one of these addresses is
contacted: nothing resolves the name again between the check and the connection.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

from rostersync.sources.network import Network, is_public


class Forbidden(Exception):  # noqa: N818 - named for what is so
    """A name that only leads to addresses that may not be contacted. `what` says of which kind."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass
class _Time:
    """The deadlines of an answer, by the clock."""

    first: float
    end: float
    begun: bool = False
    over: bool = False


class Backend(httpcore.NetworkBackend):
    """Connects for all threads of a client; each thread has at most one answer under way.

    `inside`: whether an address that was contacted, or a name without addresses, is not public.
    """

    def __init__(self, network: Network) -> None:
        self.inside = False
        self._network = network
        self._here = threading.local()
        self._plain = httpcore.SyncBackend()

    def serve(self, client: httpx.Client) -> None:
        """Become the backend of this client. httpx has no option for it, so a test checks that it works."""
        for transport in (client._transport, *client._mounts.values()):
            if isinstance(transport, httpx.HTTPTransport):
                transport._pool._network_backend = self

    @contextmanager
    def answer(self, first: float, end: float) -> Iterator[None]:
        """Time this thread's answer: seconds until its first byte, and until its end."""
        now = time.monotonic()
        self._here.time = _Time(now + first, now + end)
        try:
            yield
        finally:
            self._here.last = self._here.time
            self._here.time = None

    @property
    def trickled(self) -> bool:
        """Whether this thread's last answer had begun, but was not complete at its deadline."""
        last: _Time | None = getattr(self._here, "last", None)
        return last is not None and last.begun and last.over

    def left(self, timeout: float | None) -> float | None:
        """Seconds that the next step may take; zero or less when the deadline has passed."""
        at: _Time | None = getattr(self._here, "time", None)
        if at is None:
            return timeout
        left = (at.end if at.begun else min(at.first, at.end)) - time.monotonic()
        at.over = left <= 0
        return left if timeout is None else min(left, timeout)

    def came(self) -> None:
        """Note that a byte of the answer has arrived."""
        at: _Time | None = getattr(self._here, "time", None)
        if at is not None:
            at.begun = True

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Contact one of the addresses of a name. Raises Forbidden when none of them may be contacted."""
        try:
            addresses = self._resolve(host, port, self.left(timeout))
        except OSError as error:
            self.inside = True
            raise httpcore.ConnectError(str(error)) from error
        self.inside |= not all(map(is_public, addresses))
        refused = {a: why for a in addresses if (why := self._network.refusal(a))}
        allowed = [a for a in addresses if a not in refused]
        if refused and not allowed:
            raise Forbidden(next(iter(refused.values())))
        failed: Exception = httpcore.ConnectError("no address")
        for address in allowed:
            left = self.left(timeout)
            if left is not None and left <= 0:
                raise httpcore.ConnectTimeout
            try:
                return _Stream(self._connect(address, port, left, socket_options), self)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    def _resolve(self, host: str, port: int, timeout: float | None) -> Sequence[str]:
        """The addresses of a name.

        The system's resolver cannot be interrupted, so at the deadline its thread is abandoned.
        """
        found: Future[Sequence[str]] = Future()

        def look_up() -> None:
            try:
                found.set_result(self._network.resolve(host, port))
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits
                found.set_exception(error)

        threading.Thread(target=look_up, name="resolve", daemon=True).start()
        try:
            return found.result(timeout)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"the name {host} was not resolved in time") from None

    def _connect(
        self, address: str, port: int, timeout: float | None, options: Iterable[Any] | None
    ) -> httpcore.NetworkStream:
        if self._network.connect is not None:
            return self._network.connect(address, port, timeout)
        return self._plain.connect_tcp(address, port, timeout, None, options)

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.NetworkStream:
        """Never done: only web addresses are contacted."""
        raise httpcore.ConnectError("no sockets of files")

    def sleep(self, seconds: float) -> None:
        """For retries of the library, which makes none."""
        time.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    """One connection. Its steps end with the answer's deadline."""

    def __init__(self, stream: httpcore.NetworkStream, backend: Backend) -> None:
        self._stream, self._backend = stream, backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        left = self._backend.left(timeout)
        if left is not None and left <= 0:
            raise httpcore.ReadTimeout
        try:
            data = self._stream.read(max_bytes, left)
        except httpcore.ReadTimeout:
            self._backend.left(timeout)  # notes whether the deadline has passed
            raise
        if data:
            self._backend.came()
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        left = self._backend.left(timeout)
        if left is not None and left <= 0:
            raise httpcore.WriteTimeout
        self._stream.write(buffer, left)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._backend.left(timeout)
        if left is not None and left <= 0:
            raise httpcore.ConnectTimeout
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left), self._backend)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
