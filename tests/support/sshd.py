"""Debian's OpenSSH on the loopback address, with a user of its own who can log in with a password or a key.

The server sees a /etc/passwd and a /etc/shadow that have that user, an empty /run, and the folder that it serves as /mnt:
all of it mounted for its process alone, so that the machine knows of no user, and nothing is left when it is killed.
The user is shut in /mnt (ChrootDirectory), as receivers of rosters do it, and writes to /upload there.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support.cluster.debian import need
from support.cluster.processes import free_ports, kill, start, tail
from support.commands import until

USER, PASSWORD, UID = "district", "correct horse battery", 60123
UPLOAD, UNFINISHED, OTHER = "upload", "unfinished", "another-disk"

_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
{keys}
StrictModes no
UsePAM {pam}
PasswordAuthentication {password}
KbdInteractiveAuthentication {asked}
PubkeyAuthentication yes
AuthorizedKeysFile /run/sshd/authorized
AllowUsers {user}
ChrootDirectory /mnt
ForceCommand {command}
Subsystem sftp internal-sftp
DisableForwarding yes
UseDNS no
PidFile none
MaxStartups 200
LogLevel VERBOSE
{more}
"""
_PAM = "auth required pam_unix.so\naccount required pam_permit.so\nsession required pam_permit.so\n"
_BEGIN = """set -e
umask 022
mount --make-rprivate /
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/shadow" /etc/shadow
mount --bind "$1/pam" /etc/pam.d/sshd
mount -t tmpfs none /run
mkdir /run/sshd
cp "$1/authorized" /run/sshd
mount --bind "$1/served" /mnt
if [ -n "$2" ]; then mount -t tmpfs -o "size=$2,mode=0755" none /mnt/upload; chown "$3:$3" /mnt/upload; fi
mount -t tmpfs -o mode=0755 none /mnt/another-disk; chown "$3:$3" /mnt/another-disk
exec /usr/sbin/sshd -D -e -f "$1/sshd_config"
"""


@dataclass
class Sshd:
    """A server in `folder`. `size` of its disk such as `256k`; `denied` requests, as `internal-sftp -P` takes them."""

    folder: Path
    size: str = ""
    denied: str = ""
    asks: bool = False  # for passwords with a question, as PAM does
    takes_passwords: bool = True
    more: str = ""
    host_keys: tuple[str, ...] = ("ed25519", "ecdsa")
    port: int = 0
    before: Callable[[Path], object] = lambda _: None  # makes the user's key, if it is to be of another kind
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.port = self.port or free_ports(1)[0]
        self.served = self.folder / "served"
        for name in (UPLOAD, UNFINISHED, OTHER):
            (self.served / name).mkdir(parents=True)
            os.chown(self.served / name, UID, UID)
        self.served.chmod(0o755)
        for kind in self.host_keys:
            self.new_host_key(kind)
        self.user_key = self.folder / "user_key"
        self.before(self.folder)
        if not self.user_key.exists():
            keygen("-t", "ed25519", "-f", self.user_key)
        shutil.copy(f"{self.user_key}.pub", self.folder / "authorized")
        (self.folder / "authorized").chmod(0o644)
        self.folder.chmod(0o755)
        crypted = subprocess.run(
            ["perl", "-e", "print crypt($ARGV[0], q($6$rostersync$))", PASSWORD],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        line = f"{USER}:x:{UID}:{UID}::/:/usr/sbin/nologin\n"
        (self.folder / "passwd").write_text(Path("/etc/passwd").read_text() + line)
        (self.folder / "shadow").write_text(f"{Path('/etc/shadow').read_text()}{USER}:{crypted}:19000:0:99999:7:::\n")
        (self.folder / "shadow").chmod(0o600)
        (self.folder / "pam").write_text(_PAM)

    def new_host_key(self, kind: str) -> None:
        """Give the server another key of this kind. It shows it once it is started again."""
        for path in (self._host_key(kind), self._host_key(kind).with_suffix(".pub")):
            path.unlink(missing_ok=True)
        keygen("-t", kind, "-f", self._host_key(kind))

    def begin(self) -> None:
        """Start it, and wait until it answers."""
        words = " -P " + self.denied if self.denied else ""
        settings = {
            "port": self.port,
            "keys": "\n".join(f"HostKey {self._host_key(kind)}" for kind in self.host_keys),
            "pam": "yes" if self.asks else "no",
            "asked": "yes" if self.asks else "no",
            "password": "yes" if self.takes_passwords and not self.asks else "no",
            "user": USER,
            "command": f"internal-sftp{words}",
            "more": self.more,
        }
        (self.folder / "sshd_config").write_text(_CONFIG.format(**settings))
        command: list[str | Path] = ["unshare", "--mount", "sh", "-c", _BEGIN, "sshd", self.folder, self.size, str(UID)]
        self._process = start(command, self.log)
        end = time.monotonic() + 20
        while not _answers(self.port):
            if self._process.poll() is not None or time.monotonic() > end:
                self.end()
                raise RuntimeError(f"sshd does not start: {tail(self.log)}")
            time.sleep(0.02)

    def end(self) -> None:
        """Kill it, and its sessions."""
        if self._process is not None:
            subprocess.run(["pkill", "-KILL", "-s", str(self._process.pid)], check=False)  # only its own session
        kill(self._process)
        self._process = None

    def quiet(self) -> None:
        """Wait until no session is left."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        until(lambda: not children.read_text().split())

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "log"

    def pinned(self, *kinds: str) -> str:
        """The public keys, as `ssh-keyscan` prints them."""
        lines = (self._host_key(kind).with_suffix(".pub").read_text() for kind in kinds or self.host_keys)
        return "".join(f"[127.0.0.1]:{self.port} {' '.join(line.split()[:2])}\n" for line in lines)

    def seen(self, name: str = UPLOAD) -> Path:
        """A folder as the server has it, with what is mounted there."""
        assert self._process is not None
        return Path(f"/proc/{self._process.pid}/root/mnt/{name}")

    def delivery(self, name: str = "feed", **sftp: Any) -> dict[str, Any]:
        """A delivery to its folder."""
        base = {"host": "127.0.0.1", "port": self.port, "path": f"/{UPLOAD}", "hostKey": self.pinned()}
        return {"name": name, "oneRosterCSV": {}, "sftp": {**base, "secretRef": {"name": "feed"}, **sftp}}

    def _host_key(self, kind: str) -> Path:
        return self.folder / f"host_{kind}"


def keygen(*words: "str | Path", passphrase: str = "") -> None:
    """Make a key pair."""
    subprocess.run(["ssh-keygen", "-q", "-N", passphrase, *map(str, words)], check=True, capture_output=True)


@contextmanager
def sshd(folder: Path, **options: Any) -> Iterator[Sshd]:
    """A server that runs. Skips where it cannot: it takes Linux and root."""
    if os.geteuid() != 0:
        pytest.skip("an SSH server that takes passwords needs root")
    need({"sshd": "openssh-server", "ssh-keygen": "openssh-client"}, "a test of deliveries by SFTP", services=False)
    folder.mkdir(parents=True, exist_ok=True)
    server = Sshd(folder, **options)
    server.begin()
    try:
        yield server
    finally:
        server.end()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as sock:
            return sock.recv(4) == b"SSH-"
    except OSError:
        return False
