"""What processes took, read from /proc: CPU seconds and resident bytes."""

import os
from collections.abc import Iterable
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def cpu(pids: Iterable[int]) -> float:
    """CPU seconds of processes up to now; resolution 10 ms."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICK


def resident(pid: int) -> int:
    """Bytes in memory now."""
    return _kib(pid, "VmRSS")


def peak(pid: int) -> int:
    """The most bytes that were in memory at one time."""
    return _kib(pid, "VmHWM")


def _kib(pid: int, key: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))
