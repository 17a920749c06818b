"""A process that applies plans in children it forks and kills them with SIGKILL at a given step of the apply.

It has everything imported and no DuckDB thread when it forks, so that a kill costs milliseconds. One JSON line on
stdin for each kill, one on stdout with the steps that the child had reported when it died.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from rostersync.model import Consent
from rostersync.plan import codec
from rostersync.plan.apply import apply
from rostersync.stores.embedded import writer
from rostersync.stores.embedded.store import EmbeddedStore
from rostersync.stores.port import Store
from support import postgres


@dataclass(frozen=True)
class Kill:
    """When: `delay` seconds after the child reported the step `after`. `checkpoint`: COMMIT itself checkpoints.

    `store` is the file of an embedded store, or scratch for a PostgreSQL store with these `secrets`. `approved`: the plan is
    applied with a person's consent. `deliveries`: their names in the outbox.
    """

    store: str
    plan: str
    after: str
    delay: float
    checkpoint: bool = False
    secrets: dict[str, dict[str, str]] | None = None
    approved: bool = False
    deliveries: tuple[str, ...] = ()


class Killer:
    """The process, as a context manager. `kill` returns the steps that the child reported before it died."""

    def __enter__(self) -> "Killer":
        tests = Path(__file__).parent.parent
        self._process = subprocess.Popen(
            [sys.executable, "-m", "support.killing"],
            cwd=tests,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def kill(self, kill: Kill) -> list[str]:
        """Applies in a child and kills it; steps beyond the kill are missing."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(asdict(kill)) + "\n")
        stdin.flush()
        answer = json.loads(stdout.readline())
        assert answer["signal"] == signal.SIGKILL or answer["marks"][-1] == "closed", answer
        marks: list[str] = answer["marks"]
        return marks

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=10)


def _serve() -> None:
    for line in sys.stdin:
        print(json.dumps(_fork(Kill(**json.loads(line)))), flush=True)


def _fork(kill: Kill) -> dict[str, object]:
    reading, written = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        status = 1
        with contextlib.suppress(BaseException):
            _apply(kill, written)
            status = 0
        os._exit(status)
    os.close(written)
    marks: list[str] = []
    with os.fdopen(reading) as pipe:
        for mark in pipe:
            marks.append(mark.strip())
            if marks[-1] == kill.after:
                time.sleep(kill.delay)
                os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return {"marks": marks, "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None}


def _apply(kill: Kill, written: int) -> None:
    if kill.checkpoint:
        _checkpoint_in_commit()
    store: Store = EmbeddedStore(Path(kill.store), memory_limit=100_000_000, threads=1)
    if kill.secrets is not None:
        store = postgres.opened(Path(kill.store), kill.secrets)
    plan = Path(kill.plan)
    consent = consent_to(plan) if kill.approved else None
    apply(plan, store.writer(), consent, deliveries=tuple(kill.deliveries), mark=lambda step: _report(written, step))


def consent_to(plan: Path) -> Consent:
    """A person's consent to a plan."""
    return Consent(decided_by="somebody", digest=codec.read(plan).digest, reason="test")


def _report(written: int, step: str) -> None:
    os.write(written, f"{step}\n".encode())


def _checkpoint_in_commit() -> None:
    """Makes DuckDB move the log into the file within COMMIT, as it does by itself with a large plan."""
    connect = writer.connect  # type: ignore[attr-defined]  # the name that the writer uses

    def eager(*args, **kwargs):  # type: ignore[no-untyped-def]
        con = connect(*args, **kwargs)
        con.execute("SET checkpoint_threshold = '1KB'")
        return con

    writer.connect = eager  # type: ignore[attr-defined]


@contextlib.contextmanager
def killer() -> Iterator[Killer]:
    """The process, for a fixture."""
    with Killer() as process:
        yield process


if __name__ == "__main__":
    _serve()
