"""Files that are whole or absent, whatever moment the process is killed at."""

import json
import os
from pathlib import Path
from typing import Any


def write(path: Path, text: str) -> None:
    """Replace a file at once: written beside it, flushed to the disk, renamed over it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_object(path: Path, data: dict[str, Any]) -> None:
    """Replace a file by a JSON object."""
    write(path, json.dumps(data, ensure_ascii=False, indent=2) + "\n")


def read_object(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None when there is no such file. Raises ValueError when it is not one."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if not isinstance(data, dict):
        raise ValueError(f"{path} holds no JSON object")  # noqa: TRY004  (one kind of error for a spoiled file)
    return data
