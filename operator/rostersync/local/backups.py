"""Where backups of the store were written. `forget` lists them, since they still contain a forgotten person."""

from datetime import datetime
from pathlib import Path

from rostersync import durable
from rostersync.execution import json_files
from rostersync.instants import stamp
from rostersync.local.state import State


def note(state: State, copy: Path, now: datetime) -> None:
    """Remember a copy before it is written, since a killed process can leave half of it."""
    json_files.write_object(_list(state), {**_known(state), str(copy.resolve()): stamp(now)})


def left(state: State) -> dict[str, str]:
    """The copies that still exist, and when they were written. Unfinished ones are removed.

    The caller makes sure that no copy is being written.
    """
    known = _known(state)
    for copy in map(Path, known):
        durable.clear(copy.parent, copy.name)
    return {copy: at for copy, at in known.items() if Path(copy).exists()}


def _known(state: State) -> dict[str, str]:
    return json_files.read_object(_list(state)) or {}


def _list(state: State) -> Path:
    return state.root / "backups.json"
