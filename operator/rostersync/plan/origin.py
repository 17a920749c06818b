"""What a plan is made from, and which part of the district it is about."""

from dataclasses import dataclass
from pathlib import Path

from rostersync.model import Entity, Mode


@dataclass(frozen=True)
class RunScope:
    """Which part of the district a run is about: all of it, or only some schools (their ids in the store)."""

    mode: Mode = Mode.IMPORT
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

    Nothing given means everything: `entities`, and `schools` by their ids in the store.
    """

    run: str
    entities: tuple[Entity, ...] = ()
    schools: tuple[str, ...] = ()


PlanOrigin = Pulled | Restored
