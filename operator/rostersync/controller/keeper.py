"""The thread that renews the Lease and answers probes, however busy the work is.

Work comes in bursts, and an event loop that is late by some seconds would lose the Lease. So the Lease has a thread
with an event loop of its own. It renews only while the work's loop responds. A process whose loop is stuck loses the
Lease and is restarted.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable

import uvloop

from rostersync.controller.cluster.client import Cluster
from rostersync.controller.cluster.election import RENEW, Election
from rostersync.controller.cluster.login import Login
from rostersync.controller.metrics import Metrics
from rostersync.controller.options import Options
from rostersync.controller.serve import serve

log = logging.getLogger(__name__)

LAG = 30.0  # seconds that the work's loop may be late before the process counts as stuck
_BEAT = 1.0  # seconds
_NUMBERS = 10.0  # seconds that the work's loop has to produce the metrics
_END = 5.0  # seconds to release the Lease


class Keeper:
    """Starts and ends the thread. `wrong` says what is wrong with the work, `lacking` what it still waits for."""

    def __init__(
        self, options: Options, login: Login, wrong: Callable[[], str], lacking: Callable[[], str], metrics: Metrics
    ) -> None:
        self._options, self._login, self._wrong, self._lacking = options, login, wrong, lacking
        self._metrics = metrics
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self._began = threading.Event()
        self._beat = time.monotonic()
        self._election: Election | None = None

    async def run(self, leading: asyncio.Event) -> None:
        """Keep the Lease until cancelled, and set `leading` when this process leads. Raises what ended the thread."""
        self._work, self._leading, self._failed = asyncio.get_running_loop(), leading, asyncio.Event()
        self._error: Exception | None = None
        self._beat = time.monotonic()
        self._thread.start()
        try:
            while not self._failed.is_set():
                self._beat = time.monotonic()
                await asyncio.sleep(_BEAT)
        finally:
            await asyncio.to_thread(self.end)
        if self._error:
            raise self._error

    def end(self) -> None:
        """Release the Lease and stop serving within some seconds. May be called repeatedly and from any thread."""
        if self._began.wait(_END):
            try:
                self._loop.call_soon_threadsafe(self._end.set)
            except RuntimeError:
                return  # it has ended
            self._thread.join(_END)

    def working(self) -> bool:
        """Whether the work's loop still responds."""
        return time.monotonic() - self._beat < LAG

    def alive(self) -> str:
        """What is wrong with this process. Empty while it is alive."""
        if not self.working():
            return "the event loop is stuck"
        election = self._election
        if election and election.leading.is_set() and time.monotonic() - election.renewed > RENEW * 2:
            return "the Lease is not renewed"
        return self._wrong()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._keep())
        except Exception as error:  # noqa: BLE001  (the work's loop raises it)
            self._error = error
            self._began.set()
            self._work.call_soon_threadsafe(self._failed.set)

    async def _keep(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._began.set()
        options = self._options
        async with self._login.session() as session:
            cluster = Cluster(session, self._login.server)
            self._election = election = Election(
                cluster, options.lease_namespace, options.lease_name, options.identity, working=self.working
            )
            server = await serve(options.host, options.port, self.alive, self._lacking, self._numbers)
            standing, ended = asyncio.create_task(election.run()), asyncio.create_task(self._end.wait())
            tasks = [standing, ended, asyncio.create_task(self._tell(election))]
            try:
                await asyncio.wait([standing, ended], return_when=asyncio.FIRST_COMPLETED)
                if standing.done():
                    standing.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)  # they release the Lease
                await server.cleanup()

    async def _tell(self, election: Election) -> None:
        await election.leading.wait()
        self._work.call_soon_threadsafe(self._leading.set)

    async def _numbers(self) -> bytes:
        """The metrics, which the work's loop reads from its cache."""

        async def text() -> bytes:
            return self._metrics.text()

        asked = asyncio.run_coroutine_threadsafe(text(), self._work)
        return await asyncio.wait_for(asyncio.wrap_future(asked), _NUMBERS)
