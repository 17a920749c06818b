"""A gateway that speaks S3's protocol and serves a folder, on the loopback address: versitygw, built from its Go module."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme

from support.cluster.processes import free_ports, kill, start, tail
from support.cluster.programs import Program, apart

KEY = {"accessKeyID": "AKIDROSTERS", "secretAccessKey": "a secret of the gateway"}
BUCKET = "rosters"
_MODULE = Path(__file__).parent / "modules" / "versitygw"
PROGRAM = Program("versitygw", str(_MODULE), "github.com/versity/versitygw/cmd/versitygw", ())


_SMALL = 'mount --make-rprivate / && mount -t tmpfs -o size="$2" none "$1" && shift 2 && exec "$@"'


@dataclass
class Gateway:
    """A gateway with one bucket. `size`: of the disk that it serves, which then is its own alone.

    `authority`: signs its certificate; without one it speaks no TLS.
    """

    folder: Path
    port: int = 0
    size: int | None = None
    authority: trustme.CA | None = None
    _process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def bucket(self) -> Path:
        """The bucket's folder, as the gateway has it."""
        assert self._process is not None
        return Path(f"/proc/{self._process.pid}/root{self._served}")

    @property
    def _served(self) -> Path:
        return self.folder.resolve() / "served" / BUCKET

    @property
    def endpoint(self) -> str:
        """Its URL."""
        return f"{'https' if self.authority else 'http'}://127.0.0.1:{self.port}"

    def begin(self) -> None:
        """Start it, and wait until it answers."""
        program = apart(PROGRAM)
        self.port = self.port or free_ports(1)[0]
        self._served.mkdir(parents=True, exist_ok=True)
        (self.folder / "meta").mkdir(exist_ok=True)
        command: list[str | Path] = [
            *(("unshare", "--mount", "sh", "-c", _SMALL, "small", self._served, str(self.size)) if self.size else ()),
            program,
            *("--port", f"127.0.0.1:{self.port}", "--quiet"),
            *("--access", KEY["accessKeyID"], "--secret", KEY["secretAccessKey"]),
            *self._certificate(),
            *("posix", "--sidecar", self.folder / "meta", self.folder / "served"),
        ]
        self._process = start(command, self.folder / "log")
        end = time.monotonic() + 20
        while not _answers(self.port):
            if self._process.poll() is not None or time.monotonic() > end:
                self.end()
                raise RuntimeError(f"versitygw does not start: {tail(self.folder / 'log')}")
            time.sleep(0.02)

    def _certificate(self) -> list[str | Path]:
        if self.authority is None:
            return []
        made, cert, key = self.authority.issue_cert("127.0.0.1"), self.folder / "cert.pem", self.folder / "key.pem"
        cert.write_bytes(b"".join(part.bytes() for part in made.cert_chain_pems))
        made.private_key_pem.write_to_path(str(key))
        return ["--cert", cert, "--key", key]

    def end(self) -> None:
        """Kill it."""
        kill(self._process)
        self._process = None

    def storage(self, path: str = "/springfield", **more: Any) -> dict[str, Any]:
        """An `objectStorage` that names a folder of its bucket."""
        base = {"url": f"s3://{BUCKET}{path}", "endpoint": self.endpoint, "insecureHTTP": self.authority is None}
        return {**base, "secretRef": {"name": "bucket"}, **more}

    def objects(self) -> dict[str, bytes]:
        """What is in the bucket, by key. What the gateway itself keeps there is left out."""
        found = {}
        for folder, _, names in os.walk(self.bucket):  # which goes on when a folder is removed meanwhile
            for each in (Path(folder) / name for name in names):
                key = str(each.relative_to(self.bucket))
                with suppress(FileNotFoundError):
                    if not key.startswith(".sgwtmp"):
                        found[key] = each.read_bytes()
        return found


@contextmanager
def gateway(folder: Path, **options: Any) -> Iterator[Gateway]:
    """A gateway that runs."""
    folder.mkdir(parents=True, exist_ok=True)
    running = Gateway(folder, **options)
    running.begin()
    try:
        yield running
    finally:
        running.end()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
