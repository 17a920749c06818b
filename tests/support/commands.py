"""Runs `rostersync` in real processes that start in milliseconds, so that hundreds of commands fit into a test run.

One process per test worker has everything imported and no thread when it forks; each command is a child of its own,
with its own standard streams, environment and exit code, and can be killed like any other. Retries are quick to give
up, unless `patient` is asked for. A `hook` (`module:function`) runs in the child before the command.
"""

import contextlib
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

QUICK = (4, 0.001, 0.01, 0.001, 0.2, 0.0)  # attempts, wait_initial, wait_max, wait_jitter, retry_after_max, seconds
DEADLINE = 120.0  # seconds for one command


@dataclass
class Done:
    """How a command ended: exit code (minus the signal's number when killed), and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def said(self) -> list[dict[str, Any]]:
        """Standard error as JSON lines."""
        return [json.loads(line) for line in self.err.splitlines() if line.startswith("{")]

    @property
    def error(self) -> dict[str, Any]:
        """The one error that the command told; fails when there are none or several."""
        [found] = [line for line in self.said if line["level"] == "error"]
        return found


@dataclass
class Running:
    """A command that has begun."""

    folder: Path
    pid: int
    _pipe: BinaryIO
    _read: bytes = b""

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal; a process that is gone already is none's trouble."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self, seconds: float = DEADLINE) -> Done:
        """How it ended."""
        if not select.select([self._pipe], [], [], seconds)[0]:
            self.kill()
            raise TimeoutError(f"{self.folder} did not end within {seconds} s")
        code = int(self._pipe.readline())
        self._pipe.close()
        return Done(code, (self.folder / "out").read_text(), (self.folder / "err").read_text())


@dataclass
class Commands:
    """The process that forks commands, as a context manager."""

    _process: "subprocess.Popen[str]" = field(init=False)

    def __enter__(self) -> "Commands":
        tests = Path(__file__).parent.parent
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.commands"], cwd=tests, stdin=subprocess.PIPE, text=True
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=10)

    def start(
        self, jobs: Path, *args: Any, cwd: Path, env: Mapping[str, str], hook: str | None = None, patient: bool = False
    ) -> Running:
        """Begin a command; what it prints goes to a new folder in `jobs`."""
        assert self._process.stdin
        jobs.mkdir(parents=True, exist_ok=True)
        folder = jobs / f"{len(list(jobs.iterdir())):03d}-{args[0] if args else 'none'}"
        folder.mkdir()
        os.mkfifo(folder / "rc")
        order = {
            "args": [str(a) for a in args],
            "cwd": str(cwd),
            "env": dict(env),
            "folder": str(folder),
            "hook": hook,
            "patient": patient,
        }
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        pipe = (folder / "rc").open("rb", buffering=0)
        (folder / "rc").unlink()
        return Running(folder, int(pipe.readline()), pipe)


@dataclass
class Desk:
    """A person at a fresh machine: a folder for everything, manifests in it, and commands with their state."""

    commands: Commands
    root: Path
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home, self.jobs = self.root / "home", self.root / "jobs"
        for folder in (self.home, self.root / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.root / "tmp"),
            "LANG": "C.UTF-8",
            "USER": "tester",
            "LOGNAME": "tester",
            **self.env,
        }
        self.state = self.home / ".rostersync"

    @property
    def store(self) -> Path:
        """The store's file."""
        return self.state / "store" / "roster.duckdb"

    def write(self, name: str, text: str) -> Path:
        """A file in the home folder."""
        path = self.home / name
        path.write_text(text, encoding="utf-8")
        return path

    def start(self, *args: Any, hook: str | None = None, patient: bool = False, **env: str) -> Running:
        """Begin a command."""
        return self.commands.start(self.jobs, *args, cwd=self.home, env={**self.env, **env}, hook=hook, patient=patient)

    def __call__(self, *args: Any, exits: int | None = None, hook: str | None = None, **env: str) -> Done:
        """Run a command to its end; `exits` is the exit code it must have."""
        done = self.start(*args, hook=hook, patient=False, **env).wait()
        assert exits is None or done.code == exits, (args, done)
        return done

    def runs(self) -> list[dict[str, Any]]:
        """The SyncRuns, newest first, as the files have them."""
        found = [json.loads(p.read_text()) for p in (self.state / "runs").glob("*.json")]
        return sorted(found, key=lambda r: int(r["metadata"]["annotations"]["rostersync.dev/number"]), reverse=True)


@contextlib.contextmanager
def commands() -> Iterator[Commands]:
    """The process, for a fixture."""
    with Commands() as process:
        yield process


def until(condition: Any, seconds: float = 30.0) -> None:
    """Wait until `condition()` is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.002)


def _serve() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for line in sys.stdin:
        if os.fork() == 0:
            _mind(json.loads(line))
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    with contextlib.suppress(ChildProcessError, AssertionError):
        until(lambda: os.waitpid(-1, os.WNOHANG)[0] < 0, 3)


def _mind(order: dict[str, Any]) -> None:
    """Fork the command, say its process id, wait for it, say how it ended."""
    pipe = os.open(Path(order["folder"]) / "rc", os.O_WRONLY)
    child = os.fork()
    if child == 0:
        os.close(pipe)
        _command(order)
    os.write(pipe, f"{child}\n".encode())
    _, status = os.waitpid(child, 0)
    os.write(pipe, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _command(order: dict[str, Any]) -> None:
    """Be `rostersync` with these arguments, to the very end of the process."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = Path(order["folder"])
    for stream, path, flags in (
        (0, "/dev/null", os.O_RDONLY),
        (1, folder / "out", os.O_WRONLY | os.O_CREAT),
        (2, folder / "err", os.O_WRONLY | os.O_CREAT),
    ):
        handle = os.open(path, flags, 0o644)
        os.dup2(handle, stream)
        os.close(handle)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    code = 1
    try:
        if not order["patient"]:
            from rostersync.sources.oneroster.endpoint import Patience

            Patience.__init__.__defaults__ = QUICK
        if order["hook"]:
            module, _, name = order["hook"].partition(":")
            getattr(importlib.import_module(module), name)()
        from rostersync.__main__ import main

        sys.argv = ["rostersync", *order["args"]]
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        import atexit

        atexit._run_exitfuncs()
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _import_all() -> None:
    """What the commands import when they are called."""
    for name in (
        "rostersync.local.store",
        "rostersync.local.attempts",
        "rostersync.local.drive",
        "rostersync.local.observe",
        "rostersync.local.imports",
        "rostersync.local.plans",
        "rostersync.local.forgetting",
        "rostersync.sync.pipeline",
        "rostersync.plan.apply",
        "rostersync.render.run",
        "rostersync.render.runs",
        "rostersync.render.changes",
        "rostersync.render.issues",
        "rostersync.render.objects",
        "rostersync.execution.plan",
        "rostersync.execution.apply",
        "yaml",
        "rich.console",
        "rich.table",
    ):
        importlib.import_module(name)


if __name__ == "__main__":
    _import_all()
    _serve()
