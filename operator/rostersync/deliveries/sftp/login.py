"""Connects to a server, proves that it is the one that is pinned, and logs in."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress

import asyncssh
from asyncssh.encryption import get_encryption_algs
from asyncssh.kex import get_kex_algs
from asyncssh.mac import get_mac_algs

from rostersync.deliveries.port import Receiver
from rostersync.deliveries.sftp import host_keys
from rostersync.deliveries.sftp.deadlines import DEADLINES
from rostersync.deliveries.sftp.failures import Failures
from rostersync.deliveries.sftp.host_keys import HostKey
from rostersync.deliveries.sftp.server import asked

# What OpenSSH offers by default. The library's own list is longer, and some of these need a library that may not be there.
_KEX = (
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
    "diffie-hellman-group14-sha256",
)
_CIPHERS = (
    "chacha20-poly1305@openssh.com",
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)
_MACS = (
    "umac-64-etm@openssh.com",
    "umac-128-etm@openssh.com",
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha1-etm@openssh.com",
    "umac-64@openssh.com",
    "umac-128@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
    "hmac-sha1",
)
_SIGNATURES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)


class _Client(asyncssh.SSHClient):
    """Answers the server's questions, and remembers which it asked.

    The password is given once, whichever way the server asks for it: another try with the same one may lock the account.
    """

    def __init__(self, pinned: tuple[HostKey, ...], password: str | None, key: asyncssh.SSHKey | None) -> None:
        self._pinned, self._password, self._key = pinned, password, key
        self.shown: HostKey | None = None  # a key of the server that is not pinned
        self.given: set[str] = set()  # what it asked for and got, as keys of the Secret

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Whether the server's key is pinned."""
        came = HostKey(key.get_algorithm(), key.public_data)
        if came in self._pinned:
            return True
        self.shown = came
        return False

    def public_key_auth_requested(self) -> asyncssh.SSHKey | None:
        """The private key, if there is one."""
        return self._key if self._first("privateKey", self._key) else None

    def password_auth_requested(self) -> str | None:
        """The password, if there is one."""
        return self._password if self._first("password", self._password) else None

    def kbdint_auth_requested(self) -> str | None:
        """Whether to be asked as a person is: many servers ask for passwords like that alone."""
        return "" if self._password is not None and "password" not in self.given else None

    def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        """The password, where one hidden answer is asked for."""
        if not prompts:
            return []  # only a text to be shown
        password = self.password_auth_requested() if [echo for _, echo in prompts] == [False] else None
        return None if password is None else [password]

    def _first(self, name: str, value: object) -> bool:
        if value is None or name in self.given:
            return False
        self.given.add(name)
        return True


@asynccontextmanager
async def logged_in(receiver: Receiver, failures: Failures) -> AsyncIterator[asyncssh.SFTPClient]:
    """A session on the server. Raises RostersyncError."""
    server, secret, delivery = asked(receiver.delivery), receiver.secret, receiver.delivery.name
    pinned = host_keys.pinned(server.hostKey, delivery)
    client = _Client(pinned, secret.get("password", "").rstrip("\r\n") or None, _private_key(secret, failures))
    _prepare()
    sock = await _connected(receiver, failures)
    try:
        async with asyncio.timeout(DEADLINES.login):
            connection = await asyncssh.connect(
                server.host,
                server.port,
                sock=sock,
                config=None,
                client_factory=lambda: client,
                username=secret["user"].strip(),
                known_hosts=([], [], []),  # so that the client is asked
                client_keys=None,
                agent_path=None,
                x509_trusted_certs=None,
                x509_trusted_cert_paths=None,
                host_based_auth=False,
                gss_host=None,
                preferred_auth="publickey,password,keyboard-interactive",
                server_host_key_algs=host_keys.algorithms(pinned),
                kex_algs=_there(_KEX, get_kex_algs()),
                encryption_algs=_there(_CIPHERS, get_encryption_algs()),
                mac_algs=_there(_MACS, get_mac_algs()),
                signature_algs=_SIGNATURES,
                compression_algs=None,
                connect_timeout=None,
                login_timeout=None,
                keepalive_interval=15,
            )
    except (OSError, asyncssh.Error) as error:
        sock.close()
        if client.shown:
            raise failures.other_host_key(client.shown, pinned) from None
        raise failures.login(error, client.given) from None
    try:
        try:
            async with asyncio.timeout(DEADLINES.login):
                sftp = await connection.start_sftp_client()
        except (OSError, asyncssh.Error) as error:
            raise failures.no_sftp(error, lost=connection.is_closed()) from None
        yield sftp
    finally:
        with suppress(OSError, asyncssh.Error):
            async with asyncio.timeout(DEADLINES.leave):
                connection.close()
                await connection.wait_closed()
        connection.abort()


def _private_key(secret: Mapping[str, str], failures: Failures) -> asyncssh.SSHKey | None:
    text = secret.get("privateKey", "").strip()
    if not text:
        return None
    try:
        return asyncssh.import_private_key(text + "\n", secret.get("passphrase", "").rstrip("\r\n") or None)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise failures.private_key(error, bool(secret.get("passphrase", "").strip())) from None


async def _connected(receiver: Receiver, failures: Failures) -> socket.socket:
    """A socket that is connected to the first address of the server that answers."""
    server, loop = asked(receiver.delivery), asyncio.get_running_loop()
    try:
        async with asyncio.timeout(DEADLINES.connect):
            found = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise failures.unreachable(error) from None
    last: OSError = OSError()
    for family, kind, protocol, _, address in found:
        if why := receiver.refusal(str(address[0])):
            raise failures.address(why)
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            async with asyncio.timeout(DEADLINES.connect):
                await loop.sock_connect(sock, address)
        except BaseException as error:
            sock.close()
            if not isinstance(error, OSError):
                raise
            last = error
        else:
            return sock
    raise failures.unreachable(last)


def _there(wanted: Sequence[str], known: Sequence[bytes]) -> list[str]:
    return [name for name in wanted if name.encode() in known]


def _prepare() -> None:
    """The library asks who runs this process, and a pod may have a user without a name. It would also log user names."""
    os.environ.setdefault("LOGNAME", "rostersync")
    asyncssh.set_log_level(logging.CRITICAL)
