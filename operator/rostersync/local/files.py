"""Files that are whole or absent, whatever moment the process is killed at."""

import json
import os
from pathlib import Path
from typing import Any

from rostersync.errors import Permanent


def write(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace a file at once: written beside it, renamed over it. `durable`: a power cut after this keeps it, too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    beside.replace(path)
    if not durable:
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def overwrite(path: Path, text: str) -> None:
    """Write a file where it lies, since a file that is a mount cannot be replaced. It is whole at every moment:

    what the former text was longer becomes spaces with the same call, and is cut off then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, data.ljust(os.fstat(handle).st_size))
        os.ftruncate(handle, len(data))
    finally:
        os.close(handle)


def write_object(path: Path, data: dict[str, Any]) -> None:
    """Replace a file by a JSON object."""
    write(path, json.dumps(data, ensure_ascii=False, indent=2) + "\n")


def read_object(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None when there is no such file. Raises Permanent when it is spoiled."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise Permanent(f"{path} is spoiled: it holds no JSON object. Restore or remove it.", reason="StateSpoiled")
    return data
