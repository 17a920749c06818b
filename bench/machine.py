"""What the figures were made on, without the machine's name."""

import os
import platform
from pathlib import Path


def description() -> str:
    """CPU model, cores, memory, kernel, Python."""
    return (
        f"{_line('/proc/cpuinfo', 'model name') or platform.processor() or platform.machine()}, "
        f"{os.cpu_count()} cores, {_memory()} GiB of memory, {platform.system()} {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}"
    )


def busy(begin: float | None = None) -> str:
    """A sentence when other work was running, which makes wall times too long; else nothing. By the load now, and at the
    beginning, when nothing of this was running."""
    now, cores = load(), os.cpu_count() or 1
    if (now if begin is None else begin) <= 0.5 * cores and now <= 1.5 * cores:
        return ""
    told = " to ".join(f"{one:.1f}" for one in sorted({now if begin is None else begin, now}))
    return f"The machine was busy with other work (load {told}): wall times are too long."


def load() -> float:
    """The load of the last minute. What is measured itself adds one or two to it."""
    return os.getloadavg()[0]


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30))


def _line(file: str, key: str) -> str | None:
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), None)
