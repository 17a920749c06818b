"""The way to a directory: an address that was checked, TLS with a checked certificate, and a socket for the LDAP library.

The library resolves names itself and cannot be told which address to contact while it compares the certificate with the
name. So the connection is made here, and the library gets a socket that leads through it.
"""

import select
import socket
import ssl
import threading
from contextlib import suppress

import httpcore

from rostersync.errors import Permanent, RostersyncError
from rostersync.sources.active_directory import failures
from rostersync.sources.active_directory.server import Server
from rostersync.sources.network import Network
from rostersync.sources.network_backend import Backend, Forbidden

_CHUNK = 1 << 18
# ExtendedRequest 1 with the OID of StartTLS (RFC 4511, 4.14)
_START_TLS = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + b"1.3.6.1.4.1.1466.20037"


def connect(server: Server, network: Network) -> int:
    """Connect to a directory. Returns the descriptor of a socket in the clear, which belongs to the caller.

    The connection ends when that is closed. Raises Permanent or Retryable.
    """
    backend = Backend(network)
    try:
        raw = _connect(server, backend)
        try:
            tls = _encrypt(server, raw) if server.tls else None
        except BaseException:
            raw.close()
            raise
    except RostersyncError as error:
        if network.guarded and backend.inside and error.reason != "AddressRefused":
            raise failures.hidden(server, error) from None
        raise
    if tls is None:
        raw.settimeout(None)  # the library waits by itself
        return raw.detach()
    inner, given = socket.socketpair()
    threading.Thread(target=_carry, args=(tls, inner), name="ldap", daemon=True).start()
    return given.detach()


def _carry(outer: ssl.SSLSocket, inner: socket.socket) -> None:
    """Pass on what comes, both ways, until one side hangs up or the connection breaks."""
    with outer, inner, suppress(OSError):
        outer.setblocking(False)
        while True:
            ready, _, _ = select.select([outer, inner], [], [])
            if inner in ready:
                data = inner.recv(_CHUNK)
                if not data:
                    return
                _send(outer, data)
            while (came := _receive(outer)) is not None:
                if not came:
                    return
                inner.sendall(came)


def _receive(outer: ssl.SSLSocket) -> bytes | None:
    """What has come; None if nothing has, empty at the end."""
    try:
        return outer.recv(_CHUNK)
    except ssl.SSLWantReadError:
        return None


def _send(outer: ssl.SSLSocket, data: bytes) -> None:
    left = memoryview(data)
    while left:
        try:
            left = left[outer.send(left) :]
        except ssl.SSLWantWriteError:
            select.select([], [outer], [])
        except ssl.SSLWantReadError:
            select.select([outer], [], [])


def _connect(server: Server, backend: Backend) -> socket.socket:
    try:
        with backend.answer(server.timeout, server.timeout):
            stream = backend.connect_tcp(server.host, server.port, server.timeout)
    except Forbidden as error:
        raise failures.address_refused(server, error.what) from None
    except httpcore.ConnectTimeout as error:
        raise failures.unreachable(server, "no connection in time", error) from None
    except httpcore.ConnectError as error:
        raise failures.unreachable(server, _why(error), error) from None
    made: socket.socket = stream.get_extra_info("socket")
    made.settimeout(server.timeout)
    return made


def _why(error: BaseException | None) -> str:
    while error is not None:
        if isinstance(error, socket.gaierror):
            return "its name is not known"
        if isinstance(error, ConnectionRefusedError):
            return "connection refused"
        error = error.__cause__ or error.__context__
    return "no connection"


def _encrypt(server: Server, raw: socket.socket) -> ssl.SSLSocket:
    try:
        context = ssl.create_default_context(cadata=server.ca or None)
    except (ssl.SSLError, ValueError) as error:
        raise failures.no_certificates(server, error) from None
    try:
        if server.start_tls:
            _ask_for_tls(server, raw)
        return context.wrap_socket(raw, server_hostname=server.host)
    except ssl.SSLCertVerificationError as error:
        raise failures.untrusted(server, error) from None
    except TimeoutError:
        raise failures.timed_out(server, "the TLS handshake") from None
    except OSError as error:  # SSLError is one
        raise failures.unreachable(server, "the TLS handshake failed", error) from None


def _ask_for_tls(server: Server, raw: socket.socket) -> None:
    """StartTLS. Raises Permanent if it is refused."""
    raw.sendall(_START_TLS)
    head = _exactly(raw, 2)
    length = head[1]
    if length & 0x80:
        length = int.from_bytes(_exactly(raw, length & 0x7F), "big") if length & 0x7F <= 4 else 1 << 20
    if head[0] != 0x30 or length > 65_536:
        raise Permanent(f"What answers at {server.url} does not speak LDAP; check deliveryConfig.url", reason="NotLDAP")
    answer = _exactly(raw, length)
    code = _result(answer)
    if code != 0:
        raise failures.no_start_tls(server, "unreadable" if code is None else code)


def _result(answer: bytes) -> int | None:
    """The result code of an ExtendedResponse with message id 1. None for anything else."""
    if not answer.startswith(b"\x02\x01\x01\x78"):
        return None
    at = 5 + (answer[4] & 0x7F if answer[4:5] >= b"\x80" else 0)
    return answer[at + 2] if answer[at : at + 2] == b"\x0a\x01" and len(answer) > at + 2 else None


def _exactly(raw: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = raw.recv(count - len(data))
        if not more:
            raise ConnectionResetError("the connection was closed")
        data += more
    return data
