"""The Docker engine for kind: the one that answers, or on a machine without one a dockerd of our own, which leaves no trace.

Its data stay in the cache, so that images are made once.
"""

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from support.cluster.cache import cache, locked
from support.cluster.debian import need
from support.cluster.processes import tail
from support.cluster.programs import say
from support.cluster.traces import Traces

_SYS_RESOURCE = 24  # the number of the capability
_PATIENCE = 30
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Engine:
    """An engine that answers. `ours` is the dockerd that this module started."""

    host: str
    ours: bool

    @property
    def environment(self) -> dict[str, str]:
        """What docker and kind must have in their environment."""
        inherited = {
            k: v
            for k, v in os.environ.items()
            if k in ("HOME", "TMPDIR", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")
        }
        # Debian's engine has the classic builder only
        builder = {"DOCKER_BUILDKIT": "0"} if self.ours else {}
        return {"PATH": f"{_PATH}:{os.environ.get('PATH', '')}", "DOCKER_HOST": self.host, **builder, **inherited}

    def docker(self, *arguments: str, input: bytes | None = None, timeout: float | None = None) -> str:  # noqa: A002 - as subprocess names it
        """Runs docker and returns what it prints; RuntimeError with its words when it fails."""
        done = subprocess.run(
            ["docker", *arguments], env=self.environment, input=input, capture_output=True, timeout=timeout, check=False
        )
        if done.returncode:
            end = (done.stderr or done.stdout).decode(errors="replace").strip()[-1500:]
            raise RuntimeError(f"docker {' '.join(arguments[:4])} … fails: {end}")
        return done.stdout.decode(errors="replace").strip()

    def has_image(self, name: str) -> bool:
        """Whether there is an image of this name."""
        return bool(self.docker("images", "-q", name))

    def drop_images(self, repository: str, kept: str) -> None:
        """Removes the other images of a repository, which older sources made."""
        for name in self.docker("images", "--format", "{{.Repository}}:{{.Tag}}", repository).split():
            if name != kept:
                self.docker("rmi", "-f", name)
        if self.ours:  # what lies nameless on a person's own engine is the person's
            self.docker("image", "prune", "-f")


def engine() -> Engine:
    """The engine that answers, or our own, started if need be."""
    found = running_engine()
    if found is None:
        with locked("engine"):
            if not _answers(_socket()):
                _start()
        found = Engine(_socket(), ours=True)
    return found


def running_engine() -> Engine | None:
    """The engine that answers, if one does."""
    for host in (os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock", _socket()):
        if _answers(host):
            return Engine(host, ours=host == _socket())
    return None


def left_engine() -> Engine | None:
    """The engine that answers, if one does; our own is brought back when it was killed, so that it can be cleaned up."""
    found = running_engine()
    return engine() if found is None and (_folder() / "traces.json").exists() else found


def stop_engine() -> bool:
    """Stops our own dockerd and takes out what it changed in the machine's network. False when there is none."""
    with locked("engine"):
        pid = _pid()
        if pid is None and not (_folder() / "traces.json").exists():
            return False
        if pid is not None:
            if _answers(_socket()):  # kind leaves its network
                subprocess.run(
                    ["docker", "network", "rm", "kind"],
                    env=Engine(_socket(), ours=True).environment,
                    capture_output=True,
                    check=False,
                )
            _end(pid)
        Traces(_folder() / "traces.json").remove()
        shutil.rmtree(_folder() / "exec", ignore_errors=True)
        return True


def capable() -> bool:
    """Whether containers here may have CAP_SYS_RESOURCE, which an ordinary kind node asks for."""
    line = next(s for s in Path("/proc/self/status").read_text().splitlines() if s.startswith("CapBnd"))
    return bool(int(line.split()[1], 16) >> _SYS_RESOURCE & 1)


def _start() -> None:
    commands = {"dockerd": "docker.io", "docker": "docker.io", "iptables": "iptables", "ip": "iproute2"}
    need(commands, "A Docker engine for the test cluster")
    if os.geteuid() != 0:
        raise RuntimeError(
            "No Docker engine answers, and only root can start one. Start Docker, or name an engine with DOCKER_HOST."
        )
    _refuse_second()
    started, folder = time.monotonic(), _folder()
    traces = Traces(folder / "traces.json")
    traces.prepare()
    # without CAP_SYS_RESOURCE in the bounding set, `docker run --privileged` fails: a runc that asks for less
    runtime = Path(__file__).parent / "node" / "runc-without-sys-resource"
    runtimes = [] if capable() else ["--add-runtime", f"less={runtime}", "--default-runtime", "less"]
    command = [
        "dockerd",
        "--data-root",
        f"{folder}/data",
        "--exec-root",
        f"{folder}/exec",
        "-H",
        _socket(),
        "--pidfile",
        f"{folder}/pid",
    ]
    command += ["--storage-driver", "overlay2", "-b", traces.bridge, *runtimes]
    with (folder / "log").open("wb") as log:
        # it outlives this process, and is nobody's child
        subprocess.run(
            ["setsid", "--fork", *command], env={"PATH": _PATH, "HOME": str(folder)}, stdout=log, stderr=log, check=True
        )
    while not _answers(_socket()):
        if time.monotonic() - started > _PATIENCE or (time.monotonic() - started > 10 and _pid() is None):
            _end(_pid())
            traces.remove()
            raise RuntimeError(f"dockerd does not start here:\n{tail(folder / 'log')}")
        time.sleep(0.1)
    say("dockerd of our own answers", time.monotonic() - started)


def _refuse_second() -> None:
    for entry in Path("/proc").glob("[0-9]*/comm"):
        try:
            other = entry.read_text().strip() == "dockerd" and entry.with_name("cmdline").read_bytes() != b""
        except OSError:
            continue  # it ended meanwhile
        if other:
            raise RuntimeError(
                f"A dockerd runs already (process {entry.parent.name}) and does not answer here; two share iptables chains and break "
                "each other. Name its socket with DOCKER_HOST, or stop it."
            )


def _end(pid: int | None) -> None:
    if pid is None:
        return
    os.kill(pid, signal.SIGTERM)
    for _ in range(200):
        if _pid() is None:
            return
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)


def _answers(host: str) -> bool:
    if shutil.which("docker") is None or (
        host.startswith("unix://") and not Path(host.removeprefix("unix://")).exists()
    ):
        return False
    command = ["docker", "-H", host, "version", "--format", "{{.Server.Version}}"]
    try:
        return subprocess.run(command, capture_output=True, timeout=10, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _pid() -> int | None:
    """Our dockerd's process, if it lives; one that ended and that nobody has waited for does not."""
    try:
        pid = int((_folder() / "pid").read_text())
        _, name, state = Path(f"/proc/{pid}/stat").read_text().split()[:3]
    except (OSError, ValueError):
        return None
    return pid if name == "(dockerd)" and state != "Z" else None


def _folder() -> Path:
    folder = cache() / "docker"
    folder.mkdir(exist_ok=True)
    return folder


def _socket() -> str:
    return f"unix://{_folder()}/docker.sock"
