"""The names of files that are on their way. Pure.

A reader must not take an unfinished file for a whole one, so it has a name that begins with a dot. The name also says that
it is ours, so that the next attempt can remove what a killed one has left.
"""

import re
import uuid
from collections.abc import Iterable

from rostersync.deliveries.port import Bundle

_MARK = "[0-9a-f]{8}"
PROBE = re.compile(rf"\.rostersync-probe-{_MARK}(\.renamed)?")


def part_of(name: str) -> str:
    """A name for a file while it is sent."""
    return f".{name}.part-{uuid.uuid4().hex[:8]}"


def probe() -> tuple[str, str]:
    """The name of a probe, and the one that it is renamed to."""
    name = f".rostersync-probe-{uuid.uuid4().hex[:8]}"
    return name, f"{name}.renamed"


def is_part(name: str) -> bool:
    """Whether a file is one that was on its way, whatever its name was to be."""
    return re.fullmatch(rf"\..+\.part-{_MARK}", name) is not None


def left(names: Iterable[str], bundle: Bundle) -> list[str]:
    """Those of `names` that a killed attempt left: parts of this bundle and of the district's earlier zips, and probes."""
    own = "|".join(re.escape(file.name) for file in bundle.files)
    zips = rf"{re.escape(bundle.district)}-\d{{6,}}\.zip"
    part = re.compile(rf"\.({own}|{zips})\.part-{_MARK}")
    return sorted(name for name in names if part.fullmatch(name) or PROBE.fullmatch(name))
