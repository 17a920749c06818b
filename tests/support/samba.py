"""A domain controller on loopback, as tests start it: Samba, in a network of its own, since its ports are fixed.

Its files are made once for each content and kept in the cache, as other parts of test clusters are. Debian's packages are
installed where they are missing.
"""

import ctypes
import hashlib
import os
import select
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache as once
from pathlib import Path

import trustme

from support.cluster.cache import cache, locked
from support.cluster.debian import need
from support.cluster.processes import own_folder, start, tail

BASE = "DC=ad,DC=springfield,DC=example"
ADMINISTRATOR = "Administrator@ad.springfield.example"
PASSWORD = "no-Secret'of 9 anybody"
_FORMAT = 1  # of what is kept
_PACKAGES = {
    "/usr/sbin/samba": "samba-ad-dc",
    "/usr/share/samba/setup/provision.ldif": "samba-ad-provision",
    "/usr/lib/x86_64-linux-gnu/samba/ldb/samldb.so": "samba-dsdb-modules",
    "/usr/bin/ldbadd": "ldb-tools",
    "/usr/bin/ldapsearch": "ldap-utils",
    "/usr/sbin/ip": "iproute2",
}
_NEWNET = 0x40000000
_CONF = """[global]
    workgroup = AD
    realm = AD.SPRINGFIELD.EXAMPLE
    netbios name = DC1
    server role = active directory domain controller
    server services = ldap
    interfaces = lo
    bind interfaces only = yes
    private dir = {folder}/private
    state directory = {folder}/state
    cache directory = {folder}/cache
    lock directory = {folder}
    pid directory = {folder}
    binddns dir = {folder}/bind-dns
    ncalrpc dir = {folder}/ncalrpc
    log file = {folder}/log.samba
    tls enabled = yes
    tls certfile = {folder}/tls/cert.pem
    tls keyfile = {folder}/tls/key.pem
    tls cafile = {folder}/tls/ca.pem
    tls dhparams file =
    ldap server require strong auth = {strong}
"""


@dataclass
class Server:
    """A domain controller. `ldaps` and `ldap` are its ports on loopback.

    `cut`: after how many bytes from it a connection ends and nobody gets in any more. None lets all through.
    """

    folder: Path
    strong: bool = True
    ldap: int = 0
    ldaps: int = 0
    authority: str = ""
    cut: int | None = None
    closed: bool = False
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)
    _listening: list[socket.socket] = field(default_factory=list, repr=False)

    def begin(self) -> None:
        """Start it, and wait until it answers."""
        self._certify()
        (self.folder / "smb.conf").write_text(_CONF.format(folder=self.folder, strong="yes" if self.strong else "no"))
        command = ("samba", "--interactive", "--no-process-group", f"--configfile={self.folder}/smb.conf")
        self._process = start(
            ["unshare", "--net", "--", "sh", "-c", 'ip link set lo up && exec "$@"', "samba", *command],
            self.folder / "log",
        )
        self._listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        self.ldap, self.ldaps = (listening.getsockname()[1] for listening in self._listening)
        for listening, port in zip(self._listening, (389, 636), strict=True):
            threading.Thread(target=self._serve, args=(listening, port), daemon=True).start()
        for _ in range(600):
            with suppress(OSError):
                self._reach(636).close()
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        self.end()
        raise RuntimeError(f"Samba does not start: {tail(self.folder / 'log')}")

    def end(self) -> None:
        """Kill it, all of its processes."""
        for listening in self._listening:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, 9)  # it began a session of its own
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """Stop all of its processes, which stay."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGSTOP)

    @property
    def database(self) -> Path:
        """Its database, for the tools that write it without LDAP."""
        return self.folder / "private" / "sam.ldb"

    def add(self, ldif: str) -> None:
        """Add entries."""
        _ldb("ldbadd", self.database, ldif)

    def modify(self, ldif: str) -> None:
        """Change entries."""
        _ldb("ldbmodify", self.database, ldif)

    def url(self, secure: bool = True) -> str:
        """Its URL."""
        return f"ldaps://127.0.0.1:{self.ldaps}" if secure else f"ldap://127.0.0.1:{self.ldap}"

    def secret(self, **changes: str) -> Mapping[str, str]:
        """What the Secret of a connection has."""
        return {"bindDN": ADMINISTRATOR, "password": PASSWORD, "ca.crt": self.authority} | changes

    def _certify(self) -> None:
        authority = trustme.CA()
        made, folder = authority.issue_cert("127.0.0.1", "localhost"), self.folder / "tls"
        folder.mkdir(exist_ok=True)
        (folder / "cert.pem").write_bytes(b"".join(part.bytes() for part in made.cert_chain_pems))
        made.private_key_pem.write_to_path(str(folder / "key.pem"))
        (folder / "key.pem").chmod(0o600)
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        self.authority = authority.cert_pem.bytes().decode()

    def _reach(self, port: int) -> socket.socket:
        """A connection to a port of its network. A thread that enters that network stays there, so it is one of its own."""
        assert self._process is not None
        made: list[socket.socket] = []

        def enter() -> None:
            with suppress(OSError), Path(f"/proc/{self._process.pid if self._process else 0}/ns/net").open() as there:
                if ctypes.CDLL(None, use_errno=True).setns(there.fileno(), _NEWNET) == 0:
                    made.append(socket.create_connection(("127.0.0.1", port), timeout=5))

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        if not made:
            raise ConnectionRefusedError
        made[0].settimeout(None)
        return made[0]

    def _serve(self, listening: socket.socket, port: int) -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client, port), daemon=True).start()

    def _carry(self, client: socket.socket, port: int) -> None:
        carried = 0
        with client, suppress(OSError):
            if self.closed:
                return
            with self._reach(port) as server:
                while True:
                    ready, _, _ = select.select([client, server], [], [])
                    for source in ready:
                        data = source.recv(65536)
                        if not data:
                            return
                        carried += len(data) if source is server else 0
                        if self.cut is not None and carried >= self.cut:
                            self.closed = True
                            return
                        (client if source is server else server).sendall(data)


@contextmanager
def samba(ldif: str, *, strong: bool = True) -> Iterator[Server]:
    """A domain controller with these entries beside its own. `strong`: it takes passwords over encrypted connections only."""
    with own_folder("samba") as folder:
        made = Server(folder / "dc", strong)
        shutil.copytree(_template(ldif), made.folder)
        made.begin()
        try:
            yield made
        finally:
            made.end()


_RUNNING = ExitStack()


@once
def shared(ldif: str) -> Server:
    """One that all tests of this process share, and leave as it is."""
    return _RUNNING.enter_context(samba(ldif))


def missing() -> list[str]:
    """Debian packages that a domain controller lacks here."""
    return [package for path, package in _PACKAGES.items() if not Path(path).exists()]


def need_samba() -> None:
    """Install what is missing."""
    if lacking := {f"no-such-command-{n}": package for n, package in enumerate(missing())}:
        need(lacking, "the tests of Active Directory", services=False)


def _template(ldif: str) -> Path:
    """The files of a domain controller with these entries."""
    need_samba()
    name = hashlib.sha256(f"{_FORMAT}\n{ldif}".encode()).hexdigest()[:16]
    folder = cache() / "samba" / name
    with locked(f"samba-{name}"):
        if not folder.exists():
            filling = folder.with_suffix(".filling")
            shutil.rmtree(filling, ignore_errors=True)
            shutil.copytree(_provisioned(), filling)
            _ldb("ldbadd", filling / "private" / "sam.ldb", ldif)
            filling.rename(folder)
    return folder


def _provisioned() -> Path:
    folder = cache() / "samba" / "provisioned"
    with locked("samba"):
        if not folder.exists():
            making = folder.with_suffix(".making")
            shutil.rmtree(making, ignore_errors=True)
            _provision(making)
            making.rename(folder)
    return folder


def _provision(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    _run(
        [
            *("samba-tool", "domain", "provision", "--realm=AD.SPRINGFIELD.EXAMPLE", "--domain=AD"),
            *("--server-role=dc", f"--adminpass={PASSWORD}", "--dns-backend=NONE", "--host-name=dc1"),
            *(f"--targetdir={folder}", "--option=interfaces=lo", "--option=bind interfaces only=yes"),
        ]
    )


def _ldb(tool: str, database: Path, ldif: str) -> None:
    _run([tool, "-H", str(database)], ldif)


def _run(command: Sequence[str], given: str = "") -> None:
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        raise RuntimeError(f"{command[0]} fails: {(done.stdout + done.stderr)[-1500:]}")
