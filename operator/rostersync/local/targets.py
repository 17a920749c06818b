"""Which paths that people name may be written to."""

from pathlib import Path

from rostersync.errors import Permanent
from rostersync.local.state import State


def outside(state: State, path: Path, option: str) -> Path:
    """The path. Raises Permanent when it is a state folder, this or any other, or below one: each file there is one of ours."""
    root = state_with(state, path)
    if root is not None:
        raise Permanent(
            f"{path} is in the state folder ({root}), which holds the store and the runs; nothing was written. Name a place "
            f"outside of it with {option}.",
            reason="InStateFolder",
        )
    return path


def state_with(state: State, path: Path) -> Path | None:
    """The state folder that a path is, or is in. None if there is none."""
    real, own = path.resolve(), state.root.resolve()
    return next((p for p in (real, *real.parents) if p == own or _is_state(p)), None)


def _is_state(folder: Path) -> bool:
    return (folder / "runs").is_dir() and (folder / "store").is_dir()
