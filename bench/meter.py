"""Runs a command and says what it took: wall time, CPU, peak memory; under a memory limit where one can be set."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Measured:
    """Seconds and bytes. `peak` is the largest resident set, processes beside it included; `enforced` the limit that a
    cgroup set, if one did."""

    wall: float
    cpu: float
    peak: int
    enforced: int | None
    result: dict[str, Any] = field(default_factory=dict)


class Failed(Exception):  # noqa: N818 - what happened to the command, not a mistake
    """The command failed; the text says how."""


def measure(command: list[str], limit: int | None = None) -> Measured:
    """Runs `command --result FILE`, where FILE is read as JSON afterwards. Raises Failed."""
    with tempfile.TemporaryDirectory() as folder, _cgroup(limit) as group:
        file = Path(folder) / "result.json"

        def enter() -> None:
            if group:
                (group / "cgroup.procs").write_text(str(os.getpid()))

        begun = time.perf_counter()
        process = subprocess.Popen(
            [*command, "--result", str(file)], preexec_fn=enter, stdout=sys.stderr, stderr=subprocess.PIPE
        )
        assert process.stderr
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stderr.close()
        if process.returncode:
            killed = " (killed: out of the memory it may use?)" if process.returncode == -9 else ""
            raise Failed(f"{' '.join(command[1:3])}: exit {process.returncode}{killed}\n{said.decode()[-2000:]}")
        result = json.loads(file.read_text()) if file.exists() else {}
        peak = max(usage.ru_maxrss * 1024, result.get("peak", 0))
        return Measured(wall, usage.ru_utime + usage.ru_stime, peak, limit if group else None, result)


@contextlib.contextmanager
def _cgroup(limit: int | None) -> Iterator[Path | None]:
    """A memory cgroup with that limit, below the one that this process is in; None where that is not allowed."""
    group = _make(limit) if limit else None
    try:
        yield group
    finally:
        if group:
            with contextlib.suppress(OSError):
                group.rmdir()


def _make(limit: int) -> Path | None:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, files = Path("/sys/fs/cgroup"), {"memory.max": limit, "memory.swap.max": 0}
        elif "memory" in controllers.split(","):
            base, files = Path("/sys/fs/cgroup/memory"), {"memory.limit_in_bytes": limit}
        else:
            continue
        group = base / path.lstrip("/") / f"rostersync-bench-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if _limited(group, files):
                return group
        except OSError:
            pass
        group.rmdir()
    return None


def _limited(group: Path, files: dict[str, int]) -> bool:
    """Sets the limits; False where the memory controller is not delegated (version 2)."""
    if not (group / next(iter(files))).exists():
        return False
    for name, value in files.items():
        with contextlib.suppress(FileNotFoundError):
            (group / name).write_text(str(value))
    return True
