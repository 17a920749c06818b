"""Processes that end with the one that started them, whatever ends it, and free ports for them."""

import os
import random
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

# The kernel kills a child when the *thread* that started it ends. This one lives as long as the interpreter, so that a test
# may start processes in threads of its own.
_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starts-processes")

# Below the ports that the kernel gives to outgoing connections, so that nobody takes one while its server restarts.
_PORTS = range(20000, 30000)


def start(command: Sequence[str | Path], log: Path, **environment: str) -> subprocess.Popen[bytes]:
    """A process whose output goes to a file, and which is killed when this interpreter ends, by SIGKILL as well."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise RuntimeError(
            "setpriv is missing, which ends servers together with the tests. On Debian: apt-get install util-linux"
        )
    full = [setpriv, "--pdeathsig", "KILL", "--", *map(str, command)]
    path = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(log.parent)}

    def run() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(
                full,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=path | environment,
                start_new_session=True,
            )

    return _STARTER.submit(run).result()


def kill(process: subprocess.Popen[bytes] | None) -> None:
    """Ends a process by SIGKILL and waits until all of it is gone, its ports included."""
    if process is not None:
        process.kill()
        process.wait()


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log, for an error's message."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on at this moment."""
    found: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError(f"no {count} free ports between {_PORTS.start} and {_PORTS.stop} on 127.0.0.1")


@contextmanager
def own_folder(name: str) -> Generator[Path]:
    """A temporary folder of this process. Those of processes that were killed go at the next call."""
    parent = Path(tempfile.gettempdir())
    for left in parent.glob("rostersync-test-*"):
        owner = left.name.split("-")[2]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(
        prefix=f"rostersync-test-{os.getpid()}-{name}-", ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)
