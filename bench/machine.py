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


def busy() -> str:
    """A sentence when other work was running, which makes wall times too long; else nothing."""
    load = os.getloadavg()[0]
    if load <= 0.5 * (os.cpu_count() or 1):
        return ""
    return f"The machine was busy with other work (load {load:.1f}): wall times are too long."


def _memory() -> int:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30))


def _line(file: str, key: str) -> str | None:
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), None)
