"""The machine that is measured on: a control plane, an operator on it, and what both have taken up to now."""

import asyncio
import re
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import operator_process as process
from operator_api import Api, Refused

from support.cluster.operator import Operator
from support.cluster.plane import ControlPlane
from support.cluster.processes import tail

_REQUESTS = re.compile(r'^rest_client_requests_total\{code="(\d+)",method="(\w+)"\} (\S+)$', re.MULTILINE)
_RUNS = re.compile(r'^rostersync_syncruns\{state="\w+"\} (\S+)$', re.MULTILINE)
_DEPTH = re.compile(r"^workqueue_depth (\S+)$", re.MULTILINE)
_PATIENCE = 600.0  # seconds
SLOTS = ("--max-concurrent-runs", "5000", "--max-concurrent-runs-per-namespace", "5000")


@dataclass
class Server:
    """A control plane."""

    plane: ControlPlane
    admin: Api

    def cpu(self) -> float:
        """CPU seconds of etcd, API server and controller-manager."""
        started = (self.plane.etcd, self.plane.apiserver, self.plane.controller_manager)
        return process.cpu(p.pid for p in started if p)

    async def rest(self) -> None:
        """Waits until the controller-manager has done what follows from what was done before."""
        before, end = -1, time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            counts = await self.admin.counted()
            writes = sum(
                n for (verb, what), n in counts.items() if verb not in ("GET", "LIST", "WATCH") and what != "leases"
            )
            if writes - before <= 3:
                return
            before = writes
            await asyncio.sleep(1)
        raise Refused(0, f"the control plane does not come to rest in {_PATIENCE:.0f} s")


class Running:
    """An operator's process."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.operator = Operator(plane, folder, *SLOTS, wait=False)

    @property
    def pid(self) -> int:
        """Of the process."""
        assert self.operator.process
        return self.operator.process.pid

    def cpu(self) -> float:
        """CPU seconds up to now."""
        return process.cpu([self.pid])

    async def start(self) -> float:
        """Start it; seconds until /readyz says so."""
        begun = time.perf_counter()
        self.operator.start()
        while not await self._ready():
            assert self.operator.process
            if self.operator.process.poll() is not None or time.perf_counter() - begun > _PATIENCE:
                raise self._failed("does not get ready")
            await asyncio.sleep(0.02)
        return time.perf_counter() - begun

    async def stop(self) -> None:
        """End it as Kubernetes does, so that it gives its Lease back."""
        code = await asyncio.to_thread(self.operator.stop)
        if code != 0:
            raise self._failed(f"ends with {code}")

    async def requests(self) -> Counter[tuple[str, str]]:
        """Requests that it has sent by (method, status), as it counts them."""
        found = _REQUESTS.findall(await self._get("/metrics"))
        return Counter({(method, code): int(float(value)) for code, method, value in found})

    async def rest(self, runs: int = 0) -> None:
        """Waits until it knows so many runs, its queue is empty and it sends nothing but what keeps its Lease."""
        before, end = -1, time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            text = await self._get("/metrics")
            depth = _DEPTH.search(text)
            sent = sum(int(float(value)) for _, _, value in _REQUESTS.findall(text))
            known = sum(float(count) for count in _RUNS.findall(text))
            if depth and float(depth[1]) == 0 and sent - before <= 4 and known >= runs:
                return
            before = sent
            await asyncio.sleep(1)
        raise self._failed(f"does not come to rest in {_PATIENCE:.0f} s")

    def complaints(self) -> list[str]:
        """Lines of its log above the level of information."""
        lines = self.operator.log.read_text(errors="replace").splitlines()
        return [line for line in lines if line and '"level": "info"' not in line]

    def _failed(self, how: str) -> Refused:
        return Refused(0, f"the operator {how}; the end of its log:\n{tail(self.operator.log)}")

    async def _ready(self) -> bool:
        try:
            return "ok" in await self._get("/readyz")
        except OSError:
            return False

    async def _get(self, where: str) -> str:
        host, _, port = self.operator.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(f"GET {where} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            answer = (await reader.read()).decode()
        finally:
            writer.close()
        return answer if answer.split(" ", 2)[1] == "200" else ""
