"""Waiting for an object to come so far, and showing how far it is. Asks every second; a watch would not be seen sooner."""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rostersync.errors import Retryable, RostersyncError
from rostersync.plugin.cluster import Cluster, Object
from rostersync.plugin.standing import status_of

EVERY = 1.0  # seconds between two looks
SILENCE = 20.0  # seconds without any sign of the operator, after which a person is told
PATIENCE = 120.0  # seconds that an API server may be away: a restart takes less
PASSING = ("Forbidden", "Unauthorized", "NotInstalled")  # also what a server says that has just started, for a while


class Stopped(RostersyncError):  # noqa: N818  (named after what happened, as its siblings in errors.py)
    """A person stopped watching; what was watched goes on."""

    reason = "Stopped"


@dataclass(frozen=True)
class Wish:
    """What is waited for. `goes_on`: what happens when nobody watches any more, as a sentence."""

    kind: str
    name: str
    done: Callable[[Object], bool]
    line: Callable[[Object], str]  # how far it is, in a few words
    taken_up: Callable[[Object], bool]  # whether the operator has seen it
    goes_on: str
    uid: str = ""
    timeout: float | None = None  # seconds


@dataclass
class Show:
    """One line that changes on a terminal; elsewhere a line for each change. On standard error."""

    quiet: bool = False
    started: float = field(default_factory=time.monotonic)
    said: str = ""

    def __call__(self, text: str) -> None:
        """Say how far it is."""
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
        """Take the line away."""
        if self.said and not self.quiet and sys.stderr.isatty():
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        """A remark that stays."""
        self.end()
        print(text, file=sys.stderr, flush=True)


def wait(
    cluster: Cluster, wish: Wish, show: Show, clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Object:  # fmt: skip
    """The object, once it is done. Raises Stopped on Ctrl-C, Retryable at the timeout or without an API server."""
    started = heard = clock()
    warned = False
    try:
        while True:
            try:
                seen = cluster.get(wish.kind, wish.name)
                heard = clock()
            except RostersyncError as error:
                if not _passing(error) or clock() - heard > PATIENCE:
                    raise
                show("The API server does not answer; still trying.")
            else:
                if wish.uid and seen["metadata"]["uid"] != wish.uid:
                    raise Retryable(f"{wish.kind} {wish.name} was deleted and made anew meanwhile.", reason="Gone")
                show(wish.line(seen))
                if wish.done(seen):
                    return seen
                if not warned and clock() - started > SILENCE and not wish.taken_up(seen):
                    warned = True
                    show.note(
                        f"Nobody has answered for {SILENCE:.0f} seconds: does the operator run? "
                        "`kubectl get pods -A | grep rostersync` says so. Still waiting."
                    )
            if wish.timeout is not None and clock() - started > wish.timeout:
                raise Retryable(f"{wish.timeout:.0f} seconds were not enough. {wish.goes_on}", reason="Timeout")
            pause(EVERY)
    except KeyboardInterrupt:
        raise Stopped(f"Stopped watching. {wish.goes_on}") from None
    finally:
        show.end()


def _passing(error: RostersyncError) -> bool:
    return isinstance(error, Retryable) or error.reason in PASSING


def run_line(run: Mapping[str, Any]) -> str:
    """`springfield-20261124t020709: Planning (compare)`, and why it waits where it does."""
    from rostersync.lifecycle.outcomes import succeeded_message, succeeded_reason
    from rostersync.render.words import plain

    status = status_of(run)
    stands = succeeded_reason(status) or "New"
    stage = f" ({status['stage']})" if stands in ("Planning", "Applying") and status.get("stage") else ""
    why = f": {succeeded_message(status)}" if stands == "Queued" else ""
    return plain(f"{run['metadata']['name']}: {stands}{stage}{why}")
