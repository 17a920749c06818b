"""What Schools Mapping comes to: the place of every organisation, and the schools that have vanished."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from rostersync.model import Schools


class State(StrEnum):
    """What a reference to an organisation means for the scope of a record."""

    MAPPED = "mapped"  # a mapped school of this pull
    PASSING = "passing"  # no school: stands above or below a mapped one, or comes because everything comes
    VANISHED = "vanished"  # a mapped school that was imported once and is no school of the source any more
    UNMAPPED = "unmapped"  # known, and nobody wants it


@dataclass(frozen=True)
class Place:
    """What became of one organisation.

    `state` is for what refers to it, `own` for its own row. `leads_to` is its id in the store, `home` the id that
    records which refer to it belong to: that of the nearest mapped school above, where there is one.
    """

    state: State
    leads_to: str
    home: str
    own: State


@dataclass(frozen=True)
class Scope:
    """What Schools Mapping came to.

    `places` are by raw id of every organisation that scopes records; `kept_targets` are the schools in the store that
    the mapping still leads to; `vanished_targets` those of them that protect what refers to them. `vanished` has the
    schools of the latter by raw id; `gone` those that the pull proves to be gone: it is whole, or says so itself.
    """

    places: Mapping[str, Place]
    kept_targets: frozenset[str]
    vanished_targets: frozenset[str]
    vanished: Mapping[str, str]
    gone: frozenset[str]
    imported: tuple[tuple[str, str], ...]
    schools: Schools

    @property
    def mapped_targets(self) -> frozenset[str]:
        """The schools in the store that a school of this pull leads to."""
        return frozenset(p.leads_to for p in self.places.values() if p.state is State.MAPPED)
