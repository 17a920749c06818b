"""Processes that `support.cluster.zygote` forks, as this process sees them."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).parents[2]


class Process:
    """One of them; what subprocess.Popen calls things, it calls the same."""

    def __init__(self, pid: int, argv: Sequence[str]) -> None:
        self.pid, self.argv = pid, list(argv)
        self.returncode: int | None = None
        self._ended = threading.Event()

    def end(self, code: int) -> None:
        """It has ended."""
        self.returncode = code
        self._ended.set()

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return self.returncode

    def wait(self) -> int:
        """Its exit code, once it has ended: minus the signal that ended it, 0 to 255 otherwise."""
        self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal; nothing happens when it has ended."""
        if self.returncode is None:
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


class Forks:
    """The zygote of one kubelet. `hooks`: functions, as MODULE:FUNCTION, that it calls first."""

    def __init__(self, folder: Path, *hooks: str) -> None:
        self._short = Path(tempfile.mkdtemp(prefix="zygote-"))  # a socket's path is short by law
        address = self._short / "socket"
        with (folder / "zygote.log").open("ab") as log:
            self._server = subprocess.Popen(
                [sys.executable, "-m", "support.cluster.zygote", str(address), *hooks],
                stdout=log,
                stderr=log,
                cwd=folder,
                env={**os.environ, "PYTHONPATH": str(TESTS)},
            )
        self._socket = socket.socket(socket.AF_UNIX)
        end = time.monotonic() + 120
        while True:
            try:
                self._socket.connect(str(address))
                break
            except OSError:
                if time.monotonic() > end or self._server.poll() is not None:
                    raise RuntimeError((folder / "zygote.log").read_text()) from None
                time.sleep(0.05)
        self._lock = threading.Lock()
        self._known: dict[int, Process] = {}
        self._early: dict[int, int] = {}
        self._answers: list[int] = []
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def start(self, argv: Sequence[str], cwd: Path, log: Path) -> Process:
        """Start `rostersync ARGV…`."""
        with self._lock:
            self._socket.sendall(json.dumps({"argv": list(argv), "cwd": str(cwd), "log": str(log)}).encode() + b"\n")
            with self._news:
                self._news.wait_for(lambda: self._answers, timeout=60)
                pid = self._answers.pop(0)
                process = self._known[pid] = Process(pid, argv)
                if pid in self._early:
                    process.end(self._early.pop(pid))
        return process

    def close(self) -> None:
        """End the zygote and whatever it started."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        try:
            self._server.wait(10)
        except subprocess.TimeoutExpired:
            self._server.kill()
            self._server.wait()
        for process in self._known.values():
            if process.returncode is None:
                process.end(-signal.SIGKILL)
        shutil.rmtree(self._short, ignore_errors=True)

    def _read(self) -> None:
        buffer = b""
        while True:
            try:
                more = self._socket.recv(1 << 16)
            except OSError:
                return
            if not more:
                return
            *lines, buffer = (buffer + more).split(b"\n")
            for line in lines:
                said = json.loads(line)
                with self._news:
                    if "code" not in said:
                        self._answers.append(said["pid"])
                        self._news.notify_all()
                    elif said["pid"] in self._known:
                        self._known[said["pid"]].end(said["code"])
                    else:
                        self._early[said["pid"]] = said["code"]
