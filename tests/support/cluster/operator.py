"""The operator as a process of this machine, with the rights that its role gives it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import httpx

from support.cluster.access import Cluster
from support.cluster.processes import free_ports, tail
from support.cluster.product import NAMESPACE

ACCOUNT = "rostersync-operator"
TESTS = Path(__file__).parents[2]


class Operator:
    """A context manager: `rostersync operator` as its own service account, ready when the block begins.

    `program`: the module that is rostersync.
    """

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        *options: str,
        kubeconfig: Path | None = None,
        wait: bool = True,
        program: str = "rostersync",
    ) -> None:
        self.program = program
        self.cluster, self.folder, self.options, self._wait = cluster, folder, options, wait
        self.kubeconfig = kubeconfig or cluster.service_account_kubeconfig(NAMESPACE, ACCOUNT)
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.log = folder / "operator.log"
        folder.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def start(self) -> None:
        """Start it (again); returns when it is ready."""
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        command = [
            sys.executable,
            "-m",
            self.program,
            "operator",
            "--image",
            "rostersync:test",
            "--image-pull-policy",
            "Never",
            "--kubeconfig",
            str(self.kubeconfig),
            "--lease-namespace",
            NAMESPACE,
            "--listen",
            f"127.0.0.1:{port}",
            "--finished-job-ttl-seconds",
            "300",
            "--allow-loopback",
            *self.options,
        ]
        environment = {**os.environ, "KUBECONFIG": "", "PYTHONPATH": str(TESTS)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        if self._wait:
            self.ready()

    def ready(self, seconds: float = 40) -> None:
        """Returns when /readyz says so."""
        end = time.monotonic() + seconds
        while True:
            try:
                if httpx.get(f"{self.url}/readyz", trust_env=False).is_success:
                    return
            except httpx.TransportError:
                pass
            if time.monotonic() > end or self.process is None or self.process.poll() is not None:
                raise RuntimeError(f"the operator is not ready:\n{tail(self.log, 30)}")
            time.sleep(0.1)

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = 30) -> int:
        """SIGTERM; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)
