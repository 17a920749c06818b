"""How much memory DuckDB may take: a share of the container's limit (cgroup v2 or v1), else of the machine's."""

import os
from pathlib import Path

_APART = 200 * 1024 * 1024  # Python, Arrow's and Parquet's libraries and buffers
_SHARE = 70  # percent of what is left; DuckDB takes more than it counts
_LEAST = 64 * 1024 * 1024


def default_memory_limit(root: Path = Path("/")) -> int:
    """Bytes for DuckDB's memory_limit. `root` is the parent of /proc and /sys."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = container_limit(root)
    return max(_LEAST, (min(total, limit or total) - _APART) * _SHARE // 100)


def container_limit(root: Path = Path("/")) -> int | None:
    """The lowest memory limit in bytes of this process's cgroup and its ancestors. None when there is none."""
    limits = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            base, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        # In a container the path may name the host's hierarchy, of which only a part is mounted. So all ancestors are
        # tried.
        folder = Path(path.lstrip("/"))
        for candidate in (folder, *folder.parents):
            text = _read(base / candidate / name).strip()
            if text.isdigit() and int(text) < 1 << 60:  # v1 spells "no limit" as a huge number, v2 as "max"
                limits.append(int(text))
    return min(limits, default=None)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
