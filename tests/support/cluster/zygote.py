"""Starts `rostersync` commands as processes of their own, with everything imported already: importing costs over a second.

`python -m support.cluster.zygote SOCKET [MODULE:FUNCTION]` calls the function, if one is named, and serves one connection: a line of JSON asks for a process ({argv, cwd, log}), and is
answered with {pid}; when the process has ended, {pid, code} follows.
"""

import importlib
import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Import what Jobs use, then fork for whoever asks."""
    from rostersync.__main__ import main as rostersync
    from rostersync.execution import apply as apply_attempt  # noqa: F401  (imported so that a fork need not)
    from rostersync.execution import check, purge  # noqa: F401
    from rostersync.execution import plan as plan_attempt  # noqa: F401
    from rostersync.jobs import attempts, command  # noqa: F401
    from rostersync.plan import apply, verify  # noqa: F401
    from rostersync.sources import registry  # noqa: F401
    from rostersync.stores.embedded import store  # noqa: F401
    from rostersync.sync import pipeline  # noqa: F401

    # Inherited, so that no moment is left in which a child could be ended before it listens.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    for hook in sys.argv[2:]:
        module, _, function = hook.partition(":")
        getattr(importlib.import_module(module), function)()
    server = socket.socket(socket.AF_UNIX)
    server.bind(sys.argv[1])
    server.listen(1)
    connection, _ = server.accept()
    children: set[int] = set()
    buffer = b""
    while True:
        # No thread waits for children: a process that forks should have none.
        ready, _, _ = select.select([connection], [], [], 0.05)
        if ready:
            more = connection.recv(1 << 20)
            if not more:
                break
            *lines, buffer = (buffer + more).split(b"\n")
            for line in lines:
                pid = os.fork()
                if pid == 0:
                    _become(json.loads(line), rostersync)
                children.add(pid)
                _say(connection, pid=pid)
        _reap(connection, children)
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _reap(connection: socket.socket, children: set[int]) -> None:
    """Tell of children that have ended."""
    for pid in list(children):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            children.discard(pid)
            _say(connection, pid=pid, code=os.waitstatus_to_exitcode(status))


def _say(connection: socket.socket, **what: int) -> None:
    connection.sendall(json.dumps(what).encode() + b"\n")


def _become(asked: dict[str, Any], rostersync: Any) -> None:
    """The child: as if it had been started with these words."""
    code = 1
    try:
        os.setsid()
        # As process 1 of a pod: a SIGTERM is held back until the command handles it.
        signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGTERM})
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for target in (1, 2):
            os.dup2(log, target)
        os.close(log)
        os.chdir(Path(asked["cwd"]))
        sys.argv = ["rostersync", *asked["argv"]]
        rostersync()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
