"""Waits until an object has reached a state, and shows its progress.

Polls every second, which people cannot tell from a watch.
"""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rostersync.api.objects import run_status, taken_up
from rostersync.errors import Retryable, RostersyncError
from rostersync.model import Phase
from rostersync.plugin.cluster import Cluster, Object
from rostersync.plugin.status import is_undelivered

EVERY = 1.0  # seconds between two requests
SILENCE = 20.0  # seconds without a sign of the operator until the person is told
PATIENCE = 120.0  # seconds that an API server may be unreachable; a restart takes less
PASSING = ("Forbidden", "Unauthorized", "NotInstalled")  # an API server that has just started says these for a while


class Stopped(RostersyncError):  # noqa: N818  (named after what happened, as its siblings in errors.py)
    """A person stopped watching; what was watched goes on."""

    reason = "Stopped"


@dataclass(frozen=True)
class Awaited:
    """The object that is watched. `goes_on`: a sentence that says what happens once nobody watches any more."""

    kind: str
    name: str
    done: Callable[[Object], bool]
    line: Callable[[Object], str]  # how far it is
    taken_up: Callable[[Object], bool]  # whether the operator has seen it
    goes_on: str
    uid: str = ""
    timeout: float | None = None  # seconds


@dataclass
class Progress:
    """Shown on standard error: one line that changes on a terminal, elsewhere a line for each change."""

    quiet: bool = False
    started: float = field(default_factory=time.monotonic)
    said: str = ""

    def __call__(self, text: str) -> None:
        """Show how far it is."""
        if self.quiet:
            return
        if sys.stderr.isatty():
            import shutil

            spent = int(time.monotonic() - self.started)
            line = f"{text}  {spent // 60}:{spent % 60:02}"[: shutil.get_terminal_size().columns - 1]
            print(f"\r\x1b[2K{line}", end="", file=sys.stderr, flush=True)
        elif text != self.said:
            print(text, file=sys.stderr, flush=True)
        self.said = text

    def end(self) -> None:
        """Clear the line."""
        if self.said and not self.quiet and sys.stderr.isatty():
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        """Print a remark that stays."""
        self.end()
        print(text, file=sys.stderr, flush=True)


def run(
    cluster: Cluster,
    made: Object,
    done: Callable[[Object], bool],
    *,
    goes_on: str,
    timeout: float | None,
    quiet: bool,
    taken_up: Callable[[Object], bool] = taken_up,
) -> Object:
    """Wait for a SyncRun until it is `done`."""
    name, uid = made["metadata"]["name"], made["metadata"]["uid"]
    return wait(cluster, Awaited("SyncRun", name, done, run_line, taken_up, goes_on, uid, timeout), Progress(quiet))


def wait(
    cluster: Cluster,
    awaited: Awaited,
    show: Progress,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Object:
    """The object, once it is done. Raises Stopped on Ctrl-C, and Retryable at the timeout or without an API server."""
    started = heard = clock()
    warned = False
    try:
        while True:
            try:
                seen = cluster.get(awaited.kind, awaited.name)
                heard = clock()
            except RostersyncError as error:
                if not _passing(error) or clock() - heard > PATIENCE:
                    raise
                show("The API server does not answer; still trying.")
            else:
                if awaited.uid and seen["metadata"]["uid"] != awaited.uid:
                    raise Retryable(
                        f"{awaited.kind} {awaited.name} was deleted and created again meanwhile.", reason="Gone"
                    )
                show(awaited.line(seen))
                if awaited.done(seen):
                    return seen
                if not warned and clock() - started > SILENCE and not awaited.taken_up(seen):
                    warned = True
                    show.note(
                        f"Nobody has answered for {SILENCE:.0f} seconds: does the operator run? "
                        "`kubectl get pods -A | grep rostersync` shows its pods. Still waiting."
                    )
            if awaited.timeout is not None and clock() - started > awaited.timeout:
                raise Retryable(f"{awaited.timeout:.0f} seconds were not enough. {awaited.goes_on}", reason="Timeout")
            pause(EVERY)
    except KeyboardInterrupt:
        raise Stopped(f"Stopped watching. {awaited.goes_on}") from None
    finally:
        show.end()


def _passing(error: RostersyncError) -> bool:
    return isinstance(error, Retryable) or error.reason in PASSING


def run_line(run: Mapping[str, Any]) -> str:
    """`springfield-20261124t020709: Planning (compare)`, and why it waits where it does."""
    from rostersync.lifecycle.outcomes import succeeded_message, succeeded_reason
    from rostersync.render.words import plain

    status = run_status(run)
    stands = succeeded_reason(status) or "New"
    stage = f" ({status['stage']})" if stands in (Phase.PLANNING, Phase.APPLYING) and status.get("stage") else ""
    waits = stands == Phase.QUEUED or (stands == Phase.DELIVERING and is_undelivered(run))
    why = f": {succeeded_message(status)}" if waits else ""
    return plain(f"{run['metadata']['name']}: {stands}{stage}{why}")
