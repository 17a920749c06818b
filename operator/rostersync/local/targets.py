"""Which paths that people name may be written to."""

from pathlib import Path

from rostersync.errors import Permanent
from rostersync.local.state import State
from rostersync.stores.embedded.kind import FILE


def outside(state: State, path: Path, option: str) -> Path:
    """The path. Raises Permanent when it is a state folder, this or any other, or below one: each file there is one of ours."""
    root = _state_with(state, path)
    if root is not None:
        raise Permanent(
            f"{path} is in the state folder ({root}), which holds the store and the runs; nothing was written. Name a place "
            f"outside of it with {option}.",
            reason="InStateFolder",
        )
    return path


def store_or_outside(state: State, path: Path, option: str) -> Path:
    """The same, but a whole state folder, or the file of its store, may be meant: that is where a store belongs."""
    root = _state_with(state, path)
    return path if root and path.resolve() in (root, root / "store" / FILE) else outside(state, path, option)


def _state_with(state: State, path: Path) -> Path | None:
    """The state folder that a path is, or is in. None if there is none."""
    real, own = path.resolve(), state.root.resolve()
    return next((p for p in (real, *real.parents) if p == own or _is_state(p)), None)


def _is_state(folder: Path) -> bool:
    return (folder / "runs").is_dir() and (folder / "store").is_dir()
