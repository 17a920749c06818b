"""Which paths that people name may be written to."""

from pathlib import Path

from rostersync.errors import Permanent
from rostersync.local.state import State


def outside(state: State, path: Path, option: str) -> Path:
    """The path. Raises Permanent when it is the state folder or below it, where each file is one of ours."""
    root = state.root.resolve()
    if path.resolve().is_relative_to(root):
        raise Permanent(
            f"{path} is in the state folder ({root}), which holds the store and the runs; nothing was written. Name a place "
            f"outside of it with {option}.",
            reason="InStateFolder",
        )
    return path
