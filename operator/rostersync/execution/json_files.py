"""JSON objects in files, and files that must be written in place."""

import json
import os
from pathlib import Path
from typing import Any

from rostersync import durable
from rostersync.errors import Permanent


def overwrite(path: Path, text: str) -> None:
    """Write a file in place, since a file that is a mount cannot be replaced.

    It is valid JSON at every moment: one call writes the text, padded with spaces to the former length, and then it is
    cut.
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
    """Replace a file with a JSON object."""
    durable.write(path, json.dumps(data, ensure_ascii=False, indent=2) + "\n")


def read_object(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file. None when there is no such file. Raises Permanent when it is damaged."""
    try:
        data = json.loads(durable.read_text(path))
    except FileNotFoundError:
        return None
    except durable.TooLarge as error:
        raise spoiled(path, f"it is {error}") from None
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise spoiled(path, "it holds no JSON object")
    return data


def spoiled(path: Path, what: str) -> Permanent:
    """The error for a file of ours that somebody or something else has changed."""
    return Permanent(f"{path} is spoiled: {what}. Restore it from a backup, or remove it.", reason="StateSpoiled")
