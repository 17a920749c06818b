"""What a plan is made from, and which part of the district it is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rostersync.model import Entity, Mode


@dataclass(frozen=True)
class RunScope:
    """Which part of the district a run is about: all of it, or only some schools (their ids in the store)."""

    schools: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pulled:
    """What a source sent.

    `extract` is a staged extract with its proof.json. `client_id_hash` identifies the client without naming it.
    """

    extract: Path
    client_id_hash: str = ""


@dataclass(frozen=True)
class Restored:
    """The state of the store before a run whose changes are taken back.

    Nothing given means everything: `entities`, and `schools` by their ids in the store or in the SIS.
    """

    run: str
    entities: tuple[Entity, ...] = ()
    schools: tuple[str, ...] = ()


def restored_by(spec: Mapping[str, Any]) -> Restored | None:
    """What a SyncRun with this spec takes back. None for a run that reads its source."""
    if spec.get("mode") != Mode.RESTORE:
        return None
    entities = tuple(Entity(name) for name in spec.get("entities", ()))
    return Restored(spec["restoreOf"], entities, tuple(spec.get("schools", ())))


PlanOrigin = Pulled | Restored
